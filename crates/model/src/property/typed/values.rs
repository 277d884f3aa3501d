//! Types of other modules as types of properties.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Dialect, Stored, Typed};
use crate::address::{Addresses, Family};
use crate::interface::{Links, Router};
use crate::limit::Limit;
use crate::mac::{MacPair, MacPrefix};
use crate::name::ReleaseRef;
use crate::property::value::Value;
use crate::resolver::Resolver;
use crate::size::Size;

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
