//! Names of releases, floating and pinned to a patch level.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{NameError, SnapshotTag, text};

/// Name of a fetched release, without patch level: `14.3-RELEASE`, `custom`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseName(String);

text::text_name!(ReleaseName);

impl FromStr for ReleaseName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        const KIND: &str = "release name";
        text::check_length(KIND, name, 64)?;
        text::check_characters(KIND, name, |c| c.is_ascii_alphanumeric() || "-_.+:".contains(c))?;
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(NameError::Rule {
                kind: KIND,
                text: text::shown(name),
                rule: "does not begin with a letter or digit",
            });
        }
        Ok(ReleaseName(name.to_owned()))
    }
}

/// A release as a jail names it: floating (`14.3-RELEASE`) or pinned to a patch level (`14.3-RELEASE-p2`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseRef {
    /// The release.
    pub name: ReleaseName,
    /// The patch level, if the jail is pinned to one; its snapshot is `@pN`.
    pub patch: Option<u32>,
}

impl ReleaseRef {
    /// The snapshot of the release's root that holds the patch level.
    pub fn tag(&self) -> Option<SnapshotTag> {
        self.patch.map(SnapshotTag::patch)
    }
}

impl From<ReleaseName> for ReleaseRef {
    fn from(name: ReleaseName) -> Self {
        ReleaseRef { name, patch: None }
    }
}

impl FromStr for ReleaseRef {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let pinned = text.rsplit_once("-p").and_then(|(name, level)| {
            let digits = !level.is_empty() && level.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| level.parse().ok().map(|patch| (name, patch))).flatten()
        });
        match pinned {
            Some((name, patch)) => Ok(ReleaseRef { name: name.parse()?, patch: Some(patch) }),
            None => Ok(ReleaseRef { name: text.parse()?, patch: None }),
        }
    }
}

impl fmt::Display for ReleaseRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patch {
            Some(patch) => write!(f, "{}-p{patch}", self.name),
            None => self.name.fmt(f),
        }
    }
}

impl TryFrom<String> for ReleaseRef {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<ReleaseRef> for String {
    fn from(release: ReleaseRef) -> String {
        release.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_patch_level_counts() {
        let release: ReleaseRef = "foo-p1-p2".parse().unwrap();
        assert_eq!((release.name.as_str(), release.patch), ("foo-p1", Some(2)));
        let release: ReleaseRef = "14.3-RELEASE".parse().unwrap();
        assert_eq!((release.name.as_str(), release.patch), ("14.3-RELEASE", None));
        assert_eq!("13.2-RELEASE-p4".parse::<ReleaseRef>().unwrap().to_string(), "13.2-RELEASE-p4");
        assert_eq!("my-p".parse::<ReleaseRef>().unwrap().patch, None);
        assert_eq!("a-p99999999999".parse::<ReleaseRef>().unwrap().patch, None);
    }
}
