//! Rulesets of devfs.

use ioc_platform::devfs::{FreeBsdRulesets, OWN, Rule, RulesetError, Rulesets, free_number};
use ioc_platform::mounts::MountKind;

use crate::root::{Root, host};

#[test]
fn the_systems_ruleset_for_jails_hides() {
    FreeBsdRulesets.check(4).unwrap();
    assert!(matches!(FreeBsdRulesets.check(65_000), Err(RulesetError::Missing { .. })));
    let rules: Vec<String> = FreeBsdRulesets.rules(1).unwrap().iter().map(Rule::to_string).collect();
    assert_eq!(rules, ["hide"]);
    assert!(FreeBsdRulesets.numbers().unwrap().contains(&4));
}

#[test]
fn a_ruleset_of_ours() {
    let number = (0..50)
        .find_map(|_| {
            let number = free_number(&FreeBsdRulesets.numbers().unwrap(), OWN).unwrap();
            let mut rules = FreeBsdRulesets.flattened(4).unwrap();
            rules.push(Rule::unhide("console"));
            match FreeBsdRulesets.define(number, &rules) {
                Ok(()) => Some(number),
                Err(RulesetError::Exists { .. }) => None,
                Err(error) => panic!("{error}"),
            }
        })
        .unwrap();
    assert!(matches!(FreeBsdRulesets.define(number, &[Rule::hide_all()]), Err(RulesetError::Exists { .. })));
    FreeBsdRulesets.check(number).unwrap();
    let shown = host("/sbin/devfs", &["rule", "-s", &number.to_string(), "show"]);
    assert!(shown.starts_with("100 hide\n200 path null unhide\n"), "{shown}");
    assert!(shown.ends_with(" path console unhide\n") && !shown.contains("include"), "{shown}");
    let root = Root::empty();
    std::fs::create_dir(root.path.join("dev")).unwrap();
    root.mount(MountKind::Devfs { ruleset: number }, "/dev", false, &[]).unwrap();
    assert!(root.path.join("dev/console").exists() && !root.path.join("dev/klog").exists());
    assert!(root.path.join("dev/null").exists());
    drop(root);
    FreeBsdRulesets.remove(number).unwrap();
    FreeBsdRulesets.remove(number).unwrap();
    assert!(!FreeBsdRulesets.numbers().unwrap().contains(&number));
}

#[test]
fn what_is_included_too_deep_is_not_hidden() {
    let number = free_number(&FreeBsdRulesets.numbers().unwrap(), 30_000..=30_100).unwrap();
    FreeBsdRulesets.define(number, &[Rule::including(4)]).unwrap();
    let result = FreeBsdRulesets.check(number);
    let root = Root::empty();
    std::fs::create_dir(root.path.join("dev")).unwrap();
    root.mount(MountKind::Devfs { ruleset: number }, "/dev", false, &[]).unwrap();
    // Our judgement is the kernel's.
    assert_eq!(root.path.join("dev/klog").exists(), result.is_err());
    drop(root);
    FreeBsdRulesets.remove(number).unwrap();
}
