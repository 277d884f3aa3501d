//! Facts about a Linux host.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Facts, HostError, System};

/// Where running jails are noted, and what is true until the next boot.
const RUNTIME: &str = "/run/ioc";

/// Where a machine may have an identity that outlives a boot, the usual place first.
const MACHINE_IDS: [&str; 3] =
    ["/etc/machine-id", "/var/lib/dbus/machine-id", "/sys/class/dmi/id/product_uuid"];

/// The UUID of a host that has none, as on FreeBSD.
const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// Gathers the facts.
pub fn facts() -> Result<Facts, HostError> {
    let configuration = PathBuf::from("/etc/ioc.conf");
    Ok(Facts {
        system: System::Linux,
        release: release(
            &read("/etc/os-release").or_else(|_| read("/usr/lib/os-release")).unwrap_or_default(),
        ),
        uuid: MACHINE_IDS.iter().find_map(|path| uuid(&read(path).ok()?)).unwrap_or_else(|| NIL.to_owned()),
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
    // Two of this length and a hyphen are within the 64 characters of a release's name.
    const LONGEST: usize = 31;
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
        let begins = |c: &char| !c.is_ascii_alphanumeric();
        let value: String = line.chars().filter(plain).skip_while(begins).take(LONGEST).collect();
        (!value.is_empty()).then_some(value)
    };
    let id = value("ID").unwrap_or_else(|| "linux".to_owned());
    match value("VERSION_ID") {
        Some(version) => format!("{id}-{version}"),
        None => id,
    }
}

/// machine-id(5) in the notation of a UUID, if it is one: 32 digits, with or without hyphens.
fn uuid(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|&c| c != '-').collect::<String>().to_ascii_lowercase();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    Some([&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(release("NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n"), "debian-12");
        assert_eq!(release("ID=arch\n"), "arch");
        assert_eq!(release(""), "linux");
        assert_eq!(release("ID=\"--\"\nVERSION_ID=_.9"), "linux-9");
        assert_eq!(
            uuid("0123456789abcdef0123456789ABCDEF\n").as_deref(),
            Some("01234567-89ab-cdef-0123-456789abcdef")
        );
        assert_eq!(uuid("01234567-89AB-cdef-0123-456789abcdef"), uuid("0123456789abcdef0123456789abcdef"));
        for nonsense in
            ["", "uninitialized\n", "0123456789abcdef0123456789abcdeg", "é123456789abcdef0123456789abcde"]
        {
            assert_eq!(uuid(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn facts_of_this_host() {
        let facts = facts().unwrap();
        assert!(facts.release.parse::<ioc_model::name::ReleaseName>().is_ok());
        assert_eq!(facts.uuid.len(), 36);
    }

    proptest! {
        #[test]
        fn any_text_names_a_release(id in ".{0,80}", version in ".{0,80}") {
            let release = release(&format!("ID={id}\nVERSION_ID={version}\n"));
            prop_assert!(release.parse::<ioc_model::name::ReleaseName>().is_ok(), "{}", release);
        }
    }
}
