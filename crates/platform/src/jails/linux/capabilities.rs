//! The capabilities of a jail's processes; capabilities(7).
//!
//! | what the jail may do | capability | when |
//! |---|---|---|
//! | what root does to files and processes of the jail | `CHOWN` `DAC_OVERRIDE` `FOWNER` `FSETID` `KILL` `SETFCAP` `SETGID` `SETPCAP` `SETUID` `SYS_CHROOT` | always |
//! | log a login | `AUDIT_WRITE` | always |
//! | bind ports below 1024 | `NET_BIND_SERVICE` | unless `allow.reserved_ports` is off |
//! | raw sockets | `NET_RAW` | with `allow.raw_sockets`, and in VNET jails as on FreeBSD |
//! | set up its interfaces, routes and firewall | `NET_ADMIN` | in VNET jails |
//!
//! The first two rows are what container runtimes keep, without `MKNOD`: they pair that with a filter of devices, and
//! a jail here has its device nodes made for it. Nothing in the list reaches the host: there is no way to mount, load
//! modules, trace foreign processes, set the clock or open files by handle.

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::jails::{JailSpec, ParameterValue};
use crate::linux::syscalls;

const ALWAYS: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::AUDIT_WRITE);

/// The capabilities of a new jail.
pub(super) fn of(spec: &JailSpec) -> CapabilitySet {
    let mut set = ALWAYS;
    set.set(CapabilitySet::NET_BIND_SERVICE, flag(spec, "allow.reserved_ports").unwrap_or(true));
    set.set(CapabilitySet::NET_RAW, spec.vnet || flag(spec, "allow.raw_sockets").unwrap_or(false));
    set.set(CapabilitySet::NET_ADMIN, spec.vnet);
    set
}

fn flag(spec: &JailSpec, name: &str) -> Option<bool> {
    spec.parameters.iter().find(|parameter| parameter.name == name).and_then(|parameter| {
        match parameter.value {
            ParameterValue::Flag(on) => Some(on),
            ParameterValue::Number(number) => Some(number != 0),
            _ => None,
        }
    })
}

/// Keeps these capabilities and no others, now and after every execve(2). Only makes system calls.
pub(super) fn keep(set: CapabilitySet) -> rustix::io::Result<()> {
    for capability in 0..u64::BITS {
        if set.bits() & 1 << capability == 0 {
            match syscalls::drop_from_bounding_set(capability) {
                Err(rustix::io::Errno::INVAL) => break, // past the last one of this kernel
                result => result?,
            }
        }
    }
    // Nothing inheritable, so there are no ambient ones either.
    set_capabilities(
        None,
        CapabilitySets { effective: set, permitted: set, inheritable: CapabilitySet::empty() },
    )?;
    rustix::thread::set_no_new_privs(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jails::Parameter;

    fn spec(vnet: bool, parameters: &[(&str, bool)]) -> JailSpec {
        let parameter = |(name, on): &(&str, bool)| Parameter {
            name: (*name).to_owned(),
            value: ParameterValue::Flag(*on),
        };
        JailSpec {
            name: "x".parse().unwrap(),
            path: "/".into(),
            hostname: String::new(),
            vnet,
            parameters: parameters.iter().map(parameter).collect(),
        }
    }

    #[test]
    fn parameters_decide() {
        let plain = of(&spec(false, &[]));
        assert!(plain.contains(CapabilitySet::NET_BIND_SERVICE | CapabilitySet::SETUID));
        assert!(!plain.intersects(CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN));
        assert!(of(&spec(false, &[("allow.raw_sockets", true)])).contains(CapabilitySet::NET_RAW));
        assert!(
            !of(&spec(false, &[("allow.reserved_ports", false)])).contains(CapabilitySet::NET_BIND_SERVICE)
        );
        assert!(of(&spec(true, &[])).contains(CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN));
    }

    #[test]
    fn no_way_to_the_host() {
        let most = of(&spec(true, &[("allow.raw_sockets", true), ("allow.mount", true)]));
        let host = CapabilitySet::SYS_ADMIN
            | CapabilitySet::SYS_MODULE
            | CapabilitySet::SYS_RAWIO
            | CapabilitySet::SYS_PTRACE
            | CapabilitySet::SYS_BOOT
            | CapabilitySet::SYS_TIME
            | CapabilitySet::MKNOD
            | CapabilitySet::DAC_READ_SEARCH
            | CapabilitySet::BPF
            | CapabilitySet::SYSLOG;
        assert!(!most.intersects(host));
    }
}
