//! What iocage has for defaults, where that matters for reading its pools.

use crate::property;

/// Defaults of iocage (CONFIG_VERSION 29) that differ from ours.
///
/// Its `defaults.json` holds the value of every property; one that is iocage's own default is no wish of the
/// administrator, and does not override ours.
const DEFAULTS: &[(&str, &str)] = &[
    ("interfaces", "vnet0:bridge0"),
    ("host_domainname", "none"),
    ("defaultrouter", "auto"),
    ("defaultrouter6", "auto"),
    ("vnet_default_interface", "auto"),
    ("exec_prestart", "/usr/bin/true"),
    ("exec_created", "/usr/bin/true"),
    ("exec_poststart", "/usr/bin/true"),
    ("exec_prestop", "/usr/bin/true"),
    ("exec_poststop", "/usr/bin/true"),
    ("exec_timeout", "60"),
    ("mount_fdescfs", "1"),
    ("rlimits", "off"),
    ("owner", "root"),
    ("priority", "99"),
    ("count", "1"),
    ("host_time", "1"),
    ("compression", "lz4"),
    ("dedup", "off"),
    ("vnet_default_mtu", "1500"),
];

/// Defaults of iocage that a jail of iocage relies on to have a network, where its file does not say otherwise.
const IMPLIED: &[(&str, &str)] =
    &[("interfaces", "vnet0:bridge0"), ("defaultrouter", "auto"), ("defaultrouter6", "auto")];

/// Tells whether `text` is the value that iocage's `defaults.json` has for `key` unless changed.
pub(super) fn is_default(key: &str, text: &str) -> bool {
    let Some(property) = property::find(key) else { return false };
    let Ok(value) = property.read(key, text) else { return false };
    let own = DEFAULTS.iter().find(|(name, _)| *name == key);
    let own = own.and_then(|(_, default)| property.read(key, default).ok());
    value.is_none() || own.unwrap_or_else(|| Some(property.default_value())) == value
}

/// The value that a jail of iocage has for `key` if neither its file nor the defaults have one.
pub(super) fn implied(key: &str) -> Option<&'static str> {
    IMPLIED.iter().find(|(name, _)| *name == key).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_reads_and_differs_from_ours() {
        for (key, text) in DEFAULTS {
            let property = property::find(key).unwrap_or_else(|| panic!("{key} is in the table"));
            let value = property.read(key, text).unwrap();
            assert_ne!(value, Some(property.default_value()), "{key}");
        }
    }

    #[test]
    fn values_are_compared_not_texts() {
        assert!(is_default("mount_fdescfs", "yes"));
        assert!(is_default("boot", "0"));
        assert!(is_default("memoryuse", "off"));
        assert!(is_default("devfs_ruleset", "4"));
        assert!(!is_default("priority", "20"));
        assert!(!is_default("priority", "0"));
        assert!(!is_default("priority", "high"));
        assert!(!is_default("CONFIG_VERSION", "29"));
    }
}
