//! Datasets, snapshots and clones: one trait for ZFS and for the directory store.
//!
//! A `Store` does single things, on exactly the dataset named: never recursive, never forced. What belongs
//! together is put together by a plan.
//!
//! | type | is |
//! |---|---|
//! | [`DirectoryStore`] | directories; copies for snapshots and clones |
//! | [`ZfsStore`] | zfs(8) and zpool(8); also [`Pools`] and [`Streams`] |

mod directory;
mod zfs;

pub use directory::DirectoryStore;
pub use zfs::{Dialect, ZfsStore};

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use ioc_model::name::{DatasetName, KernelName, SnapshotName, SnapshotTag};

use crate::command::ExecError;

/// Which kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// zfs(8).
    Zfs,
    /// Directories; snapshots and clones are copies.
    Directory,
}

/// A property of a dataset and where its value comes from; zfs(8), column SOURCE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyValue {
    /// The value as text, numbers exact (`zfs get -p`).
    pub value: String,
    /// Whether it was set on this very dataset (else inherited, received or default).
    pub local: bool,
}

/// What is known of a dataset without looking into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatasetInfo {
    /// Where it is mounted now; none if it is not mounted or its key is not loaded. None also where zfs(8) does
    /// not know the place: with `mountpoint=legacy` (the kernel's mount table tells), and with `jailed=on`, where
    /// the mountpoint is relative to the root of whatever jail mounted it.
    pub mounted_at: Option<PathBuf>,
    /// The snapshot that it is a clone of.
    pub origin: Option<SnapshotName>,
    /// Bytes used by it and its descendants; none where that is not cheap to know.
    pub used: Option<u64>,
    /// Bytes it refers to.
    pub referenced: Option<u64>,
    /// Bytes it could still take.
    pub available: Option<u64>,
    /// It is encrypted and its key is not loaded.
    pub locked: bool,
    /// Its properties: user properties (names with a colon) and, on zfs, native ones. [`Store::dataset`] gives all;
    /// [`Store::tree`] those user properties that were asked for, and of the native ones `type`, `mounted`,
    /// `origin`, `used`, `referenced`, `available`, `canmount`, `readonly`, `quota`, `reservation`, `refquota`,
    /// `refreservation`, `dedup`, `compression`, `compressratio`, `jailed`, `keystatus` and `mountpoint`. What other systems call `zoned` is `jailed` here.
    pub properties: BTreeMap<String, PropertyValue>,
}

/// What is known of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its name.
    pub name: SnapshotName,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created: u64,
    /// Bytes that only it holds; none where that is not cheap to know.
    pub used: Option<u64>,
    /// Bytes it refers to.
    pub referenced: Option<u64>,
    /// Datasets that are clones of it.
    pub clones: Vec<DatasetName>,
}

/// What a new dataset is to be like.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NewDataset {
    /// Properties to set at creation, `mountpoint` among them where it differs from the inherited one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

/// What to copy from one dataset to a new one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CopyOrder {
    /// The dataset to copy.
    pub from: DatasetName,
    /// Copy this snapshot of it rather than its present state. zfs needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<SnapshotTag>,
    /// The dataset to make; it must not exist.
    pub to: DatasetName,
    /// Directories whose contents are left out; only the directory store can (zfs copies whole datasets).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<ioc_model::name::JailPath>,
}

/// Says what a store could not do, and to what.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such dataset or snapshot.
    #[error("there is no {name}")]
    NotFound {
        /// Dataset or snapshot.
        name: String,
    },
    /// A dataset or snapshot of that name exists.
    #[error("{name} exists already")]
    Exists {
        /// Dataset or snapshot.
        name: String,
    },
    /// It cannot be unmounted or destroyed, because something uses it.
    #[error("{name} is in use")]
    Busy {
        /// Dataset or snapshot.
        name: String,
    },
    /// Others depend on it: children, snapshots or clones.
    #[error("{name} has dependents: {}", .dependents.join(", "))]
    HasDependents {
        /// Dataset or snapshot.
        name: String,
        /// What depends on it, as far as the store said.
        dependents: Vec<String>,
    },
    /// The pool, quota or disk is full.
    #[error("no space left for {name}")]
    NoSpace {
        /// Dataset or snapshot.
        name: String,
    },
    /// The pool, dataset or file system takes no changes.
    #[error("{name} is read-only")]
    ReadOnly {
        /// Dataset or snapshot.
        name: String,
    },
    /// We may not.
    #[error("no permission for {name}")]
    Permission {
        /// Dataset or snapshot.
        name: String,
    },
    /// The pool does not answer.
    #[error("the pool of {name} is suspended")]
    Suspended {
        /// Dataset or snapshot.
        name: String,
    },
    /// The dataset is encrypted and locked.
    #[error("the key of {name} is not loaded")]
    KeyNotLoaded {
        /// The dataset.
        name: String,
    },
    /// The jail that a dataset was to be given to, or taken from, does not run.
    #[error("no jail {jail} is running")]
    NoJail {
        /// The jail.
        jail: KernelName,
    },
    /// The store cannot do that at all.
    #[error("the {kind} store cannot {what}")]
    Unsupported {
        /// "zfs" or "directory".
        kind: &'static str,
        /// What, as a verb phrase.
        what: String,
    },
    /// The program answered something that we do not understand.
    #[error("cannot read the answer of {command}: {problem}")]
    Answer {
        /// The command as typed.
        command: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The program failed for another reason, which it said.
    #[error("the store could not {action}")]
    Command {
        /// What was attempted, as a verb phrase.
        action: String,
        /// How it failed.
        source: ExecError,
    },
    /// A system call failed.
    #[error("cannot {action}")]
    Io {
        /// What was attempted, as a verb phrase.
        action: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The datasets at and below one, by name; what [`Store::tree`] returns.
pub type Tree = BTreeMap<DatasetName, DatasetInfo>;

/// Reports progress of something long: bytes done so far.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// Datasets, snapshots, clones.
pub trait Store: Send + Sync + fmt::Debug {
    /// Which kind this is.
    fn kind(&self) -> StoreKind;

    /// One dataset with all its properties; none if it does not exist. "Cannot tell" is an error.
    fn dataset(&self, name: &DatasetName) -> Result<Option<DatasetInfo>, StoreError>;

    /// `root` and everything down to `depth` levels below it, with the user properties called `user` as far as
    /// they are set; empty if `root` does not exist.
    fn tree(&self, root: &DatasetName, depth: usize, user: &[&str]) -> Result<Tree, StoreError>;

    /// Those of the datasets that exist, with what [`Store::tree`] tells of them without user properties; on zfs in
    /// one run.
    fn existing(&self, names: &[DatasetName]) -> Result<Tree, StoreError>;

    /// The snapshots of `dataset` itself, and of its descendants if `recursive`; oldest first.
    fn snapshots(&self, dataset: &DatasetName, recursive: bool) -> Result<Vec<SnapshotInfo>, StoreError>;

    /// The directory where a snapshot of a dataset that is mounted at `mounted_at` can be read; none if the store
    /// does not offer that, or there is no such snapshot. Starts no process.
    fn snapshot_directory(&self, name: &SnapshotName, mounted_at: &Path) -> Option<PathBuf>;

    /// Makes an empty dataset, mounted, below an existing parent.
    fn create(&self, name: &DatasetName, new: &NewDataset) -> Result<(), StoreError>;

    /// Destroys one dataset that has neither children nor snapshots; `HasDependents` names them.
    fn destroy(&self, name: &DatasetName) -> Result<(), StoreError>;

    /// Takes one snapshot; of the descendants too, at the same instant on zfs, if `recursive`.
    fn snapshot(&self, name: &SnapshotName, recursive: bool) -> Result<(), StoreError>;

    /// Destroys one snapshot that has no clones; `HasDependents` names them.
    fn destroy_snapshot(&self, name: &SnapshotName) -> Result<(), StoreError>;

    /// Takes the dataset back to the snapshot, which must be its newest; `HasDependents` names the newer ones.
    fn rollback(&self, name: &SnapshotName) -> Result<(), StoreError>;

    /// Makes `target` a clone of the snapshot, mounted.
    fn clone_snapshot(
        &self,
        origin: &SnapshotName,
        target: &DatasetName,
        new: &NewDataset,
    ) -> Result<(), StoreError>;

    /// Makes an independent copy of a dataset (not of its descendants, snapshots or properties), mounted.
    fn copy(&self, order: &CopyOrder, progress: Progress<'_>) -> Result<(), StoreError>;

    /// Makes the clone independent; its origin becomes a clone of it.
    fn promote(&self, name: &DatasetName) -> Result<(), StoreError>;

    /// Renames a dataset with its descendants, below an existing parent.
    fn rename(&self, from: &DatasetName, to: &DatasetName) -> Result<(), StoreError>;

    /// Sets a property; with none, takes it back to its inherited value.
    fn set_property(&self, name: &DatasetName, property: &str, value: Option<&str>)
    -> Result<(), StoreError>;

    /// Mounts the dataset where its properties say. Nothing happens if it is mounted.
    fn mount(&self, name: &DatasetName) -> Result<(), StoreError>;

    /// Unmounts the dataset, without force. Nothing happens if it is not mounted.
    fn unmount(&self, name: &DatasetName) -> Result<(), StoreError>;

    /// Gives the dataset and all below it to a running jail, whose root user can manage them if they have `jailed=on`;
    /// zfs-jail(8). `Exists`: the jail has it already.
    fn attach(&self, name: &DatasetName, jail: &KernelName) -> Result<(), StoreError>;

    /// Takes the dataset back from a running jail; what the jail mounted of it stays mounted. `NotFound`: the jail does
    /// not have it.
    fn detach(&self, name: &DatasetName, jail: &KernelName) -> Result<(), StoreError>;
}

/// The pool's property that says that ioc keeps its jails there.
pub const ACTIVE_PROPERTY: &str = "org.freebsd.ioc:active";

/// Whether a pool can be used; zpoolconcepts(7), "Device Failure and Recovery".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolHealth {
    /// Everything works.
    Online,
    /// It works with fewer devices than it should.
    Degraded,
    /// It does not work: `FAULTED`, `SUSPENDED`, `UNAVAIL`, ...
    Other(String),
}

impl PoolHealth {
    /// Tells whether datasets of the pool can be used.
    pub fn is_usable(&self) -> bool {
        matches!(self, PoolHealth::Online | PoolHealth::Degraded)
    }
}

/// A pool that is imported on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name, which is also that of its topmost dataset.
    pub name: DatasetName,
    /// Whether it can be used.
    pub health: PoolHealth,
    /// The value of [`ACTIVE_PROPERTY`], if it is set on this very pool; none where the pool cannot be used.
    pub active: Option<String>,
}

/// Pools of zfs.
pub trait Pools: Send + Sync + fmt::Debug {
    /// The imported pools, in the order of zpool(8). To activate a pool is to set [`ACTIVE_PROPERTY`] on it.
    fn pools(&self) -> Result<Vec<Pool>, StoreError>;

    /// The first usable pool on which [`ACTIVE_PROPERTY`] says yes.
    fn active(&self) -> Result<Option<DatasetName>, StoreError>;
}

/// Streams of zfs, for backups.
pub trait Streams: Send + Sync + fmt::Debug {
    /// The stream of a snapshot: full, or only what changed since the snapshot `since` of the same dataset. It
    /// carries no properties. That it is cut short is an error of its last read.
    fn send(
        &self,
        name: &SnapshotName,
        since: Option<&SnapshotTag>,
    ) -> Result<Box<dyn Read + Send>, StoreError>;

    /// Makes the snapshot `name`, and its dataset, out of a full stream; out of an incremental one the snapshot of
    /// the existing dataset. Nothing is left of a stream that breaks off.
    ///
    /// The stream does not decide where a new dataset is mounted, and shares nothing. Call [`Store::mount`].
    fn receive(&self, name: &SnapshotName, input: &mut dyn Read) -> Result<(), StoreError>;
}
