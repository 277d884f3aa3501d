//! What can go wrong with an operation as a whole.

use ioc_model::name::{
    DatasetName, JailName, JailRef, NameError, ReleaseRef, SnapshotName, SnapshotTag, SourceName,
};
use ioc_platform::devfs::RulesetError;
use ioc_platform::host::HostError;
use ioc_platform::jails::JailsError;
use ioc_platform::limits::LimitsError;
use ioc_platform::mounts::MountError;
use ioc_platform::network::NetworkError;
use ioc_platform::store::StoreError;

use crate::apply::{ApplyError, LockError, StepError};
use crate::facts::delegated::Refusal;

/// Says why an operation was refused or failed. The cause, where there is one, is its `source`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine does not tell what it is.
    #[error("this host cannot be used")]
    Host(#[from] HostError),
    /// No source is configured or active.
    #[error("no source of jails is active on this host")]
    NotActivated,
    /// There is no source of that name.
    #[error("there is no source {0}")]
    SourceUnknown(SourceName),
    /// The source is configured, but its root does not exist or is not mounted.
    #[error("source {source_name} cannot be used: {problem}")]
    SourceUnusable {
        /// The source.
        source_name: SourceName,
        /// What is wrong with its root.
        problem: String,
    },
    /// A text is not the name that it should be.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A request contradicts itself or lacks something.
    #[error("{0}")]
    Request(String),
    /// It would need a name that the store cannot have.
    #[error("cannot {operation} {subject}")]
    Names {
        /// The operation.
        operation: String,
        /// What it was to be done to.
        subject: String,
        /// What is wrong with the name.
        source: serde_json::Error,
    },
    /// There is no such jail.
    #[error("there is no jail {0}")]
    JailUnknown(String),
    /// A running jail that is in none of the sources.
    #[error("jail {0} runs here, but is in none of the sources of ioc: somebody else's, which is only shown")]
    Foreign(String),
    /// A short form of a name fits several jails.
    #[error("{text} could be any of {}", .candidates.join(", "))]
    Ambiguous {
        /// What was given.
        text: String,
        /// The jails that it fits.
        candidates: Vec<String>,
    },
    /// A jail or template of that name exists.
    #[error("a jail {0} exists already")]
    JailExists(JailName),
    /// The release was not fetched.
    #[error("release {0} is not fetched")]
    ReleaseUnknown(ReleaseRef),
    /// A release of that name exists.
    #[error("release {0} exists already")]
    ReleaseExists(ReleaseRef),
    /// Jails use the release.
    #[error("release {release} is used by {}", .jails.join(", "))]
    ReleaseUsed {
        /// The release.
        release: ReleaseRef,
        /// The jails.
        jails: Vec<String>,
    },
    /// The operation needs a stopped jail.
    #[error("jail {0} is running")]
    JailRunning(JailName),
    /// The operation needs a running jail.
    #[error("jail {0} is not running")]
    JailStopped(JailName),
    /// The operation does not work on templates, or the other way round.
    #[error("{name} is {}a template", if *.is { "" } else { "not " })]
    Template {
        /// The jail.
        name: JailName,
        /// Whether it is a template.
        is: bool,
    },
    /// Something else hangs on what is to be destroyed or changed.
    #[error("{subject} cannot be {action}: {} {}", .dependents.join(", "), .how)]
    Dependents {
        /// What was to be changed.
        subject: String,
        /// "destroyed", "rolled back", ...
        action: &'static str,
        /// What hangs on it.
        dependents: Vec<String>,
        /// How it does, as the end of a sentence: "hangs on it".
        how: &'static str,
    },
    /// Promoted, the jail would take over the snapshots of a release.
    #[error("jail {jail} hangs on its release ({origin}), which must keep its snapshots")]
    HangsOnRelease {
        /// The jail.
        jail: JailName,
        /// The release's snapshot.
        origin: SnapshotName,
    },
    /// The jail has no snapshot of that name.
    #[error("jail {jail} has no snapshot {tag}")]
    SnapshotUnknown {
        /// The jail.
        jail: JailName,
        /// The snapshot.
        tag: SnapshotTag,
    },
    /// The jail has a snapshot of that name already.
    #[error("jail {jail} has a snapshot {tag} already")]
    SnapshotExists {
        /// The jail.
        jail: JailName,
        /// The snapshot.
        tag: SnapshotTag,
    },
    /// Going back to a snapshot would lose those taken after it.
    #[error("jail {jail} cannot be rolled back to {tag} without losing the newer {}", .newer.join(", "))]
    NewerSnapshots {
        /// The jail.
        jail: JailName,
        /// The snapshot to go back to.
        tag: SnapshotTag,
        /// The snapshots that would be lost.
        newer: Vec<String>,
    },
    /// A configuration cannot be read or a value in it is wrong.
    #[error("the configuration of {subject} is wrong: {problem}")]
    Config {
        /// Jail, release or defaults.
        subject: String,
        /// What is wrong.
        problem: String,
    },
    /// A jail's files cannot be reached, because its dataset or that of its root is not mounted.
    #[error("jail {jail} cannot be used: {dataset} is {}", if *.locked { "encrypted and its key is not loaded" } else { "not mounted" })]
    NotMounted {
        /// The jail.
        jail: JailName,
        /// The dataset.
        dataset: DatasetName,
        /// It is encrypted and its key is not loaded.
        locked: bool,
    },
    /// Properties cannot be changed so.
    #[error("cannot set properties of {subject}: {problem}")]
    Set {
        /// Jail, or defaults.
        subject: String,
        /// What is wrong with the change.
        problem: String,
    },
    /// A jail's fstab cannot be changed so.
    #[error("the fstab of jail {jail} cannot be changed: {problem}")]
    Fstab {
        /// The jail.
        jail: JailName,
        /// What is wrong with the change, or with what is there.
        problem: String,
    },
    /// The jail cannot have its devices.
    #[error("jail {jail} cannot have its devices")]
    Ruleset {
        /// The jail.
        jail: JailName,
        /// Why.
        source: RulesetError,
    },
    /// A dataset of `jail_zfs_dataset` cannot be given to its jail.
    #[error("jail {jail} cannot be given dataset {dataset}: {why}")]
    Delegate {
        /// The jail.
        jail: JailName,
        /// The dataset, as it is known so far.
        dataset: String,
        /// Why.
        why: Refusal,
    },
    /// Datasets below that of a jail were given to it, and are not destroyed along with it.
    #[error("{subject} cannot be destroyed: {} {} jailed=on, and a jail's own data are kept", .datasets.join(", "), if .datasets.len() == 1 { "has" } else { "have" })]
    KeepsData {
        /// What was to be destroyed.
        subject: String,
        /// The datasets.
        datasets: Vec<String>,
    },
    /// The jails depend on each other in a circle.
    #[error("jails depend on each other in a circle: {}", .path.join(" -> "))]
    Cycle {
        /// The circle; the first name is repeated at the end.
        path: Vec<String>,
    },
    /// A jail was not started because one that it depends on could not be.
    #[error("jail {jail} needs {dependency}, which could not be started")]
    DependencyFailed {
        /// The jail.
        jail: JailName,
        /// What it depends on.
        dependency: JailRef,
    },
    /// The jail belongs to another host (`hostid_strict_check`).
    #[error("jail {jail} belongs to host {theirs}, this is {ours}")]
    OtherHost {
        /// The jail.
        jail: JailName,
        /// The host's UUID in the jail's configuration.
        theirs: String,
        /// The UUID of this host.
        ours: String,
    },
    /// Something is mounted below a root where nothing may be.
    #[error("{} is mounted below {subject}", .mounts.join(", "))]
    Mounted {
        /// The jail or release.
        subject: String,
        /// Where.
        mounts: Vec<String>,
    },
    /// Root is needed.
    #[error("only root can {0}")]
    NotRoot(&'static str),
    /// Another command changes the same thing.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A plan was not carried out.
    #[error("cannot {operation} {subject}")]
    Apply {
        /// The operation.
        operation: String,
        /// What it was done to.
        subject: String,
        /// Why.
        source: ApplyError,
    },
    /// Facts could not be gathered: the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Facts could not be gathered: jails.
    #[error(transparent)]
    Jails(#[from] JailsError),
    /// Facts could not be gathered: mounts.
    #[error(transparent)]
    Mounts(#[from] MountError),
    /// Facts could not be gathered: the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Limits cannot be applied here.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// Facts could not be gathered: files.
    #[error(transparent)]
    Files(#[from] ioc_platform::files::FilesError),
    /// An archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ioc_platform::archive::ArchiveError),
    /// Something that was remembered cannot be read.
    #[error(transparent)]
    Memory(#[from] StepError),
    /// A file of the host cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What kind of failure an error is, as exit statuses tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// The operation failed, or its target does not exist.
    Target,
    /// The request makes no sense.
    Usage,
    /// The host is not set up, or we may not.
    Host,
}

impl Error {
    /// What kind of failure this is.
    pub fn category(&self) -> Category {
        match self {
            Error::Host(_) | Error::NotActivated | Error::SourceUnusable { .. } | Error::NotRoot(_) => {
                Category::Host
            }
            Error::Request(_) => Category::Usage,
            _ => Category::Target,
        }
    }
}
