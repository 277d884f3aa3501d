//! What a rule of rctl(8) is in a control group.

use crate::limits::{LimitRule, LimitsError};

/// A value for a file of a control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) controller: &'static str,
    pub(super) file: &'static str,
    pub(super) value: String,
}

/// Over this time a share of CPU time is counted, in microseconds: the kernel's default.
const PERIOD: u64 = 100_000;

/// The quotas that are passed to the kernel, in microseconds: it takes none below, and above, ten thousand CPUs, it
/// would limit nothing.
const QUOTAS: std::ops::RangeInclusive<u64> = 1000..=PERIOD * 10_000;

/// The most processes that a Linux kernel can have (`PID_MAX_LIMIT`); it takes no higher limit than that.
const MOST_PROCESSES: u64 = 4 << 20;

/// The settings for the rules, in the order in which they must be made; `unified` tells which version of control
/// groups has a controller. The strictest of several rules for one thing counts.
pub(super) fn settings(
    rules: &[LimitRule],
    unified: impl Fn(&str) -> Result<bool, LimitsError>,
) -> Result<Vec<Setting>, LimitsError> {
    for rule in rules {
        let known = ["memoryuse", "swapuse", "maxproc", "nthr", "pcpu"].contains(&rule.resource.as_str());
        if !known || rule.action != "deny" || rule.per != "jail" {
            return Err(unsupported(rule));
        }
    }
    let least = |resources: &[&str]| {
        rules.iter().filter(|rule| resources.contains(&rule.resource.as_str())).min_by_key(|rule| rule.amount)
    };
    let mut settings = Vec::new();
    let mut set = |controller, file, value| settings.push(Setting { controller, file, value });
    let (memory, swap) = (least(&["memoryuse"]), least(&["swapuse"]));
    if let Some(rule) = memory {
        let file = if unified("memory")? { "memory.max" } else { "memory.limit_in_bytes" };
        set("memory", file, rule.amount.to_string());
    }
    if let Some(rule) = swap {
        match (unified("memory")?, memory) {
            (true, _) => set("memory", "memory.swap.max", rule.amount.to_string()),
            // The sum may not be less than memory alone, so it comes second.
            (false, Some(memory)) => {
                let sum = memory.amount.saturating_add(rule.amount);
                set("memory", "memory.memsw.limit_in_bytes", sum.to_string());
            }
            (false, None) => return Err(unsupported(rule)),
        }
    }
    if let Some(rule) = least(&["maxproc", "nthr"]) {
        unified("pids")?;
        // Pid 1 of the jail is ours.
        set("pids", "pids.max", rule.amount.saturating_add(1).min(MOST_PROCESSES).to_string());
    }
    if let Some(rule) = least(&["pcpu"]) {
        let quota = rule.amount.saturating_mul(PERIOD / 100).clamp(*QUOTAS.start(), *QUOTAS.end());
        if unified("cpu")? {
            set("cpu", "cpu.max", format!("{quota} {PERIOD}"));
        } else {
            set("cpu", "cpu.cfs_period_us", PERIOD.to_string());
            set("cpu", "cpu.cfs_quota_us", quota.to_string());
        }
    }
    Ok(settings)
}

fn unsupported(rule: &LimitRule) -> LimitsError {
    LimitsError::Unsupported {
        resource: rule.resource.clone(),
        action: rule.action.clone(),
        per: rule.per.clone(),
    }
}

/// Files of a controller and the values that mean "no limit", in the order in which they can be written.
pub(super) fn unlimited(controller: &str, unified: bool) -> &'static [(&'static str, &'static str)] {
    match (controller, unified) {
        ("memory", true) => &[("memory.max", "max"), ("memory.swap.max", "max")],
        ("memory", false) => &[("memory.memsw.limit_in_bytes", "-1"), ("memory.limit_in_bytes", "-1")],
        ("pids", _) => &[("pids.max", "max")],
        ("cpu", true) => &[("cpu.max", "max")],
        ("cpu", false) => &[("cpu.cfs_quota_us", "-1")],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(resource: &str, amount: u64) -> LimitRule {
        LimitRule { resource: resource.into(), action: "deny".into(), amount, per: "jail".into() }
    }

    fn on(version2: bool, rules: &[LimitRule]) -> Result<Vec<(&'static str, String)>, LimitsError> {
        let settings = settings(rules, |_| Ok(version2))?;
        Ok(settings.into_iter().map(|setting| (setting.file, setting.value)).collect())
    }

    #[test]
    fn both_versions() {
        let rules = [rule("pcpu", 50), rule("swapuse", 10), rule("memoryuse", 100), rule("maxproc", 20)];
        let set = |list: &[(&'static str, &str)]| {
            list.iter().map(|&(file, value)| (file, value.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(
            on(true, &rules).unwrap(),
            set(&[
                ("memory.max", "100"),
                ("memory.swap.max", "10"),
                ("pids.max", "21"),
                ("cpu.max", "50000 100000")
            ])
        );
        assert_eq!(
            on(false, &rules).unwrap(),
            set(&[
                ("memory.limit_in_bytes", "100"),
                ("memory.memsw.limit_in_bytes", "110"),
                ("pids.max", "21"),
                ("cpu.cfs_period_us", "100000"),
                ("cpu.cfs_quota_us", "50000"),
            ])
        );
        assert!(on(false, &[rule("swapuse", 1)]).is_err());
    }

    #[test]
    fn the_strictest_counts_and_amounts_do_not_overflow() {
        assert_eq!(on(true, &[rule("nthr", 9), rule("maxproc", 7)]).unwrap()[0].1, "8");
        assert_eq!(on(true, &[rule("maxproc", u64::MAX)]).unwrap()[0].1, "4194304");
        assert_eq!(on(true, &[rule("pcpu", 0)]).unwrap()[0].1, "1000 100000");
        assert_eq!(on(true, &[rule("pcpu", u64::MAX)]).unwrap()[0].1, "1000000000 100000");
    }

    #[test]
    fn what_there_is_not() {
        for (resource, action, per) in [
            ("openfiles", "deny", "jail"),
            ("memoryuse", "log", "jail"),
            ("memoryuse", "sigterm", "jail"),
            ("maxproc", "deny", "user"),
            ("", "deny", "jail"),
        ] {
            let rule =
                LimitRule { resource: resource.into(), action: action.into(), amount: 1, per: per.into() };
            assert!(
                matches!(on(true, &[rule]), Err(LimitsError::Unsupported { .. })),
                "{resource} {action} {per}"
            );
        }
    }
}
