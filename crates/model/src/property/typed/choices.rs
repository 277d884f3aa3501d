//! Values out of a few, or with a small grammar of their own.

use std::fmt;

use super::Typed;
use crate::property::value::Value;

/// How a jail relates to a resource of the host; jail(8), `ip4`, `sysvmsg` and others.
///
/// The kernel's numbers are those of `enum` in sys/jail.h: disable 0, new 1, inherit 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// The jail does not have it.
    Disable = 0,
    /// The jail has its own.
    New = 1,
    /// The jail uses that of the host.
    Inherit = 2,
}

impl fmt::Display for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sharing::Disable => "disable",
            Sharing::New => "new",
            Sharing::Inherit => "inherit",
        })
    }
}

impl Typed for Sharing {
    const NAME: &'static str = "choice";
    const ACCEPTS: &'static str = "new, inherit or disable";
    /// iocage before 2019 wrote `none` for `disable`.
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "new" => Ok(Sharing::New),
            "inherit" => Ok(Sharing::Inherit),
            "disable" | "" => Ok(Sharing::Disable),
            _ => Err("not one of the choices".to_owned()),
        }
    }

    fn value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

/// How the base of a basejail gets into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BasejailKind {
    /// Directories of the release are mounted read-only over those of the jail.
    Nullfs,
    /// Each base directory is a clone of the release's (shell-era iocage).
    Zfs,
}

impl Typed for BasejailKind {
    const NAME: &'static str = "choice";
    const ACCEPTS: &'static str = "nullfs or zfs";
    const NULLABLE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "nullfs" => Ok(BasejailKind::Nullfs),
            "zfs" => Ok(BasejailKind::Zfs),
            _ => Err("not one of the choices".to_owned()),
        }
    }

    fn value(&self) -> Value {
        Value::Text(match self {
            BasejailKind::Nullfs => "nullfs".to_owned(),
            BasejailKind::Zfs => "zfs".to_owned(),
        })
    }
}

/// A set of devfs rules, devfs.rules(5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Ruleset {
    /// By its number, from 1.
    Number(u16),
    /// By its name, as in `[devfsrules_jail=4]`.
    Name(String),
}

impl Typed for Ruleset {
    const NAME: &'static str = "ruleset";
    const ACCEPTS: &'static str = "the number (1 to 65535) or the name of a ruleset of devfs.rules(5)";
    const NULLABLE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return match text.parse() {
                Ok(0) | Err(_) => Err("no ruleset has that number".to_owned()),
                Ok(number) => Ok(Ruleset::Number(number)),
            };
        }
        let named = text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if named { Ok(Ruleset::Name(text.to_owned())) } else { Err("not the name of a ruleset".to_owned()) }
    }

    fn value(&self) -> Value {
        match self {
            Ruleset::Number(number) => Value::Int((*number).into()),
            Ruleset::Name(name) => Value::Text(name.clone()),
        }
    }
}

/// The processors that a jail may use: `0-3,6`, cpuset(1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CpuList(String);

impl CpuList {
    /// The list as cpuset(1) takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Typed for CpuList {
    const NAME: &'static str = "processors";
    const ACCEPTS: &'static str = "numbers and ranges such as 0-3,6; off or all for no restriction";
    const NULLABLE: bool = false;
    const ALSO_NONE: &'static [&'static str] = &["off", "all"];

    fn parse(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<u16>().ok().filter(|cpu| *cpu < 4096);
        for item in text.split(',') {
            let good = match item.split_once('-') {
                Some((first, last)) => matches!((number(first), number(last)), (Some(a), Some(b)) if a <= b),
                None => number(item).is_some(),
            };
            if !good {
                return Err(format!("{:?} is no processor and no range", item.trim()));
            }
        }
        Ok(CpuList(text.chars().filter(|c| !c.is_whitespace()).collect()))
    }

    fn value(&self) -> Value {
        Value::Text(self.0.clone())
    }
}

/// The MTU of a VNET interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mtu {
    /// That of the bridge.
    Auto,
    /// This many bytes.
    Bytes(u16),
}

impl Typed for Mtu {
    const NAME: &'static str = "mtu";
    const ACCEPTS: &'static str = "auto (that of the bridge) or 72 to 65535";
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.eq_ignore_ascii_case("auto") {
            return Ok(Mtu::Auto);
        }
        // IF_MINMTU, net/if.h.
        match text.parse() {
            Ok(bytes @ 72..) => Ok(Mtu::Bytes(bytes)),
            _ => Err("not an MTU".to_owned()),
        }
    }

    fn value(&self) -> Value {
        match self {
            Mtu::Auto => Value::Text("auto".to_owned()),
            Mtu::Bytes(bytes) => Value::Int((*bytes).into()),
        }
    }
}
