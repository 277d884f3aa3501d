//! Rules and usage of rctl(4) as text, and what a kernel takes.
//!
//! A rule is `jail:NAME:resource:action=amount/per`; sys/kern/kern_rctl.c and sys/kern/kern_racct.c.

use ioc_model::name::KernelName;

use super::{LimitRule, LimitsError};

/// What a resource allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Resource {
    name: &'static str,
    /// `deny` works.
    deny: bool,
    /// `throttle` works.
    throttle: bool,
    /// It can be counted for a single process.
    per_process: bool,
}

const fn resource(name: &'static str, deny: bool, throttle: bool, per_process: bool) -> Resource {
    Resource { name, deny, throttle, per_process }
}

/// The flags of racct_types in sys/kern/kern_racct.c of 13.2, and rctl_rule_add() in sys/kern/kern_rctl.c.
const RESOURCES: [Resource; 25] = [
    resource("cputime", false, false, true),
    resource("datasize", true, false, true),
    resource("stacksize", true, false, true),
    resource("coredumpsize", true, false, true),
    resource("memoryuse", true, false, true),
    resource("memorylocked", true, false, true),
    resource("maxproc", true, false, true),
    resource("openfiles", true, false, true),
    resource("vmemoryuse", true, false, true),
    resource("pseudoterminals", true, false, false),
    resource("swapuse", true, false, false),
    resource("nthr", true, false, true),
    resource("msgqqueued", true, false, false),
    resource("msgqsize", true, false, false),
    resource("nmsgq", true, false, false),
    resource("nsem", true, false, false),
    resource("nsemop", true, false, true),
    resource("nshm", true, false, false),
    resource("shmsize", true, false, false),
    resource("wallclock", false, false, true),
    resource("pcpu", true, false, true),
    resource("readbps", false, true, true),
    resource("writebps", false, true, true),
    resource("readiops", false, true, true),
    resource("writeiops", false, true, true),
];

/// `actionnames` of sys/kern/kern_rctl.c without deny and throttle, which depend on the resource.
const ACTIONS: [&str; 33] = [
    "log",
    "devctl",
    "sighup",
    "sigint",
    "sigquit",
    "sigill",
    "sigtrap",
    "sigabrt",
    "sigemt",
    "sigfpe",
    "sigkill",
    "sigbus",
    "sigsegv",
    "sigsys",
    "sigpipe",
    "sigalrm",
    "sigterm",
    "sigurg",
    "sigstop",
    "sigtstp",
    "sigchld",
    "sigttin",
    "sigttou",
    "sigio",
    "sigxcpu",
    "sigxfsz",
    "sigvtalrm",
    "sigprof",
    "sigwinch",
    "siginfo",
    "sigusr1",
    "sigusr2",
    "sigthr",
];

/// Says whether FreeBSD takes this rule for a jail.
pub fn check(rule: &LimitRule) -> Result<(), LimitsError> {
    let LimitRule { resource, action, amount, per } = rule;
    let takes = RESOURCES.iter().find(|known| known.name == resource).is_some_and(|known| {
        let action = match action.as_str() {
            "deny" => known.deny,
            "throttle" => known.throttle,
            other => ACTIONS.contains(&other),
        };
        let per = match per.as_str() {
            "process" => known.per_process,
            "jail" | "user" | "loginclass" => true,
            _ => false,
        };
        // The kernel keeps amounts in 63 bits, those of some resources times a million.
        action && per && *amount <= i64::MAX as u64 / 1_000_000
    });
    if takes {
        return Ok(());
    }
    Err(LimitsError::Unsupported { resource: resource.clone(), action: action.clone(), per: per.clone() })
}

/// The filter that matches all rules of a jail; none if its name cannot stand in one.
pub fn filter(name: &KernelName) -> Option<String> {
    // A colon would end the name, and rules of another jail might match.
    (!name.as_str().contains(':')).then(|| format!("jail:{name}:"))
}

/// A rule as text.
pub fn render(filter: &str, rule: &LimitRule) -> String {
    let LimitRule { resource, action, amount, per } = rule;
    format!("{filter}{resource}:{action}={amount}/{per}")
}

/// Reads rules of the jail with this filter from what rctl_get_rules(2) wrote; others are left out.
pub fn parse(filter: &str, text: &str) -> Vec<LimitRule> {
    text.split(',').filter_map(|rule| one(filter, rule)).collect()
}

fn one(filter: &str, rule: &str) -> Option<LimitRule> {
    let (resource, rest) = rule.strip_prefix(filter)?.split_once(':')?;
    let (action, rest) = rest.split_once('=')?;
    // `per` is left out where it is the subject itself.
    let (amount, per) = rest.split_once('/').unwrap_or((rest, "jail"));
    Some(LimitRule {
        resource: resource.to_owned(),
        action: action.to_owned(),
        amount: amount.parse().ok()?,
        per: per.to_owned(),
    })
}

/// Reads usage as rctl_get_racct(2) writes it: `cputime=0,datasize=4096`.
pub fn usage(text: &str) -> Vec<(String, u64)> {
    let pair = |part: &str| {
        let (resource, amount) = part.split_once('=')?;
        // What is counted in a sloppy way may fall below zero.
        Some((resource.to_owned(), amount.parse::<i64>().ok()?.max(0) as u64))
    };
    text.split(',').filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(resource: &str, action: &str, per: &str) -> LimitRule {
        LimitRule { resource: resource.to_owned(), action: action.to_owned(), amount: 1, per: per.to_owned() }
    }

    #[test]
    fn what_the_kernel_takes() {
        for (resource, action, per) in [
            ("memoryuse", "deny", "jail"),
            ("pcpu", "deny", "jail"),
            ("cputime", "sigkill", "process"),
            ("readbps", "throttle", "jail"),
            ("maxproc", "log", "user"),
        ] {
            assert!(check(&rule(resource, action, per)).is_ok(), "{resource}:{action}/{per}");
        }
        for (resource, action, per) in [
            ("cputime", "deny", "jail"),
            ("memoryuse", "throttle", "jail"),
            ("pcpu", "throttle", "jail"),
            ("swapuse", "deny", "process"),
            ("memoryuse", "sigfoo", "jail"),
            ("memory", "deny", "jail"),
            ("memoryuse", "deny", "host"),
        ] {
            assert!(check(&rule(resource, action, per)).is_err(), "{resource}:{action}/{per}");
        }
        assert!(check(&LimitRule { amount: u64::MAX, ..rule("memoryuse", "deny", "jail") }).is_err());
    }

    #[test]
    fn a_jail_with_a_colon_matches_nobody_elses_rules() {
        assert_eq!(filter(&"ioc-web".parse().unwrap()).as_deref(), Some("jail:ioc-web:"));
        assert_eq!(filter(&"a:b".parse().unwrap()), None);
    }

    #[test]
    fn rules_of_one_jail() {
        let text = "jail:ioc-web:memoryuse:deny=1073741824,jail:ioc-web2:maxproc:deny=5,jail:ioc-web:cputime:sigterm=60/process";
        let rules = parse("jail:ioc-web:", text);
        assert_eq!(
            rules,
            [
                LimitRule { amount: 1 << 30, ..rule("memoryuse", "deny", "jail") },
                LimitRule { amount: 60, ..rule("cputime", "sigterm", "process") }
            ]
        );
    }

    #[test]
    fn usage_of_a_jail() {
        let all = usage("cputime=12,memoryuse=-4096,maxproc=3,junk,x=y");
        assert_eq!(all, [("cputime".to_owned(), 12), ("memoryuse".to_owned(), 0), ("maxproc".to_owned(), 3)]);
    }

    proptest! {
        #[test]
        fn rendered_rules_read_back(amount in 0u64..=i64::MAX as u64, per in "jail|process|user") {
            let rule = LimitRule { amount, per, ..rule("memoryuse", "deny", "") };
            let text = render("jail:a:", &rule);
            prop_assert_eq!(parse("jail:a:", &text), vec![rule]);
        }

        #[test]
        fn any_text_is_read(text: String) {
            parse("jail:a:", &text);
            usage(&text);
        }
    }
}
