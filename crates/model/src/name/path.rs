//! Paths inside a jail.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{NameError, text};

/// A path that starts at a jail's root: normalised, without `.` and `..`.
///
/// Whether it stays below the root on disk is another question, as the jail can plant links: only the `Files`
/// of the platform may resolve it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JailPath(String);

impl JailPath {
    /// The root itself.
    pub fn root() -> Self {
        JailPath(String::new())
    }

    /// The path relative to the root; empty for the root itself.
    pub fn relative(&self) -> &Path {
        Path::new(&self.0)
    }

    /// The components, outermost first.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|c| !c.is_empty())
    }

    /// The directory it is in; none for the root itself.
    pub fn parent(&self) -> Option<JailPath> {
        let (parent, _) = self.0.rsplit_once('/').unwrap_or(("", &self.0));
        (!self.0.is_empty()).then(|| JailPath(parent.to_owned()))
    }

    /// Tells whether this is `other` or lies below it.
    pub fn is_within(&self, other: &JailPath) -> bool {
        self.relative().starts_with(other.relative())
    }
}

impl FromStr for JailPath {
    type Err = NameError;

    /// Reads `/etc/rc.conf` and `etc/rc.conf` alike; repeated slashes and `.` are dropped, `..` is refused.
    fn from_str(path: &str) -> Result<Self, NameError> {
        const KIND: &str = "path in a jail";
        if path.len() > 4095 {
            return Err(NameError::TooLong { kind: KIND, text: text::shown(path), most: 4095 });
        }
        text::check_characters(KIND, path, |c| c != '\0')?;
        let components: Vec<&str> = path.split('/').filter(|c| !matches!(*c, "" | ".")).collect();
        if components.contains(&"..") {
            return Err(NameError::Rule {
                kind: KIND,
                text: text::shown(path),
                rule: "leaves its directory by ..",
            });
        }
        Ok(JailPath(components.join("/")))
    }
}

impl fmt::Display for JailPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

impl TryFrom<String> for JailPath {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<JailPath> for String {
    fn from(path: JailPath) -> String {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalised_and_never_upwards() {
        let path: JailPath = "//etc/./rc.d/".parse().unwrap();
        assert_eq!(path.to_string(), "/etc/rc.d");
        assert_eq!(path.relative(), Path::new("etc/rc.d"));
        assert!(path.is_within(&"/etc".parse().unwrap()));
        assert!(!path.is_within(&"/etc/rc".parse().unwrap()));
        assert!("/a/../b".parse::<JailPath>().is_err());
        assert!("/a/..data".parse::<JailPath>().is_ok());
        assert_eq!("/".parse::<JailPath>().unwrap(), JailPath::root());
        let parent = |path: &str| path.parse::<JailPath>().unwrap().parent().map(|path| path.to_string());
        assert_eq!(parent("/a/b").as_deref(), Some("/a"));
        assert_eq!(parent("/a").as_deref(), Some("/"));
        assert_eq!(parent("/"), None);
    }
}
