//! Snapshots of a jail: one name on all datasets of the jail.

use std::collections::BTreeMap;

use ioc_model::name::{DatasetName, JailRef, SnapshotName, SnapshotTag};
use ioc_platform::store::{SnapshotInfo, Tree};

use super::jail::{Found, JailFacts};
use crate::error::Error;
use crate::ioc::Ioc;

/// The datasets of a jail, and their snapshots.
#[derive(Clone, Debug)]
pub struct JailStorage {
    /// The jail as the store has it.
    pub found: Found,
    /// Its dataset and everything below it.
    pub tree: Tree,
    /// All snapshots of these; of each dataset the oldest first.
    pub snapshots: Vec<SnapshotInfo>,
}

/// A snapshot of a jail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JailSnapshot {
    /// The name after the `@`.
    pub tag: SnapshotTag,
    /// When the first of its parts was made, in seconds since 1970-01-01 UTC.
    pub created: u64,
    /// Bytes that only it holds, all datasets together; none where that is not cheap to know.
    pub used: Option<u64>,
    /// Bytes it refers to, all datasets together; none where that is not cheap to know.
    pub referenced: Option<u64>,
    /// The datasets that have it.
    pub datasets: Vec<DatasetName>,
    /// Datasets that are clones of it.
    pub clones: Vec<DatasetName>,
}

impl JailStorage {
    /// Gathers it, without looking at any other jail.
    pub fn gather(ioc: &Ioc, jail: &JailRef) -> Result<Self, Error> {
        let found = JailFacts::find(ioc, jail)?;
        let store = ioc.host().store(&found.dataset);
        let tree = store.tree(&found.dataset, usize::MAX, &[])?;
        let snapshots = store.snapshots(&found.dataset, true)?;
        Ok(JailStorage { found, tree, snapshots })
    }

    /// Its snapshots, oldest first.
    pub fn by_tag(&self) -> Vec<JailSnapshot> {
        let mut by_tag: BTreeMap<&SnapshotTag, JailSnapshot> = BTreeMap::new();
        for info in &self.snapshots {
            let snapshot = by_tag.entry(&info.name.tag).or_insert_with(|| JailSnapshot {
                tag: info.name.tag.clone(),
                created: info.created,
                used: Some(0),
                referenced: Some(0),
                datasets: Vec::new(),
                clones: Vec::new(),
            });
            snapshot.created = snapshot.created.min(info.created);
            snapshot.used = snapshot.used.zip(info.used).map(|(sum, part)| sum + part);
            snapshot.referenced = snapshot.referenced.zip(info.referenced).map(|(sum, part)| sum + part);
            snapshot.datasets.push(info.name.dataset.clone());
            snapshot.clones.extend(info.clones.iter().cloned());
        }
        let mut snapshots: Vec<JailSnapshot> = by_tag.into_values().collect();
        snapshots.sort_by_key(|snapshot| snapshot.created);
        snapshots
    }

    /// The parts of the snapshot `tag`, one for each dataset that has it; an error if none has.
    pub fn parts(&self, tag: &SnapshotTag) -> Result<Vec<&SnapshotInfo>, Error> {
        let parts: Vec<&SnapshotInfo> = self.snapshots.iter().filter(|info| info.name.tag == *tag).collect();
        match parts.is_empty() {
            true => Err(Error::SnapshotUnknown { jail: self.found.reference.name.clone(), tag: tag.clone() }),
            false => Ok(parts),
        }
    }

    /// The snapshots of one dataset that were taken after `snapshot`, oldest first.
    pub fn newer_than<'a>(&'a self, snapshot: &'a SnapshotName) -> impl Iterator<Item = &'a SnapshotInfo> {
        let same = self.snapshots.iter().filter(|info| info.name.dataset == snapshot.dataset);
        same.skip_while(|info| info.name != *snapshot).skip(1)
    }
}
