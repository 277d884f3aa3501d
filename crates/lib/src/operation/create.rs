//! Making a jail, from a release, a template or nothing.

use std::path::PathBuf;

use ioc_model::name::{DatasetName, JailName, JailRef, Part, ReleaseRef};
use ioc_model::property;
use ioc_platform::store::{NewDataset, StoreKind};

use super::start;
use crate::apply::LockName;
use crate::error::Error;
use crate::facts::config::NewConfig;
use crate::facts::jail::{JailFacts, jail_uuid};
use crate::facts::release::ReleaseFacts;
use crate::ioc::{Ioc, Operation};
use crate::plan::{Content, Plan};
use crate::planner::create::{self, NewJail, Origin};
use crate::source::Source;

/// What a new jail is made from.
#[derive(Clone, Debug)]
pub enum Base {
    /// A release.
    Release(ReleaseRef),
    /// A template of the same source; its properties are copied.
    Template(JailRef),
    /// Nothing: an empty root directory.
    Empty,
}

/// Makes a jail.
#[derive(Clone, Debug)]
pub struct Create {
    /// Where.
    pub source: Source,
    /// Its name.
    pub name: JailName,
    /// What it is made from.
    pub base: Base,
    /// Mount the release's base directories read-only instead of giving the jail its own. Releases only; a jail made
    /// from a template is what the template is.
    pub basejail: bool,
    /// Make an independent copy rather than a clone, where the store has clones.
    pub thick: bool,
    /// Properties as written: name and value.
    pub properties: Vec<(String, String)>,
}

impl Create {
    /// A basejail without further properties.
    pub fn new(source: Source, name: JailName, base: Base) -> Self {
        Create { source, name, base, basejail: true, thick: false, properties: Vec::new() }
    }
}

impl Operation for Create {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.source.name).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        let base = match &self.base {
            Base::Release(release) => Some(LockName::Release(release.name.clone())),
            Base::Template(template) => Some(LockName::Jail(template.name.clone())),
            Base::Empty => None,
        };
        base.into_iter().chain([LockName::Jail(self.name.clone())]).collect()
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let name = JailName::new(self.name.as_str())?;
        let place = NewPlace::find(ioc, &self.source, &name)?;
        let reference = self.source.reference(&name);
        let mut config = NewConfig::of(&reference);
        let mut fstab = None;
        let origin = match &self.base {
            Base::Empty => {
                config.put("release", "EMPTY");
                Origin::Nothing
            }
            Base::Release(release) => {
                let facts = ReleaseFacts::gather(ioc.host(), &self.source, &release.name)?;
                self.of_release(&facts, release, &mut config)?
            }
            Base::Template(template) => {
                let template = JailFacts::gather(ioc, template)?;
                fstab = Some(template.fstab_for(&place.directory));
                self.of_template(ioc, &template, &place, &mut config)?
            }
        };
        config.put("hostid", &ioc.host().facts.uuid);
        config.put("host_hostuuid", &jail_uuid(&ioc.host().facts.uuid, &reference.kernel_name()));
        for (key, value) in &self.properties {
            config.put(key, value);
        }
        let finished = config.finish(place.store)?;
        let new = NewJail {
            name,
            namespace: (place.namespace, place.namespace_missing),
            dataset: place.dataset,
            directory: place.directory,
            store: place.store,
            config: finished.file,
            fstab: Some(fstab.unwrap_or_else(|| Content::from(""))),
            properties: NewDataset { properties: finished.dataset_properties },
        };
        Ok(create::plan(new, origin))
    }
}

impl Create {
    fn of_release(
        &self,
        facts: &ReleaseFacts,
        release: &ReleaseRef,
        config: &mut NewConfig,
    ) -> Result<Origin, Error> {
        let tag = facts.snapshot(release)?;
        config.put("release", &release.to_string());
        if self.basejail {
            config.put("basejail", "yes");
        } else if facts.is_host() {
            let problem =
                format!("release {release} is the host itself, from which only basejails can be made");
            return Err(Error::Request(problem));
        }
        Ok(Origin::Root {
            dataset: facts.dataset.part(Part::Root),
            tag,
            take_snapshot: false,
            without: if self.basejail { facts.directories.clone() } else { Vec::new() },
            thick: self.thick,
        })
    }

    fn of_template(
        &self,
        ioc: &Ioc,
        template: &JailFacts,
        place: &NewPlace,
        config: &mut NewConfig,
    ) -> Result<Origin, Error> {
        if !template.is_template()? {
            return Err(Error::Template { name: template.reference.name.clone(), is: false });
        }
        config.copy_from(template)?;
        config.put("source_template", template.reference.name.as_str());
        let tag = match place.store {
            StoreKind::Zfs => Some(self.name.as_str().parse()?),
            StoreKind::Directory => None,
        };
        let release = match template.get(&property::BASEJAIL)? {
            true => start::base_release(ioc, template)?,
            false => None,
        };
        Ok(Origin::Root {
            dataset: template.dataset.part(Part::Root),
            tag,
            take_snapshot: true,
            without: release.map(|r| r.directories).unwrap_or_default(),
            thick: self.thick,
        })
    }
}

/// Where a new jail goes.
pub(super) struct NewPlace {
    pub(super) namespace: DatasetName,
    pub(super) namespace_missing: bool,
    pub(super) dataset: DatasetName,
    pub(super) directory: PathBuf,
    pub(super) store: StoreKind,
}

impl NewPlace {
    /// Finds the place for a jail whose name must be free, among jails and templates.
    pub(super) fn find(ioc: &Ioc, source: &Source, name: &JailName) -> Result<Self, Error> {
        let (dataset, namespace) = (source.jail(name)?, source.root.part(Part::Jails));
        let store = ioc.host().store(&dataset);
        let taken = [&dataset, &source.template(name)?];
        for dataset in taken {
            if store.dataset(dataset)?.is_some() {
                return Err(Error::JailExists(name.clone()));
            }
        }
        let info = store.dataset(&namespace)?;
        let namespace_missing = info.is_none();
        let directory = match info.and_then(|info| info.mounted_at) {
            Some(directory) => directory,
            None => source.directory(ioc.host())?.join(Part::Jails.name()),
        };
        let directory = directory.join(name.as_str());
        Ok(NewPlace { namespace, namespace_missing, dataset, directory, store: store.kind() })
    }
}
