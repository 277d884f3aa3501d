//! Where datasets are mounted, from the kernel's mount table: for most of what a single jail needs to be known, zfs(8)
//! has not to be asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ioc_model::name::DatasetName;
use ioc_platform::host::Host;

use crate::error::Error;

/// Datasets of ZFS that are mounted on the host.
#[derive(Clone, Debug, Default)]
pub struct MountedDatasets {
    by_dataset: BTreeMap<String, PathBuf>,
}

impl MountedDatasets {
    /// Reads the mount table. What another file system is mounted over is not there.
    pub fn of(host: &Host) -> Result<Self, Error> {
        let mut by_target: BTreeMap<PathBuf, String> = BTreeMap::new();
        for mounted in host.mounts.below(Path::new("/"))? {
            by_target.insert(mounted.target, mounted.source);
        }
        let mut by_dataset: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut twice = Vec::new();
        for (target, source) in by_target {
            if by_dataset.insert(source.clone(), target).is_some() {
                twice.push(source);
            }
        }
        // Whatever is mounted twice is no dataset, or not known by its place.
        for source in twice {
            by_dataset.remove(&source);
        }
        Ok(MountedDatasets { by_dataset })
    }

    /// Where a dataset of ZFS is mounted; none if it is not, or if that is not certain.
    pub fn at(&self, dataset: &DatasetName) -> Option<&Path> {
        // A directory is no dataset, though something may be mounted from it.
        dataset.pool().and_then(|_| self.by_dataset.get(dataset.as_str())).map(PathBuf::as_path)
    }

    /// The dataset that is mounted at this place.
    pub fn dataset_at(&self, place: &Path) -> Option<DatasetName> {
        let found = self.by_dataset.iter().find(|(_, target)| *target == place);
        found
            .and_then(|(source, _)| source.parse().ok())
            .filter(|dataset: &DatasetName| !dataset.is_directory())
    }
}
