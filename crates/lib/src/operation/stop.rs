//! Stopping and restarting one jail.

use std::collections::BTreeSet;

use ioc_model::name::JailRef;

use super::start;
use crate::apply::LockName;
use crate::error::Error;
use crate::facts::delegated;
use crate::facts::jail::{Found, JailFacts};
use crate::ioc::{Ioc, Operation};
use crate::memory;
use crate::plan::{Hook, Plan};
use crate::planner::start::add_hook;
use crate::planner::{environment, stop};
use crate::source::Source;

/// Stops a running jail and takes away everything that its start made.
#[derive(Clone, Debug)]
pub struct Stop {
    /// The jail.
    pub jail: JailRef,
    /// Ignore failing hooks, and a configuration that cannot be read; clean up after a jail that does not run any more.
    pub force: bool,
    /// The caller's environment, for jails with `exec_clean=no`.
    pub environment: Vec<(String, String)>,
}

impl Stop {
    /// A stop that a failing hook prevents, in an empty environment.
    pub fn new(jail: JailRef) -> Self {
        Stop { jail, force: false, environment: Vec::new() }
    }
}

impl Operation for Stop {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let found = JailFacts::find_mounted(ioc, &self.jail)?;
        let jail = match JailFacts::gather_found(ioc, found.clone()) {
            Err(error) if self.force => return plan_unconfigured(ioc, found, &error),
            jail => jail?,
        };
        let running = jail.running(ioc.host())?;
        if running.is_none() && !self.force {
            let mut plan = Plan::to_finish("stop", &self.jail.name);
            plan.notes.push(format!("jail {} does not run", self.jail.name));
            return Ok(plan);
        }
        plan(ioc, &jail, self.force, &self.environment)
    }
}

/// Plans the stop of a jail whose configuration cannot be read: the kernel and what its start noted say what is to go.
fn plan_unconfigured(ioc: &Ioc, found: Found, why: &Error) -> Result<Plan, Error> {
    let mut plan = plan(ioc, &JailFacts::unconfigured(found)?, true, &[])?;
    plan.notes.push(format!("stopped as if nothing was configured: {}", crate::event::chain(why)));
    Ok(plan)
}

/// Plans the stop of a jail, running or not.
pub(super) fn plan(
    ioc: &Ioc,
    jail: &JailFacts,
    force: bool,
    environment: &[(String, String)],
) -> Result<Plan, Error> {
    let host = ioc.host();
    // What was mounted from a release that is gone must still be unmounted.
    let release = start::base_release(ioc, jail).unwrap_or(None);
    let missing_scripts = match start::missing_scripts(host, jail, release.as_ref()) {
        Err(_) if force => BTreeSet::from([Hook::Start, Hook::Stop]),
        found => found?,
    };
    let memory = memory::read(&host.facts.runtime_directory, &jail.kernel_name)?;
    let running = jail.running(host)?.map(|running| running.name);
    let datasets = match (&running, memory.datasets.is_empty()) {
        (Some(_), true) => match delegated::mounted_in(ioc, jail) {
            Err(_) if force => Vec::new(),
            found => found?,
        },
        _ => memory.datasets.clone(),
    };
    let facts = stop::Facts {
        jail,
        running,
        mounted: jail.mounted(host)?.into_iter().map(|m| m.target).collect(),
        datasets,
        memory,
        missing_scripts,
        environment,
    };
    stop::plan(&facts, force)
}

/// Runs the stop and start hooks in a running jail, which keeps its mounts and network.
#[derive(Clone, Debug)]
pub struct Restart {
    /// The jail.
    pub jail: JailRef,
    /// The caller's environment, for jails with `exec_clean=no`.
    pub environment: Vec<(String, String)>,
}

impl Operation for Restart {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let jail = JailFacts::gather_mounted(ioc, &self.jail)?;
        if jail.running(ioc.host())?.is_none() {
            return Err(Error::JailStopped(self.jail.name.clone()));
        }
        let release = start::base_release(ioc, &jail)?;
        let missing = start::missing_scripts(ioc.host(), &jail, release.as_ref())?;
        let env = environment::of_hooks(&jail, &self.environment)?;
        let mut plan = Plan::to_finish("restart", &self.jail.name);
        for hook in [Hook::Stop, Hook::Start] {
            add_hook(&mut plan, &jail, hook, &env, &missing)?;
        }
        Ok(plan)
    }
}
