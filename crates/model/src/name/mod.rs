//! Names, parsed once at the edge and trusted afterwards.
//!
//! | type | for example | grammar |
//! |---|---|---|
//! | [`JailName`] | `web01` | reference 2.1; see there for old and new names |
//! | [`SourceName`] | `ioc` | letters and digits, single `-` or `_` between |
//! | [`KernelName`] | `ioc-web01` | what the kernel knows the jail by |
//! | [`ReleaseName`], [`ReleaseRef`] | `14.3-RELEASE`, `14.3-RELEASE-p2` | a fetched release; one that may be pinned |
//! | [`DatasetName`] | `zroot/iocage/jails/web` or `/var/lib/ioc/jails/web` | ZFS, or the directory store |
//! | [`SnapshotTag`], [`SnapshotName`] | `p0`, `zroot/iocage/releases/R/root@p0` | zfs(8) |
//! | [`JailPath`] | `/etc/rc.conf` | a path that starts at a jail's root and cannot leave it |
//!
//! Mixing them does not compile:
//!
//! ```compile_fail
//! # use ioc_model::name::{JailName, SourceName};
//! fn start(_: &JailName) {}
//! let source: SourceName = "ioc".parse().unwrap();
//! start(&source);
//! ```

mod dataset;
mod jail;
mod path;
mod release;
mod source;
mod text;

pub use dataset::{DatasetName, Part, SnapshotName, SnapshotTag};
pub use jail::{JailName, JailRef, KernelName};
pub use path::JailPath;
pub use release::{ReleaseName, ReleaseRef};
pub use source::SourceName;

/// Says why a text is not a name of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("the {kind} is empty")]
    Empty {
        /// What was wanted, for example "jail name".
        kind: &'static str,
    },
    /// More characters than allowed.
    #[error("{kind} {text:?} is longer than {most} characters")]
    TooLong {
        /// What was wanted.
        kind: &'static str,
        /// What was given, cut to a length that can be shown.
        text: String,
        /// The limit, in characters.
        most: usize,
    },
    /// A character that may not stand where it stands.
    #[error("{kind} {text:?} may not have {character:?} at position {position}")]
    Character {
        /// What was wanted.
        kind: &'static str,
        /// What was given.
        text: String,
        /// The offending character.
        character: char,
        /// Its place, counted in characters from 1.
        position: usize,
    },
    /// The text breaks a rule that is not about a single character.
    #[error("{kind} {text:?} {rule}")]
    Rule {
        /// What was wanted.
        kind: &'static str,
        /// What was given.
        text: String,
        /// The rule, as the end of a sentence.
        rule: &'static str,
    },
}
