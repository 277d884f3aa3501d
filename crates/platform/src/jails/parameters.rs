//! Kernel parameters of FreeBSD jails as data: how the kernel describes them, how a value becomes bytes.
//!
//! jail_set(2) takes pairs of a name and raw bytes, and silently does something else for a value of the wrong
//! shape: a boolean is set by the presence of its name, whatever the value, and unset by the presence of its `no`
//! form. So each value is compared here with the description that the kernel gives of the parameter
//! (`security.jail.param`, sys/kern/kern_jail.c) before it is passed on.

use std::collections::BTreeMap;

use super::{JailSys, Parameter, ParameterValue};

/// What the kernel takes for a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Present or not; format `B` of the sysctl.
    Boolean,
    /// A signed or unsigned number of this many bytes.
    Number(usize),
    /// `disable`, `new` or `inherit`; format `E,jailsys`.
    JailSys,
    /// Text of at most this many bytes with its final NUL; 0: the kernel does not say.
    Text(usize),
    /// IPv4 addresses.
    Ip4,
    /// IPv6 addresses.
    Ip6,
    /// Something that ioc cannot set.
    Other,
}

/// The parameters that a kernel knows, by name.
pub type Known = BTreeMap<String, Kind>;

/// CTLTYPE_* of sys/sysctl.h.
mod ctl {
    pub(super) const MASK: u32 = 0xf;
    pub(super) const INT: u32 = 2;
    pub(super) const STRING: u32 = 3;
    pub(super) const S64: u32 = 4;
    pub(super) const STRUCT: u32 = 5;
    pub(super) const UINT: u32 = 6;
    pub(super) const LONG: u32 = 7;
    pub(super) const ULONG: u32 = 8;
    pub(super) const U64: u32 = 9;
    pub(super) const S32: u32 = 14;
    pub(super) const U32: u32 = 15;
}

/// Reads the description of a parameter: the type and format of its sysctl, and the sysctl's value, which for text
/// is the greatest length as decimal text.
pub fn describe(kind: u32, format: &str, value: &[u8]) -> Kind {
    match (kind & ctl::MASK, format) {
        (ctl::INT, "E,jailsys") => Kind::JailSys,
        (ctl::INT, format) if format.starts_with('B') => Kind::Boolean,
        (ctl::INT | ctl::UINT | ctl::S32 | ctl::U32, _) => Kind::Number(4),
        (ctl::LONG | ctl::ULONG, _) => Kind::Number(size_of::<usize>()),
        (ctl::S64 | ctl::U64, _) => Kind::Number(8),
        (ctl::STRING, _) => {
            let text = value.split(|&b| b == 0).next().unwrap_or_default();
            Kind::Text(std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).unwrap_or(0))
        }
        (ctl::STRUCT, "S,in_addr" | "S,in_addr,a") => Kind::Ip4,
        (ctl::STRUCT, "S,in6_addr" | "S,in6_addr,a") => Kind::Ip6,
        _ => Kind::Other,
    }
}

/// Name of the CPU list that jail_set(2) does not know: it is applied by cpuset_setaffinity(2).
pub const CPUS: &str = "cpuset";

/// One pair for jail_set(2): the name, and the bytes of the value, without value for booleans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The name as the kernel takes it, booleans in their `no` form where they are off.
    pub name: String,
    /// The bytes of the value.
    pub value: Vec<u8>,
}

/// Turns a parameter into what the kernel takes; none if it does not take this value of it, or does not know it.
///
/// An empty list of addresses becomes nothing at all: passing it would restrict the jail to no address
/// (kern_jail.c sets PR_IP4_USER for it), which is what `ip4=disable` is for.
pub fn argument(parameter: &Parameter, known: &Known) -> Option<Vec<Argument>> {
    let kind = *known.get(&parameter.name)?;
    let name = parameter.name.clone();
    let value = match (&parameter.value, kind) {
        (ParameterValue::Flag(on), Kind::Boolean) => {
            return Some(vec![Argument { name: if *on { name } else { negated(&name) }, value: Vec::new() }]);
        }
        (ParameterValue::Number(n), Kind::Number(4)) => n.to_ne_bytes().to_vec(),
        (ParameterValue::Number(n), Kind::Number(_)) => i64::from(*n).to_ne_bytes().to_vec(),
        (ParameterValue::Sys(sys), Kind::JailSys) => number(*sys).to_ne_bytes().to_vec(),
        (ParameterValue::Text(text), Kind::Text(most)) => {
            let fits = most == 0 || text.len() < most;
            if !fits || text.contains('\0') {
                return None;
            }
            let mut bytes = text.clone().into_bytes();
            bytes.push(0);
            bytes
        }
        (ParameterValue::Ip4(list), Kind::Ip4) => list.iter().flat_map(|ip| ip.octets()).collect(),
        (ParameterValue::Ip6(list), Kind::Ip6) => list.iter().flat_map(|ip| ip.octets()).collect(),
        _ => return None,
    };
    if value.is_empty() { Some(Vec::new()) } else { Some(vec![Argument { name, value }]) }
}

/// The number of a relation; JAIL_SYS_* of sys/jail.h.
pub fn number(sys: JailSys) -> i32 {
    match sys {
        JailSys::Disable => 0,
        JailSys::New => 1,
        JailSys::Inherit => 2,
    }
}

/// The name that switches a boolean off: `allow.mount.zfs` -> `allow.mount.nozfs`.
pub fn negated(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((head, last)) => format!("{head}.no{last}"),
        None => format!("no{name}"),
    }
}

/// The kernel module that has the parameter, where it is one that comes with a module; as in lib/libjail.
pub fn module_of(name: &str) -> Option<&str> {
    match name {
        "linux" => Some("linux"),
        "sysvmsg" | "sysvsem" | "sysvshm" => Some(name),
        _ if name.starts_with("linux.") => Some("linux"),
        "allow.vmm" | "allow.vmm_ppt" => Some("vmm"),
        _ => name.strip_prefix("allow.mount.").filter(|fs| is_module_name(fs)),
    }
}

fn is_module_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Finds the parameter that the kernel complained of in its message; vfs_opterror() in sys/kern/kern_jail.c.
///
/// `unknown parameter: allow.nofoo` -> `allow.nofoo`
pub fn unknown_in(message: &str) -> Option<&str> {
    message.strip_prefix("unknown parameter: ").map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn known() -> Known {
        [
            ("allow.mount.zfs", Kind::Boolean),
            ("allow.mount", Kind::Boolean),
            ("persist", Kind::Boolean),
            ("children.max", Kind::Number(4)),
            ("host.hostid", Kind::Number(8)),
            ("sysvshm", Kind::JailSys),
            ("osrelease", Kind::Text(32)),
            ("ip4.addr", Kind::Ip4),
            ("ip6.addr", Kind::Ip6),
        ]
        .into_iter()
        .map(|(name, kind)| (name.to_owned(), kind))
        .collect()
    }

    fn one(name: &str, value: ParameterValue) -> Option<Vec<Argument>> {
        argument(&Parameter { name: name.to_owned(), value }, &known())
    }

    #[test]
    fn the_value_of_a_boolean_decides_not_its_presence() {
        let on = one("allow.mount.zfs", ParameterValue::Flag(true)).unwrap();
        let off = one("allow.mount.zfs", ParameterValue::Flag(false)).unwrap();
        assert_eq!(on, [Argument { name: "allow.mount.zfs".to_owned(), value: vec![] }]);
        assert_eq!(off, [Argument { name: "allow.mount.nozfs".to_owned(), value: vec![] }]);
        assert_eq!(one("persist", ParameterValue::Flag(false)).unwrap()[0].name, "nopersist");
        // The number 0 as value of a boolean would switch it on.
        assert_eq!(one("allow.mount", ParameterValue::Number(0)), None);
    }

    #[test]
    fn disable_new_inherit_are_0_1_2() {
        for (sys, number) in [(JailSys::Disable, 0i32), (JailSys::New, 1), (JailSys::Inherit, 2)] {
            assert_eq!(one("sysvshm", ParameterValue::Sys(sys)).unwrap()[0].value, number.to_ne_bytes());
        }
    }

    #[test]
    fn numbers_have_the_width_of_the_kernel() {
        assert_eq!(one("children.max", ParameterValue::Number(-1)).unwrap()[0].value, [0xff; 4]);
        assert_eq!(one("host.hostid", ParameterValue::Number(7)).unwrap()[0].value.len(), 8);
    }

    #[test]
    fn addresses_only_if_there_are_any() {
        assert_eq!(one("ip4.addr", ParameterValue::Ip4(vec![])).unwrap(), []);
        let two = vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        assert_eq!(one("ip4.addr", ParameterValue::Ip4(two)).unwrap()[0].value, [10, 0, 0, 1, 10, 0, 0, 2]);
        let six = vec!["fd00::1".parse().unwrap()];
        assert_eq!(one("ip6.addr", ParameterValue::Ip6(six)).unwrap()[0].value.len(), 16);
    }

    #[test]
    fn text_fits_or_is_refused() {
        let text = |t: &str| one("osrelease", ParameterValue::Text(t.to_owned()));
        assert_eq!(text("14.2-RELEASE").unwrap()[0].value, b"14.2-RELEASE\0");
        assert!(text(&"x".repeat(31)).is_some());
        assert!(text(&"x".repeat(32)).is_none());
        assert!(text("a\0b").is_none());
    }

    #[test]
    fn unknown_names_are_refused() {
        assert_eq!(one("allow.frobnicate", ParameterValue::Flag(true)), None);
    }

    #[test]
    fn descriptions_of_freebsd_13_2() {
        // Types and formats of SYSCTL_JAIL_PARAM in sys/kern/kern_jail.c of 13.2; the high bits are access flags.
        assert_eq!(describe(0xc004_0002, "B", &[0; 4]), Kind::Boolean);
        assert_eq!(describe(0xc004_0002, "BN", &[0; 4]), Kind::Boolean);
        assert_eq!(describe(0xc004_0002, "E,jailsys", &[0; 4]), Kind::JailSys);
        assert_eq!(describe(0xc004_0002, "I", &[0; 4]), Kind::Number(4));
        assert_eq!(describe(0xc004_0008, "LU", &[0; 8]), Kind::Number(8));
        assert_eq!(describe(0xc004_0003, "A", b"256\0"), Kind::Text(256));
        assert_eq!(describe(0xc004_0003, "A", b"not a number"), Kind::Text(0));
        assert_eq!(describe(0xc004_0005, "S,in_addr,a", &[4, 0, 0, 0, 0, 0, 0, 0]), Kind::Ip4);
        assert_eq!(describe(0xc004_0005, "S,in6_addr,a", &[16, 0, 0, 0, 0, 0, 0, 0]), Kind::Ip6);
        assert_eq!(describe(0xc004_0001, "N", &[]), Kind::Other);
    }

    #[test]
    fn modules() {
        assert_eq!(module_of("allow.mount.fdescfs"), Some("fdescfs"));
        assert_eq!(module_of("linux.osrelease"), Some("linux"));
        assert_eq!(module_of("allow.mount"), None);
        assert_eq!(module_of("allow.mount.../../evil"), None);
        assert_eq!(module_of("allow.chflags"), None);
    }

    #[test]
    fn the_message_of_the_kernel() {
        assert_eq!(unknown_in("unknown parameter: vnet"), Some("vnet"));
        assert_eq!(unknown_in("jail 4 already exists"), None);
    }

    proptest! {
        #[test]
        fn a_negated_name_differs_in_its_last_component(name in "[a-z]{1,8}(\\.[a-z_]{1,8}){0,3}") {
            let no = negated(&name);
            prop_assert_eq!(no.len(), name.len() + 2);
            let last = name.rsplit('.').next().unwrap();
            let expected = format!("no{last}");
            prop_assert_eq!(no.rsplit('.').next().unwrap(), expected.as_str());
        }

        #[test]
        fn any_description_is_read(kind: u32, format in ".{0,12}", value: Vec<u8>) {
            describe(kind, &format, &value);
        }
    }
}
