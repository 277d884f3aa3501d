//! Limits; the guest must have been booted with kern.racct.enable=1.

use ioc_platform::jails::{FreeBsdJails, Jails};
use ioc_platform::limits::{FreeBsdLimits, LimitRule, Limits, LimitsError};

use crate::root::{Jail, host};

fn rule(resource: &str, action: &str, amount: u64) -> LimitRule {
    LimitRule { resource: resource.to_owned(), action: action.to_owned(), amount, per: "jail".to_owned() }
}

/// The rules of a jail as rctl(8) shows them, sorted.
fn rctl(jail: &Jail) -> Vec<String> {
    let prefix = format!("jail:{}:", jail.name);
    let text = host("/usr/bin/rctl", &[&prefix]);
    let mut rules: Vec<String> =
        text.lines().map(|line| line.trim_start_matches(&prefix).to_owned()).collect();
    rules.sort();
    rules
}

#[test]
fn limits_bite_change_and_go() {
    match FreeBsdLimits.check(&[rule("maxproc", "deny", 1)]) {
        Err(LimitsError::Unavailable { reason }) => {
            assert!(reason.contains("kern.racct.enable=1"));
            eprintln!("skipped: {reason}");
            return;
        }
        other => other.unwrap(),
    }
    let jail = Jail::start(false, vec![]);
    let other = Jail::start(false, vec![]);
    /// Rules outlive a jail, so they go even if an assertion fails.
    struct Cleared<'a>(&'a Jail);
    impl Drop for Cleared<'_> {
        fn drop(&mut self) {
            let _ = FreeBsdLimits.clear(&self.0.name);
        }
    }
    let _cleared = Cleared(&jail);
    let running = FreeBsdJails.find(&jail.name).unwrap().unwrap();
    FreeBsdLimits.apply(&running, &[rule("maxproc", "deny", 5), rule("openfiles", "log", 100)]).unwrap();
    assert_eq!(rctl(&jail), ["maxproc:deny=5", "openfiles:log=100"]);
    let forks = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait"];
    let refused = jail.exec(&Jail::process(&forks)).unwrap();
    assert!(!refused.status.success(), "{refused:?} {:?}", FreeBsdLimits.usage(&running));
    assert!(other.exec(&Jail::process(&forks)).unwrap().status.success());
    // Live: another amount of the same rule, a rule less, a rule more.
    FreeBsdLimits.apply(&running, &[rule("maxproc", "deny", 50), rule("cputime", "sigxcpu", 9)]).unwrap();
    assert_eq!(rctl(&jail), ["cputime:sigxcpu=9", "maxproc:deny=50"]);
    assert!(jail.exec(&Jail::process(&forks)).unwrap().status.success());
    FreeBsdLimits.apply(&running, &[rule("maxproc", "deny", 50), rule("cputime", "sigxcpu", 9)]).unwrap();
    assert_eq!(rctl(&jail), ["cputime:sigxcpu=9", "maxproc:deny=50"]);
    let usage = FreeBsdLimits.usage(&running).unwrap();
    assert!(usage.iter().any(|(resource, _)| resource == "memoryuse") && usage.len() >= 20, "{usage:?}");
    FreeBsdLimits.clear(&jail.name).unwrap();
    FreeBsdLimits.clear(&jail.name).unwrap();
    assert!(rctl(&jail).is_empty());
}

#[test]
fn what_the_kernel_does_not_limit() {
    for bad in [rule("cputime", "deny", 1), rule("nosuch", "deny", 1), rule("pcpu", "throttle", 1)] {
        assert!(matches!(FreeBsdLimits.check(&[bad]), Err(LimitsError::Unsupported { .. })));
    }
    FreeBsdLimits.check(&[]).unwrap();
}
