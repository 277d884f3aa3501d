//! Bringing jails of older programs to the current form.

use ioc_model::config::{Change, Document, Format, JailConfig, ZFS_PREFIX};
use ioc_model::name::{DatasetName, JailRef, Part};
use ioc_model::property::BasejailKind;
use ioc_platform::store::StoreKind;

use crate::apply::LockName;
use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::facts::release::ReleaseFacts;
use crate::ioc::{Ioc, Operation};
use crate::plan::{Content, Plan};
use crate::planner::migrate::{self, BaseDataset, DropFacts, Facts, KEPT, KEPT_PROPERTY};
use crate::source::Source;

/// Brings a jail to the current form: a configuration in UCL or in ZFS properties becomes `config.json`, base
/// directories that are datasets (a ZFS basejail) are mounted from the release instead. What is current stays.
#[derive(Clone, Debug)]
pub struct Migrate {
    /// The jail; it must not run.
    pub jail: JailRef,
}

/// Drops what a migration kept of a jail's old state.
#[derive(Clone, Debug)]
pub struct DropOldState {
    /// The jail.
    pub jail: JailRef,
}

impl Operation for Migrate {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let jail = JailFacts::gather(ioc, &self.jail)?;
        let base = base_datasets(ioc, &jail)?;
        let after = current(&jail, !base.is_empty())?;
        let before = jail.config.document().clone();
        let old_file = match (before.format(), before.text()) {
            (Format::Ucl, Some(text)) => {
                before.format().file().map(|file| (file.to_owned(), Content::from(text)))
            }
            _ => None,
        };
        let is_current = before.text() == after.text() && base.is_empty();
        if !is_current && jail.running(ioc.host())?.is_some() {
            return Err(Error::JailRunning(self.jail.name.clone()));
        }
        let (mut tags, mut descendants) = (Vec::new(), Vec::new());
        if !is_current {
            let store = ioc.host().store(&jail.dataset);
            let snapshots = store.snapshots(&jail.dataset, true)?;
            tags.extend(snapshots.into_iter().map(|snapshot| snapshot.name.tag));
            if !base.is_empty() {
                let tree = store.tree(&jail.dataset, usize::MAX, &[])?;
                descendants.extend(tree.into_keys().filter(|dataset| *dataset != jail.dataset));
            }
        }
        migrate::plan(Facts {
            name: self.jail.name.clone(),
            dataset: jail.dataset.clone(),
            directory: jail.directory.clone(),
            tags,
            before,
            after,
            old_file,
            descendants,
            base,
        })
    }
}

/// The configuration in the current format; that of a ZFS basejail as of one that mounts its base.
fn current(jail: &JailFacts, has_base_datasets: bool) -> Result<Document, Error> {
    let document = match jail.config.format() {
        Format::Json => jail.config.document().clone(),
        Format::Ucl | Format::Zfs => {
            jail.config.migrated(&jail.reference.name).map_err(|error| jail.wrong(error))?
        }
    };
    let kind = jail.config.basejail().map_err(|error| jail.wrong(error))?;
    if !(has_base_datasets || kind == Some(BasejailKind::Zfs)) {
        return Ok(document);
    }
    let mut config = JailConfig::new(document, None);
    let changes = [Change::set("basejail", "yes"), Change::set("basejail_type", "nullfs")];
    config.set(&changes).map_err(|error| jail.wrong(error))?;
    Ok(config.document().clone())
}

/// The datasets of a basejail that are base directories of its release, which has to be there.
fn base_datasets(ioc: &Ioc, jail: &JailFacts) -> Result<Vec<BaseDataset>, Error> {
    let Some(kind) = jail.config.basejail().map_err(|error| jail.wrong(error))? else {
        return Ok(Vec::new());
    };
    if jail.store == StoreKind::Directory {
        return match kind {
            BasejailKind::Nullfs => Ok(Vec::new()),
            BasejailKind::Zfs => Err(jail.wrong("it is a ZFS basejail in a directory")),
        };
    }
    let root = jail.dataset.part(Part::Root);
    let tree = ioc.host().store(&root).tree(&root, usize::MAX, &[KEPT_PROPERTY])?;
    if tree.len() < 2 && kind == BasejailKind::Nullfs {
        return Ok(Vec::new());
    }
    let Some(release) = jail.release()? else {
        return Err(jail.wrong("it is a basejail without a release"));
    };
    let source = ioc.source(&jail.reference.source)?;
    let release = ReleaseFacts::gather(ioc.host(), source, &release.name)?;
    let is_base = |dataset: &DatasetName| {
        let below = dataset.below(&root).unwrap_or_default();
        release.directories.iter().any(|directory| directory.relative().to_str() == Some(below))
    };
    let base = tree.into_iter().filter(|(dataset, _)| is_base(dataset));
    let base = base.filter(|(_, info)| !info.properties.contains_key(KEPT_PROPERTY));
    Ok(base
        .map(|(dataset, info)| BaseDataset {
            dataset,
            mounted: info.mounted_at.is_some(),
            canmount: info.properties.get("canmount").filter(|p| p.local).map(|p| p.value.clone()),
        })
        .collect())
}

impl Operation for DropOldState {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let jail = JailFacts::gather(ioc, &self.jail)?;
        let store = ioc.host().store(&jail.dataset);
        let tree = store.tree(&jail.dataset, usize::MAX, &[KEPT_PROPERTY])?;
        let is_kept = |info: &ioc_platform::store::DatasetInfo| {
            info.mounted_at.is_none() && info.properties.get(KEPT_PROPERTY).is_some_and(|p| p.local)
        };
        let datasets = tree.iter().filter(|(_, info)| is_kept(info)).map(|(dataset, _)| dataset.clone());
        let datasets: Vec<DatasetName> = datasets.collect();
        let mut snapshots = store.snapshots(&jail.dataset, true)?;
        snapshots.retain(|snapshot| {
            snapshot.name.tag.as_str().starts_with(KEPT) || datasets.contains(&snapshot.name.dataset)
        });
        let used: Vec<String> =
            snapshots.iter().flat_map(|snapshot| &snapshot.clones).map(ToString::to_string).collect();
        if !used.is_empty() {
            return Err(Error::Dependents {
                subject: format!("the old state of {}", self.jail.name),
                action: "removed",
                dependents: used,
                how: "hangs on it",
            });
        }
        // Of a jail whose configuration is still read from there, nothing is old.
        let mut properties = Vec::new();
        if jail.config.format() == Format::Json && jail.store == StoreKind::Zfs {
            let info = store.dataset(&jail.dataset)?.unwrap_or_default();
            let legacy =
                info.properties.into_iter().filter(|(name, p)| name.starts_with(ZFS_PREFIX) && p.local);
            properties.extend(legacy.map(|(name, property)| (name, property.value)));
        }
        Ok(migrate::plan_drop(DropFacts {
            name: self.jail.name.clone(),
            dataset: jail.dataset.clone(),
            snapshots: snapshots.into_iter().map(|snapshot| snapshot.name).collect(),
            datasets,
            properties,
        }))
    }
}
