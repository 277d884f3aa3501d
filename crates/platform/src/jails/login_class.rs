//! Login classes of a jail: what login.conf(5) says about the limits of a user.
//!
//! setusercontext(3) reads the file itself and allocates memory, which a process may not do between fork(2) and
//! exec. So the text is read before, and only numbers go into the child. Of a class its resource limits, priority
//! and umask are used; the environment of a process is what the caller gives, nothing is added from the class.

use std::collections::HashMap;

/// Where the text stands below the jail's root.
pub const FILE: &str = "etc/login.conf";

/// What a class asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// Limits: the resource of setrlimit(2), and its new current and maximal value; none keeps the value.
    pub limits: Vec<Limit>,
    /// Priority as for setpriority(2).
    pub priority: Option<i32>,
    /// File mode creation mask.
    pub umask: Option<u16>,
}

/// One resource limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// RLIMIT_* of FreeBSD's sys/resource.h.
    pub resource: i32,
    /// New current value.
    pub current: Option<i64>,
    /// New maximum.
    pub maximum: Option<i64>,
}

/// RLIM_INFINITY of FreeBSD's sys/resource.h.
pub const INFINITY: i64 = i64::MAX;

#[derive(Clone, Copy)]
enum Unit {
    Time,
    Size,
    Count,
}

/// lib/libutil/login_class.c and sys/sys/resource.h.
const RESOURCES: [(&str, i32, Unit); 16] = [
    ("cputime", 0, Unit::Time),
    ("filesize", 1, Unit::Size),
    ("datasize", 2, Unit::Size),
    ("stacksize", 3, Unit::Size),
    ("coredumpsize", 4, Unit::Size),
    ("memoryuse", 5, Unit::Size),
    ("memorylocked", 6, Unit::Size),
    ("maxproc", 7, Unit::Count),
    ("openfiles", 8, Unit::Count),
    ("sbsize", 9, Unit::Size),
    ("vmemoryuse", 10, Unit::Size),
    ("pseudoterminals", 11, Unit::Count),
    ("swapuse", 12, Unit::Size),
    ("kqueues", 13, Unit::Count),
    ("umtxp", 14, Unit::Count),
    ("pipebuf", 15, Unit::Size),
];

/// Longest chain of `tc=` that is followed, as in getcap(3).
const MOST_REFERENCES: usize = 32;

/// Reads what `name` asks for; a class that is not there is `default`, as in login_getclassbyname(3), and one that
/// is not there either asks for nothing.
pub fn class(login_conf: &str, name: &str) -> Class {
    let records = records(login_conf);
    let mut capabilities = HashMap::new();
    let mut next = if records.contains_key(name) { name } else { "default" };
    for _ in 0..MOST_REFERENCES {
        let Some(fields) = records.get(next) else { break };
        let mut reference = None;
        for field in fields {
            match field.strip_prefix("tc=") {
                Some(tc) => reference = reference.or(Some(tc)),
                None => {
                    let (key, value) = field.split_once(['=', '#']).unwrap_or((field, ""));
                    // What a record says itself goes before what it refers to.
                    capabilities.entry(key).or_insert(value);
                }
            }
        }
        match reference {
            Some(tc) => next = tc,
            None => break,
        }
    }
    from_capabilities(&capabilities)
}

/// Splits the text into its records: names, and the fields in order.
fn records(text: &str) -> HashMap<&str, Vec<&str>> {
    let mut records: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut names: Vec<&str> = Vec::new();
    let mut continued = false;
    for line in text.lines() {
        if !continued && (line.starts_with('#') || line.trim().is_empty()) {
            continue;
        }
        let (line, more) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        let mut fields = line.split(':').map(str::trim).filter(|field| !field.is_empty());
        if !continued {
            names = fields.next().unwrap_or_default().split('|').map(str::trim).collect();
            for name in &names {
                // The first record of a name counts.
                if records.contains_key(name) {
                    names = Vec::new();
                    break;
                }
            }
            for name in &names {
                records.insert(name, Vec::new());
            }
        }
        let fields: Vec<&str> = fields.collect();
        for name in &names {
            records.entry(name).or_default().extend(&fields);
        }
        continued = more;
    }
    records
}

fn from_capabilities(capabilities: &HashMap<&str, &str>) -> Class {
    let value = |name: &str, unit| capabilities.get(name).and_then(|text| quantity(text, unit));
    let mut limits = Vec::new();
    for (name, resource, unit) in RESOURCES {
        let both = value(name, unit);
        let current = value(&format!("{name}-cur"), unit).or(both);
        let maximum = value(&format!("{name}-max"), unit).or(both);
        if current.is_some() || maximum.is_some() {
            limits.push(Limit { resource, current, maximum });
        }
    }
    let number = |name: &str| capabilities.get(name).and_then(|text| text.parse::<i32>().ok());
    Class {
        limits,
        // Kernel priorities are -20 to 20; beyond that login.conf(5) means real-time and idle scheduling.
        priority: number("priority").map(|p| p.clamp(-20, 20)),
        umask: capabilities
            .get("umask")
            .and_then(|text| u16::from_str_radix(text, 8).ok())
            .map(|m| m & 0o7777),
    }
}

/// Reads an amount as login_getcaptime(3), login_getcapsize(3) and login_getcapnum(3) do: numbers with suffixes,
/// added up (`1h30m`); none if it makes no sense.
fn quantity(text: &str, unit: Unit) -> Option<i64> {
    if ["unlimited", "infinity", "inf", "-1"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Some(INFINITY);
    }
    if text.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let suffix = rest.chars().next();
        let factor: i64 = match (unit, suffix.map(|c| c.to_ascii_lowercase())) {
            (_, None) => 1,
            (Unit::Time, Some('s')) => 1,
            (Unit::Time, Some('m')) => 60,
            (Unit::Time, Some('h')) => 3600,
            (Unit::Time, Some('d')) => 86_400,
            (Unit::Time, Some('w')) => 7 * 86_400,
            (Unit::Time, Some('y')) => 365 * 86_400,
            (Unit::Size, Some('b')) => 512,
            (Unit::Size, Some('k')) => 1 << 10,
            (Unit::Size, Some('m')) => 1 << 20,
            (Unit::Size, Some('g')) => 1 << 30,
            (Unit::Size, Some('t')) => 1 << 40,
            _ => return None,
        };
        rest = &rest[suffix.map_or(0, char::len_utf8)..];
        total = total.saturating_add(number.saturating_mul(factor));
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // In the shape of usr.bin/login/login.conf of FreeBSD 13.2, with other values.
    const CONF: &str = "\
# comment
default:\\
\t:passwd_format=sha512:\\
\t:cputime=unlimited:\\
\t:memorylocked=64K:\\
\t:openfiles=unlimited:\\
\t:priority=0:\\
\t:umask=022:

standard|Ordinary users:\\
\t:tc=default:
staff:\\
\t:openfiles-cur=128:\\
\t:openfiles-max=1024:\\
\t:cputime=1h30m:\\
\t:filesize=2g:\\
\t:umask=077:\\
\t:tc=standard:
loop:\\
\t:priority#5:\\
\t:tc=loop:
staff:\\
\t:umask=000:
";

    fn limit(class: &Class, resource: i32) -> Option<(Option<i64>, Option<i64>)> {
        class.limits.iter().find(|l| l.resource == resource).map(|l| (l.current, l.maximum))
    }

    #[test]
    fn own_values_go_before_referred_ones() {
        let staff = class(CONF, "staff");
        assert_eq!(limit(&staff, 8), Some((Some(128), Some(1024))));
        assert_eq!(limit(&staff, 0), Some((Some(5400), Some(5400))));
        assert_eq!(limit(&staff, 1), Some((Some(2 << 30), Some(2 << 30))));
        assert_eq!(limit(&staff, 6), Some((Some(65536), Some(65536))));
        assert_eq!(limit(&staff, 3), None);
        assert_eq!((staff.umask, staff.priority), (Some(0o77), Some(0)));
    }

    #[test]
    fn aliases_unknown_classes_and_loops() {
        assert_eq!(class(CONF, "Ordinary users"), class(CONF, "default"));
        assert_eq!(class(CONF, "nosuch"), class(CONF, "default"));
        assert_eq!(limit(&class(CONF, "default"), 0), Some((Some(INFINITY), Some(INFINITY))));
        assert_eq!(class(CONF, "loop").priority, Some(5));
        assert_eq!(class("", "staff"), Class::default());
    }

    #[test]
    fn quantities() {
        assert_eq!(quantity("8b", Unit::Size), Some(4096));
        assert_eq!(quantity("512M", Unit::Size), Some(512 << 20));
        assert_eq!(quantity("1d", Unit::Time), Some(86_400));
        assert_eq!(quantity("99999999999999999t", Unit::Size), Some(i64::MAX));
        for bad in ["", "m", "1x", "-5", "1é", "12 "] {
            assert_eq!(quantity(bad, Unit::Size), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[a-z:=|#\\\\\n0-9 ]{0,200}", name in "[a-z]{0,3}") {
            class(&text, &name);
        }

        #[test]
        fn any_unicode_is_read(text: String, name: String) {
            class(&text, &name);
        }
    }
}
