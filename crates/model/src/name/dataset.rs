//! Datasets and snapshots, of ZFS and of the directory store alike.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{NameError, text};

/// Name of a dataset: `pool/a/b` in ZFS, an absolute path in the directory store.
///
/// The two kinds never mix: a child has the kind of its parent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatasetName(String);

text::text_name!(DatasetName);

/// The datasets that every source has, and those that every jail and release has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `jails`, below a source's root.
    Jails,
    /// `releases`, below a source's root.
    Releases,
    /// `templates`, below a source's root (iocage).
    Templates,
    /// `root`, below a jail, template or release: its file system.
    Root,
    /// `.defaults`, below a source's root: defaults that are kept as ZFS properties.
    Defaults,
}

impl Part {
    /// The last component of the dataset's name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Jails => "jails",
            Part::Releases => "releases",
            Part::Templates => "templates",
            Part::Root => "root",
            Part::Defaults => ".defaults",
        }
    }
}

const KIND: &str = "dataset name";

impl DatasetName {
    /// Tells whether this is a directory of the directory store.
    pub fn is_directory(&self) -> bool {
        self.0.starts_with('/')
    }

    /// The directory, if this is one of the directory store.
    pub fn directory(&self) -> Option<&Path> {
        self.is_directory().then(|| Path::new(&self.0))
    }

    /// The pool, if this is a ZFS dataset.
    pub fn pool(&self) -> Option<&str> {
        if self.is_directory() { None } else { self.0.split('/').next() }
    }

    /// The child called `component`; an error where the kind of store cannot have that name.
    pub fn child(&self, component: &str) -> Result<DatasetName, NameError> {
        if component.contains('/') {
            return Err(NameError::Rule {
                kind: KIND,
                text: text::shown(component),
                rule: "is more than one component",
            });
        }
        format!("{}/{component}", self.0).parse()
    }

    /// One of the datasets of the layout.
    pub fn part(&self, part: Part) -> DatasetName {
        DatasetName(format!("{}/{}", self.0, part.name()))
    }

    /// The dataset above, none for a pool and for `/`.
    pub fn parent(&self) -> Option<DatasetName> {
        let (parent, _) = self.0.rsplit_once('/')?;
        if parent.is_empty() { None } else { Some(DatasetName(parent.to_owned())) }
    }

    /// The last component.
    pub fn last(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.as_str(), |(_, last)| last)
    }

    /// What follows `ancestor` in this name: empty for itself, none if it is not at or below `ancestor`.
    pub fn below(&self, ancestor: &DatasetName) -> Option<&str> {
        let rest = self.0.strip_prefix(&ancestor.0)?;
        if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
    }

    /// This name with the ancestor `from` replaced by `to`; none if it is not at or below `from`.
    pub fn moved(&self, from: &DatasetName, to: &DatasetName) -> Option<DatasetName> {
        match self.below(from)? {
            "" => Some(to.clone()),
            rest => Some(DatasetName(format!("{to}/{rest}"))),
        }
    }

    /// The snapshot of this dataset that is called `tag`.
    pub fn at(&self, tag: SnapshotTag) -> SnapshotName {
        SnapshotName { dataset: self.clone(), tag }
    }
}

/// Length of the name of a dataset or snapshot of ZFS: ZFS_MAX_DATASET_NAME_LEN - 1.
const LONGEST: usize = 255;

/// Characters of a component of a ZFS name; zfs(8), "ZFS Dataset Naming".
fn is_zfs_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.: ".contains(c)
}

impl FromStr for DatasetName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let rule = |rule| NameError::Rule { kind: KIND, text: text::shown(name), rule };
        let components = match name.strip_prefix('/') {
            Some(path) => {
                text::check_length(KIND, name, 4095)?; // PATH_MAX
                text::check_characters(KIND, name, |c| !c.is_control())?;
                path
            }
            None => {
                text::check_length(KIND, name, LONGEST)?;
                text::check_characters(KIND, name, |c| c == '/' || is_zfs_character(c))?;
                if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    return Err(rule("does not begin with a letter, as the name of a pool does"));
                }
                name
            }
        };
        if components.split('/').any(|c| matches!(c, "" | "." | "..")) {
            return Err(rule("has a component that is empty, . or .."));
        }
        Ok(DatasetName(name.to_owned()))
    }
}

/// The part of a snapshot's name after the `@`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotTag(String);

text::text_name!(SnapshotTag);

impl SnapshotTag {
    /// The tag of a patch level of a release: `pN`.
    pub fn patch(level: u32) -> Self {
        SnapshotTag(format!("p{level}"))
    }

    /// The patch level that the tag stands for, if it is `pN`.
    pub fn patch_level(&self) -> Option<u32> {
        let digits = self.0.strip_prefix('p')?;
        if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
    }
}

impl FromStr for SnapshotTag {
    type Err = NameError;

    fn from_str(tag: &str) -> Result<Self, NameError> {
        const KIND: &str = "snapshot name";
        text::check_length(KIND, tag, 200)?;
        text::check_characters(KIND, tag, is_zfs_character)?;
        if tag.starts_with('.') {
            return Err(NameError::Rule { kind: KIND, text: text::shown(tag), rule: "begins with a dot" });
        }
        Ok(SnapshotTag(tag.to_owned()))
    }
}

/// A snapshot: `dataset@tag`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SnapshotName {
    /// The dataset it is of.
    pub dataset: DatasetName,
    /// Its own name.
    pub tag: SnapshotTag,
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.dataset, self.tag)
    }
}

impl FromStr for SnapshotName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        // A path of the directory store may hold an @; the tag never does.
        let (dataset, tag) = name.rsplit_once('@').ok_or_else(|| NameError::Rule {
            kind: "snapshot",
            text: text::shown(name),
            rule: "has no @",
        })?;
        let snapshot = SnapshotName { dataset: dataset.parse()?, tag: tag.parse()? };
        if !snapshot.dataset.is_directory() {
            text::check_length("snapshot", name, LONGEST)?;
        }
        Ok(snapshot)
    }
}

impl TryFrom<String> for SnapshotName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<SnapshotName> for String {
    fn from(name: SnapshotName) -> String {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(name: &str) -> DatasetName {
        name.parse().unwrap()
    }

    #[test]
    fn both_kinds() {
        assert!(dataset("/var/lib/ioc").is_directory());
        assert_eq!(dataset("zroot/iocage").pool(), Some("zroot"));
        for bad in ["", "/", "a//b", "a/../b", "/a/./b", "a/", "1pool", "a@b", "a/b{c}", "/a\nb"] {
            assert!(bad.parse::<DatasetName>().is_err(), "{bad:?}");
        }
        assert!(dataset("/a").child("b{c}").is_ok());
        assert!(dataset("a").child("b{c}").is_err());
        assert!(dataset("/a").child("..").is_err());
    }

    #[test]
    fn containment_is_by_component() {
        let web = dataset("zroot/jails/web");
        assert_eq!(dataset("zroot/jails/web/root").below(&web), Some("root"));
        assert_eq!(dataset("zroot/jails/web2").below(&web), None);
        let moved = dataset("zroot/jails/web/root").moved(&web, &dataset("zroot/jails/www"));
        assert_eq!(moved, Some(dataset("zroot/jails/www/root")));
    }

    #[test]
    fn a_snapshot_has_no_longer_name_than_a_dataset() {
        let name = |length: usize| format!("tank/{}@a", "n".repeat(length - "tank/@a".len()));
        assert!(name(LONGEST).parse::<SnapshotName>().is_ok());
        let error = name(LONGEST + 1).parse::<SnapshotName>().unwrap_err();
        assert!(matches!(error, NameError::TooLong { .. }), "{error}");
    }

    #[test]
    fn snapshots() {
        let snapshot: SnapshotName = "/srv/a@b/root@p12".parse().unwrap();
        assert_eq!(snapshot.dataset, dataset("/srv/a@b/root"));
        assert_eq!(snapshot.tag.patch_level(), Some(12));
        assert!("a/b".parse::<SnapshotName>().is_err());
        assert!("a@b/c".parse::<SnapshotName>().is_err());
    }
}
