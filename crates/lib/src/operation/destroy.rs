//! Destroying jails, templates and releases.

use std::collections::BTreeSet;

use ioc_model::name::{DatasetName, JailRef, ReleaseName, SnapshotName};
use ioc_platform::store::{SnapshotInfo, Tree};

use super::stop;
use crate::apply::LockName;
use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::facts::snapshots::JailStorage;
use crate::facts::{dependents, world};
use crate::ioc::{Ioc, Operation};
use crate::plan::{OnFailure, Plan, Planned};
use crate::planner::destroy::{self, Facts};
use crate::source::Source;

/// Destroys a jail or template with everything that is in it.
#[derive(Clone, Debug)]
pub struct Destroy {
    /// The jail.
    pub jail: JailRef,
    /// Stop it first if it runs.
    pub force: bool,
    /// Jails that are destroyed along with it, because they hang on it; see [`Destroy::with_dependents`]. Others that
    /// do prevent it.
    pub dependents: Vec<JailRef>,
    /// The caller's environment, for the hooks of a jail that is stopped first.
    pub environment: Vec<(String, String)>,
}

impl Destroy {
    /// Destroys a stopped jail on which nothing hangs.
    pub fn new(jail: JailRef) -> Self {
        Destroy { jail, force: false, dependents: Vec::new(), environment: Vec::new() }
    }

    /// The same, with all jails that hang on it, directly or not.
    pub fn with_dependents(mut self, ioc: &Ioc) -> Result<Self, Error> {
        self.dependents = dependents::closure(
            ioc,
            dependents::hanging_on(ioc, &JailStorage::gather(ioc, &self.jail)?.snapshots)?,
            &BTreeSet::from([self.jail.clone()]),
        )?;
        Ok(self)
    }
}

impl Operation for Destroy {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        locks(&self.dependents, LockName::Jail(self.jail.name.clone()))
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let mut doomed = Doomed::default();
        doomed.add_all(ioc, &self.dependents, self.force, &self.environment)?;
        doomed.add(ioc, &self.jail, self.force, &self.environment)?;
        doomed.plan(ioc, self.jail.name.to_string())
    }
}

fn locks(dependents: &[JailRef], own: LockName) -> Vec<LockName> {
    let names = dependents.iter().map(|jail| LockName::Jail(jail.name.clone()));
    names.chain([own]).collect()
}

/// Everything that one plan destroys.
#[derive(Default)]
struct Doomed {
    /// What stops jails that run.
    before: Vec<Planned>,
    jails: BTreeSet<JailRef>,
    tree: Tree,
    snapshots: Vec<SnapshotInfo>,
}

impl Doomed {
    /// Adds jails; those that are gone already are no failure.
    fn add_all(
        &mut self,
        ioc: &Ioc,
        jails: &[JailRef],
        force: bool,
        environment: &[(String, String)],
    ) -> Result<(), Error> {
        for jail in jails {
            match self.add(ioc, jail, force, environment) {
                Ok(()) | Err(Error::JailUnknown(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        ioc: &Ioc,
        jail: &JailRef,
        force: bool,
        environment: &[(String, String)],
    ) -> Result<(), Error> {
        let JailStorage { found, tree, snapshots } = JailStorage::gather(ioc, jail)?;
        match found.must_rest(ioc.host()) {
            Ok(()) => {}
            // A configuration that cannot be read must not keep the jail alive: then there are no hooks.
            Err(Error::JailRunning(_) | Error::Mounted { .. }) if force => {
                if let Ok(facts) = JailFacts::gather(ioc, jail) {
                    let mut stop = stop::plan(ioc, &facts, true, environment)?;
                    // Unlike a stop, nothing is destroyed that could not be unmounted.
                    let strict = stop.steps.iter_mut().filter(|p| p.on_failure == OnFailure::GoOn);
                    strict.for_each(|planned| planned.on_failure = OnFailure::Abort);
                    self.before.append(&mut stop.steps);
                }
            }
            Err(error) => return Err(error),
        }
        self.tree.extend(tree);
        self.snapshots.extend(snapshots);
        self.jails.insert(jail.clone());
        Ok(())
    }

    fn plan(self, ioc: &Ioc, subject: String) -> Result<Plan, Error> {
        let mut own_origins = Vec::new();
        for jail in &self.jails {
            own_origins.extend(self.own_origins(ioc, jail)?);
        }
        let Doomed { before, tree, snapshots, .. } = self;
        let mut plan = destroy::plan(&Facts { subject, tree, snapshots, own_origins })?;
        plan.steps.splice(0..0, before);
        Ok(plan)
    }

    /// Snapshots of other datasets that were taken only for this jail to hang on: they bear its name, as iocage and
    /// we take them, and nothing else hangs on them. Patch levels of releases are never among them, nor what a user
    /// took, which is on the jail's own dataset as well.
    fn own_origins(&self, ioc: &Ioc, jail: &JailRef) -> Result<Vec<SnapshotName>, Error> {
        let dataset =
            |name: &DatasetName| dependents::owner(ioc, name).map(|owner| owner.as_ref() == Some(jail));
        let mut own = Vec::new();
        for (name, info) in &self.tree {
            let Some(origin) = &info.origin else { continue };
            if !dataset(name)?
                || origin.tag.as_str() != jail.name.as_str()
                || origin.tag.patch_level().is_some()
                || self.tree.contains_key(&origin.dataset)
            {
                continue;
            }
            let store = ioc.host().store(&origin.dataset);
            let of_user = match origin.dataset.parent() {
                Some(parent) => {
                    store.snapshots(&parent, false)?.iter().any(|info| info.name.tag == origin.tag)
                }
                None => true,
            };
            let snapshots = store.snapshots(&origin.dataset, false)?;
            let alone = |info: &&SnapshotInfo| {
                info.name == *origin && info.clones.iter().all(|clone| self.tree.contains_key(clone))
            };
            own.extend(snapshots.iter().find(alone).filter(|_| !of_user).map(|info| info.name.clone()));
        }
        Ok(own)
    }
}

/// Destroys a release.
#[derive(Clone, Debug)]
pub struct DestroyRelease {
    /// Where.
    pub source: Source,
    /// The release.
    pub name: ReleaseName,
    /// Stop jails first that are destroyed along with it.
    pub force: bool,
    /// Jails that are destroyed along with it, because they use it; see [`DestroyRelease::with_dependents`]. Others
    /// that do prevent it.
    pub dependents: Vec<JailRef>,
    /// The caller's environment, for the hooks of jails that are stopped first.
    pub environment: Vec<(String, String)>,
}

impl DestroyRelease {
    /// Destroys a release that no jail uses.
    pub fn new(source: Source, name: ReleaseName) -> Self {
        DestroyRelease { source, name, force: false, dependents: Vec::new(), environment: Vec::new() }
    }

    /// The same, with all jails that use it or hang on it, directly or not.
    pub fn with_dependents(mut self, ioc: &Ioc) -> Result<Self, Error> {
        let dataset = self.source.release(&self.name)?;
        let snapshots = ioc.host().store(&dataset).snapshots(&dataset, true)?;
        let mut first = dependents::hanging_on(ioc, &snapshots)?;
        first.extend(users(ioc, &self.source, &self.name)?);
        self.dependents = dependents::closure(ioc, first, &BTreeSet::new())?;
        Ok(self)
    }
}

impl Operation for DestroyRelease {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.source.name).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        locks(&self.dependents, LockName::Release(self.name.clone()))
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let dataset = self.source.release(&self.name)?;
        let store = ioc.host().store(&dataset);
        let tree = store.tree(&dataset, usize::MAX, &[])?;
        if tree.is_empty() {
            return Err(Error::ReleaseUnknown(self.name.clone().into()));
        }
        let mut users = users(ioc, &self.source, &self.name)?;
        users.retain(|user| !self.dependents.contains(user));
        if !users.is_empty() {
            let jails = users.iter().map(|jail| jail.name.to_string()).collect();
            return Err(Error::ReleaseUsed { release: self.name.clone().into(), jails });
        }
        let mut doomed = Doomed::default();
        doomed.add_all(ioc, &self.dependents, self.force, &self.environment)?;
        doomed.snapshots.extend(store.snapshots(&dataset, true)?);
        doomed.tree.extend(tree);
        doomed.plan(ioc, format!("release {}", self.name))
    }
}

/// The basejails of a release: they do not hang on it in the store's eyes, and break without it.
fn users(ioc: &Ioc, source: &Source, release: &ReleaseName) -> Result<Vec<JailRef>, Error> {
    let world = world::World::gather(ioc)?;
    let of_source = world.jails.into_iter().filter(|jail| jail.reference.source == source.name);
    let uses = |jail: &world::JailView| jail.facts.as_ref().is_ok_and(|facts| facts.uses_release(release));
    Ok(of_source.filter(uses).map(|jail| jail.reference).collect())
}
