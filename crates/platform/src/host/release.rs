//! Names of FreeBSD versions.

/// The release of a version without patch level and branch details: its first two parts.
///
/// `13.2-RELEASE-p3` -> `13.2-RELEASE`, `15.0-CURRENT` -> `15.0-CURRENT`; none if there are no two parts.
pub fn release_of(version: &str) -> Option<&str> {
    let version = version.trim();
    let (number, rest) = version.split_once('-')?;
    let branch = rest.split('-').next()?;
    let legal = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_')
    };
    (legal(number) && legal(branch)).then(|| &version[..number.len() + 1 + branch.len()])
}

/// The version of the installed userland in the text of freebsd-version(1), a shell script that carries it.
///
/// After an update and before the restart it differs from the kernel's, and what jails mount is the userland.
pub fn userland_version(script: &str) -> Option<&str> {
    script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("USERLAND_VERSION="))
        .map(|value| value.trim().trim_matches('"'))
        .find(|value| !value.is_empty() && !value.contains(['$', '`']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        assert_eq!(release_of("13.2-RELEASE-p3\n"), Some("13.2-RELEASE"));
        assert_eq!(release_of("14.3-STABLE"), Some("14.3-STABLE"));
        assert_eq!(release_of("15-STABLE-HBSD"), Some("15-STABLE"));
        for bad in ["", "13.2", "-RELEASE", "13.2-", "a/../b-c"] {
            assert_eq!(release_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn userland() {
        // As bin/freebsd-version/freebsd-version.sh.in of 13.2 is after its build.
        let script = "#!/bin/sh\n#-\nset -e\n\nUSERLAND_VERSION=\"13.2-RELEASE-p9\"\n\n: ${ROOT:=}\n";
        assert_eq!(userland_version(script), Some("13.2-RELEASE-p9"));
        assert_eq!(userland_version("USERLAND_VERSION=\"$X\"\n"), None);
        assert_eq!(userland_version(""), None);
    }
}
