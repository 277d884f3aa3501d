//! Stopping a jail.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ioc_model::name::{DatasetName, KernelName};
use ioc_model::property;
use ioc_platform::network::JailInterface;

use super::{environment, start};
use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::plan::{Hook, OnFailure, Plan, Remembered, Step};

/// What stopping a jail depends on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The jail.
    pub jail: &'a JailFacts,
    /// The name it runs under, ours or iocage's; none if it does not run.
    pub running: Option<KernelName>,
    /// What is mounted below its root, in the order of mounting.
    pub mounted: Vec<PathBuf>,
    /// Datasets that it has.
    pub datasets: Vec<DatasetName>,
    /// What its start gave it.
    pub memory: Remembered,
    /// Scripts of the default hooks that the jail does not have.
    pub missing_scripts: BTreeSet<Hook>,
    /// Environment of the caller, for `exec_clean=no`.
    pub environment: &'a [(String, String)],
}

/// Plans the stop. With `force` a failing hook does not prevent it.
///
/// Once the jail is gone, everything that its start made is taken away, past failures: what cannot be taken away is
/// reported and must not keep the rest.
pub fn plan(facts: &Facts<'_>, force: bool) -> Result<Plan, Error> {
    let jail = facts.jail;
    let mut plan = Plan::to_finish("stop", &jail.reference.name);
    let env = environment::of_hooks(jail, facts.environment)?;
    if facts.running.is_some() {
        add_hook(&mut plan, facts, Hook::Prestop, &env, force)?;
        add_hook(&mut plan, facts, Hook::Stop, &env, force)?;
    }
    teardown(&mut plan, facts)?;
    if facts.running.is_some() {
        add_hook(&mut plan, facts, Hook::Poststop, &env, true)?;
    }
    Ok(plan)
}

fn add_hook(
    plan: &mut Plan,
    facts: &Facts<'_>,
    hook: Hook,
    env: &[(String, String)],
    go_on: bool,
) -> Result<(), Error> {
    let before = plan.steps.len();
    start::add_hook(plan, facts.jail, hook, env, &facts.missing_scripts)?;
    if go_on {
        let on_failure = if hook == Hook::Poststop { OnFailure::GoOn } else { OnFailure::Ignore };
        plan.steps[before..].iter_mut().for_each(|planned| planned.on_failure = on_failure);
    }
    Ok(())
}

/// Adds the steps that remove the jail and what was made for it.
pub(super) fn teardown(plan: &mut Plan, facts: &Facts<'_>) -> Result<(), Error> {
    let (jail, memory) = (facts.jail, &facts.memory);
    let kernel_name = facts.running.as_ref().unwrap_or(&jail.kernel_name);
    if facts.running.is_some() {
        let patience_secs: u64 = jail.get(&property::STOP_TIMEOUT)?.into();
        if !facts.datasets.is_empty() {
            // As long as the jail has something mounted it would not go.
            plan.push(Step::UnmountDelegated {
                jail: kernel_name.clone(),
                root: jail.root.clone(),
                datasets: facts.datasets.clone(),
                patience_secs,
            });
        }
        for dataset in &facts.datasets {
            let step = Step::DetachDataset { jail: kernel_name.clone(), dataset: dataset.clone() };
            plan.push_or(step, OnFailure::GoOn);
        }
        for name in &memory.given {
            let interface = JailInterface {
                jail: kernel_name.clone(),
                host_name: name.clone(),
                name: name.clone(),
                addresses: Vec::new(),
                accept_rtadv: false,
            };
            plan.push_or(Step::TakeInterface(interface), OnFailure::GoOn);
        }
        plan.push(Step::RemoveJail { jail: kernel_name.clone(), patience_secs });
    }
    let mut clean = |step| plan.push_or(step, OnFailure::GoOn);
    for name in &memory.pairs {
        clean(Step::DestroyInterface { name: name.clone() });
    }
    for name in &memory.bridges {
        clean(Step::RemoveBridge { name: name.clone() });
    }
    for number in &memory.rules {
        clean(Step::RemoveFirewall { number: *number });
    }
    for (interface, address) in &memory.addresses {
        clean(Step::RemoveAddress { interface: interface.clone(), address: *address });
    }
    for target in facts.mounted.iter().rev() {
        clean(Step::Unmount { target: target.clone() });
    }
    if let Some(number) = memory.ruleset {
        clean(Step::RemoveRuleset { number });
    }
    if memory.limits {
        clean(Step::ClearLimits { jail: kernel_name.clone() });
    }
    if *memory != Remembered::default() {
        clean(Step::Forget { jail: jail.kernel_name.clone() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(running: bool) -> Vec<String> {
        let jail = JailFacts::of_test(r#"{"id": "web", "exec_stop": "true", "stop_timeout": "9"}"#);
        let datasets: Vec<DatasetName> = ["tank/a", "tank/b"].map(|name| name.parse().unwrap()).into();
        let facts = Facts {
            jail: &jail,
            running: running.then(|| jail.kernel_name.clone()),
            mounted: vec!["/j/web/root/dev".into()],
            datasets: datasets.clone(),
            memory: Remembered { datasets, ..Remembered::default() },
            missing_scripts: BTreeSet::new(),
            environment: &[],
        };
        plan(&facts, false).unwrap().steps.iter().map(|planned| planned.step.to_string()).collect()
    }

    #[test]
    fn datasets_are_taken_back_before_the_jail_goes() {
        let unmount = "unmount tank/a, tank/b and all below in jail ioc-web, ending its processes";
        assert_eq!(
            words(true),
            [
                "run exec_stop in the jail: true",
                unmount,
                "take dataset tank/a back from jail ioc-web",
                "take dataset tank/b back from jail ioc-web",
                "remove jail ioc-web",
                "unmount /j/web/root/dev",
                "forget what jail ioc-web was given",
            ]
        );
    }

    #[test]
    fn of_a_jail_that_is_gone_nothing_is_taken_back() {
        assert_eq!(words(false), ["unmount /j/web/root/dev", "forget what jail ioc-web was given"]);
    }
}
