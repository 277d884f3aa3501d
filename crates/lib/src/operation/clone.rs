//! Making a jail like another one.

use std::collections::BTreeSet;

use ioc_model::name::{DatasetName, JailName, JailPath, JailRef, Part, SnapshotTag};
use ioc_model::property;
use ioc_platform::store::{NewDataset, StoreKind};

use super::create::NewPlace;
use super::start;
use crate::apply::LockName;
use crate::error::Error;
use crate::facts::config::NewConfig;
use crate::facts::jail::{JailFacts, jail_uuid};
use crate::facts::snapshots::JailStorage;
use crate::ioc::{Ioc, Operation};
use crate::plan::Plan;
use crate::planner::{clone, create};
use crate::source::Source;

/// Makes a jail out of another one, as it is or as a snapshot of it was: all its datasets, its properties and its
/// fstab. The host UUID and the MAC addresses are new.
#[derive(Clone, Debug)]
pub struct CloneJail {
    /// The jail; it may run.
    pub jail: JailRef,
    /// A snapshot of it; none: its present state.
    pub tag: Option<SnapshotTag>,
    /// Where the new jail is to be. On zfs the same pool.
    pub source: Source,
    /// The new jail's name.
    pub name: JailName,
    /// Make an independent copy rather than a clone, where the store has clones.
    pub thick: bool,
    /// Properties of the new jail that differ, as written: name and value.
    pub properties: Vec<(String, String)>,
}

impl Operation for CloneJail {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.source.name).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone()), LockName::Jail(self.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let host = ioc.host();
        let name = JailName::new(self.name.as_str())?;
        let place = NewPlace::find(ioc, &self.source, &name)?;
        let jail = JailFacts::gather(ioc, &self.jail)?;
        let storage = JailStorage::gather(ioc, &self.jail)?;
        self.check_place(&jail.dataset, &place.dataset)?;
        if let Some(tag) = &self.tag {
            storage.parts(tag)?;
        }
        let reference = self.source.reference(&name);
        let mut config = NewConfig::of(&reference);
        config.copy_from(&jail)?;
        config.put("hostid", &host.facts.uuid);
        config.put("host_hostuuid", &jail_uuid(&host.facts.uuid, &reference.kernel_name()));
        for (key, value) in &self.properties {
            config.put(key, value);
        }
        let finished = config.finish(place.store)?;
        let mut notes = Vec::new();
        if jail.running(host)?.is_some() && self.tag.is_none() {
            let state = match place.store {
                StoreKind::Zfs => "the clone is as after a power failure",
                StoreKind::Directory => "what it writes meanwhile may be in the copy or not",
            };
            notes.push(format!("jail {} is running: {state}", self.jail.name));
        }
        Ok(clone::plan(clone::Facts {
            new: create::NewJail {
                name,
                namespace: (place.namespace, place.namespace_missing),
                dataset: place.dataset,
                directory: place.directory.clone(),
                store: place.store,
                config: finished.file,
                fstab: Some(jail.fstab_for(&place.directory)),
                properties: NewDataset { properties: finished.dataset_properties },
            },
            storage: &storage,
            tag: self.tag.clone(),
            thick: self.thick,
            without: base_directories(ioc, &jail)?,
            notes,
        }))
    }
}

impl CloneJail {
    /// A clone hangs on its origin and must be in its pool.
    fn check_place(&self, from: &DatasetName, to: &DatasetName) -> Result<(), Error> {
        let problem = match (from.pool(), to.pool()) {
            (Some(from), Some(to)) if from == to || self.thick => return Ok(()),
            (None, None) => return Ok(()),
            (Some(from), Some(to)) => {
                format!("a clone of pool {from} cannot be in pool {to}; make a full copy instead (--thick)")
            }
            _ => "a jail on ZFS and one in a directory cannot be clones of each other".to_owned(),
        };
        Err(Error::Request(problem))
    }
}

/// Directories of a basejail that are mounted from its release anyway.
fn base_directories(ioc: &Ioc, jail: &JailFacts) -> Result<Vec<JailPath>, Error> {
    match jail.get(&property::BASEJAIL)? {
        true => Ok(start::base_release(ioc, jail)?.map(|release| release.directories).unwrap_or_default()),
        false => Ok(Vec::new()),
    }
}

/// Makes a jail independent of the jail or template it was cloned from, which becomes a clone of it instead.
#[derive(Clone, Debug)]
pub struct Promote {
    /// The jail; it may run.
    pub jail: JailRef,
}

impl Operation for Promote {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let storage = JailStorage::gather(ioc, &self.jail)?;
        let releases: BTreeSet<DatasetName> =
            ioc.sources()?.iter().map(|source| source.root.part(Part::Releases)).collect();
        clone::promote(&storage, &releases)
    }
}
