//! One command in a jail that is started for it and torn down afterwards: `exec --fork`.

use std::collections::BTreeMap;

use ioc_model::name::JailRef;

use super::start;
use crate::apply::LockName;
use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::ioc::{Ioc, Operation};
use crate::plan::{Hook, OnFailure, Plan, Planned, Step};
use crate::planner::environment;
use crate::planner::start::{Purpose, add_hook};
use crate::source::Source;

/// Starts a stopped jail without its start hooks, runs a command in it with our own standard streams, and takes
/// everything away again, whatever the command returned.
#[derive(Clone, Debug)]
pub struct RunOnce {
    /// The jail.
    pub jail: JailRef,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// A user of the jail; none: root.
    pub user: Option<String>,
    /// Properties for this run only.
    pub overrides: BTreeMap<String, Option<String>>,
    /// The caller's environment.
    pub environment: Vec<(String, String)>,
}

impl Operation for RunOnce {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let jail = JailFacts::gather_mounted(ioc, &self.jail)?.with_overrides(&self.overrides)?;
        if jail.running(ioc.host())?.is_some() {
            return Err(Error::JailRunning(self.jail.name.clone()));
        }
        let mut plan = start::plan(ioc, &jail, Purpose::Command, &self.environment)?;
        plan.operation = "exec".to_owned();
        let takes_back = teardown(&plan.steps);
        plan.push(Step::RunCommand {
            jail: jail.kernel_name.clone(),
            argv: self.argv.clone(),
            user: self.user.clone(),
            fib: jail.fib()?,
            env: environment::of_commands(&jail, None, &self.environment)?,
        });
        plan.steps.extend(takes_back);
        let env = environment::of_hooks(&jail, &self.environment)?;
        add_hook(&mut plan, &jail, Hook::Poststop, &env, &Default::default())?;
        Ok(plan)
    }
}

/// The steps that take the start back, last made first. Directories and files of the jail stay as a start leaves
/// them.
fn teardown(steps: &[Planned]) -> Vec<Planned> {
    let stays = |step: &Step| matches!(step, Step::MakeDirectory { .. } | Step::WriteFile { .. });
    let begun = steps.iter().rev().filter(|planned| !stays(&planned.step));
    begun
        .flat_map(|planned| planned.step.undo())
        .map(|step| Planned { step, on_failure: OnFailure::GoOn })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use ioc_platform::mounts::{MountKind, MountSpec};

    fn root() -> PathBuf {
        PathBuf::from("/s/jails/web/root")
    }

    #[test]
    fn taken_back_in_reverse_and_only_what_a_stop_would_take() {
        let mount = |target: &str| {
            let (kind, root) = (MountKind::Tmpfs, root());
            let options = Vec::new();
            let target = target.parse().unwrap();
            Step::Mount(MountSpec { kind, root, target, read_only: false, options })
        };
        let mut plan = Plan::new("start", "web");
        plan.push(Step::MakeDirectory { root: root(), path: "a".parse().unwrap(), mode: 0o755 });
        plan.push(mount("a"));
        plan.push(mount("a/b"));
        let words: Vec<String> = teardown(&plan.steps).iter().map(|p| p.step.to_string()).collect();
        assert_eq!(words, ["unmount /s/jails/web/root/a/b", "unmount /s/jails/web/root/a"]);
    }
}
