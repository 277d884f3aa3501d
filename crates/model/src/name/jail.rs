//! Names of jails: the one we chose, and the one the kernel knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{NameError, SourceName, text};

const KIND: &str = "jail name";

/// Name of a jail.
///
/// `FromStr` accepts every name that iocage, libiocage or ioc may have given (an existing jail must stay
/// reachable); [`JailName::new`] accepts what a new jail may be called.
///
/// ```
/// # use ioc_model::name::JailName;
/// assert!("a,b".parse::<JailName>().is_ok());
/// assert!(JailName::new("a,b").is_err()); // the comma separates names on the command line
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JailName(String);

text::text_name!(JailName);

/// Words that stand for something else where a jail name is expected.
const RESERVED: [&str; 3] = ["default", "defaults", "all"];

impl JailName {
    /// Parses the name of a jail that is to be made.
    ///
    /// Letters and digits, joined by single characters out of `! - _ ^ [ ] { } ( ) < > .`; the first is an ASCII
    /// letter or digit, 31 characters at most; or a UUID. Not all digits (jail(8) reads that as a JID) and not
    /// one of `default`, `defaults`, `all`, which the command line understands otherwise.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if text::is_uuid(name) {
            return Ok(JailName(name.to_owned()));
        }
        text::check_length(KIND, name, 31)?;
        text::check_joined(KIND, name, is_letter, |c| c != ',' && is_joint(c))?;
        if let Some(first) = name.chars().next().filter(|c| !c.is_ascii()) {
            return Err(NameError::Character {
                kind: KIND,
                text: name.to_owned(),
                character: first,
                position: 1,
            });
        }
        if name.bytes().all(|b| b.is_ascii_digit()) {
            return Err(rule(name, "is only digits, which reads as a JID"));
        }
        if RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            return Err(rule(name, "is a word with a meaning of its own on the command line"));
        }
        Ok(JailName(name.to_owned()))
    }

    /// The form for people: the first 8 characters of a UUID, else the name.
    pub fn short(&self) -> &str {
        if text::is_uuid(&self.0) { &self.0[..8] } else { &self.0 }
    }

    /// Tells whether the name is a UUID.
    pub fn is_uuid(&self) -> bool {
        text::is_uuid(&self.0)
    }
}

fn rule(name: &str, rule: &'static str) -> NameError {
    NameError::Rule { kind: KIND, text: text::shown(name), rule }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || ('\u{c0}'..='\u{17f}').contains(&c)
}

fn is_joint(c: char) -> bool {
    "!-_^[]{}()<>.,".contains(c)
}

impl FromStr for JailName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        // A component of a dataset name or a directory has at most 255 bytes.
        text::check_length(KIND, name, 255)?;
        text::check_characters(KIND, name, |c| is_letter(c) || is_joint(c))?;
        if name.starts_with('.') {
            return Err(rule(name, "begins with a dot"));
        }
        Ok(JailName(name.to_owned()))
    }
}

/// A jail and the source it is in; printed as `SOURCE/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JailRef {
    /// The source that holds the jail.
    pub source: SourceName,
    /// The name in that source.
    pub name: JailName,
}

impl fmt::Display for JailRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.name)
    }
}

impl JailRef {
    /// The name under which ioc starts the jail: `SOURCE-NAME`.
    ///
    /// A dot becomes `*`, because a dot in a kernel name denotes a child jail (jail(8), "Hierarchical Jails").
    pub fn kernel_name(&self) -> KernelName {
        KernelName(format!("{}-{}", self.source, self.name).replace('.', "*"))
    }

    /// The names under which the jail may be running: ours, and the one that iocage gives (`ioc-NAME`, dots as `_`).
    pub fn kernel_names(&self) -> [KernelName; 2] {
        [self.kernel_name(), KernelName(format!("ioc-{}", self.name).replace('.', "_"))]
    }
}

/// Name of a running jail in the kernel; `security.jail` parameter `name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KernelName(String);

text::text_name!(KernelName);

impl FromStr for KernelName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        const KIND: &str = "kernel jail name";
        text::check_length(KIND, name, 255)?; // MAXHOSTNAMELEN, sys/jail.h
        text::check_characters(KIND, name, |c| !c.is_control() && c != '/')?;
        if matches!(name, "." | "..") {
            return Err(NameError::Rule { kind: KIND, text: name.to_owned(), rule: "is a directory" });
        }
        Ok(KernelName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_reference() {
        for good in
            ["ioc", "ioc23", "23ioc", "ioc-23", "ioc!jail", "ci-bsd!ioc", "Grönke", "jail>ioc", "jail{ioc}23"]
        {
            assert!(JailName::new(good).is_ok(), "{good}");
        }
        for bad in
            ["", "ioc-", "!ioc", "@x", "a@b", "a b", "a\tb", "a\n", "a\\b", "jail{ioc}", "🦀", "../x", "a/b"]
        {
            assert!(JailName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn new_names_are_stricter_than_old_ones() {
        for old in ["a,b", "123", "a--b", "web_", "defaults"] {
            assert!(old.parse::<JailName>().is_ok(), "{old}");
            assert!(JailName::new(old).is_err(), "{old}");
        }
        assert!("x".repeat(32).parse::<JailName>().is_ok());
        assert!(JailName::new(&"x".repeat(32)).is_err());
        assert!(JailName::new(&"x".repeat(31)).is_ok());
        assert!(JailName::new("3f1c6a52-8d04-4b7e-9a1f-70c2d5e8b913").is_ok());
    }

    #[test]
    fn dots_and_slashes_never_leave_a_directory() {
        for bad in [".", "..", ".hidden", "a/b", "a\0"] {
            assert!(bad.parse::<JailName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn kernel_names() {
        let jail = JailRef { source: SourceName::ioc(), name: "a.b".parse().unwrap() };
        assert_eq!(jail.kernel_names().map(String::from), ["ioc-a*b", "ioc-a_b"]);
    }

    #[test]
    fn a_long_hostile_name_is_judged_in_one_pass() {
        let text = format!("{}@", "a".repeat(1_000_000));
        let error = text.parse::<JailName>().unwrap_err();
        assert!(error.to_string().len() < 400);
    }
}
