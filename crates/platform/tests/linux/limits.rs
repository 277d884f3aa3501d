//! Limits: that they bite, for whoever is in the jail, and leave nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ioc_platform::command::Status;
use ioc_platform::jails::{Jails, RunningJail};
use ioc_platform::limits::{LimitRule, Limits, LimitsError, LinuxLimits};

use crate::support::{TestJail, eventually, privileged};

fn rule(resource: &str, amount: u64) -> LimitRule {
    LimitRule { resource: resource.into(), action: "deny".into(), amount, per: "jail".into() }
}

fn found(jail: &TestJail) -> RunningJail {
    jail.jails.find(&jail.name).unwrap().unwrap()
}

/// The control groups of the jail.
fn groups(jail: &TestJail) -> Vec<PathBuf> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounts = table.lines().filter(|line| line.contains(" - cgroup"));
    let groups = mounts
        .map(|line| PathBuf::from(line.split(' ').nth(4).unwrap()).join("ioc").join(jail.name.as_str()));
    groups.filter(|group| group.exists()).collect()
}

/// Applies rules, or says that this machine has no such controllers.
fn applied(jail: &TestJail, rules: &[LimitRule]) -> bool {
    match LinuxLimits.check(rules).and_then(|()| LinuxLimits.apply(&found(jail), rules)) {
        Ok(()) => true,
        Err(LimitsError::Unavailable { reason }) => {
            println!("skipped: {reason}");
            false
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_fork_bomb_is_bounded() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("maxproc");
    jail.sh("sleep 57 & sleep 57 &");
    if !applied(&jail, &[rule("maxproc", 20)]) {
        return;
    }
    let (status, output) = jail.sh("for i in $(seq 40); do sleep 56 & done; true");
    assert!(output.contains("fork"), "{status} {output}");
    let used = LinuxLimits.usage(&found(&jail)).unwrap();
    let processes = used.iter().find(|(resource, _)| resource == "maxproc").unwrap().1;
    assert!((10..=20).contains(&processes), "{used:?}");
    for group in groups(&jail) {
        let inside = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
        assert_eq!(inside.lines().count() as u64, processes + 1, "{}", group.display());
    }

    // Without limits they can be more; at the end of the jail nothing is left.
    LinuxLimits.clear(&jail.name).unwrap();
    assert_eq!(jail.sh("for i in $(seq 40); do sleep 56 & done; true").1, "");
    jail.jails.remove(&jail.name, Duration::from_secs(10)).unwrap();
    assert!(groups(&jail).is_empty());
    LinuxLimits.clear(&jail.name).unwrap();
}

#[test]
fn memory_is_bounded() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("memory");
    if !applied(&jail, &[rule("memoryuse", 32 << 20)]) {
        return;
    }
    let take = |megabytes: u32| {
        jail.sh(&format!("exec perl -e '$x = \"x\" x ({megabytes} << 20); print length $x'"))
    };
    assert_eq!(take(8), (Status::Exited(0), (8 << 20).to_string()));
    assert_eq!(take(200).0, Status::Signaled(9));
    // The jail itself goes on.
    assert_eq!(jail.sh("echo on").1, "on\n");
    assert!(applied(&jail, &[rule("memoryuse", 512 << 20)]));
    assert_eq!(take(200).0, Status::Exited(0));
    jail.jails.remove(&jail.name, Duration::from_secs(10)).unwrap();
    assert!(groups(&jail).is_empty());
}

#[test]
fn cpu_time_is_bounded() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("pcpu");
    if !applied(&jail, &[rule("pcpu", 10)]) {
        return;
    }
    let before = Instant::now();
    // Burns 0.1 s of CPU, which at a tenth takes a second.
    let (status, used) = jail.sh("exec perl -e 'do { ($u, $s) = times } until $u + $s > 0.1; print $u + $s'");
    let wall = before.elapsed();
    assert!(status.success());
    assert!(wall > Duration::from_millis(500), "{used} s of CPU in {wall:?}");
}

#[test]
fn no_rules_no_groups() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("norules");
    LinuxLimits.check(&[]).unwrap();
    LinuxLimits.apply(&found(&jail), &[]).unwrap();
    assert!(groups(&jail).is_empty());
    let refused = [rule("openfiles", 10)];
    assert!(matches!(LinuxLimits.check(&refused), Err(LimitsError::Unsupported { .. })));
    assert!(matches!(LinuxLimits.apply(&found(&jail), &refused), Err(LimitsError::Unsupported { .. })));
    assert!(groups(&jail).is_empty());

    jail.sh("sleep 55 & perl -e 'sleep 55' &");
    eventually("both are counted", || {
        let used = LinuxLimits.usage(&found(&jail)).unwrap();
        let amount = |name: &str| used.iter().find(|(resource, _)| resource == name).unwrap().1;
        amount("maxproc") == 2 && amount("nthr") == 2 && amount("memoryuse") > 1 << 20
    });
}
