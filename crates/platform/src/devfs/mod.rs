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

    /// Fails if a devfs with this ruleset would show every device: it does not exist, or hides nothing.
    fn check(&self, number: u16) -> Result<(), RulesetError> {
        let rules = self.rules(number)?;
        if rules.is_empty() {
            return Err(RulesetError::Missing { number });
        }
        match self.default_of(&rules, MOST_INCLUDED)? {
            Some(false) => Ok(()),
            Some(true) | None => Err(RulesetError::HidesNothing { number }),
        }
    }

    /// Whether devices that no other rule names are shown (true) or hidden after these rules; none if no rule, here
    /// or in what they include, is about every device.
    fn default_of(&self, rules: &[Rule], depth: usize) -> Result<Option<bool>, RulesetError> {
        let mut shown = None;
        for rule in rules.iter().filter(|rule| rule.is_unconditional()) {
            if let (Some(included), true) = (rule.include, depth > 0) {
                shown = self.default_of(&self.rules(included)?, depth - 1)?.or(shown);
            }
            shown = rule.show.or(shown);
        }
        Ok(shown)
    }
}

/// How deep rulesets may include each other; the kernel forbids loops, so this is only a bound.
const MOST_INCLUDED: usize = 16;

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
    }

    #[test]
    fn a_ruleset_must_hide_something() {
        // 1 to 4 as in sbin/devfs/devfs.rules of 13.2, 5 without hiding, 6 a loop.
        let rulesets = Fixed(BTreeMap::from([
            (1, vec![Rule::hide_all()]),
            (2, vec![Rule::unhide("null")]),
            (4, vec![Rule::including(1), Rule::including(2)]),
            (5, vec![Rule::including(2), Rule::unhide("bpf*")]),
            (6, vec![Rule::including(6)]),
        ]));
        assert!(rulesets.check(4).is_ok());
        assert!(matches!(rulesets.check(5), Err(RulesetError::HidesNothing { number: 5 })));
        assert!(matches!(rulesets.check(6), Err(RulesetError::HidesNothing { .. })));
        assert!(matches!(rulesets.check(7), Err(RulesetError::Missing { number: 7 })));
        let own = [Rule::including(4), Rule::unhide("bpf*")];
        assert_eq!(rulesets.default_of(&own, MOST_INCLUDED).unwrap(), Some(false));
        let undone = [Rule::including(4), Rule::unhide("*")];
        assert_eq!(rulesets.default_of(&undone, MOST_INCLUDED).unwrap(), Some(true));
    }

    #[test]
    fn free_numbers() {
        assert_eq!(free_number(&[20_000, 20_002], OWN), Some(20_001));
        assert_eq!(free_number(&[1, 2], 1..=2), None);
    }
}
