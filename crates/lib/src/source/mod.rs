//! Sources: the roots below which jails and releases live.

mod discover;

use std::path::PathBuf;
use std::str::FromStr;

use ioc_model::name::{DatasetName, JailName, JailRef, NameError, Part, ReleaseName, SourceName};
use ioc_platform::host::Host;

use crate::error::Error;
use crate::facts::mounted::MountedDatasets;

/// A named root of jails and releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, the part before the slash in `SOURCE/JAIL`.
    pub name: SourceName,
    /// Its root: a ZFS dataset, or a directory.
    pub root: DatasetName,
}

/// Which sources to work with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sources {
    /// These, the main one first.
    Given(Vec<Source>),
    /// That of a running jail of this name, else those of the host. For commands in a jail that runs: the kernel knows
    /// where it is, and nobody else has to be asked.
    OfRunning(String),
    /// Those of the host: lines of its configuration files, else the active pool, else the default directory if
    /// it was activated.
    OfHost,
}

impl Sources {
    pub(crate) fn find(self, host: &Host) -> Result<Vec<Source>, Error> {
        let sources = match self {
            Sources::Given(sources) => sources,
            Sources::OfRunning(jail) => discover::of_running(host, &jail)?,
            Sources::OfHost => discover::of_host(host)?,
        };
        Ok(sources.into_iter().map(Source::without_links).collect())
    }
}

impl FromStr for Source {
    type Err = NameError;

    /// Reads `NAME=DATASET`, or `DATASET` alone for the source `ioc`.
    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('=') {
            Some((name, root)) => Ok(Source { name: name.parse()?, root: parse_root(root)? }),
            None => Ok(Source { name: SourceName::ioc(), root: parse_root(text)? }),
        }
    }
}

/// A root as people write it: a slash at the end does no harm.
pub(crate) fn parse_root(text: &str) -> Result<DatasetName, NameError> {
    let trimmed = text.trim_end_matches('/');
    if trimmed.is_empty() { text.parse() } else { trimmed.parse() }
}

impl Source {
    /// The source with its directory under the name that the kernel has for it: mount tables know no links, and
    /// below the root none is followed. One that does not exist stays as it is, for a later error to name.
    fn without_links(mut self) -> Self {
        let real = self.root.directory().and_then(|path| std::fs::canonicalize(path).ok());
        if let Some(root) = real.and_then(|path| path.to_str()?.parse().ok()) {
            self.root = root;
        }
        self
    }

    /// Where the root is mounted.
    pub fn directory(&self, host: &Host) -> Result<PathBuf, Error> {
        let unusable = |problem: &str| Error::SourceUnusable {
            source_name: self.name.clone(),
            problem: format!("{} {problem}", self.root),
        };
        if self.root.pool().is_some()
            && let Some(place) = MountedDatasets::of(host)?.at(&self.root)
        {
            return Ok(place.to_owned());
        }
        let info = host.store(&self.root).dataset(&self.root)?.ok_or_else(|| unusable("does not exist"))?;
        info.mounted_at.ok_or_else(|| unusable("is not mounted"))
    }

    /// The dataset of a jail.
    pub fn jail(&self, name: &JailName) -> Result<DatasetName, NameError> {
        self.root.part(Part::Jails).child(name.as_str())
    }

    /// The dataset of a template in iocage's place for them.
    pub fn template(&self, name: &JailName) -> Result<DatasetName, NameError> {
        self.root.part(Part::Templates).child(name.as_str())
    }

    /// The dataset of a release.
    pub fn release(&self, name: &ReleaseName) -> Result<DatasetName, NameError> {
        self.root.part(Part::Releases).child(name.as_str())
    }

    /// A jail of this source.
    pub fn reference(&self, name: &JailName) -> JailRef {
        JailRef { source: self.name.clone(), name: name.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_reached_through_a_link_is_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().canonicalize().unwrap().join("real");
        std::fs::create_dir(&real).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let source: Source = link.to_str().unwrap().parse().unwrap();
        assert_eq!(source.without_links().root.directory(), Some(real.as_path()));
        let missing: Source = "/nowhere/at/all".parse().unwrap();
        assert_eq!(missing.clone().without_links(), missing);
    }

    #[test]
    fn given_on_the_command_line() {
        let source: Source = "ssd=zroot/iocage".parse().unwrap();
        assert_eq!((source.name.as_str(), source.root.as_str()), ("ssd", "zroot/iocage"));
        let source: Source = "/var/lib/ioc/".parse().unwrap();
        assert_eq!((source.name.as_str(), source.root.as_str()), ("ioc", "/var/lib/ioc"));
        for bad in ["", "=", "a=", "=x", "a=/", "/", "a b=x", "x=a//b"] {
            assert!(bad.parse::<Source>().is_err(), "{bad}");
        }
    }
}
