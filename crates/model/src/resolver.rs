//! Where a jail's `/etc/resolv.conf` comes from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The value of `resolver`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resolver {
    /// The jail's file is left alone: `none`, `-`, `/dev/null`.
    Untouched,
    /// The host's file is copied: `/etc/resolv.conf`.
    Copy,
    /// The file is written from these lines.
    Lines(Vec<String>),
}

/// Why a text is not a value of `resolver`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolverError {
    /// An entry is neither a line of resolv.conf(5) nor an address.
    #[error("{0:?} is neither an address nor a line of resolv.conf(5)")]
    Entry(String),
}

/// First words of lines, resolv.conf(5).
const KEYWORDS: [&str; 5] = ["nameserver", "domain", "search", "sortlist", "options"];

impl FromStr for Resolver {
    type Err = ResolverError;

    /// Reads `/etc/resolv.conf`, `/dev/null`, or entries separated by `;`.
    ///
    /// An entry is a line of resolv.conf(5) (iocage) or one or more addresses of name servers separated by commas
    /// (libioc).
    fn from_str(text: &str) -> Result<Self, ResolverError> {
        match text.trim() {
            "" | "/dev/null" => return Ok(Resolver::Untouched),
            "/etc/resolv.conf" => return Ok(Resolver::Copy),
            _ => {}
        }
        let mut lines = Vec::new();
        for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
            let wrong = || ResolverError::Entry(entry.chars().take(64).collect());
            if entry.chars().any(char::is_control) {
                return Err(wrong());
            }
            let (first, rest) = entry.split_once([' ', '\t']).unwrap_or((entry, ""));
            if KEYWORDS.contains(&first) && !rest.trim().is_empty() {
                lines.push(entry.to_owned());
                continue;
            }
            for address in entry.split(',').map(str::trim) {
                let address: IpAddr = address.parse().map_err(|_| wrong())?;
                lines.push(format!("nameserver {address}"));
            }
        }
        if lines.is_empty() { Ok(Resolver::Untouched) } else { Ok(Resolver::Lines(lines)) }
    }
}

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resolver::Untouched => f.write_str("/dev/null"),
            Resolver::Copy => f.write_str("/etc/resolv.conf"),
            Resolver::Lines(lines) => f.write_str(&lines.join(";")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &str) -> Vec<String> {
        match text.parse().unwrap() {
            Resolver::Lines(lines) => lines,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_programs() {
        assert_eq!(
            lines("nameserver 198.51.100.1;search lab.example"),
            ["nameserver 198.51.100.1", "search lab.example"]
        );
        assert_eq!(lines("8.8.8.8;8.8.4.4"), ["nameserver 8.8.8.8", "nameserver 8.8.4.4"]);
        // What libioc stored for two servers.
        assert_eq!(
            lines("8.8.8.8,2001:4860:4860::8888"),
            ["nameserver 8.8.8.8", "nameserver 2001:4860:4860::8888"]
        );
        assert_eq!("/etc/resolv.conf".parse(), Ok(Resolver::Copy));
        assert_eq!("/dev/null".parse(), Ok(Resolver::Untouched));
    }

    #[test]
    fn refusals() {
        for bad in ["/etc/passwd", "nameserver", "1.2.3.4;x", "8.8.8.8\nsearch x", "search a\nb"] {
            assert!(bad.parse::<Resolver>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_line_of_its_own(text in "(nameserver |search |;|,|8\\.8\\.8\\.8|::1|\\PC|\n|\r|\t){0,12}") {
            if let Ok(Resolver::Lines(lines)) = text.parse() {
                prop_assert!(!lines.is_empty());
                for line in lines {
                    prop_assert!(!line.chars().any(|c| c.is_control() && c != '\t'), "{line:?}");
                    prop_assert!(KEYWORDS.iter().any(|word| line.starts_with(word)), "{line:?}");
                }
            }
        }

        #[test]
        fn what_is_read_prints_and_reads_back(text in "[ -~]{0,40}") {
            if let Ok(resolver) = text.parse::<Resolver>() {
                prop_assert_eq!(resolver.to_string().parse(), Ok(resolver));
            }
        }
    }
}
