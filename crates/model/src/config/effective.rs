//! Settings that follow from more than one property.
//!
//! The planners ask here, so that each rule is written once; [`JailConfig::get`] gives single properties.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::view::{JailConfig, Origin, PropertyError, Setting};
use crate::address::{Address, Addresses, Assigned, Family, Ip4Addresses, Ip6Addresses};
use crate::interface::InterfaceName;
use crate::limit::Limit;
use crate::mac::MacPair;
use crate::name::{JailName, ReleaseRef};
use crate::property::{self, BasejailKind, Dialect, Mtu};

/// Name of the release that means "no base": the jail's root was filled by hand (iocage).
const EMPTY_RELEASE: &str = "EMPTY";

/// What a limit is on, and the limit.
pub type ResourceLimit = (&'static str, Setting<Limit>);

/// A parameter of jail(8), and whether the jail has the permission.
pub type Permission = (Cow<'static, str>, Setting<bool>);

impl JailConfig {
    /// The host name: as configured, else the name of the jail.
    pub fn hostname(&self, name: &JailName) -> Result<String, PropertyError> {
        Ok(self.value(&property::HOST_HOSTNAME)?.unwrap_or_else(|| name.short().to_owned()))
    }

    /// The release whose base the jail has, pinned to a patch level or not; none if it has no base.
    ///
    /// For iocage the patch level of `release` is information, and `cloned_release` is what the jail hangs on.
    pub fn base(&self) -> Result<Option<ReleaseRef>, PropertyError> {
        let release = match self.value(&property::CLONED_RELEASE)? {
            Some(cloned) => Some(cloned),
            None => self.value(&property::RELEASE)?,
        };
        let release = release.filter(|release| release.name.as_str() != EMPTY_RELEASE);
        Ok(match self.dialect() {
            Dialect::Libioc => release,
            Dialect::Iocage => release.map(|release| release.name.into()),
        })
    }

    /// How the base directories get into the jail; none if it has its own.
    pub fn basejail(&self) -> Result<Option<BasejailKind>, PropertyError> {
        if !self.value(&property::BASEJAIL)? {
            return Ok(None);
        }
        self.value(&property::BASEJAIL_TYPE).map(Some)
    }

    /// The IPv4 addresses; `dhcp=yes` asks for one by DHCP on the first interface, as iocage has it.
    pub fn ip4_addresses(&self) -> Result<Ip4Addresses, PropertyError> {
        let addresses = self.value(&property::IP4_ADDR)?;
        Ok(if self.value(&property::DHCP)? { automatic::<Ipv4Addr>(addresses) } else { addresses })
    }

    /// The IPv6 addresses, in order.
    pub fn ip6_addresses(&self) -> Result<Ip6Addresses, PropertyError> {
        self.value(&property::IP6_ADDR)
    }

    /// Whether rtsold(8) is to run: as configured, or because an address comes from router advertisements.
    pub fn rtsold(&self) -> Result<bool, PropertyError> {
        Ok(self.value(&property::RTSOLD)? || has_automatic::<Ipv6Addr>(&self.ip6_addresses()?))
    }

    /// Whether the jail needs bpf(4): as configured, or because an address comes by DHCP.
    pub fn bpf(&self) -> Result<bool, PropertyError> {
        Ok(self.value(&property::BPF)? || has_automatic::<Ipv4Addr>(&self.ip4_addresses()?))
    }

    /// The MAC addresses that are configured for an interface.
    pub fn mac_of(&self, nic: &InterfaceName) -> Result<Option<MacPair>, PropertyError> {
        Ok(self.get_as(&property::NIC_MAC, &format!("{nic}_mac"))?.value)
    }

    /// The MTU that is configured for an interface.
    pub fn mtu_of(&self, nic: &InterfaceName) -> Result<Mtu, PropertyError> {
        Ok(self.get_as(&property::NIC_MTU, &format!("{nic}_mtu"))?.value)
    }

    /// Every `allow_*` with the parameter of jail(8) it is, `allow_mount` as [`JailConfig::allow_mount`] has it.
    ///
    /// Those that the table does not list, of newer kernels, are there if they are set. Parameters that the running
    /// kernel lacks are there too: whether that matters depends on the value and its origin.
    pub fn permissions(&self) -> Result<Vec<Permission>, PropertyError> {
        let mut permissions = Vec::new();
        for key in self.keys().into_iter().filter(|key| key.starts_with("allow_")) {
            let Some(parameter) = property::kernel_parameter(key) else { continue };
            let setting = match key {
                "allow_mount" => self.allow_mount()?,
                "allow_mount_zfs" => self.allow_mount_zfs()?,
                _ => self.flag(key)?,
            };
            permissions.push((parameter, setting));
        }
        Ok(permissions)
    }

    fn flag(&self, key: &str) -> Result<Setting<bool>, PropertyError> {
        // Every allow_* is a bool; which row of the table it is does not matter for reading it.
        let setting = self.show(key)?;
        Ok(Setting { value: setting.value == property::Value::Bool(true), origin: setting.origin })
    }

    /// Whether the jail may mount: as set, else yes if it may mount any one file system.
    ///
    /// With `jail_zfs` it has to, whatever is set: the permission for ZFS is nothing without this one (jail(8)).
    pub fn allow_mount(&self) -> Result<Setting<bool>, PropertyError> {
        let own = self.get(&property::ALLOW_MOUNT)?;
        let zfs = self.get(&property::JAIL_ZFS)?;
        if zfs.value && !own.value {
            return Ok(zfs);
        }
        if own.origin != Origin::BuiltIn {
            return Ok(own);
        }
        let cause = self.mount_permission()?;
        Ok(cause.unwrap_or(own))
    }

    fn allow_mount_zfs(&self) -> Result<Setting<bool>, PropertyError> {
        let zfs = self.get(&property::JAIL_ZFS)?;
        if zfs.value { Ok(zfs) } else { self.get(&property::ALLOW_MOUNT_ZFS) }
    }

    /// What the jail learns of mounts: as set, else 1 if it may mount something, as it could not see it with 2.
    ///
    /// With `jail_zfs` it is 1 at most, whatever is set (jail(8), `allow.mount.zfs`).
    pub fn enforce_statfs(&self) -> Result<Setting<u32>, PropertyError> {
        let own = self.get(&property::ENFORCE_STATFS)?;
        let zfs = self.get(&property::JAIL_ZFS)?;
        let lowered = |cause: Setting<bool>| Setting { value: 1, origin: cause.origin };
        if zfs.value && own.value > 1 {
            return Ok(lowered(zfs));
        }
        if own.origin != Origin::BuiltIn {
            return Ok(own);
        }
        Ok(self.mount_permission()?.map_or(own, lowered))
    }

    /// An `allow_mount_*` that is yes.
    fn mount_permission(&self) -> Result<Option<Setting<bool>>, PropertyError> {
        for key in self.set_keys().into_iter().filter(|key| key.starts_with("allow_mount_")) {
            let setting = self.flag(key)?;
            if setting.value {
                return Ok(Some(setting));
            }
        }
        Ok(None)
    }

    /// The resource limits that are configured; none with `rlimits=no`.
    pub fn limits(&self) -> Result<Vec<ResourceLimit>, PropertyError> {
        if self.value(&property::RLIMITS)? == Some(false) {
            return Ok(Vec::new());
        }
        let mut limits = Vec::new();
        for resource in property::RESOURCES {
            let setting = self.get(*resource)?;
            if let Some(limit) = setting.value {
                limits.push((resource.name(), Setting { value: limit, origin: setting.origin }));
            }
        }
        Ok(limits)
    }

    /// What hooks and commands are told: `IOC_PROPERTY` for every property that can be read, with the text that `get`
    /// prints. Characters that no variable has become `_`.
    pub fn environment(&self) -> Vec<(String, String)> {
        let variable = |key: &str| -> String {
            let character = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            format!("IOC_{}", key.chars().map(character).collect::<String>())
        };
        let keys = self.keys().into_iter();
        keys.filter_map(|key| Some((variable(key), self.show(key).ok()?.value.to_string()))).collect()
    }
}

/// The addresses with one that is found out, on the default interface, before them.
fn automatic<A: Family>(mut addresses: Addresses<A>) -> Addresses<A> {
    if !has_automatic(&addresses) {
        addresses.0.insert(0, Address { interface: None, address: Assigned::Automatic });
    }
    addresses
}

fn has_automatic<A: Family>(addresses: &Addresses<A>) -> bool {
    addresses.iter().any(|address| address.address == Assigned::Automatic)
}
