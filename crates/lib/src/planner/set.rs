//! Changing properties, of a jail that may be running.

use ioc_model::name::KernelName;
use ioc_model::property::{self, AnyProperty};
use ioc_platform::host::System;
use ioc_platform::jails::{Parameter, ParameterValue};
use ioc_platform::limits::LimitRule;

use crate::facts::config::Changes;
use crate::plan::{Plan, Remembered, Step};

/// A running jail, as far as its properties decide what it is.
#[derive(Clone, Debug)]
pub struct Live {
    /// The name it runs under.
    pub name: KernelName,
    /// What follows from its properties now.
    pub before: Effects,
    /// What follows from them then.
    pub after: Effects,
    /// What its start gave it.
    pub memory: Remembered,
    /// The operating system of the host.
    pub system: System,
}

/// What properties do to a running jail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Parameters of the kernel.
    pub parameters: Vec<Parameter>,
    /// Host name.
    pub hostname: String,
    /// Resource limits.
    pub limits: Vec<LimitRule>,
}

/// Plans the change: one write of the file, one setting per property of the dataset, and what changes of a jail that
/// is running.
pub fn plan(subject: &str, changes: Changes, live: Option<&Live>) -> Plan {
    let mut plan = Plan::new("set", subject);
    plan.notes.extend(changes.report.iter().filter_map(|(key, _, _)| unlisted(key)));
    changes.steps.into_iter().for_each(|step| plan.push(step));
    if let Some(live) = live {
        running(&mut plan, live);
        let later = later(changes.report.iter().map(|(key, _, _)| key.as_str()), live);
        if !later.is_empty() {
            plan.notes.push(format!("takes effect when the jail is started next: {}", later.join(", ")));
        }
    }
    plan
}

/// What to say of a permission that only the kernel can judge; one that is misspelt is one, too.
fn unlisted(key: &str) -> Option<String> {
    let property = property::find(key)?;
    let parameter = property::kernel_parameter(key)?;
    let near = property::similar(key).map_or_else(String::new, |near| format!("; is {near} meant?"));
    (property.facts().name == property::ALLOW_OTHER.name()).then(|| {
        format!("{key} is no property that ioc knows: it is passed to the kernel as {parameter}{near}")
    })
}

/// The steps that change the running jail.
fn running(plan: &mut Plan, live: &Live) {
    let (parameters, previous) = modified(live);
    if !parameters.is_empty() {
        plan.push(Step::ModifyJail { jail: live.name.clone(), parameters, previous });
    }
    if live.before.limits != live.after.limits {
        if !live.memory.limits {
            plan.push(Step::Remember {
                jail: live.name.clone(),
                state: Remembered { limits: true, ..live.memory.clone() },
                previous: Some(live.memory.clone()).filter(|memory| *memory != Remembered::default()),
            });
        }
        plan.push(Step::ApplyLimits {
            jail: live.name.clone(),
            rules: live.after.limits.clone(),
            previous: live.before.limits.clone(),
        });
    }
}

/// The parameters that differ and can be changed in a running jail, then and now.
fn modified(live: &Live) -> (Vec<Parameter>, Vec<Parameter>) {
    let (mut then, mut now) = (Vec::new(), Vec::new());
    if live.before.hostname != live.after.hostname {
        let parameter = |text: &str| Parameter {
            name: HOSTNAME.to_owned(),
            value: ParameterValue::Text(text.to_owned()),
        };
        then.push(parameter(&live.after.hostname));
        now.push(parameter(&live.before.hostname));
    }
    if live.system == System::Linux {
        // All else is as it was created.
        return (then, now);
    }
    let is_live = |parameter: &Parameter| {
        parameter.name.starts_with("allow.")
            || property::all().any(|property| {
                let facts = property.facts();
                facts.live && facts.kernel.is_some_and(|kernel| kernel.parameter == parameter.name)
            })
    };
    for parameter in live.after.parameters.iter().filter(|parameter| is_live(parameter)) {
        let before = live.before.parameters.iter().find(|before| before.name == parameter.name);
        if before != Some(parameter) {
            then.push(parameter.clone());
            now.extend(before.cloned());
        }
    }
    (then, now)
}

const HOSTNAME: &str = "host.hostname";

/// Of the properties that change, those that a running jail does not heed before it is started again.
pub fn later<'a>(keys: impl Iterator<Item = &'a str>, live: &Live) -> Vec<&'a str> {
    let (modified, _) = modified(live);
    let is_modified = |name: &str| modified.iter().any(|parameter| parameter.name == name);
    let waits = |key: &&str| {
        let Some(facts) = property::find(key).map(AnyProperty::facts) else { return false };
        match property::kernel_parameter(key) {
            _ if !facts.live => true,
            Some(parameter) => !is_modified(&parameter),
            // The kernel has no parameter of that name; it is set while the jail is made.
            None => facts.name == property::CPUSET.name() && !is_modified(facts.name),
        }
    };
    keys.filter(waits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(name: &str, on: bool) -> Parameter {
        Parameter { name: name.to_owned(), value: ParameterValue::Flag(on) }
    }

    fn limit(amount: u64) -> LimitRule {
        LimitRule { resource: "maxproc".into(), action: "deny".into(), amount, per: "jail".into() }
    }

    fn live(system: System) -> Live {
        let before = Effects {
            parameters: vec![flag("allow.raw_sockets", false), flag("vnet", false)],
            hostname: "web".to_owned(),
            limits: Vec::new(),
        };
        let after = Effects {
            parameters: vec![flag("allow.raw_sockets", true), flag("vnet", true)],
            hostname: "www".to_owned(),
            limits: vec![limit(9)],
        };
        Live { name: "ioc-web".parse().unwrap(), before, after, memory: Remembered::default(), system }
    }

    fn changes(keys: &[&str]) -> Changes {
        let report = keys.iter().map(|key| ((*key).to_owned(), "a".to_owned(), "b".to_owned())).collect();
        Changes { report, ..Changes::default() }
    }

    #[test]
    fn what_can_change_changes_at_once_and_the_rest_is_named() {
        let keys = ["allow_raw_sockets", "vnet", "host_hostname", "maxproc", "boot", "cpuset", "odd"];
        let plan = plan("web", changes(&keys), Some(&live(System::FreeBsd)));
        let words: Vec<String> = plan.steps.iter().map(|planned| planned.step.to_string()).collect();
        assert_eq!(
            words,
            [
                "change host.hostname, allow.raw_sockets of running jail ioc-web",
                "remember what jail ioc-web was given",
                "limit maxproc:deny=9",
            ]
        );
        assert_eq!(plan.notes, ["takes effect when the jail is started next: vnet, cpuset"]);
        let undone: Vec<String> =
            plan.steps.iter().flat_map(|planned| planned.step.undo()).map(|step| step.to_string()).collect();
        assert_eq!(
            undone,
            [
                "change host.hostname, allow.raw_sockets of running jail ioc-web",
                "forget what jail ioc-web was given",
                "clear limits of ioc-web",
            ]
        );
    }

    #[test]
    fn linux_changes_the_host_name_and_limits() {
        let keys = ["allow_raw_sockets", "host_hostname"];
        let plan = plan("web", changes(&keys), Some(&live(System::Linux)));
        assert_eq!(plan.steps[0].step.to_string(), "change host.hostname of running jail ioc-web");
        assert_eq!(plan.notes, ["takes effect when the jail is started next: allow_raw_sockets"]);
    }

    #[test]
    fn a_misspelt_permission_is_told() {
        let plan = plan("web", changes(&["allow_sysvpic", "allow_raw_sockets"]), None);
        assert_eq!(plan.notes.len(), 1);
        assert!(plan.notes[0].contains("allow.sysvpic; is allow_sysvipc meant?"), "{:?}", plan.notes);
    }

    #[test]
    fn a_stopped_jail_is_only_written() {
        let plan = plan("web", changes(&["vnet"]), None);
        assert!(plan.steps.is_empty() && plan.notes.is_empty());
    }
}
