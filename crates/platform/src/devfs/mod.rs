//! Rulesets of devfs(5): which devices a jail sees.
//!
//! A devfs that is mounted with a number that the kernel does not know gets an empty ruleset and shows every device
//! of the host, disks included (`devfs_ruleset_set` in sys/fs/devfs/devfs_rule.c). So a ruleset is looked at before
//! it is used: [`Rulesets::check`].

pub mod files;
#[cfg(target_os = "freebsd")]
mod freebsd;
pub mod rule;

use std::fmt;

#[cfg(target_os = "freebsd")]
pub use freebsd::FreeBsdRulesets;
pub use rule::Rule;

/// Numbers of the rulesets that ioc makes: far from those that people choose.
pub const OWN: std::ops::RangeInclusive<u16> = 20_000..=29_999;

/// Says what is wrong with a ruleset.
#[derive(Debug, thiserror::Error)]
pub enum RulesetError {
    /// The kernel does not have it.
    #[error("the kernel has no devfs ruleset {number}")]
    Missing {
        /// Its number.
        number: u16,
    },
    /// It hides nothing, so a jail would see every device of the host.
    #[error("devfs ruleset {number} hides no devices")]
    HidesNothing {
        /// Its number.
        number: u16,
    },
    /// A ruleset of that number exists.
    #[error("a devfs ruleset {number} exists already")]
    Exists {
        /// Its number.
        number: u16,
    },
    /// A system call failed.
    #[error("cannot {action} devfs ruleset {number}")]
    System {
        /// What was attempted.
        action: &'static str,
        /// Its number.
        number: u16,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The rulesets of the kernel.
pub trait Rulesets: Send + Sync + fmt::Debug {
    /// The numbers of all rulesets, ascending.
    fn numbers(&self) -> Result<Vec<u16>, RulesetError>;

    /// The rules of a ruleset, in order; none if it does not exist.
    fn rules(&self, number: u16) -> Result<Vec<Rule>, RulesetError>;

    /// Makes a ruleset. There must be none of that number.
    fn define(&self, number: u16, rules: &[Rule]) -> Result<(), RulesetError>;

    /// Removes a ruleset. Absent: nothing happens.
    fn remove(&self, number: u16) -> Result<(), RulesetError>;

    /// How deep the kernel follows rulesets that include others; `vfs.devfs.rule_depth`, 1 by default. What lies
    /// deeper is not applied, and nobody says so.
    fn depth(&self) -> Result<usize, RulesetError>;

    /// Fails if a devfs with this ruleset would show every device: it does not exist, or does not hide by default.
    fn check(&self, number: u16) -> Result<(), RulesetError> {
        let rules = self.flattened(number)?;
        if rules.is_empty() {
            return Err(RulesetError::Missing { number });
        }
        let last = rules.iter().rfind(|rule| rule.is_unconditional() && rule.show.is_some());
        match last.and_then(|rule| rule.show) {
            Some(false) => Ok(()),
            Some(true) | None => Err(RulesetError::HidesNothing { number }),
        }
    }

    /// What the kernel makes of a ruleset, without what it includes: the rules of those stand in its place. A ruleset
    /// that extends another one starts with these, as it would include the other one's includes in vain.
    fn flattened(&self, number: u16) -> Result<Vec<Rule>, RulesetError> {
        let depth = self.depth()?;
        self.expand(number, depth)
    }

    /// The rules of a ruleset where the kernel would follow includes `depth` times more.
    fn expand(&self, number: u16, depth: usize) -> Result<Vec<Rule>, RulesetError> {
        let mut flat = Vec::new();
        for rule in self.rules(number)? {
            match rule.include {
                // devfs_rule_run() in sys/fs/devfs/devfs_rule.c: what is included comes first.
                Some(included) if rule.is_unconditional() => {
                    if depth > 0 {
                        flat.extend(self.expand(included, depth - 1)?);
                    }
                    let rest = Rule { include: None, ..rule };
                    if rest.acts() {
                        flat.push(rest);
                    }
                }
                _ => flat.push(rule),
            }
        }
        Ok(flat)
    }
}

/// The least number in `range` that is not used.
pub fn free_number(used: &[u16], range: std::ops::RangeInclusive<u16>) -> Option<u16> {
    range.into_iter().find(|number| !used.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug)]
    struct Fixed(BTreeMap<u16, Vec<Rule>>);

    impl Rulesets for Fixed {
        fn numbers(&self) -> Result<Vec<u16>, RulesetError> {
            Ok(self.0.keys().copied().collect())
        }
        fn rules(&self, number: u16) -> Result<Vec<Rule>, RulesetError> {
            Ok(self.0.get(&number).cloned().unwrap_or_default())
        }
        fn define(&self, number: u16, _: &[Rule]) -> Result<(), RulesetError> {
            Err(RulesetError::Exists { number })
        }
        fn remove(&self, number: u16) -> Result<(), RulesetError> {
            Err(RulesetError::Missing { number })
        }
        fn depth(&self) -> Result<usize, RulesetError> {
            Ok(1)
        }
    }

    fn rulesets() -> Fixed {
        // 1 to 4 as in sbin/devfs/devfs.rules of 13.2, shortened.
        Fixed(BTreeMap::from([
            (1, vec![Rule::hide_all()]),
            (2, vec![Rule::unhide("null")]),
            (4, vec![Rule::including(1), Rule::including(2), Rule::unhide("zfs")]),
            (5, vec![Rule::including(2), Rule::unhide("bpf*")]),
            (6, vec![Rule::including(6)]),
            (8, vec![Rule::including(4), Rule::unhide("bpf*")]),
            (9, vec![Rule::including(1), Rule::unhide("*")]),
        ]))
    }

    #[test]
    fn a_ruleset_must_hide_by_default() {
        let rulesets = rulesets();
        rulesets.check(1).unwrap();
        rulesets.check(4).unwrap();
        // 8 includes 4, but the kernel does not follow what 4 includes: nothing is hidden.
        for number in [5, 8, 9] {
            assert!(matches!(rulesets.check(number), Err(RulesetError::HidesNothing { .. })), "{number}");
        }
        assert!(rulesets.check(6).is_err());
        assert!(matches!(rulesets.check(7), Err(RulesetError::Missing { number: 7 })));
    }

    #[test]
    fn flattened_rules_mean_the_same() {
        let rulesets = rulesets();
        assert_eq!(
            rulesets.flattened(4).unwrap(),
            [Rule::hide_all(), Rule::unhide("null"), Rule::unhide("zfs")]
        );
        let conditional = Rule { path: Some("a*".to_owned()), include: Some(2), ..Rule::default() };
        let fixed = Fixed(BTreeMap::from([(1, vec![conditional.clone()]), (2, vec![Rule::hide_all()])]));
        assert_eq!(fixed.flattened(1).unwrap(), [conditional]);
    }

    #[test]
    fn free_numbers() {
        assert_eq!(free_number(&[20_000, 20_002], OWN), Some(20_001));
        assert_eq!(free_number(&[1, 2], 1..=2), None);
    }
}
