//! Facts about a Linux host.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Facts, HostError, System};

/// Where running jails are noted, and what is true until the next boot.
const RUNTIME: &str = "/run/ioc";

/// Gathers the facts.
pub fn facts() -> Result<Facts, HostError> {
    let configuration = PathBuf::from("/etc/ioc.conf");
    Ok(Facts {
        system: System::Linux,
        release: release(
            &read("/etc/os-release").or_else(|_| read("/usr/lib/os-release")).unwrap_or_default(),
        ),
        uuid: uuid(&read("/etc/machine-id").unwrap_or_default()),
        uid: nix::unistd::geteuid().as_raw(),
        source_files: vec![configuration.clone()],
        source_file: configuration,
        runtime_directory: PathBuf::from(RUNTIME),
        default_directory: PathBuf::from("/var/lib/ioc"),
    })
}

fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(path)
}

/// `ID-VERSION_ID` of os-release(5), as far as a release can be called so; `linux` if it says nothing.
fn release(text: &str) -> String {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
        line.map(|value| value.chars().filter(plain).collect::<String>()).filter(|value| !value.is_empty())
    };
    let id = value("ID").unwrap_or_else(|| "linux".to_owned());
    match value("VERSION_ID") {
        Some(version) => format!("{id}-{version}"),
        None => id,
    }
}

/// machine-id(5) in the notation of a UUID; a host without one has the nil UUID.
fn uuid(text: &str) -> String {
    let digits: String = text.trim().chars().filter(char::is_ascii_hexdigit).collect();
    let digits = if digits.len() == 32 { digits.to_ascii_lowercase() } else { "0".repeat(32) };
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(release("NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n"), "debian-12");
        assert_eq!(release("ID=arch\n"), "arch");
        assert_eq!(release(""), "linux");
        assert_eq!(uuid("0123456789abcdef0123456789ABCDEF\n"), "01234567-89ab-cdef-0123-456789abcdef");
        assert_eq!(uuid("nonsense"), "00000000-0000-0000-0000-000000000000");
    }
}
