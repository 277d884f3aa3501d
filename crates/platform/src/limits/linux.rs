//! Limits by control groups: the few resources of rctl(8) that cgroups(7) can deny to a jail as a whole.

use std::io;
use std::path::Path;

use ioc_model::name::KernelName;

use super::{LimitRule, Limits, LimitsError};
use crate::jails::RunningJail;
use crate::linux::cgroups::{self, Hierarchy};
use crate::linux::procfs::read_bounded;

/// Limits by control groups of either version.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinuxLimits;

/// How a resource is limited: the controller, and its files in version 1 and 2.
struct Resource {
    name: &'static str,
    controller: &'static str,
    version1: &'static str,
    version2: &'static str,
    usage1: &'static str,
    usage2: &'static str,
}

const RESOURCES: [Resource; 3] = [
    Resource {
        name: "memoryuse",
        controller: "memory",
        version1: "memory.limit_in_bytes",
        version2: "memory.max",
        usage1: "memory.usage_in_bytes",
        usage2: "memory.current",
    },
    Resource {
        name: "maxproc",
        controller: "pids",
        version1: "pids.max",
        version2: "pids.max",
        usage1: "pids.current",
        usage2: "pids.current",
    },
    Resource {
        name: "pcpu",
        controller: "cpu",
        version1: "cpu.cfs_quota_us",
        version2: "cpu.max",
        usage1: "",
        usage2: "",
    },
];

/// The period over which a share of the processor is counted, in microseconds; the kernel's default.
const PERIOD: u64 = 100_000;

impl Limits for LinuxLimits {
    fn check(&self, rules: &[LimitRule]) -> Result<(), LimitsError> {
        let hierarchies = if rules.is_empty() { Vec::new() } else { hierarchies()? };
        for rule in rules {
            hierarchy(&hierarchies, resource(rule)?)?;
        }
        Ok(())
    }

    fn apply(&self, jail: &RunningJail, rules: &[LimitRule]) -> Result<(), LimitsError> {
        let hierarchies = hierarchies()?;
        let wanted = rules.iter().map(|rule| {
            let resource = resource(rule)?;
            Ok((rule, resource, hierarchy(&hierarchies, resource)?))
        });
        let wanted = wanted.collect::<Result<Vec<_>, LimitsError>>()?;
        let applied = wanted.into_iter().try_for_each(|(rule, resource, hierarchy)| {
            let group = hierarchy.create(&jail.name, resource.controller)?;
            set(hierarchy, &group, resource, rule.amount)?;
            cgroups::write(&group.join("cgroup.procs"), &jail.jid.to_string())
        });
        applied.map_err(|source| {
            self.undo(jail);
            LimitsError::System { action: format!("limit jail {}", jail.name), source }
        })
    }

    fn clear(&self, name: &KernelName) -> Result<(), LimitsError> {
        let action = || format!("clear the limits of jail {name}");
        match cgroups::remove_all(name) {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(LimitsError::System { action: action(), source: io::ErrorKind::ResourceBusy.into() })
            }
            Err(source) => Err(LimitsError::System { action: action(), source }),
        }
    }

    fn usage(&self, jail: &RunningJail) -> Result<Vec<(String, u64)>, LimitsError> {
        let hierarchies = hierarchies()?;
        let mut usage = Vec::new();
        for resource in RESOURCES.iter().filter(|r| !r.usage1.is_empty()) {
            let Ok(hierarchy) = hierarchy(&hierarchies, resource) else { continue };
            let file = if hierarchy.unified { resource.usage2 } else { resource.usage1 };
            let Ok(text) = read_bounded(hierarchy.group(&jail.name).join(file), 64) else { continue };
            let amount = String::from_utf8_lossy(&text).trim().parse();
            usage.extend(amount.ok().map(|amount| (resource.name.to_owned(), amount)));
        }
        Ok(usage)
    }
}

impl LinuxLimits {
    /// Takes back a half-made limit: the jail goes back to our own groups, and its own are removed.
    fn undo(&self, jail: &RunningJail) {
        let Ok(hierarchies) = hierarchies() else { return };
        for hierarchy in &hierarchies {
            let group = hierarchy.group(&jail.name);
            for process in cgroups::processes(&group).unwrap_or_default() {
                let back = cgroups::write(&hierarchy.mount.join("cgroup.procs"), &process.to_string());
                if let Err(error) = back {
                    tracing::debug!(process, %error, "stays in its control group");
                }
            }
        }
        if let Err(error) = self.clear(&jail.name) {
            tracing::warn!(%error, "a control group stays");
        }
    }
}

fn hierarchies() -> Result<Vec<Hierarchy>, LimitsError> {
    cgroups::hierarchies()
        .map_err(|source| LimitsError::System { action: "find the control groups".into(), source })
}

/// How a rule is done here; only what denies the jail as a whole can be.
fn resource(rule: &LimitRule) -> Result<&'static Resource, LimitsError> {
    let known = RESOURCES.iter().find(|resource| resource.name == rule.resource);
    known.filter(|_| rule.action == "deny" && rule.per == "jail").ok_or_else(|| LimitsError::Unsupported {
        resource: rule.resource.clone(),
        action: rule.action.clone(),
        per: rule.per.clone(),
    })
}

/// The hierarchy that has a resource's controller.
fn hierarchy<'a>(hierarchies: &'a [Hierarchy], resource: &Resource) -> Result<&'a Hierarchy, LimitsError> {
    let has = |h: &&Hierarchy| h.controllers.iter().any(|c| c == resource.controller);
    hierarchies.iter().find(has).ok_or_else(|| LimitsError::Unavailable {
        reason: format!("no control group hierarchy with the controller {} is mounted", resource.controller),
    })
}

fn set(hierarchy: &Hierarchy, group: &Path, resource: &Resource, amount: u64) -> io::Result<()> {
    let file = group.join(if hierarchy.unified { resource.version2 } else { resource.version1 });
    let value = match (resource.name, hierarchy.unified) {
        ("pcpu", true) => format!("{} {PERIOD}", quota(amount)),
        ("pcpu", false) => quota(amount).to_string(),
        _ => amount.to_string(),
    };
    cgroups::write(&file, &value)
}

/// Microseconds of one period for a percentage of one processor.
fn quota(percent: u64) -> u64 {
    // The kernel refuses less than a millisecond.
    percent.saturating_mul(PERIOD / 100).max(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(resource: &str, action: &str, per: &str) -> LimitRule {
        LimitRule { resource: resource.into(), action: action.into(), amount: 1, per: per.into() }
    }

    #[test]
    fn only_what_cgroups_can_deny_to_a_jail() {
        assert!(resource(&rule("memoryuse", "deny", "jail")).is_ok());
        for (name, action, per) in
            [("openfiles", "deny", "jail"), ("memoryuse", "log", "jail"), ("maxproc", "deny", "user")]
        {
            assert!(resource(&rule(name, action, per)).is_err(), "{name}");
        }
        assert_eq!((quota(50), quota(200), quota(0)), (50_000, 200_000, 1000));
    }
}
