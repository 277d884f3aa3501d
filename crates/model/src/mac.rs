//! Ethernet addresses of jails: as configured, and as generated.

use std::fmt;
use std::str::FromStr;

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

    proptest! {
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
