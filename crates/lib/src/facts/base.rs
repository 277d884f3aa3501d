//! What a basejail mounts of its release.

use std::path::PathBuf;

use ioc_model::name::{DatasetName, JailPath, Part, ReleaseRef, SnapshotName};
use ioc_platform::host::Host;

use super::release::ReleaseFacts;
use crate::error::Error;

/// Directories, and where they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseMount {
    /// The directory that holds them.
    pub from: PathBuf,
    /// The directories.
    pub directories: Vec<JailPath>,
    /// What is mounted there, unless it is mounted already or needs no dataset of its own.
    pub clone: Option<BaseClone>,
}

/// A read-only clone of a patch level, in place of its snapshot where snapshots are no directories. All jails of that
/// patch level have the same, and it goes with the release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseClone {
    /// The snapshot of the patch level.
    pub origin: SnapshotName,
    /// Its dataset, below that of the release.
    pub dataset: DatasetName,
    /// It is there, though not mounted.
    pub exists: bool,
}

impl BaseMount {
    /// What a basejail of `reference` mounts: the snapshot of its patch level. Where that is no directory, a jail that is
    /// pinned to it has a clone of it, and others the release's root as it is.
    pub fn gather(host: &Host, release: &ReleaseFacts, reference: &ReleaseRef) -> Result<Self, Error> {
        let at = |from: PathBuf| BaseMount { from, directories: release.directories.clone(), clone: None };
        // Releases of iocage have no snapshots of patch levels: their roots are what its basejails mount.
        if release.is_host() || release.patches.is_empty() && reference.patch.is_none() {
            return Ok(at(release.base.clone()));
        }
        let Some(tag) = release.snapshot(reference)? else { return Ok(at(release.base.clone())) };
        let snapshot = release.dataset.part(Part::Root).at(tag);
        match host.store(&release.dataset).snapshot_directory(&snapshot, &release.root) {
            Some(shown) => Ok(at(shown)),
            None if reference.patch.is_none() => Ok(at(release.base.clone())),
            None => {
                let (from, clone) = of_clone(host, release, snapshot)?;
                Ok(BaseMount { clone, ..at(from) })
            }
        }
    }
}

/// Where the clone of a snapshot is or will be mounted, and what is to be done for that.
fn of_clone(
    host: &Host,
    release: &ReleaseFacts,
    origin: SnapshotName,
) -> Result<(PathBuf, Option<BaseClone>), Error> {
    let dataset = release.dataset.child(origin.tag.as_str())?;
    let inherited = release.directory.join(origin.tag.as_str());
    let mut found = host.store(&dataset).existing(std::slice::from_ref(&dataset))?;
    let Some(info) = found.remove(&dataset) else {
        return Ok((inherited, Some(BaseClone { origin, dataset, exists: false })));
    };
    if info.origin.as_ref() != Some(&origin) {
        return Err(Error::Config {
            subject: format!("release {}", release.name),
            problem: format!("{dataset} is in the place of a clone of {origin}, and is none"),
        });
    }
    if let Some(at) = info.mounted_at {
        return Ok((at, None));
    }
    let configured = info.properties.get("mountpoint").map(|property| PathBuf::from(&property.value));
    let at = configured.filter(|path| path.is_absolute()).unwrap_or(inherited);
    Ok((at, Some(BaseClone { origin, dataset, exists: true })))
}
