//! The types that properties have in code, and how each is read, shown and stored.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::value::{Value, parse_bool};
use crate::address::{Addresses, Family};
use crate::interface::{Links, Router};
use crate::limit::Limit;
use crate::mac::{MacPair, MacPrefix};
use crate::name::ReleaseRef;
use crate::resolver::Resolver;
use crate::size::Size;

/// Whose notation a configuration is written in, where the programs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// libiocage and ioc: commas between items, `none` for no value.
    Libioc,
    /// iocage: blanks between items of some lists, `off` for no limit.
    Iocage,
}

/// A value as a configuration file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Yes or no, in whatever notation the file has for it.
    Bool(bool),
    /// Text.
    Text(String),
}

/// A type that a property can have.
pub trait Typed: Sized + 'static {
    /// Short name for tables: "bool".
    const NAME: &'static str;
    /// What is accepted, for messages and help: "yes or no".
    const ACCEPTS: &'static str;
    /// Whether `none` is a value, which `parse("")` then makes; else `none` means "not set, use the default".
    const NULLABLE: bool;
    /// Further spellings of `none`; iocage's files get the first.
    const ALSO_NONE: &'static [&'static str] = &[];

    /// Reads trimmed text that is no spelling of none; the error says what is wrong with it.
    fn parse(text: &str) -> Result<Self, String>;

    /// The value as it is shown and compared.
    fn value(&self) -> Value;

    /// The value as a file holds it.
    fn stored(&self, dialect: Dialect) -> Stored {
        match self.value() {
            Value::None => none_in(dialect, Self::ALSO_NONE),
            Value::Bool(yes) => Stored::Bool(yes),
            other => Stored::Text(other.to_string()),
        }
    }
}

impl Typed for bool {
    const NAME: &'static str = "bool";
    const ACCEPTS: &'static str = "yes or no (also on/off, true/false, 1/0)";
    const NULLABLE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        parse_bool(text).ok_or_else(|| "neither yes nor no".to_owned())
    }

    fn value(&self) -> Value {
        Value::Bool(*self)
    }
}

macro_rules! integers {
    ($($number:ty),*) => {$(
        impl Typed for $number {
            const NAME: &'static str = "number";
            const ACCEPTS: &'static str = "a whole number";
            const NULLABLE: bool = false;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| match text.parse::<f64>() {
                    Ok(_) => "not a whole number in range".to_owned(),
                    Err(_) => "not a number".to_owned(),
                })
            }

            fn value(&self) -> Value {
                Value::Int((*self).into())
            }
        }
    )*};
}
integers!(u16, u32, i32, i64);

impl Typed for String {
    const NAME: &'static str = "text";
    const ACCEPTS: &'static str = "text";
    const NULLABLE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl<T: Typed> Typed for Option<T> {
    const NAME: &'static str = T::NAME;
    const ACCEPTS: &'static str = T::ACCEPTS;
    const NULLABLE: bool = true;
    const ALSO_NONE: &'static [&'static str] = T::ALSO_NONE;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || T::ALSO_NONE.iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Ok(None);
        }
        T::parse(text).map(Some)
    }

    fn value(&self) -> Value {
        self.as_ref().map_or(Value::None, T::value)
    }

    fn stored(&self, dialect: Dialect) -> Stored {
        match self {
            Some(value) => value.stored(dialect),
            None => none_in(dialect, T::ALSO_NONE),
        }
    }
}

fn none_in(dialect: Dialect, also: &[&str]) -> Stored {
    let word = match (dialect, also) {
        (Dialect::Iocage, [word, ..]) => word,
        _ => "none",
    };
    Stored::Text(word.to_owned())
}

/// A list whose items hold no blanks and no commas; either separates them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Words(pub Vec<String>);

impl Typed for Words {
    const NAME: &'static str = "list";
    const ACCEPTS: &'static str = "items separated by commas or blanks";
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        Ok(Words(words.filter(|word| !word.is_empty()).map(str::to_owned).collect()))
    }

    fn value(&self) -> Value {
        Value::list(self.0.iter().cloned())
    }

    fn stored(&self, dialect: Dialect) -> Stored {
        let separator = match dialect {
            Dialect::Libioc => ",",
            Dialect::Iocage => " ",
        };
        Stored::Text(if self.0.is_empty() { "none".to_owned() } else { self.0.join(separator) })
    }
}

/// Dataset names, stored with blanks between them in either dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DatasetList(pub Vec<String>);

impl Typed for DatasetList {
    const NAME: &'static str = "list";
    const ACCEPTS: &'static str = "dataset names separated by blanks or commas";
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let Words(names) = Words::parse(text)?;
        match names.iter().find(|name| !is_dataset_path(name)) {
            Some(bad) => Err(format!("{bad:?} is not the name of a dataset")),
            None => Ok(DatasetList(names)),
        }
    }

    fn value(&self) -> Value {
        Value::list(self.0.iter().cloned())
    }

    fn stored(&self, _: Dialect) -> Stored {
        Stored::Text(if self.0.is_empty() { "none".to_owned() } else { self.0.join(" ") })
    }
}

/// A dataset, with its pool or (as iocage has it) without: such a name may begin with any legal character.
fn is_dataset_path(name: &str) -> bool {
    name.len() < 256
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c))
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// A comma separated list; a backslash keeps a comma, or a backslash, as part of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Items(pub Vec<String>);

impl Typed for Items {
    const NAME: &'static str = "list";
    const ACCEPTS: &'static str = "items separated by commas";
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let mut items = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match (character, items.last_mut()) {
                (',', _) => items.push(String::new()),
                ('\\', Some(item)) => item.push(characters.next().unwrap_or('\\')),
                (other, Some(item)) => item.push(other),
                (_, None) => {}
            }
        }
        let mut seen = std::collections::HashSet::new();
        items.iter_mut().for_each(|item| *item = item.trim().to_owned());
        items.retain(|item| !item.is_empty() && seen.insert(item.clone()));
        Ok(Items(items))
    }

    fn value(&self) -> Value {
        Value::list(self.0.iter().cloned())
    }

    fn stored(&self, _: Dialect) -> Stored {
        let items: Vec<String> =
            self.0.iter().map(|item| item.replace('\\', "\\\\").replace(',', "\\,")).collect();
        Stored::Text(if items.is_empty() { "none".to_owned() } else { items.join(",") })
    }
}

/// Arguments of a command, separated by blanks; there is no quoting.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arguments(pub Vec<String>);

impl Typed for Arguments {
    const NAME: &'static str = "arguments";
    const ACCEPTS: &'static str = "arguments separated by blanks";
    const NULLABLE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Arguments(text.split_whitespace().map(str::to_owned).collect()))
    }

    fn value(&self) -> Value {
        Value::Text(self.0.join(" "))
    }
}

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

/// Gives a type with `FromStr` and `Display` the rest of [`Typed`]; none is what the empty text reads as.
macro_rules! by_text {
    ($type:ty, $name:literal, nullable: $nullable:literal, $accepts:literal) => {
        impl Typed for $type {
            const NAME: &'static str = $name;
            const ACCEPTS: &'static str = $accepts;
            const NULLABLE: bool = $nullable;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|error| format!("{error}"))
            }

            fn value(&self) -> Value {
                Value::Text(self.to_string())
            }
        }
    };
}

by_text!(MacPrefix, "hex", nullable: false, "2 to 10 hexadecimal digits, the first two of a unicast address");
by_text!(Resolver, "resolver", nullable: true,
    "/etc/resolv.conf (copy), none (leave alone), or lines or addresses of name servers separated by ;");
by_text!(Router<Ipv4Addr>, "router", nullable: false, "ADDRESS, ADDRESS@INTERFACE or auto");
by_text!(Router<Ipv6Addr>, "router", nullable: false, "ADDRESS, ADDRESS@INTERFACE or auto");
by_text!(ReleaseRef, "release", nullable: false, "a release such as 14.3-RELEASE, or 14.3-RELEASE-p2 to pin it");

impl Typed for Limit {
    const NAME: &'static str = "limit";
    const ACCEPTS: &'static str = "AMOUNT, ACTION=AMOUNT or ACTION=AMOUNT/PER as in rctl(8); off for none";
    const NULLABLE: bool = false;
    const ALSO_NONE: &'static [&'static str] = &["off"];

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}"))
    }

    fn value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

impl Typed for MacPair {
    const NAME: &'static str = "mac";
    const ACCEPTS: &'static str = "the jail's address, or HOST,JAIL";
    const NULLABLE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}"))
    }

    fn value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn stored(&self, dialect: Dialect) -> Stored {
        let digits = |mac: crate::mac::MacAddress| mac.to_string().replace(':', "");
        Stored::Text(match dialect {
            Dialect::Libioc => self.to_string(),
            Dialect::Iocage => format!("{} {}", digits(self.host), digits(self.jail)),
        })
    }
}

impl Typed for Size {
    const NAME: &'static str = "size";
    const ACCEPTS: &'static str = "bytes, with a unit K, M, G, T, P or E";
    const NULLABLE: bool = false;
    /// zfs(8) prints an unset quota as `none` or `0`.
    const ALSO_NONE: &'static [&'static str] = &["none", "0"];

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}"))
    }

    fn value(&self) -> Value {
        Value::Size(*self)
    }
}

impl<A: Family> Typed for Addresses<A> {
    const NAME: &'static str = "addresses";
    const ACCEPTS: &'static str = if A::BITS == 32 {
        "INTERFACE|ADDRESS/PREFIX, separated by commas; dhcp as address; no interface means the default one"
    } else {
        "INTERFACE|ADDRESS/PREFIX, separated by commas; accept_rtadv as address; no interface means the default one"
    };
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}"))
    }

    fn value(&self) -> Value {
        Value::list(self.iter().map(|address| address.to_string()))
    }
}

impl Typed for Links {
    const NAME: &'static str = "interfaces";
    const ACCEPTS: &'static str =
        "NIC:BRIDGE, NIC::BRIDGE (secure) or NIC:none, separated by commas or blanks";
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{error}"))
    }

    fn value(&self) -> Value {
        Value::list(self.0.iter().map(|link| link.to_string()))
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
