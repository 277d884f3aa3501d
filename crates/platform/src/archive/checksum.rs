//! SHA-256 checksums of files.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256 checksum, written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checksum([u8; 32]);

/// Says that a text is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 checksum has 64 hexadecimal digits, not {} characters like {:?}", .length, .begin)]
pub struct ChecksumError {
    /// Characters that were given.
    pub length: usize,
    /// The first of them.
    pub begin: String,
}

impl Checksum {
    /// Reads to the end and returns the checksum of all of it.
    pub fn of(source: &mut impl Read) -> io::Result<Self> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return Ok(Checksum(hash.finalize().into())),
                Ok(length) => hash.update(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The checksum of a file of the host.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Checksum::of(&mut File::open(path)?)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Checksum {
    type Err = ChecksumError;

    /// Takes upper and lower case digits.
    fn from_str(text: &str) -> Result<Self, ChecksumError> {
        let error = || ChecksumError { length: text.chars().count(), begin: text.chars().take(80).collect() };
        let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(error)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (pair[0] << 4 | pair[1]) as u8;
        }
        Ok(Checksum(bytes))
    }
}

impl TryFrom<String> for Checksum {
    type Error = ChecksumError;

    fn try_from(text: String) -> Result<Self, ChecksumError> {
        text.parse()
    }
}

impl From<Checksum> for String {
    fn from(checksum: Checksum) -> String {
        checksum.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sums() {
        // FIPS 180-4, the examples for SHA-256.
        let abc = Checksum::of(&mut &b"abc"[..]).unwrap();
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(abc.to_string(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(abc));
        let million = Checksum::of(&mut io::repeat(b'a').take(1_000_000)).unwrap();
        assert_eq!(million.to_string(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }

    #[test]
    fn what_is_no_sum() {
        for text in
            ["", "ba78", &"g".repeat(64), &"a".repeat(65), &"é".repeat(64), &format!("+{}", "a".repeat(63))]
        {
            assert!(text.parse::<Checksum>().is_err(), "{text}");
        }
    }

    #[test]
    fn of_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(Checksum::of_file(&path).unwrap(), Checksum::of(&mut &b"abc"[..]).unwrap());
        assert!(Checksum::of_file(&directory.path().join("absent")).is_err());
    }
}
