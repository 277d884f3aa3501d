//! The properties of jails, each defined once.
//!
//! A row of the table says all there is to say of a property: its name, type, default, help, the kernel
//! parameter it becomes. Parsing, `get`, `set`, help, documentation and completion come from it.
//!
//! | module | subject |
//! |---|---|
//! | `identity`, `base`, `boot`, `hooks`, `mounts`, `network`, `permissions`, `limits`, `storage`, `provision`, `computed` | rows of the table |
//! | `family` | rows that stand for many names: `user.*`, `<nic>_mac`, `usage.*` |
//! | `define` | what a row holds ([`Facts`]), typed ([`Property`]) and not ([`AnyProperty`]) |
//! | `typed` | the types that values have in code ([`Typed`]) |
//! | `value` | values of any property ([`Value`]) |
//! | [`manual`] | the manual page of properties |
//! | [`docs`] | what people read about the properties |
//!
//! Code that knows the property it wants uses its constant, and gets its type:
//!
//! ```
//! # use ioc_model::property::{self, AnyProperty};
//! let boot: Option<bool> = property::BOOT.parse_as("boot", "on").unwrap();
//! assert_eq!(boot, Some(true));
//! ```
//!
//! Code that is given a name uses [`find`]:
//!
//! ```
//! # use ioc_model::property::{self, AnyProperty};
//! let property = property::find("priority").unwrap();
//! assert_eq!(property.read("priority", "5").unwrap().unwrap().to_string(), "5");
//! let error = property.read("priority", "high").unwrap_err();
//! assert_eq!(error.to_string(),
//!     "\"high\" is not a value of priority: not a number; accepted: a whole number");
//! ```

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::interface::InterfaceName;

mod base;
mod boot;
mod computed;
mod define;
pub mod docs;
mod family;
mod hooks;
mod identity;
mod limits;
pub mod manual;
mod mounts;
mod network;
mod permissions;
mod provision;
mod storage;
mod typed;
mod value;

pub use base::*;
pub use boot::*;
pub use computed::*;
pub use define::{AnyProperty, Facts, Kernel, Kind, MOST_TEXT, Property, Rule, Since, Support};
pub use family::{ALLOW_OTHER, NIC_MAC, NIC_MTU, USAGE, USER};
pub use hooks::*;
pub use identity::*;
pub use limits::*;
pub use mounts::*;
pub use network::*;
pub use permissions::*;
pub use provision::*;
pub use storage::*;
pub use typed::{
    Arguments, BasejailKind, CpuList, DatasetList, Dialect, Items, Mtu, Ruleset, Sharing, Stored, Typed,
    Words,
};
pub use value::{Value, ValueError, is_none, parse_bool};

/// Properties of one subject.
#[derive(Clone, Copy)]
pub struct Subject {
    /// A heading.
    pub title: &'static str,
    /// The properties, in the order they are best explained in.
    pub properties: &'static [&'static dyn AnyProperty],
}

/// The whole table, by subject.
pub static SUBJECTS: &[Subject] = &[
    Subject { title: "Identity", properties: identity::ALL },
    Subject { title: "Base system", properties: base::ALL },
    Subject { title: "Starting and stopping", properties: boot::ALL },
    Subject { title: "Commands", properties: hooks::ALL },
    Subject { title: "Network", properties: network::ALL },
    Subject { title: "Mounts and devices", properties: mounts::ALL },
    Subject { title: "Permissions", properties: permissions::ALL },
    Subject { title: "Resource limits", properties: limits::ALL },
    Subject { title: "ZFS", properties: storage::ALL },
    Subject { title: "Provisioning", properties: provision::ALL },
    Subject { title: "Families", properties: family::ALL },
    Subject { title: "Computed", properties: computed::ALL },
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static dyn AnyProperty>> = LazyLock::new(|| {
    let rows = all().filter(|property| !is_family(*property));
    rows.flat_map(|property| {
        let facts = property.facts();
        std::iter::once(facts.name).chain(facts.aliases.iter().copied()).map(move |name| (name, property))
    })
    .collect()
});

/// All properties, families included.
pub fn all() -> impl Iterator<Item = &'static dyn AnyProperty> {
    SUBJECTS.iter().flat_map(|subject| subject.properties.iter().copied())
}

/// The properties whose names have a variable part.
pub fn families() -> &'static [&'static dyn AnyProperty] {
    family::ALL
}

/// Tells whether the name of a row stands for many.
pub fn is_family(property: &dyn AnyProperty) -> bool {
    family::ALL.iter().any(|family| family.facts().name == property.facts().name)
}

/// The interface that `key` is about, if it is a member of `<nic>_mac` or `<nic>_mtu`.
pub fn interface_of(key: &str) -> Option<InterfaceName> {
    if BY_NAME.contains_key(key) { None } else { family::interface_of(key) }
}

/// The resource that `key` is about, if it is a member of `usage.*`.
pub fn used_resource(key: &str) -> Option<&'static str> {
    family::used_resource(key)
}

/// A name of the table that `key` may be a slip of, or the begin of.
pub fn similar(key: &str) -> Option<&'static str> {
    let wanted: Vec<char> = key.chars().take(64).collect();
    let names = BY_NAME.keys().map(|name| (distance(&wanted, &name.chars().collect::<Vec<_>>()), *name));
    let most = if wanted.len() < 5 { 1 } else { 2 };
    let slip = names.filter(|(distance, _)| *distance <= most).min().map(|(_, name)| name);
    let begins = |name: &&&'static str| key.len() >= 3 && name.starts_with(key);
    slip.or_else(|| BY_NAME.keys().filter(begins).min_by_key(|name| (name.len(), **name)).copied())
}

/// How many characters have to be changed, left out or put in to make `b` of `a`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, from) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], n + 1);
        for (m, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[m + 1];
            row[m + 1] = replaced.min(diagonal + 1).min(row[m] + 1);
        }
    }
    row[b.len()]
}

/// The property called `key`: by name, by another name of it, or as a member of a family.
pub fn find(key: &str) -> Option<&'static dyn AnyProperty> {
    BY_NAME.get(key).copied().or_else(|| family::find(key))
}

/// The name that `key` is stored under: that of the property if `key` is another name of it.
pub fn canonical(key: &str) -> &str {
    BY_NAME.get(key).map_or(key, |property| property.facts().name)
}

/// The parameter of jail(8) that `key` becomes, if it becomes one.
///
/// For a permission that the table does not list this is the name with the first underscore made a dot; the kernel
/// has the list of what exists (`sysctl -N security.jail.param`).
pub fn kernel_parameter(key: &str) -> Option<Cow<'static, str>> {
    if let Some(kernel) = BY_NAME.get(key).map(|property| property.facts().kernel) {
        return kernel.map(|kernel| Cow::Borrowed(kernel.parameter));
    }
    let family = family::find(key)?;
    let name = key.strip_prefix("allow_").filter(|_| family.facts().name == ALLOW_OTHER.name())?;
    Some(Cow::Owned(match name.strip_prefix("mount_") {
        Some(file_system) => format!("allow.mount.{file_system}"),
        None => format!("allow.{name}"),
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_is_whole() {
        let mut names = HashSet::new();
        for property in all() {
            let facts = property.facts();
            for name in facts.aliases.iter().chain([&facts.name]) {
                assert!(names.insert(*name), "{name} is defined twice");
            }
            assert!(!facts.help.is_empty() && !facts.help.ends_with('.'), "{}: {:?}", facts.name, facts.help);
            assert!(facts.help.len() <= 100, "{}: help is too long for a line", facts.name);
            let default = property.read(facts.name, facts.default);
            let default = default.unwrap_or_else(|error| panic!("{error}"));
            assert!(
                default.is_some() || facts.kind == Kind::Computed,
                "{}: the default of a type without none is none",
                facts.name
            );
            if let Some(value) = default {
                assert_eq!(value, property.default_value(), "{}", facts.name);
            }
        }
        assert!(names.len() > 150);
    }

    /// Keys that iocage (CONFIG_VERSION 29) and libiocage have, besides permissions and limits.
    const OTHERS: &str = "assign_localhost available basejail basejail_type boot bpf children_max clonejail \
        cloned_release comment compression compressratio count cpuset dedup defaultrouter defaultrouter6 depends \
        devfs_ruleset dhcp enforce_statfs exec_clean exec_created exec_fib exec_jail_user exec_poststart exec_poststop \
        exec_prestart exec_prestop exec_start exec_stop exec_system_jail_user exec_system_user exec_timeout \
        host_domainname host_hostname host_hostuuid host_time hostid hostid_strict_check id interfaces ip4 ip4_addr \
        ip4_saddrsel ip6 ip6_addr ip6_saddrsel ip_hostname jail_zfs jail_zfs_dataset jail_zfs_mountpoint last_started \
        legacy localhost_ip login_flags mac_prefix min_dyn_devfs_ruleset mount_devfs mount_fdescfs mount_linprocfs \
        mount_procfs mountpoint name nat nat_backend nat_forwards nat_interface nat_prefix notes origin owner pkglist \
        plugin_name plugin_repository priority provision.method provision.rev provision.source quota release \
        reservation resolver rlimits rtsold securelevel source_template state stop_timeout sync_state sync_target \
        sync_tgt_zpool sysvmsg sysvsem sysvshm tag tags template type used user.x uuid vnet vnet0_mac vnet1_mtu \
        vnet_default_interface vnet_default_mtu vnet_interfaces allow_chflags allow_mlock allow_mount \
        allow_mount_devfs allow_mount_fdescfs allow_mount_fusefs allow_mount_linprocfs allow_mount_nullfs \
        allow_mount_procfs allow_mount_tmpfs allow_mount_zfs allow_quotas allow_raw_sockets allow_set_hostname \
        allow_socket_af allow_sysvipc allow_tun allow_vmm";

    #[test]
    fn what_others_have_is_there() {
        for key in OTHERS.split_whitespace() {
            assert!(find(key).is_some(), "{key}");
        }
    }

    #[test]
    fn shown_values_read_back() {
        for property in all() {
            let facts = property.facts();
            let shown = property.default_value().to_string();
            let read = property.read(facts.name, &shown).unwrap();
            assert!(read.is_none_or(|value| value == property.default_value()), "{}", facts.name);
        }
    }

    #[test]
    fn names_lead_to_kernel_parameters() {
        assert_eq!(kernel_parameter("allow_mount_zfs").unwrap(), "allow.mount.zfs");
        assert_eq!(kernel_parameter("allow_new_thing").unwrap(), "allow.new_thing");
        assert_eq!(kernel_parameter("allow_mount_newfs").unwrap(), "allow.mount.newfs");
        assert_eq!(kernel_parameter("allow_tun"), None);
        assert_eq!(kernel_parameter("user.x"), None);
        assert_eq!(kernel_parameter("nonsense"), None);
        assert_eq!(canonical("id"), "name");
        assert!(find("CONFIG_VERSION").is_none());
        assert_eq!(interface_of("vnet0_mac").unwrap().as_str(), "vnet0");
        assert_eq!(interface_of("vnet_default_mtu"), None);
    }

    #[test]
    fn slips() {
        assert_eq!(similar("prioritiy"), Some("priority"));
        assert_eq!(similar("ip4_adr"), Some("ip4_addr"));
        assert_eq!(similar("prio"), Some("priority"));
        assert_eq!(similar("allow_mount_null"), Some("allow_mount_nullfs"));
        assert_eq!(similar("nonsense"), None);
        assert_eq!(similar(&"x".repeat(1_000_000)), None);
    }

    #[test]
    fn values_that_no_property_takes() {
        for property in all() {
            let name = property.facts().name;
            assert!(property.read(name, "a\0b").is_err(), "{name} takes a NUL");
            assert!(property.read(name, &"x".repeat(MOST_TEXT + 1)).is_err(), "{name} takes any length");
        }
        assert!(BOOT.read("boot", "maybe").is_err());
        assert!(NOTES.read("notes", "two\nlines").is_ok());
        assert!(HOST_HOSTNAME.read("host_hostname", "two\nlines").is_err());
        assert!(SECURELEVEL.read("securelevel", "4").is_err());
        assert!(ENFORCE_STATFS.read("enforce_statfs", "-1").is_err());
    }
}
