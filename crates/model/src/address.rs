//! IP addresses of jails, in the order they were given.
//!
//! The first address of a jail is its primary one (jail(8), `ip4.addr`), so nothing here reorders.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::interface::{InterfaceName, InterfaceNameError};

/// An address family: [`Ipv4Addr`] or [`Ipv6Addr`].
pub trait Family: Copy + Eq + fmt::Display + fmt::Debug + FromStr + Into<IpAddr> + 'static {
    /// Bits of an address.
    const BITS: u8;
    /// For texts: "IPv4".
    const NAME: &'static str;
    /// The word that stands for an address that the jail finds out itself.
    const KEYWORD: &'static str;
    /// The length of the prefix that `mask` is, if it is one.
    fn prefix_of_mask(mask: Self) -> Option<u8>;
}

impl Family for Ipv4Addr {
    const BITS: u8 = 32;
    const NAME: &'static str = "IPv4";
    const KEYWORD: &'static str = "dhcp";

    /// Takes a netmask (`255.255.255.0`) and a host mask (`0.0.0.255`) alike, as the reference does.
    fn prefix_of_mask(mask: Self) -> Option<u8> {
        let bits = u32::from(mask);
        let ones = bits.leading_ones();
        if ones > 0 {
            return (bits.checked_shl(ones).unwrap_or(0) == 0).then_some(ones as u8);
        }
        let zeros = bits.leading_zeros();
        (bits.trailing_ones() + zeros == 32).then_some(zeros as u8)
    }
}

impl Family for Ipv6Addr {
    const BITS: u8 = 128;
    const NAME: &'static str = "IPv6";
    const KEYWORD: &'static str = "accept_rtadv";

    fn prefix_of_mask(_: Self) -> Option<u8> {
        None
    }
}

/// An address with the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr<A> {
    /// The address.
    pub address: A,
    /// Bits of the network's part; all of them if none was given.
    pub prefix: u8,
}

impl<A: Family> FromStr for Cidr<A> {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError::NotAnAddress { text: text.to_owned(), family: A::NAME };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: A = address.parse().map_err(|_| wrong())?;
        let prefix = match prefix {
            None => A::BITS,
            Some(mask) if mask.contains('.') => {
                mask.parse().ok().and_then(A::prefix_of_mask).ok_or_else(wrong)?
            }
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|bits| *bits <= A::BITS).ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        Ok(Cidr { address, prefix })
    }
}

impl<A: fmt::Display> fmt::Display for Cidr<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Where an interface's address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assigned<A> {
    /// A fixed address.
    Fixed(Cidr<A>),
    /// DHCP (IPv4) or router advertisements (IPv6), in the jail.
    Automatic,
}

impl<A> Assigned<A> {
    /// Tells whether the address is found out in the jail.
    pub fn is_automatic(&self) -> bool {
        matches!(self, Assigned::Automatic)
    }
}

/// One entry of `ip4_addr` or `ip6_addr`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address<A> {
    /// The interface; none means the default one: the first of `interfaces` for VNET jails, else the host's
    /// interface with the default route.
    pub interface: Option<InterfaceName>,
    /// The address.
    pub address: Assigned<A>,
}

/// The value of `ip4_addr` or `ip6_addr`: addresses in order, the first is the primary one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Addresses<A>(pub Vec<Address<A>>);

/// The value of `ip4_addr`.
pub type Ip4Addresses = Addresses<Ipv4Addr>;
/// The value of `ip6_addr`.
pub type Ip6Addresses = Addresses<Ipv6Addr>;

/// Why a text is not a list of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// An entry is no address of the family, or its prefix is out of range.
    #[error("{text:?} is not an {family} address")]
    NotAnAddress {
        /// The entry.
        text: String,
        /// The family that was wanted.
        family: &'static str,
    },
    /// The part before `|` is no interface name.
    #[error(transparent)]
    Interface(#[from] InterfaceNameError),
    /// An address is there twice on one interface.
    #[error("{text:?} is given twice")]
    Twice {
        /// The entry.
        text: String,
    },
}

impl<A> Addresses<A> {
    /// No addresses.
    pub const fn none() -> Self {
        Addresses(Vec::new())
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Address<A>> {
        self.0.iter()
    }
}

impl<'a, A> IntoIterator for &'a Addresses<A> {
    type Item = &'a Address<A>;
    type IntoIter = std::slice::Iter<'a, Address<A>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What iocage wrote for "the default interface".
const DEFAULT_INTERFACE: &str = "default";

impl<A: Family> FromStr for Address<A> {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (interface, address) = match text.split_once('|') {
            Some((nic, _)) if nic.trim().eq_ignore_ascii_case(DEFAULT_INTERFACE) => (None, after_bar(text)),
            Some((nic, _)) => (Some(nic.trim().parse()?), after_bar(text)),
            None => (None, text.trim()),
        };
        let address = if address.eq_ignore_ascii_case(A::KEYWORD) {
            Assigned::Automatic
        } else {
            Assigned::Fixed(address.parse()?)
        };
        Ok(Address { interface, address })
    }
}

fn after_bar(text: &str) -> &str {
    text.split_once('|').map_or(text, |(_, address)| address.trim())
}

impl<A: Family> fmt::Display for Address<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(interface) = &self.interface {
            write!(f, "{interface}|")?;
        }
        match self.address {
            Assigned::Fixed(cidr) => cidr.fmt(f),
            Assigned::Automatic => f.write_str(A::KEYWORD),
        }
    }
}

impl<A: Family> FromStr for Addresses<A> {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut seen = std::collections::HashSet::new();
        let mut addresses = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let address: Address<A> = entry.parse()?;
            let shown = address.to_string();
            if !seen.insert(shown) {
                return Err(AddressError::Twice { text: entry.to_owned() });
            }
            addresses.push(address);
        }
        Ok(Addresses(addresses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v4(text: &str) -> String {
        let list: Ip4Addresses = text.parse().unwrap();
        list.iter().map(|a| a.to_string()).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn order_is_kept_and_notation_made_uniform() {
        assert_eq!(v4("em0|10.0.0.3, em0 | 10.0.0.2/24"), "em0|10.0.0.3/32,em0|10.0.0.2/24");
        assert_eq!(v4("em0|1.2.3.4/255.255.255.0,1.2.3.5/0.0.0.255"), "em0|1.2.3.4/24,1.2.3.5/24");
        assert_eq!(v4("DHCP,vnet1|Dhcp,DEFAULT|10.1.1.1"), "dhcp,vnet1|dhcp,10.1.1.1/32");
        let list: Ip6Addresses = "vnet0|ACCEPT_RTADV,em0|2001:DB8::1/64".parse().unwrap();
        assert_eq!(list.0[0].address, Assigned::Automatic);
        assert_eq!(list.0[1].to_string(), "em0|2001:db8::1/64");
    }

    #[test]
    fn refusals() {
        for bad in
            ["em0|", "em0|10.0.0.256", "10.0.0.1/33", "10.0.0.1/255.0.255.0", "a b|10.0.0.1", "10.0.0.1/+8"]
        {
            assert!(bad.parse::<Ip4Addresses>().is_err(), "{bad}");
        }
        assert!("em0|accept_rtadv".parse::<Ip4Addresses>().is_err());
        for bad in ["em0|dhcp", "fe80::1%em0", "10.0.0.1", "::1/129", "::1/ffff::"] {
            assert!(bad.parse::<Ip6Addresses>().is_err(), "{bad}");
        }
        assert!(matches!("10.0.0.1,10.0.0.1/32".parse::<Ip4Addresses>(), Err(AddressError::Twice { .. })));
    }

    #[test]
    fn every_mask_is_a_prefix_or_refused() {
        for bits in 1..=32_u32 {
            let mask = Ipv4Addr::from(u32::MAX << (32 - bits));
            assert_eq!(Ipv4Addr::prefix_of_mask(mask), Some(bits as u8));
        }
        assert_eq!(Ipv4Addr::prefix_of_mask(Ipv4Addr::new(0, 0, 0, 0)), Some(32));
        assert_eq!(Ipv4Addr::prefix_of_mask(Ipv4Addr::new(0, 0, 255, 0)), None);
    }

    proptest! {
        #[test]
        fn printed_addresses_read_back(address: Ipv4Addr, prefix in 0_u8..=32, nic in "[a-z]{1,8}[0-9]{1,3}") {
            let entry = Address { interface: nic.parse().ok(), address: Assigned::Fixed(Cidr { address, prefix }) };
            prop_assert_eq!(entry.to_string().parse(), Ok(entry));
        }

        #[test]
        fn any_text_is_judged(text: String) {
            let _ = (text.parse::<Ip4Addresses>(), text.parse::<Ip6Addresses>());
        }
    }
}
