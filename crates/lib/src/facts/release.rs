//! What is known of a release.

use std::path::{Path, PathBuf};

use ioc_model::name::{DatasetName, JailPath, Part, ReleaseName, ReleaseRef, SnapshotTag};
use ioc_platform::files::Kind;
use ioc_platform::host::Host;
use ioc_platform::store::{StoreKind, Tree};
use serde::{Deserialize, Serialize};

use super::mounted::MountedDatasets;
use crate::error::Error;
use crate::source::Source;

/// The file beside a release's root that says where it came from.
pub const RELEASE_FILE: &str = "release.json";

/// Form of that file.
const SCHEMA: &str = "ioc.release/1";

/// What `release.json` says. Releases that iocage or libiocage fetched have none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    /// `ioc.release/1`.
    pub schema: String,
    /// How it was made.
    pub kind: ReleaseKind,
    /// The archive's file name, if it came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
    /// Directories of the host that are its base; host releases only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_directories: Vec<JailPath>,
}

/// How a release was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseKind {
    /// Its base is the host's own, read-only.
    Host,
    /// Unpacked from an archive.
    Archive,
    /// Filled by hand.
    Custom,
}

impl ReleaseRecord {
    /// A record of the present form.
    pub fn new(kind: ReleaseKind) -> Self {
        ReleaseRecord { schema: SCHEMA.to_owned(), kind, archive: None, host_directories: Vec::new() }
    }

    /// The file's content.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("strings, enums and lists only");
        text.push('\n');
        text
    }
}

/// A release that is there, complete.
#[derive(Clone, Debug)]
pub struct ReleaseFacts {
    /// Its name.
    pub name: ReleaseName,
    /// Its dataset.
    pub dataset: DatasetName,
    /// Which store holds it.
    pub store: StoreKind,
    /// Where its dataset is mounted.
    pub directory: PathBuf,
    /// Where its root is mounted.
    pub root: PathBuf,
    /// Snapshots of its root that are patch levels, lowest first; none in the directory store.
    pub patches: Vec<u32>,
    /// How it was made; none if iocage or libiocage fetched it.
    pub kind: Option<ReleaseKind>,
    /// The directory that holds the base directories: the release's root, or `/` for a host release.
    pub base: PathBuf,
    /// The base directories: what a basejail mounts read-only. Each is a real directory there.
    pub directories: Vec<JailPath>,
}

/// Directories of a FreeBSD release that are its base; the reference's list.
const FREEBSD: [&str; 14] = [
    "bin",
    "boot",
    "lib",
    "libexec",
    "rescue",
    "sbin",
    "usr/bin",
    "usr/include",
    "usr/lib",
    "usr/libexec",
    "usr/sbin",
    "usr/share",
    "usr/libdata",
    "usr/lib32",
];

/// Directories of a Linux system that are its base. Where `/bin` and the like are links into `/usr`, those links are
/// part of the jail's own root. `etc/alternatives` is where Debian's commands are linked through.
const LINUX: [&str; 8] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc/alternatives"];

impl ReleaseFacts {
    /// Gathers the facts about a release.
    pub fn gather(host: &Host, source: &Source, name: &ReleaseName) -> Result<Self, Error> {
        let dataset = source.release(name)?;
        let store = host.store(&dataset);
        let unknown = || Error::ReleaseUnknown(name.clone().into());
        let (directory, root) = places(host, &dataset)?.ok_or_else(unknown)?;
        let record = read_record(host, name, &directory)?;
        let mut patches = match store.kind() {
            StoreKind::Directory => Vec::new(),
            StoreKind::Zfs => tags(host, &dataset.part(Part::Root), &root)?
                .iter()
                .filter_map(SnapshotTag::patch_level)
                .collect(),
        };
        patches.sort_unstable();
        let (base, directories) = match &record {
            Some(ReleaseRecord { kind: ReleaseKind::Host, host_directories, .. }) => {
                (PathBuf::from("/"), host_directories.clone())
            }
            _ => (root.clone(), base_directories(host, &root)?),
        };
        Ok(ReleaseFacts {
            name: name.clone(),
            dataset,
            store: store.kind(),
            directory,
            root,
            patches,
            kind: record.map(|r| r.kind),
            base,
            directories,
        })
    }

    /// Tells whether its base is the host's own.
    pub fn is_host(&self) -> bool {
        self.kind == Some(ReleaseKind::Host)
    }

    /// The snapshot that a jail of `release` hangs on; none in the directory store.
    ///
    /// A floating release has its highest patch level; a pinned one must exist.
    pub fn snapshot(&self, release: &ReleaseRef) -> Result<Option<SnapshotTag>, Error> {
        if self.store == StoreKind::Directory {
            return match release.patch {
                None => Ok(None),
                Some(_) => Err(Error::ReleaseUnknown(release.clone())),
            };
        }
        let level = match release.patch {
            Some(patch) => self.patches.contains(&patch).then_some(patch),
            None => self.patches.last().copied(),
        };
        level.map(SnapshotTag::patch).map(Some).ok_or_else(|| Error::ReleaseUnknown(release.clone()))
    }
}

/// Where the release's dataset and its root are mounted; none if there is no such release, whole and mounted.
fn places(host: &Host, dataset: &DatasetName) -> Result<Option<(PathBuf, PathBuf)>, Error> {
    let root = dataset.part(Part::Root);
    if dataset.pool().is_some() {
        let mounted = MountedDatasets::of(host)?;
        if let (Some(directory), Some(root)) = (mounted.at(dataset), mounted.at(&root)) {
            return Ok(Some((directory.to_owned(), root.to_owned())));
        }
    }
    let tree = host.store(dataset).tree(dataset, 1, &[])?;
    Ok(mounted_at(&tree, dataset).zip(mounted_at(&tree, &root)))
}

/// The snapshots of a release's root, which is mounted there: as ZFS shows them in its directory of them, where it has
/// one (zfsprops(7), `snapdir`), else as zfs(8) says.
fn tags(host: &Host, dataset: &DatasetName, mounted_at: &Path) -> Result<Vec<SnapshotTag>, Error> {
    if let Ok(entries) = std::fs::read_dir(mounted_at.join(".zfs/snapshot")) {
        let tags = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        return Ok(tags.collect());
    }
    let snapshots = host.store(dataset).snapshots(dataset, false)?;
    Ok(snapshots.into_iter().map(|info| info.name.tag).collect())
}

fn mounted_at(tree: &Tree, dataset: &DatasetName) -> Option<PathBuf> {
    tree.get(dataset)?.mounted_at.clone()
}

fn read_record(host: &Host, name: &ReleaseName, directory: &Path) -> Result<Option<ReleaseRecord>, Error> {
    let path: JailPath = RELEASE_FILE.parse()?;
    let Some(text) = host.files.read(directory, &path, 1 << 20)? else { return Ok(None) };
    let wrong = |problem: String| Error::Config { subject: format!("release {name}"), problem };
    let record: ReleaseRecord = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
    if record.schema != SCHEMA {
        return Err(wrong(format!("{RELEASE_FILE} has the form {:?}, not {SCHEMA:?}", record.schema)));
    }
    Ok(Some(record))
}

/// The base directories that exist below `root`, as real directories.
pub fn base_directories(host: &Host, root: &Path) -> Result<Vec<JailPath>, Error> {
    let known: &[&str] = if is_freebsd(host, root)? { &FREEBSD } else { &LINUX };
    let mut directories = Vec::new();
    for name in known {
        let path: JailPath = name.parse()?;
        if host.files.metadata(root, &path)? == Some(Kind::Directory) {
            directories.push(path);
        }
    }
    Ok(directories)
}

/// Tells whether the tree below `root` is a FreeBSD system: it has FreeBSD's run-time linker or /rescue.
pub fn is_freebsd(host: &Host, root: &Path) -> Result<bool, Error> {
    for mark in ["libexec/ld-elf.so.1", "rescue"] {
        if host.files.metadata(root, &mark.parse()?)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
