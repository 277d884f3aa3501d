//! Network interfaces of jails: their names, what they hang on, and where the default route goes.

use std::fmt;
use std::str::FromStr;

use crate::address::Family;

/// Name of a network interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(String);

/// Why a text cannot be the name of an interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceNameError {
    /// Nothing was given.
    #[error("an interface name is empty")]
    Empty,
    /// More than 15 bytes.
    #[error("interface name {0:?} is longer than 15 characters")]
    TooLong(String),
    /// A character that no interface name has.
    #[error("interface name {name:?} may not have {character:?}")]
    Character {
        /// What was given.
        name: String,
        /// The offending character.
        character: char,
    },
}

impl InterfaceName {
    /// Longest name that the kernel takes, in bytes: IFNAMSIZ less the final NUL, net/if.h.
    pub const MOST: usize = 15;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfaceName {
    type Err = InterfaceNameError;

    fn from_str(name: &str) -> Result<Self, InterfaceNameError> {
        if name.is_empty() {
            return Err(InterfaceNameError::Empty);
        }
        if name.len() > Self::MOST {
            return Err(InterfaceNameError::TooLong(name.chars().take(32).collect()));
        }
        if let Some(character) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || "._-".contains(*c))) {
            return Err(InterfaceNameError::Character { name: name.to_owned(), character });
        }
        Ok(InterfaceName(name.to_owned()))
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A bridge that a VNET interface is a member of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bridge {
    /// The bridge.
    pub name: InterfaceName,
    /// Whether a private bridge and firewall rules keep the jail to its own addresses (`nic::bridge`).
    pub secure: bool,
}

/// One entry of `interfaces`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// The interface's name in the jail.
    pub nic: InterfaceName,
    /// The bridge it joins; none for `nic:none`.
    pub bridge: Option<Bridge>,
}

/// The value of `interfaces`, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Links(pub Vec<Link>);

/// Why a text is not a value of `interfaces`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// An entry without colon.
    #[error("{0:?} is not of the form NIC:BRIDGE")]
    NoBridge(String),
    /// One of the names is none.
    #[error(transparent)]
    Name(#[from] InterfaceNameError),
    /// Two entries for one interface.
    #[error("interface {0} is given twice")]
    Twice(InterfaceName),
}

impl Links {
    /// The entry of one interface.
    pub fn of(&self, nic: &InterfaceName) -> Option<&Link> {
        self.0.iter().find(|link| link.nic == *nic)
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let (nic, bridge) = text.split_once(':').ok_or_else(|| LinkError::NoBridge(text.to_owned()))?;
        let (secure, name) = bridge.strip_prefix(':').map_or((false, bridge), |name| (true, name));
        let bridge = match name {
            "" | "-" | "none" | "None" => None,
            name => Some(Bridge { name: name.parse()?, secure }),
        };
        Ok(Link { nic: nic.parse()?, bridge })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bridge {
            Some(Bridge { name, secure: false }) => write!(f, "{}:{name}", self.nic),
            Some(Bridge { name, secure: true }) => write!(f, "{}::{name}", self.nic),
            None => write!(f, "{}:none", self.nic),
        }
    }
}

impl FromStr for Links {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let mut links = Links::default();
        for entry in text.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()) {
            let link: Link = entry.parse()?;
            if links.of(&link.nic).is_some() {
                return Err(LinkError::Twice(link.nic));
            }
            // More interfaces than this are a mistake, and the search above should stay cheap.
            if links.0.len() == 256 {
                return Err(LinkError::NoBridge(entry.to_owned()));
            }
            links.0.push(link);
        }
        Ok(links)
    }
}

/// The value of `defaultrouter` or `defaultrouter6`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Router<A> {
    /// The host's own router (iocage).
    Auto,
    /// A router.
    Via {
        /// Its address.
        address: A,
        /// The interface it is reached through, where the address alone does not tell.
        interface: Option<InterfaceName>,
    },
}

/// Why a text is not a router.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    /// The part before `@` is no address of the family.
    #[error("{address:?} is not an {family} address")]
    Address {
        /// That part.
        address: String,
        /// The family that was wanted.
        family: &'static str,
    },
    /// The part after `@` is no interface name.
    #[error(transparent)]
    Interface(#[from] InterfaceNameError),
}

impl<A: Family> FromStr for Router<A> {
    type Err = RouterError;

    /// Reads `ADDRESS`, `ADDRESS@INTERFACE`, `ADDRESS%INTERFACE` (IPv6 only) and `auto`.
    fn from_str(text: &str) -> Result<Self, RouterError> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Router::Auto);
        }
        let separator = if A::BITS == 128 && !text.contains('@') { '%' } else { '@' };
        let (address, interface) = match text.split_once(separator) {
            Some((address, interface)) => (address, Some(interface.parse()?)),
            None => (text, None),
        };
        let address = address
            .parse()
            .map_err(|_| RouterError::Address { address: address.to_owned(), family: A::NAME })?;
        Ok(Router::Via { address, interface })
    }
}

impl<A: fmt::Display> fmt::Display for Router<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Router::Auto => f.write_str("auto"),
            Router::Via { address, interface: Some(interface) } => write!(f, "{address}@{interface}"),
            Router::Via { address, interface: None } => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn links() {
        let links: Links = "vnet0:bridge0, vnet1::bridge1 vnet2:none".parse().unwrap();
        let shown: Vec<String> = links.0.iter().map(Link::to_string).collect();
        assert_eq!(shown, ["vnet0:bridge0", "vnet1::bridge1", "vnet2:none"]);
        assert!(links.0[1].bridge.as_ref().unwrap().secure);
        for bad in ["vnet0", ":bridge0", "vnet0:br idge", "vnet0:bridge0,vnet0:bridge1", "a:b:c"] {
            assert!(bad.parse::<Links>().is_err(), "{bad}");
        }
        assert!("sixteencharacter:b".parse::<Links>().is_err());
    }

    #[test]
    fn routers() {
        assert_eq!("10.0.0.1@em0".parse::<Router<Ipv4Addr>>().unwrap().to_string(), "10.0.0.1@em0");
        assert_eq!("fe80::1%vnet0".parse::<Router<Ipv6Addr>>().unwrap().to_string(), "fe80::1@vnet0");
        assert_eq!("AUTO".parse::<Router<Ipv4Addr>>(), Ok(Router::Auto));
        for bad in ["", "::1", "10.0.0.1@", "10.0.0.1@a@b", "10.0.0.1%em0"] {
            assert!(bad.parse::<Router<Ipv4Addr>>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text: String) {
            let _ = (text.parse::<Links>(), text.parse::<Router<Ipv4Addr>>(), text.parse::<Router<Ipv6Addr>>());
        }

        #[test]
        fn printed_links_read_back(nic in "[a-z]{1,5}[0-9]", bridge in "[a-z]{1,6}[0-9]", secure: bool) {
            prop_assume!(bridge != "none");
            let bridge = Some(Bridge { name: bridge.parse().unwrap(), secure });
            let link = Link { nic: nic.parse().unwrap(), bridge };
            prop_assert_eq!(link.to_string().parse(), Ok(link));
        }
    }
}
