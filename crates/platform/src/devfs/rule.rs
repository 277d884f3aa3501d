//! One rule of a ruleset: as a value, as devfs(8) writes it, as the kernel has it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A rule of devfs(8): conditions that must all hold, and what is then done to a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Pattern of fnmatch(3) for the path below /dev.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Device flags that must match; devfs(8) `type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<i32>,
    /// Hide (false) or show (true) it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<bool>,
    /// Its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// Its mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u16>,
    /// The rules of another ruleset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<u16>,
}

/// Layout of `struct devfs_rule` and its bits; sys/fs/devfs/devfs.h.
mod layout {
    pub(super) const SIZE: usize = 236;
    pub(super) const MAGIC: u32 = 0xdb0a_087a;
    pub(super) const ID: usize = 4;
    pub(super) const CONDITIONS: usize = 8;
    pub(super) const FLAGS: usize = 12;
    pub(super) const PATTERN: usize = 16;
    pub(super) const PATTERN_SIZE: usize = 200;
    pub(super) const ACTIONS: usize = 216;
    pub(super) const SWITCH: usize = 220;
    pub(super) const UID: usize = 224;
    pub(super) const GID: usize = 228;
    pub(super) const MODE: usize = 232;
    pub(super) const INCLUDE: usize = 234;

    pub(super) const IF_FLAGS: u32 = 1;
    pub(super) const IF_PATH: u32 = 2;
    pub(super) const DO_SWITCH: u32 = 1;
    pub(super) const DO_UID: u32 = 2;
    pub(super) const DO_GID: u32 = 4;
    pub(super) const DO_MODE: u32 = 8;
    pub(super) const DO_INCLUDE: u32 = 16;
    pub(super) const HIDE: u32 = 1;
    pub(super) const SHOW: u32 = 2;
}

/// Size of a rule in the kernel's form.
pub const SIZE: usize = layout::SIZE;

impl Rule {
    /// Hides every device.
    pub fn hide_all() -> Self {
        Rule { show: Some(false), ..Rule::default() }
    }

    /// Shows the devices that match.
    pub fn unhide(path: &str) -> Self {
        Rule { path: Some(path.to_owned()), show: Some(true), ..Rule::default() }
    }

    /// Does what another ruleset says.
    pub fn including(number: u16) -> Self {
        Rule { include: Some(number), ..Rule::default() }
    }

    /// Tells whether the rule is about every device.
    pub fn is_unconditional(&self) -> bool {
        self.flags.is_none() && self.path.as_deref().is_none_or(|path| path == "*")
    }

    /// Tells whether the rule does anything to a device.
    pub fn acts(&self) -> bool {
        let Rule { path: _, flags: _, show, uid, gid, mode, include } = self;
        show.is_some() || uid.is_some() || gid.is_some() || mode.is_some() || include.is_some()
    }

    /// The kernel's form, with the identity of the rule; none if the pattern is too long or has a NUL.
    pub fn to_bytes(&self, ruleset: u16, rule: u16) -> Option<[u8; SIZE]> {
        let mut bytes = empty(ruleset, rule);
        let Rule { path, flags, show, uid, gid, mode, include } = self;
        let (mut conditions, mut actions) = (0u32, 0u32);
        if let Some(path) = path {
            if path.len() >= layout::PATTERN_SIZE || path.contains('\0') {
                return None;
            }
            put(&mut bytes, layout::PATTERN, path.as_bytes());
            conditions |= layout::IF_PATH;
        }
        if let Some(flags) = flags {
            put(&mut bytes, layout::FLAGS, &flags.to_ne_bytes());
            conditions |= layout::IF_FLAGS;
        }
        if let Some(show) = show {
            let switch = if *show { layout::SHOW } else { layout::HIDE };
            put(&mut bytes, layout::SWITCH, &switch.to_ne_bytes());
            actions |= layout::DO_SWITCH;
        }
        for (at, value, action) in [(layout::UID, uid, layout::DO_UID), (layout::GID, gid, layout::DO_GID)] {
            if let Some(value) = value {
                put(&mut bytes, at, &value.to_ne_bytes());
                actions |= action;
            }
        }
        for (at, value, action) in
            [(layout::MODE, mode, layout::DO_MODE), (layout::INCLUDE, include, layout::DO_INCLUDE)]
        {
            if let Some(value) = value {
                put(&mut bytes, at, &value.to_ne_bytes());
                actions |= action;
            }
        }
        put(&mut bytes, layout::CONDITIONS, &conditions.to_ne_bytes());
        put(&mut bytes, layout::ACTIONS, &actions.to_ne_bytes());
        Some(bytes)
    }

    /// Reads the kernel's form: the number of the rule in its ruleset, and the rule.
    pub fn from_bytes(bytes: &[u8; SIZE]) -> (u16, Rule) {
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let (conditions, actions) = (word(layout::CONDITIONS), word(layout::ACTIONS));
        let pattern = &bytes[layout::PATTERN..layout::PATTERN + layout::PATTERN_SIZE];
        let pattern = pattern.split(|&b| b == 0).next().unwrap_or_default();
        let rule = Rule {
            path: (conditions & layout::IF_PATH != 0).then(|| String::from_utf8_lossy(pattern).into_owned()),
            flags: (conditions & layout::IF_FLAGS != 0).then(|| word(layout::FLAGS) as i32),
            show: (actions & layout::DO_SWITCH != 0).then(|| word(layout::SWITCH) & layout::SHOW != 0),
            uid: (actions & layout::DO_UID != 0).then(|| word(layout::UID)),
            gid: (actions & layout::DO_GID != 0).then(|| word(layout::GID)),
            mode: (actions & layout::DO_MODE != 0).then(|| half(layout::MODE)),
            include: (actions & layout::DO_INCLUDE != 0).then(|| half(layout::INCLUDE)),
        };
        (word(layout::ID) as u16, rule)
    }
}

/// The identity of a rule: its ruleset and its number there; `mkrid` of sys/fs/devfs/devfs.h.
pub fn id(ruleset: u16, rule: u16) -> u32 {
    u32::from(ruleset) << 16 | u32::from(rule)
}

/// A rule without conditions and actions, to ask the kernel for the one after it.
pub fn empty(ruleset: u16, rule: u16) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    put(&mut bytes, 0, &layout::MAGIC.to_ne_bytes());
    put(&mut bytes, layout::ID, &id(ruleset, rule).to_ne_bytes());
    bytes
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

impl fmt::Display for Rule {
    /// The rule as devfs(8) takes it after `add`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if let Some(path) = &self.path {
            words.push(format!("path '{path}'"));
        }
        if let Some(flags) = self.flags {
            words.push(format!("type {flags}"));
        }
        if let Some(include) = self.include {
            words.push(format!("include {include}"));
        }
        if let Some(show) = self.show {
            words.push(if show { "unhide" } else { "hide" }.to_owned());
        }
        if let Some(uid) = self.uid {
            words.push(format!("user {uid}"));
        }
        if let Some(gid) = self.gid {
            words.push(format!("group {gid}"));
        }
        if let Some(mode) = self.mode {
            words.push(format!("mode {mode:04o}"));
        }
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_devfs_writes_it() {
        assert_eq!(Rule::unhide("bpf*").to_string(), "path 'bpf*' unhide");
        assert_eq!(Rule::hide_all().to_string(), "hide");
        assert_eq!(Rule::including(4).to_string(), "include 4");
    }

    #[test]
    fn the_kernels_form() {
        // Offsets as clang computes them from sys/fs/devfs/devfs.h of 13.2.
        let bytes = Rule::unhide("bpf*").to_bytes(20_000, 100).unwrap();
        assert_eq!(bytes[..4], 0xdb0a_087au32.to_ne_bytes());
        assert_eq!(bytes[4..8], (20_000u32 << 16 | 100).to_ne_bytes());
        assert_eq!(bytes[8..12], 2u32.to_ne_bytes());
        assert_eq!(&bytes[16..21], b"bpf*\0");
        assert_eq!(bytes[216..220], 1u32.to_ne_bytes());
        assert_eq!(bytes[220..224], 2u32.to_ne_bytes());
        assert_eq!(Rule::including(4).to_bytes(1, 1).unwrap()[234..236], 4u16.to_ne_bytes());
    }

    #[test]
    fn patterns_have_a_limit() {
        assert!(Rule::unhide(&"x".repeat(199)).to_bytes(1, 1).is_some());
        assert!(Rule::unhide(&"x".repeat(200)).to_bytes(1, 1).is_none());
        assert!(Rule::unhide("a\0b").to_bytes(1, 1).is_none());
    }

    proptest! {
        #[test]
        fn rules_survive_the_kernel(
            path in proptest::option::of("[a-z/*]{0,20}"), flags: Option<i32>, show: Option<bool>, uid: Option<u32>,
            gid: Option<u32>, mode: Option<u16>, include: Option<u16>, ruleset: u16, number: u16,
        ) {
            let rule = Rule { path, flags, show, uid, gid, mode, include };
            let bytes = rule.to_bytes(ruleset, number).unwrap();
            prop_assert_eq!(Rule::from_bytes(&bytes), (number, rule));
        }
    }
}
