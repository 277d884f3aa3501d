//! What the store remembers of a dataset: its properties and snapshots.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::SystemTime;

use ioc_model::name::{DatasetName, SnapshotTag};

use super::{ROOT, error, path_of, tree};
use crate::store::StoreError;

/// Largest file of properties that is read, in bytes.
const MOST: u64 = 1 << 20;

/// Where the data of a dataset called [`ROOT`] lie, beside it.
pub(super) const ROOT_DIRECTORY: &str = ".root.ioc";

/// The data of one dataset.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    name: DatasetName,
    directory: PathBuf,
}

impl Meta {
    pub(super) fn of(name: &DatasetName) -> Result<Self, StoreError> {
        let path = path_of(name)?;
        let directory = match name.last() {
            ROOT => path.with_file_name(ROOT_DIRECTORY),
            _ => path.join(".ioc"),
        };
        Ok(Meta { name: name.clone(), directory })
    }

    /// The directory that is the snapshot, whether it exists or not.
    pub(super) fn snapshot(&self, tag: &SnapshotTag) -> PathBuf {
        self.directory.join("snapshots").join(tag.as_str())
    }

    pub(super) fn make_snapshots_directory(&self) -> Result<(), StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(self.directory.join("snapshots"));
        made.map_err(|e| error(format!("make a place for snapshots of {}", self.name), &self.name, e))
    }

    /// Removes the place for snapshots, and its directory, if they are empty.
    pub(super) fn remove_empty_directories(&self) {
        for directory in [&self.directory.join("snapshots"), &self.directory] {
            if fs::remove_dir(directory).is_err() {
                // Others are in it, or it never was.
                return;
            }
        }
    }

    /// The snapshots and when they were taken, oldest first.
    pub(super) fn snapshots(&self) -> Result<Vec<(SnapshotTag, SystemTime)>, StoreError> {
        let failed = |e| error(format!("list the snapshots of {}", self.name), &self.name, e);
        let entries = match fs::read_dir(self.directory.join("snapshots")) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(failed(e)),
        };
        let mut snapshots = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            // Work in progress has a name that begins with a dot, which no tag does.
            let Some(tag) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let taken = entry.metadata().and_then(|m| m.modified()).map_err(failed)?;
            snapshots.push((tag, taken));
        }
        snapshots.sort_by_key(|(_, taken)| *taken);
        Ok(snapshots)
    }

    pub(super) fn properties(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let failed = |e| error(format!("read the properties of {}", self.name), &self.name, e);
        let file = match File::open(self.directory.join("properties.json")) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(BTreeMap::new());
            }
            Err(e) => return Err(failed(e)),
        };
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes).map_err(failed)?;
        serde_json::from_slice(&bytes).map_err(|e| failed(e.into()))
    }

    /// Sets or removes a property, atomically.
    pub(super) fn set_property(&self, property: &str, value: Option<&str>) -> Result<(), StoreError> {
        let mut properties = self.properties()?;
        match value {
            Some(value) => properties.insert(property.to_owned(), value.to_owned()),
            None => properties.remove(property),
        };
        self.write(&properties)
            .map_err(|e| error(format!("write the properties of {}", self.name), &self.name, e))
    }

    fn write(&self, properties: &BTreeMap<String, String>) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let (file, new) = (self.directory.join("properties.json"), self.directory.join(".properties.json"));
        let mut text = serde_json::to_vec_pretty(properties)?;
        text.push(b'\n');
        let mut writer = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        writer.write_all(&text)?;
        writer.sync_all()?;
        fs::rename(&new, &file)?;
        File::open(&self.directory)?.sync_all()
    }

    /// Removes the data if they lie beside the dataset; else they go with it.
    pub(super) fn remove_beside(&self) -> Result<(), StoreError> {
        if self.name.last() != ROOT || !self.directory.exists() {
            return Ok(());
        }
        tree::remove(&self.directory)
            .map_err(|e| error(format!("remove the properties of {}", self.name), &self.name, e))
    }
}
