//! Snapshots of jails: taking them, removing them, going back to them.

use ioc_model::name::{JailRef, SnapshotTag};
use ioc_platform::store::StoreKind;

use crate::apply::LockName;
use crate::error::Error;
use crate::facts::snapshots::{JailSnapshot, JailStorage};
use crate::ioc::{Ioc, Operation};
use crate::plan::Plan;
use crate::planner::snapshot;
use crate::source::Source;

/// Takes a snapshot of all datasets of a jail, on zfs at one instant.
#[derive(Clone, Debug)]
pub struct TakeSnapshot {
    /// The jail; it may run.
    pub jail: JailRef,
    /// The snapshot's name.
    pub tag: SnapshotTag,
}

/// Removes a snapshot from all datasets of a jail.
#[derive(Clone, Debug)]
pub struct RemoveSnapshot {
    /// The jail.
    pub jail: JailRef,
    /// The snapshot's name.
    pub tag: SnapshotTag,
}

/// Takes all datasets of a stopped jail that have a snapshot back to it.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// The jail.
    pub jail: JailRef,
    /// The snapshot's name.
    pub tag: SnapshotTag,
    /// Destroy the snapshots that were taken after it; without, they prevent it.
    pub destroy_newer: bool,
}

impl Ioc {
    /// The snapshots of a jail, oldest first.
    pub fn snapshots(&self, jail: &JailRef) -> Result<Vec<JailSnapshot>, Error> {
        Ok(JailStorage::gather(self, jail)?.by_tag())
    }
}

impl Operation for TakeSnapshot {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let storage = JailStorage::gather(ioc, &self.jail)?;
        let mut plan = snapshot::take(&storage, &self.tag)?;
        if storage.found.store == StoreKind::Directory {
            plan.notes.push("the jail is in a directory: the snapshot is a copy of it".to_owned());
            if storage.found.running(ioc.host())?.is_some() {
                let note = "it is running: what it writes meanwhile may be in the copy or not";
                plan.notes.push(note.to_owned());
            }
        }
        Ok(plan)
    }
}

impl Operation for RemoveSnapshot {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        snapshot::remove(&JailStorage::gather(ioc, &self.jail)?, &self.tag)
    }
}

impl Operation for Rollback {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let storage = JailStorage::gather(ioc, &self.jail)?;
        storage.found.must_rest(ioc.host())?;
        snapshot::rollback(&storage, &self.tag, self.destroy_newer)
    }
}
