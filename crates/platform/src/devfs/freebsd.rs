//! Rulesets of the kernel by ioctl(2) on /dev; sbin/devfs.

#![expect(unsafe_code, reason = "system calls that no crate wraps")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::rule::{self, Rule};
use super::{RulesetError, Rulesets};
use crate::freebsd::sysctl;

nix::ioctl_readwrite!(add_rule, b'D', 0, [u8; rule::SIZE]);
nix::ioctl_write_ptr!(delete_rule, b'D', 1, u32);
nix::ioctl_readwrite!(next_rule, b'D', 4, [u8; rule::SIZE]);
nix::ioctl_readwrite!(next_ruleset, b'D', 12, u16);

/// Distance between the numbers of our rules, as devfs(8) has it.
const STEP: u16 = 100;

/// The rulesets of this FreeBSD host.
#[derive(Clone, Copy, Debug, Default)]
pub struct FreeBsdRulesets;

fn failed(action: &'static str, number: u16) -> impl Fn(Errno) -> RulesetError {
    move |errno| RulesetError::System { action, number, source: io::Error::from(errno) }
}

fn devices() -> Result<OwnedFd, Errno> {
    open("/dev", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
}

/// The rules with their numbers.
fn numbered(devices: &OwnedFd, ruleset: u16) -> Result<Vec<(u16, Rule)>, Errno> {
    let mut rules = Vec::new();
    let mut last = 0;
    loop {
        let mut bytes = rule::empty(ruleset, last);
        // SAFETY: the argument is a rule in the kernel's form, which the kernel fills with the next one.
        match unsafe { next_rule(devices.as_raw_fd(), &mut bytes) } {
            Ok(_) => {
                let (number, rule) = Rule::from_bytes(&bytes);
                last = number;
                rules.push((number, rule));
            }
            // devfs_rules_ioctl() in sys/fs/devfs/devfs_rule.c: no such ruleset, or no rule after this one.
            Err(Errno::ENOENT) => return Ok(rules),
            Err(errno) => return Err(errno),
        }
    }
}

impl Rulesets for FreeBsdRulesets {
    fn numbers(&self) -> Result<Vec<u16>, RulesetError> {
        let devices = devices().map_err(failed("list", 0))?;
        let mut numbers = Vec::new();
        let mut number = 0;
        loop {
            // SAFETY: the argument is a number that the kernel replaces by the next one.
            match unsafe { next_ruleset(devices.as_raw_fd(), &mut number) } {
                Ok(_) => numbers.push(number),
                Err(Errno::ENOENT) => return Ok(numbers),
                Err(errno) => return Err(failed("list", number)(errno)),
            }
        }
    }

    fn rules(&self, number: u16) -> Result<Vec<Rule>, RulesetError> {
        let rules =
            devices().and_then(|devices| numbered(&devices, number)).map_err(failed("read", number))?;
        Ok(rules.into_iter().map(|(_, rule)| rule).collect())
    }

    fn depth(&self) -> Result<usize, RulesetError> {
        let depth = sysctl::number("vfs.devfs.rule_depth").map_err(|source| RulesetError::System {
            action: "read vfs.devfs.rule_depth for",
            number: 0,
            source,
        })?;
        // Deeper than anybody would nest; the kernel knows no loops but those that people make.
        Ok(depth.and_then(|depth| usize::try_from(depth).ok()).unwrap_or(1).min(16))
    }

    fn define(&self, number: u16, rules: &[Rule]) -> Result<(), RulesetError> {
        let failed = failed("make", number);
        let devices = devices().map_err(&failed)?;
        // Ruleset 0 is none, and rule 0 asks the kernel for a number.
        if number == 0 || rules.len() >= usize::from(u16::MAX / STEP) {
            return Err(failed(Errno::EINVAL));
        }
        for (rule, at) in rules.iter().zip(1..) {
            let mut bytes = rule.to_bytes(number, at * STEP).ok_or_else(|| failed(Errno::EINVAL))?;
            tracing::debug!(ruleset = number, %rule, "devfs");
            // SAFETY: the argument is a rule in the kernel's form.
            let added = unsafe { add_rule(devices.as_raw_fd(), &mut bytes) };
            match added {
                Ok(_) => {}
                Err(Errno::EEXIST) if at == 1 => return Err(RulesetError::Exists { number }),
                Err(errno) => {
                    // What was added is ours, as the first rule was.
                    if at > 1
                        && let Err(error) = self.remove(number)
                    {
                        tracing::warn!(ruleset = number, %error, "a half-made ruleset stays");
                    }
                    return Err(failed(errno));
                }
            }
        }
        Ok(())
    }

    fn remove(&self, number: u16) -> Result<(), RulesetError> {
        let failed = failed("remove", number);
        let devices = devices().map_err(&failed)?;
        for (rule, _) in numbered(&devices, number).map_err(&failed)? {
            let id = rule::id(number, rule);
            // SAFETY: the argument is the identity of a rule, which the kernel reads.
            match unsafe { delete_rule(devices.as_raw_fd(), &id) } {
                Ok(_) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        Ok(())
    }
}
