//! Properties whose names have a variable part.

use super::define::{AnyProperty, Since, properties};
use super::limits::RESOURCES;
use super::typed::Mtu;
use crate::interface::InterfaceName;
use crate::mac::MacPair;

properties! {
    /// MAC addresses of an interface: the host's end and the jail's end
    NIC_MAC: Option<MacPair> = ("<nic>_mac", "-");

    /// MTU of an interface of a VNET jail
    NIC_MTU: Mtu = ("<nic>_mtu", "auto").since(Since::Iocage(28));

    /// A permission of jail(8) that this table does not list, for kernels that are newer
    ALLOW_OTHER: bool = ("allow_*", "no").since(Since::Ioc).live();

    /// Anything; for people, hooks and filters
    USER: Option<String> = ("user.*", "-").lines().live();

    /// What the running jail uses of a resource that can be limited, in the unit of its limit
    USAGE: Option<i64> = ("usage.*", "-").computed().since(Since::Ioc);
}

/// The family that `key` belongs to.
pub(super) fn find(key: &str) -> Option<&'static dyn AnyProperty> {
    if interface_of(key).is_some() {
        Some(if key.ends_with("_mac") { &NIC_MAC } else { &NIC_MTU })
    } else if key.strip_prefix("allow_").is_some_and(is_parameter) {
        Some(&ALLOW_OTHER)
    } else if key.strip_prefix("user.").is_some_and(is_path) {
        Some(&USER)
    } else if used_resource(key).is_some() {
        Some(&USAGE)
    } else {
        None
    }
}

/// The interface that a member of `<nic>_mac` or `<nic>_mtu` is about.
pub(super) fn interface_of(key: &str) -> Option<InterfaceName> {
    key.strip_suffix("_mac").or_else(|| key.strip_suffix("_mtu"))?.parse().ok()
}

/// The resource that a member of `usage.*` is about.
pub(super) fn used_resource(key: &str) -> Option<&'static str> {
    let resource = key.strip_prefix("usage.")?;
    RESOURCES.iter().map(|limit| limit.name()).find(|name| *name == resource)
}

/// The part after `allow_` of a parameter's name; the kernel's are lower-case words.
fn is_parameter(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with("no")
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Names joined by dots.
fn is_path(path: &str) -> bool {
    path.len() <= 255
        && path.split('.').all(|part| {
            !part.is_empty() && part.chars().all(|c| !c.is_control() && !c.is_whitespace() && c != '=')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(key: &str) -> Option<&'static str> {
        find(key).map(|property| property.facts().name)
    }

    #[test]
    fn shapes() {
        assert_eq!(family("vnet0_mac"), Some("<nic>_mac"));
        assert_eq!(family("vnet3_mtu"), Some("<nic>_mtu"));
        assert_eq!(family("allow_newthing"), Some("allow_*"));
        assert_eq!(family("user.role.sub"), Some("user.*"));
        assert_eq!(family("usage.memoryuse"), Some("usage.*"));
        for key in ["user", "user.", "user.a..b", "allow_", "allow_noraw", "allow_A", "_mac", "a b_mac", "x"]
        {
            assert_eq!(family(key), None, "{key}");
        }
        for key in ["usage", "usage.", "usage.memory", "usage.rlimits"] {
            assert_eq!(family(key), None, "{key}");
        }
    }
}
