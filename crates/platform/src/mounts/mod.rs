//! File systems mounted below a jail's root.

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "linux")]
mod linux;
pub mod options;

#[cfg(target_os = "freebsd")]
pub use freebsd::FreeBsdMounts;
#[cfg(target_os = "linux")]
pub use linux::LinuxMounts;

use std::fmt;
use std::path::{Path, PathBuf};

use ioc_model::name::JailPath;
use serde::{Deserialize, Serialize};

/// A file system to be mounted in a jail's root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// What to mount.
    pub kind: MountKind,
    /// The jail's root directory on the host. No component of its path may be a link.
    pub root: PathBuf,
    /// Where below it. The directory must exist; no component of it may be a link.
    pub target: JailPath,
    /// Whether writing is refused.
    pub read_only: bool,
    /// Further options as in fstab(5), `name` or `name=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// The kind of a file system and what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A directory (or file) of the host seen at a second place: nullfs(5), a bind mount on Linux.
    Nullfs {
        /// The directory of the host.
        source: PathBuf,
    },
    /// Device nodes: devfs(5) with a ruleset; on Linux a small fixed set of harmless devices.
    Devfs {
        /// Number of the ruleset; devfs(8). Never without one.
        ruleset: u16,
    },
    /// fdescfs(5); on Linux links into /proc.
    Fdescfs,
    /// procfs(5).
    Procfs,
    /// linprocfs(5).
    Linprocfs,
    /// linsysfs(5).
    Linsysfs,
    /// tmpfs(5).
    Tmpfs,
    /// Any other type of an fstab line.
    Other {
        /// The type: `zfs`, `ufs`, `nfs`, ...
        fstype: String,
        /// The first field of the line.
        source: String,
    },
}

/// A file system that the kernel has mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// Where.
    pub target: PathBuf,
    /// What, as the kernel says.
    pub source: String,
    /// The type, as the kernel says.
    pub fstype: String,
    /// Whether writing is refused.
    pub read_only: bool,
}

/// Says what could not be mounted or unmounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The target is missing, or not a directory (a file for a file).
    #[error("cannot mount on {}: {problem}", .target.display())]
    Target {
        /// The mount point.
        target: PathBuf,
        /// What is wrong with it, for example that a component is a link.
        problem: String,
    },
    /// This system does not have the type of file system, or not in a jail.
    #[error("{fstype} cannot be mounted on this system")]
    Unsupported {
        /// The type.
        fstype: String,
    },
    /// Mounting failed.
    #[error("cannot mount {what} on {}", .target.display())]
    Mount {
        /// Type and source.
        what: String,
        /// The mount point.
        target: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Unmounting failed.
    #[error("cannot unmount {}", .target.display())]
    Unmount {
        /// The mount point.
        target: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The mount table could not be read.
    #[error("cannot read the mount table")]
    Table {
        /// What the system said.
        source: std::io::Error,
    },
}

/// Mounting and unmounting.
pub trait Mounts: Send + Sync + fmt::Debug {
    /// Mounts `spec`, resolving its target below the root without following links, and checks afterwards that the
    /// kernel mounted it exactly there.
    fn mount(&self, spec: &MountSpec) -> Result<(), MountError>;

    /// Unmounts what is mounted last at exactly `target`. Not mounted: nothing happens.
    fn unmount(&self, target: &Path) -> Result<(), MountError>;

    /// Everything mounted below `root` (not at it), in the order of mounting.
    fn below(&self, root: &Path) -> Result<Vec<Mounted>, MountError>;
}
