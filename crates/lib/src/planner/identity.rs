//! Who a jail is to others: its host UUID.

use sha1::{Digest, Sha1};

use ioc_model::name::KernelName;

/// The host UUID of a jail that has none configured: as libiocage made it, so that it stays the same.
///
/// The first 32 hexadecimal digits of SHA-1 over the 16 bytes of the host's UUID and the kernel name.
pub fn host_uuid(host: &str, jail: &KernelName) -> String {
    let digits: Vec<u8> = host.bytes().filter(u8::is_ascii_hexdigit).collect();
    let bytes = digits.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]));
    let mut hash = Sha1::new();
    hash.update(bytes.collect::<Vec<u8>>());
    hash.update(jail.as_str());
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_of_the_reference() {
        let uuid = host_uuid("11111111-2222-3333-4444-555555555555", &"ioc-myjail".parse().unwrap());
        assert_eq!(uuid, "78b6aac4-dff6-d842-b859-21ae76625d0c");
    }
}
