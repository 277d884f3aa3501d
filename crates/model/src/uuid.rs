//! UUIDs: of hosts, and of jails.

use std::fmt;
use std::str::FromStr;

use sha1::{Digest, Sha1};

use crate::name::KernelName;

/// A UUID, whatever way it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

/// A text that is no UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID: 32 hexadecimal digits, in groups of 8-4-4-4-12 or without groups")]
pub struct UuidError;

impl Uuid {
    /// The UUID of these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Uuid(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The UUID that libioc gives to a jail that has none, on a host: it stays the same from start to start.
    ///
    /// The first half of SHA-1 over the host's UUID and the kernel's name of the jail. It does not say which version
    /// of UUID it is, so it is none of RFC 9562; jails have had it, so it stays as it is.
    pub fn of_jail(host: Uuid, jail: &KernelName) -> Uuid {
        let hash = Sha1::new().chain_update(host.0).chain_update(jail.as_str()).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Uuid(bytes)
    }

    /// A random UUID, version 4, of 16 random bytes.
    pub fn random(mut bytes: [u8; 16]) -> Uuid {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Uuid(bytes)
    }
}

impl FromStr for Uuid {
    type Err = UuidError;

    /// Reads hexadecimal digits of any case.
    fn from_str(text: &str) -> Result<Self, UuidError> {
        let bytes = text.as_bytes();
        let is_dash = |at: usize| bytes.len() == 36 && matches!(at, 8 | 13 | 18 | 23);
        if !matches!(bytes.len(), 32 | 36)
            || bytes.iter().enumerate().any(|(at, b)| is_dash(at) != (*b == b'-'))
        {
            return Err(UuidError);
        }
        let mut uuid = [0; 16];
        let mut digits = bytes.iter().filter(|b| **b != b'-').map(|b| (*b as char).to_digit(16));
        for byte in &mut uuid {
            match (digits.next().flatten(), digits.next().flatten()) {
                (Some(high), Some(low)) => *byte = (high * 16 + low) as u8,
                _ => return Err(UuidError),
            }
        }
        Ok(Uuid(uuid))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_the_reference() {
        let host: Uuid = "11111111-2222-3333-4444-555555555555".parse().unwrap();
        let jail = Uuid::of_jail(host, &"ioc-myjail".parse().unwrap());
        assert_eq!(jail.to_string(), "78b6aac4-dff6-d842-b859-21ae76625d0c");
    }

    #[test]
    fn notations() {
        let uuid: Uuid = "3F1C6A52-8d04-4b7e-9a1f-70c2d5e8b913".parse().unwrap();
        assert_eq!("3f1c6a528d044b7e9a1f70c2d5e8b913".parse(), Ok(uuid));
        for bad in [
            "",
            "3f1c6a52-8d04-4b7e-9a1f-70c2d5e8b91",
            "3f1c6a528d04-4b7e-9a1f-70c2-d5e8b913",
            "3f1c6a52-8d04-4b7e-9a1f-70c2d5e8b91g",
            "3f1c6a52-8d04-4b7e-9a1f-70c2d5e8b913\n",
            "+f1c6a528d044b7e9a1f70c2d5e8b913",
        ] {
            assert_eq!(bad.parse::<Uuid>(), Err(UuidError), "{bad}");
        }
    }

    #[test]
    fn random_ones_say_so() {
        assert_eq!(Uuid::random([0xff; 16]).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    proptest! {
        #[test]
        fn printed_uuids_read_back(bytes: [u8; 16]) {
            let uuid = Uuid::from_bytes(bytes);
            prop_assert_eq!(uuid.to_string().parse(), Ok(uuid));
        }
    }
}
