//! Datasets, snapshots and clones: one trait for ZFS and for the directory store.
//!
//! A `Store` does single things, on exactly the dataset named: never recursive, never forced. What belongs
//! together is put together by a plan.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use ioc_model::name::{DatasetName, SnapshotName};

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
    /// Where it is mounted now; none if it is not mounted (or its key is not loaded).
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
    /// Its properties: user properties (names with a colon) always; native ones on zfs only
    /// (`quota`, `reservation`, `compression`, `mountpoint`, `readonly`, `jailed`, ...).
    pub properties: BTreeMap<String, PropertyValue>,
}

/// What is known of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolInfo {
    /// Its name, which is that of its root dataset.
    pub name: DatasetName,
    /// It is ONLINE or DEGRADED.
    pub usable: bool,
    /// Its user property `org.freebsd.ioc:active`, if it has one.
    pub active: Option<bool>,
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
    pub tag: Option<ioc_model::name::SnapshotTag>,
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

    /// One dataset; none if it does not exist. "Cannot tell" is an error.
    fn dataset(&self, name: &DatasetName) -> Result<Option<DatasetInfo>, StoreError>;

    /// `root` and everything down to `depth` levels below it; empty if `root` does not exist.
    fn tree(&self, root: &DatasetName, depth: usize) -> Result<Tree, StoreError>;

    /// The snapshots of `dataset` itself, and of its descendants if `recursive`; oldest first.
    fn snapshots(&self, dataset: &DatasetName, recursive: bool) -> Result<Vec<SnapshotInfo>, StoreError>;

    /// Makes an empty dataset, mounted, below an existing parent.
    fn create(&self, name: &DatasetName, new: &NewDataset) -> Result<(), StoreError>;

    /// Destroys one dataset that has neither children nor snapshots.
    fn destroy(&self, name: &DatasetName) -> Result<(), StoreError>;

    /// Takes one snapshot; of the descendants too, at the same instant on zfs, if `recursive`.
    fn snapshot(&self, name: &SnapshotName, recursive: bool) -> Result<(), StoreError>;

    /// Destroys one snapshot that has no clones.
    fn destroy_snapshot(&self, name: &SnapshotName) -> Result<(), StoreError>;

    /// Takes the dataset back to the snapshot, which must be its newest.
    fn rollback(&self, name: &SnapshotName) -> Result<(), StoreError>;

    /// Makes `target` a clone of the snapshot, mounted.
    fn clone_snapshot(
        &self,
        origin: &SnapshotName,
        target: &DatasetName,
        new: &NewDataset,
    ) -> Result<(), StoreError>;

    /// Makes an independent copy of a dataset (not of its descendants), mounted.
    fn copy(&self, order: &CopyOrder, progress: Progress<'_>) -> Result<(), StoreError>;

    /// Makes the clone independent; its origin becomes a clone of it.
    fn promote(&self, name: &DatasetName) -> Result<(), StoreError>;

    /// Renames a dataset with its descendants, below an existing parent.
    fn rename(&self, from: &DatasetName, to: &DatasetName) -> Result<(), StoreError>;

    /// Sets a property; with none, takes it back to its inherited value.
    fn set_property(&self, name: &DatasetName, property: &str, value: Option<&str>)
    -> Result<(), StoreError>;

    /// The pools of the host; empty where the store has none or is not installed.
    fn pools(&self) -> Result<Vec<PoolInfo>, StoreError>;

    /// Mounts the dataset where its properties say. Nothing happens if it is mounted.
    fn mount(&self, name: &DatasetName) -> Result<(), StoreError>;

    /// Unmounts the dataset, without force. Nothing happens if it is not mounted.
    fn unmount(&self, name: &DatasetName) -> Result<(), StoreError>;
}
