//! Destroying jails, templates and releases.

use ioc_model::name::{JailRef, ReleaseName, SnapshotName};
use ioc_platform::store::{StoreKind, Tree};

use super::stop;
use crate::apply::LockName;
use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::facts::world;
use crate::ioc::{Ioc, Operation};
use crate::plan::{OnFailure, Plan};
use crate::planner::destroy::{self, Facts};
use crate::source::Source;

/// Destroys a jail or template with everything that is in it.
#[derive(Clone, Debug)]
pub struct Destroy {
    /// The jail.
    pub jail: JailRef,
    /// Stop it first if it runs.
    pub force: bool,
    /// The caller's environment, for the hooks of a jail that is stopped first.
    pub environment: Vec<(String, String)>,
}

impl Operation for Destroy {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let host = ioc.host();
        let found = JailFacts::find(ioc, &self.jail)?;
        let name = &self.jail.name;
        let mut before = Plan::to_finish("destroy", name);
        if found.root.is_some() {
            let running = found.running(host)?;
            let mounted = found.mounted(host)?;
            if (running.is_some() || !mounted.is_empty()) && self.force {
                // A configuration that cannot be read must not keep the jail alive: then there are no hooks.
                if let Ok(jail) = JailFacts::gather(ioc, &self.jail) {
                    before = stop::plan(ioc, &jail, true, &self.environment)?;
                    // Unlike a stop, nothing is destroyed that could not be unmounted.
                    let strict = before.steps.iter_mut().filter(|p| p.on_failure == OnFailure::GoOn);
                    strict.for_each(|planned| planned.on_failure = OnFailure::Abort);
                }
            } else if running.is_some() {
                return Err(Error::JailRunning(name.clone()));
            } else if !mounted.is_empty() {
                let mounts = mounted.iter().map(|m| m.target.display().to_string()).collect();
                return Err(Error::Mounted { subject: format!("jail {name}"), mounts });
            }
        }
        let store = host.store(&found.dataset);
        let tree = store.tree(&found.dataset, usize::MAX, &[])?;
        let snapshots = store.snapshots(&found.dataset, true)?;
        let own_origins = own_origins(ioc, &tree, name.as_str())?;
        let facts = Facts { subject: name.to_string(), tree, snapshots, own_origins };
        let mut plan = destroy::plan(&facts)?;
        plan.operation = "destroy".to_owned();
        plan.steps.splice(0..0, before.steps);
        Ok(plan)
    }
}

/// Snapshots of other datasets that were taken only for this jail to hang on: they bear its name, as iocage and we
/// take them, and nothing else hangs on them. Patch levels of releases are never among them.
fn own_origins(ioc: &Ioc, tree: &Tree, jail: &str) -> Result<Vec<SnapshotName>, Error> {
    let origins = tree.values().filter_map(|info| info.origin.as_ref());
    let mut own = Vec::new();
    for origin in origins.filter(|o| o.tag.as_str() == jail && o.tag.patch_level().is_none()) {
        if tree.contains_key(&origin.dataset) {
            continue;
        }
        let store = ioc.host().store(&origin.dataset);
        if store.kind() == StoreKind::Directory {
            continue;
        }
        let snapshots = store.snapshots(&origin.dataset, false)?;
        let alone = |s: &&ioc_platform::store::SnapshotInfo| {
            s.name == *origin && s.clones.iter().all(|c| tree.contains_key(c))
        };
        own.extend(snapshots.iter().find(alone).map(|s| s.name.clone()));
    }
    Ok(own)
}

/// Destroys a release that no jail uses.
#[derive(Clone, Debug)]
pub struct DestroyRelease {
    /// Where.
    pub source: Source,
    /// The release.
    pub name: ReleaseName,
}

impl Operation for DestroyRelease {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.source.name).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Release(self.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let host = ioc.host();
        let dataset = self.source.release(&self.name)?;
        let store = host.store(&dataset);
        let tree = store.tree(&dataset, usize::MAX, &[])?;
        if tree.is_empty() {
            return Err(Error::ReleaseUnknown(self.name.clone().into()));
        }
        let users = users(ioc, &self.source, &self.name)?;
        if !users.is_empty() {
            return Err(Error::ReleaseUsed { release: self.name.clone().into(), jails: users });
        }
        let snapshots = store.snapshots(&dataset, true)?;
        let subject = format!("release {}", self.name);
        destroy::plan(&Facts { subject, tree, snapshots, own_origins: Vec::new() })
    }
}

/// The basejails of a release: they do not hang on it in the store's eyes, and break without it.
fn users(ioc: &Ioc, source: &Source, release: &ReleaseName) -> Result<Vec<String>, Error> {
    let world = world::World::gather(ioc)?;
    let of_source = world.jails.iter().filter(|jail| jail.reference.source == source.name);
    let uses = |jail: &&world::JailView| jail.facts.as_ref().is_ok_and(|facts| facts.uses_release(release));
    let mut users: Vec<String> = of_source.filter(uses).map(|jail| jail.reference.name.to_string()).collect();
    users.sort();
    Ok(users)
}
