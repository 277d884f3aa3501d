//! Ethernet addresses of jails: as configured, and as generated.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha224, Sha256};

use crate::interface::InterfaceName;
use crate::name::{JailName, JailRef};

/// A unicast Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress([u8; 6]);

/// Why a text is not an address that an interface can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MacError {
    /// Not 12 hexadecimal digits, apart from `:` and `-` between pairs.
    #[error("not 12 hexadecimal digits, with or without : or - between pairs")]
    Form,
    /// The group bit is set, or all bits are zero.
    #[error("not a unicast address")]
    NotUnicast,
    /// More than two addresses.
    #[error("neither one address nor a pair of the host's end and the jail's end")]
    Count,
    /// Both ends have one address.
    #[error("both ends have the same address")]
    Same,
}

impl MacAddress {
    /// The address of these octets.
    pub fn new(octets: [u8; 6]) -> Result<Self, MacError> {
        if octets[0] & 1 != 0 || octets == [0; 6] {
            Err(MacError::NotUnicast)
        } else {
            Ok(MacAddress(octets))
        }
    }

    /// The octets, in the order of the wire.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The address beside this one, for the other end of an epair: the lowest bit flipped.
    pub fn neighbour(self) -> MacAddress {
        let mut octets = self.0;
        octets[5] ^= 1;
        if octets == [0; 6] {
            octets[5] = 2;
        }
        MacAddress(octets)
    }
}

impl FromStr for MacAddress {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let bytes = text.as_bytes();
        let stride = match bytes.len() {
            12 => 2,
            17 => 3,
            _ => return Err(MacError::Form),
        };
        let separators_agree =
            stride == 2 || matches!(bytes[2], b':' | b'-') && (0..5).all(|n| bytes[n * 3 + 2] == bytes[2]);
        if !separators_agree {
            return Err(MacError::Form);
        }
        let mut octets = [0; 6];
        for (n, octet) in octets.iter_mut().enumerate() {
            let digit = |at: usize| (bytes[at] as char).to_digit(16).ok_or(MacError::Form);
            *octet = (digit(n * stride)? * 16 + digit(n * stride + 1)?) as u8;
        }
        MacAddress::new(octets)
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The addresses of the two ends of an epair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MacPair {
    /// The end that stays on the host, member of the bridge.
    pub host: MacAddress,
    /// The end that the jail gets.
    pub jail: MacAddress,
}

impl FromStr for MacPair {
    type Err = MacError;

    /// Reads `HOST,JAIL` or `HOST JAIL`; a single address is the jail's, the host's end is its neighbour.
    fn from_str(text: &str) -> Result<Self, MacError> {
        let mut words = text.split([',', ' ', '\t']).filter(|word| !word.is_empty());
        match (words.next(), words.next(), words.next()) {
            (Some(only), None, None) => {
                let jail: MacAddress = only.parse()?;
                Ok(MacPair { host: jail.neighbour(), jail })
            }
            (Some(host), Some(jail), None) => {
                let pair = MacPair { host: host.parse()?, jail: jail.parse()? };
                if pair.host == pair.jail { Err(MacError::Same) } else { Ok(pair) }
            }
            (None, ..) => Err(MacError::Form),
            _ => Err(MacError::Count),
        }
    }
}

impl fmt::Display for MacPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.host, self.jail)
    }
}

/// The leading hexadecimal digits of generated addresses, 2 to 10 of them; `02ff60` unless configured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MacPrefix(String);

impl MacPrefix {
    /// The digits, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MacPrefix {
    type Err = MacError;

    /// Reads digits with or without separators; an odd number of digits is fine, as the reference allows it.
    fn from_str(text: &str) -> Result<Self, MacError> {
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect();
        if !(2..=10).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(MacError::Form);
        }
        let first = u8::from_str_radix(&digits[..2], 16).map_err(|_| MacError::Form)?;
        if first & 1 != 0 {
            return Err(MacError::NotUnicast);
        }
        Ok(MacPrefix(digits.to_ascii_lowercase()))
    }
}

impl fmt::Display for MacPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl MacPair {
    /// The addresses that ioc makes: the same for the same jail, and different for every other.
    ///
    /// `prefix`, then digits of SHA-256 over `SOURCE/NAME`, a NUL and the interface; the last bit is 0 on the host and 1
    /// in the jail. Names hold neither slash nor NUL, so that no two jails and interfaces run together.
    pub fn generate(prefix: &MacPrefix, jail: &JailRef, nic: &InterfaceName) -> MacPair {
        let hash = Sha256::new().chain_update(jail.to_string()).chain_update([0]).chain_update(nic.as_str());
        let host = fill(prefix, &hash.finalize());
        let octets = |last: u8| [host[0], host[1], host[2], host[3], host[4], last];
        MacPair { host: MacAddress(octets(host[5] & !1)), jail: MacAddress(octets(host[5] | 1)) }
    }

    /// The addresses that libioc makes, for jails that have had them.
    ///
    /// `prefix`, then digits of SHA-224 over the name of the jail and the interface, run together; the jail's end is the
    /// host's plus one.
    pub fn of_libioc(prefix: &MacPrefix, jail: &JailName, nic: &InterfaceName) -> MacPair {
        let hash = Sha224::new().chain_update(jail.as_str()).chain_update(nic.as_str()).finalize();
        let host = fill(prefix, &hash);
        let number = host.iter().fold(0_u64, |number, octet| number << 8 | u64::from(*octet));
        // Past the last address of the prefix it would be another's: there is no carry into the prefix.
        let digits = 48 - 4 * prefix.as_str().len() as u32;
        let mask = (1 << digits) - 1;
        let next = number & !mask | (number + 1) & mask;
        let mut jail = [0; 6];
        jail.copy_from_slice(&next.to_be_bytes()[2..]);
        MacPair { host: MacAddress(host), jail: MacAddress(jail) }
    }
}

/// An address of the prefix and as many digits of the hash as it lacks.
fn fill(prefix: &MacPrefix, hash: &[u8]) -> [u8; 6] {
    let hash = hash.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let prefix = prefix.as_str().chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8);
    let mut digits = prefix.chain(hash);
    let mut octets = [0; 6];
    for octet in &mut octets {
        // A hash has more digits than an address.
        *octet = digits.next().unwrap_or(0) << 4 | digits.next().unwrap_or(0);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn notations() {
        for text in ["02:ff:60:10:bf:1d", "02-FF-60-10-BF-1D", "02ff6010bf1d"] {
            assert_eq!(text.parse::<MacAddress>().unwrap().to_string(), "02:ff:60:10:bf:1d");
        }
        for bad in
            ["", "02:ff:60:10:bf", "ZZZZZZZZZZZZ", "02:ff-60:10:bf:1d", "02ff6010bf1é", "02:ff:60:10:bf:1d:"]
        {
            assert_eq!(bad.parse::<MacAddress>(), Err(MacError::Form), "{bad}");
        }
        assert_eq!("01:00:5e:00:00:01".parse::<MacAddress>(), Err(MacError::NotUnicast));
        assert_eq!("000000000000".parse::<MacAddress>(), Err(MacError::NotUnicast));
    }

    #[test]
    fn pairs() {
        let pair: MacPair = "5a9cfc10aa01 5a9cfc10aa02".parse().unwrap();
        assert_eq!(pair.to_string(), "5a:9c:fc:10:aa:01,5a:9c:fc:10:aa:02");
        assert_eq!("5a9cfc10aa01".parse::<MacPair>().unwrap().host.to_string(), "5a:9c:fc:10:aa:00");
        assert_eq!("5a9cfc10aa01,5a9cfc10aa01".parse::<MacPair>(), Err(MacError::Same));
        assert_eq!("5a9cfc10aa01 5a9cfc10aa02 5a9cfc10aa03".parse::<MacPair>(), Err(MacError::Count));
        assert_eq!(" , ".parse::<MacPair>(), Err(MacError::Form));
    }

    #[test]
    fn prefixes() {
        assert_eq!("02:FF:60".parse::<MacPrefix>().unwrap().as_str(), "02ff60");
        assert_eq!("5a9cf".parse::<MacPrefix>().unwrap().as_str(), "5a9cf");
        for bad in ["", "0", "01ff60", "02ff6012345", "xyz"] {
            assert!(bad.parse::<MacPrefix>().is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_of_libioc() {
        let prefix = "02ff60".parse().unwrap();
        for (jail, nic, host, end) in [
            ("foo", "vnet0", "02:ff:60:10:bf:1d", "02:ff:60:10:bf:1e"),
            ("myjail", "vnet0", "02:ff:60:cb:49:48", "02:ff:60:cb:49:49"),
            ("myjail", "vnet1", "02:ff:60:37:7f:7d", "02:ff:60:37:7f:7e"),
            ("jail.with.dots", "vnet0", "02:ff:60:96:59:33", "02:ff:60:96:59:34"),
        ] {
            let pair = MacPair::of_libioc(&prefix, &jail.parse().unwrap(), &nic.parse().unwrap());
            assert_eq!((pair.host.to_string().as_str(), pair.jail.to_string().as_str()), (host, end));
        }
    }

    #[test]
    fn our_addresses_differ_by_source_name_and_interface() {
        let generate = |prefix: &str, source: &str, name: &str, nic: &str| {
            let jail = JailRef { source: source.parse().unwrap(), name: name.parse().unwrap() };
            MacPair::generate(&prefix.parse().unwrap(), &jail, &nic.parse().unwrap())
        };
        let pair = generate("02ff60", "ioc", "a", "b1");
        assert!(pair.host.to_string().starts_with("02:ff:60:"));
        assert_eq!(pair.host.neighbour(), pair.jail);
        assert_eq!(pair, generate("02ff60", "ioc", "a", "b1"));
        assert_ne!(pair, generate("02ff60", "ioc", "ab", "1x"));
        assert_ne!(pair, generate("02ff60", "tank", "a", "b1"));
        assert!(generate("5a9cf", "ioc", "a", "b1").host.to_string().starts_with("5a:9c:f"));
        // The formula does not change: a jail keeps its address over an upgrade of ioc.
        assert_eq!(pair.to_string(), "02:ff:60:a6:ae:72,02:ff:60:a6:ae:73");
    }

    proptest! {
        #[test]
        fn generated_addresses_are_unicast(prefix in "[0-9a-f][02468ace][0-9a-f]{0,8}", name in "[a-z]{1,8}") {
            let (prefix, nic) = (prefix.parse().unwrap(), "vnet0".parse().unwrap());
            let jail = JailRef { source: crate::name::SourceName::ioc(), name: name.parse().unwrap() };
            for pair in [MacPair::generate(&prefix, &jail, &nic), MacPair::of_libioc(&prefix, &jail.name, &nic)] {
                prop_assert!(MacAddress::new(pair.host.octets()).is_ok());
                prop_assert!(MacAddress::new(pair.jail.octets()).is_ok());
                prop_assert_ne!(pair.host, pair.jail);
            }
        }

        #[test]
        fn printed_addresses_read_back(octets: [u8; 6]) {
            if let Ok(mac) = MacAddress::new(octets) {
                prop_assert_eq!(mac.to_string().parse(), Ok(mac));
            }
        }

        #[test]
        fn any_text_is_judged(text: String) {
            let _ = (text.parse::<MacPair>(), text.parse::<MacPrefix>());
        }
    }
}
