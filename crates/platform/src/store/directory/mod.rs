//! The directory store: a dataset is a directory, snapshots and clones are copies.
//!
//! A directory named `root` is the file system of a jail or release: whoever is root in the jail writes in it, so
//! nothing in it is taken for a dataset or for our own data. What the store has to remember of a dataset lies
//! inside it (`.ioc`), for a `root` beside it (`.root.ioc`): `properties.json` and `snapshots/TAG`.
//! Work in progress lies beside a dataset, as `.NAME.copying` and `.NAME.removing`; what a dead process left there
//! is removed when the next one makes or destroys a dataset of that name.
//!
//! Copies share blocks where the file system can (reflink, block cloning), and are independent: none has an origin.

mod copy;
mod flags;
mod meta;
mod mounted;
mod tree;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use ioc_model::name::{DatasetName, JailPath, KernelName, SnapshotName};

use self::meta::Meta;
use super::{
    CopyOrder, DatasetInfo, NewDataset, Progress, PropertyValue, SnapshotInfo, Store, StoreError, StoreKind,
    Tree,
};

/// The directory store. It has no state: a dataset's name is its path.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectoryStore;

impl DirectoryStore {
    /// The directory store.
    pub fn new() -> Self {
        DirectoryStore
    }
}

/// Last component of datasets whose contents belong to a jail.
const ROOT: &str = "root";

/// What lies directly in a dataset's directory.
#[derive(Default)]
struct Listing {
    children: Vec<DatasetName>,
    /// Something is remembered of the child that is a jail's file system.
    root_has_meta: bool,
}

impl Store for DirectoryStore {
    fn kind(&self) -> StoreKind {
        StoreKind::Directory
    }

    fn dataset(&self, name: &DatasetName) -> Result<Option<DatasetInfo>, StoreError> {
        let path = path_of(name)?;
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => info(name, path).map(Some),
            Ok(_) => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(error(format!("look at {name}"), name, e)),
        }
    }

    fn tree(&self, root: &DatasetName, depth: usize, _user: &[&str]) -> Result<Tree, StoreError> {
        // All properties are in one file, so all of them are read.
        let mut tree = Tree::new();
        if let Some(info) = self.dataset(root)? {
            tree.insert(root.clone(), info);
            self.add_below(root, depth, &mut tree)?;
        }
        Ok(tree)
    }

    fn existing(&self, names: &[DatasetName]) -> Result<Tree, StoreError> {
        let mut tree = Tree::new();
        for name in names {
            if let Some(info) = self.dataset(name)? {
                tree.insert(name.clone(), info);
            }
        }
        Ok(tree)
    }

    fn snapshots(&self, dataset: &DatasetName, recursive: bool) -> Result<Vec<SnapshotInfo>, StoreError> {
        let mut names = vec![dataset.clone()];
        if recursive {
            names = self.tree(dataset, usize::MAX, &[])?.into_keys().collect();
        } else if self.dataset(dataset)?.is_none() {
            return Err(StoreError::NotFound { name: dataset.to_string() });
        }
        let mut snapshots = Vec::new();
        for name in names {
            snapshots
                .extend(Meta::of(&name)?.snapshots()?.into_iter().map(|(tag, taken)| (name.at(tag), taken)));
        }
        snapshots.sort_by_key(|(_, taken)| *taken);
        let info = |(name, taken): (SnapshotName, SystemTime)| SnapshotInfo {
            name,
            created: taken.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            used: None,
            referenced: None,
            clones: Vec::new(),
        };
        Ok(snapshots.into_iter().map(info).collect())
    }

    fn snapshot_directory(&self, name: &SnapshotName, _mounted_at: &Path) -> Option<PathBuf> {
        Some(Meta::of(&name.dataset).ok()?.snapshot(&name.tag)).filter(|path| path.is_dir())
    }

    fn create(&self, name: &DatasetName, new: &NewDataset) -> Result<(), StoreError> {
        let path = path_of(name)?;
        clear_leftovers(name, path)?;
        for property in new.properties.keys() {
            check_property(property)?;
        }
        make_directory(path).map_err(|e| error(format!("make {name}"), name, e))?;
        self.set_properties(name, new).inspect_err(|_| {
            // The directory is new and empty; if even this fails the error that is reported says enough.
            let _ = fs::remove_dir(path);
        })
    }

    fn destroy(&self, name: &DatasetName) -> Result<(), StoreError> {
        let path = path_of(name)?;
        clear_leftovers(name, path)?;
        if self.dataset(name)?.is_none() {
            return Err(StoreError::NotFound { name: name.to_string() });
        }
        let mut dependents: Vec<String> = self.children(name)?.iter().map(ToString::to_string).collect();
        let meta = Meta::of(name)?;
        dependents.extend(meta.snapshots()?.into_iter().map(|(tag, _)| name.at(tag).to_string()));
        if !dependents.is_empty() {
            return Err(StoreError::HasDependents { name: name.to_string(), dependents });
        }
        let removing = beside(path, "removing");
        mounted::refuse_mounts(path).map_err(|e| error(format!("destroy {name}"), name, e))?;
        fs::rename(path, &removing).map_err(|e| error(format!("destroy {name}"), name, e))?;
        meta.remove_beside()?;
        tree::remove(&removing).map_err(|e| error(format!("remove {}", removing.display()), name, e))
    }

    fn snapshot(&self, name: &SnapshotName, recursive: bool) -> Result<(), StoreError> {
        let datasets = match recursive {
            true => self.tree(&name.dataset, usize::MAX, &[])?.into_keys().collect(),
            false => vec![name.dataset.clone()],
        };
        let mut made: Vec<SnapshotName> = Vec::new();
        for dataset in datasets {
            let snapshot = dataset.at(name.tag.clone());
            if let Err(error) = self.snapshot_one(&snapshot) {
                for snapshot in made {
                    self.destroy_snapshot(&snapshot)?;
                }
                return Err(error);
            }
            made.push(snapshot);
        }
        Ok(())
    }

    fn destroy_snapshot(&self, name: &SnapshotName) -> Result<(), StoreError> {
        let meta = Meta::of(&name.dataset)?;
        let path = meta.snapshot(&name.tag);
        let removing = beside(&path, "removing");
        let failed = |e| error(format!("destroy {name}"), name, e);
        let removed = remove_if_there(&removing)
            .and_then(|()| fs::rename(&path, &removing))
            .and_then(|()| tree::remove(&removing));
        meta.remove_empty_directories();
        removed.map_err(failed)
    }

    fn rollback(&self, name: &SnapshotName) -> Result<(), StoreError> {
        let (path, meta) = (path_of(&name.dataset)?, Meta::of(&name.dataset)?);
        let failed = |e| error(format!("roll {} back", name.dataset), name, e);
        let snapshot = meta.snapshot(&name.tag);
        if !snapshot.is_dir() {
            return Err(StoreError::NotFound { name: name.to_string() });
        }
        let taken = meta.snapshots()?;
        let newer = taken.iter().skip_while(|(tag, _)| *tag != name.tag).skip(1);
        let dependents: Vec<String> =
            newer.map(|(tag, _)| name.dataset.at(tag.clone()).to_string()).collect();
        if !dependents.is_empty() {
            return Err(StoreError::HasDependents { name: name.to_string(), dependents });
        }
        if name.dataset.last() != ROOT {
            let copying = beside(&snapshot, "copying");
            remove_if_there(&copying).map_err(failed)?;
            let copied = copy::copy(&snapshot, &copying, &[], copy::Scope::FilesOnly, &|_| ());
            return copied.and_then(|()| tree::replace_files(&copying, path)).map_err(failed);
        }
        clear_leftovers(&name.dataset, path)?;
        let (copying, removing) = (beside(path, "copying"), beside(path, "removing"));
        mounted::refuse_mounts(path).map_err(failed)?;
        copy::copy(&snapshot, &copying, &[], copy::Scope::All, &|_| ()).map_err(failed)?;
        fs::rename(path, &removing).map_err(failed)?;
        fs::rename(&copying, path).map_err(failed)?;
        tree::remove(&removing).map_err(failed)
    }

    fn clone_snapshot(
        &self,
        origin: &SnapshotName,
        target: &DatasetName,
        new: &NewDataset,
    ) -> Result<(), StoreError> {
        let order = CopyOrder {
            from: origin.dataset.clone(),
            tag: Some(origin.tag.clone()),
            to: target.clone(),
            without: Vec::new(),
        };
        self.copy(&order, &|_| ())?;
        self.set_properties(target, new)
    }

    fn copy(&self, order: &CopyOrder, progress: Progress<'_>) -> Result<(), StoreError> {
        let CopyOrder { from, tag, to, without } = order;
        let (source, target) = match tag {
            Some(tag) => (Meta::of(from)?.snapshot(tag), path_of(to)?),
            None => (path_of(from)?.to_owned(), path_of(to)?),
        };
        if !source.is_dir() {
            return Err(StoreError::NotFound { name: from.to_string() });
        }
        clear_leftovers(to, target)?;
        if self.dataset(to)?.is_some() {
            return Err(StoreError::Exists { name: to.to_string() });
        }
        let failed = |e| error(format!("copy {from} to {to}"), to, e);
        let without: Vec<&Path> = without.iter().map(JailPath::relative).collect();
        let copying = beside(target, "copying");
        let scope = if from.last() == ROOT { copy::Scope::All } else { copy::Scope::FilesOnly };
        let copied = copy::copy(&source, &copying, &without, scope, progress)
            .and_then(|()| fs::rename(&copying, target));
        copied.map_err(failed).inspect_err(|_| {
            if let Err(error) = remove_if_there(&copying) {
                tracing::warn!(path = %copying.display(), %error, "an unfinished copy stays");
            }
        })
    }

    fn promote(&self, _: &DatasetName) -> Result<(), StoreError> {
        // Copies are independent from the beginning.
        Ok(())
    }

    fn rename(&self, from: &DatasetName, to: &DatasetName) -> Result<(), StoreError> {
        let (source, target) = (path_of(from)?, path_of(to)?);
        clear_leftovers(to, target)?;
        if self.dataset(from)?.is_none() {
            return Err(StoreError::NotFound { name: from.to_string() });
        }
        if self.dataset(to)?.is_some() {
            return Err(StoreError::Exists { name: to.to_string() });
        }
        mounted::refuse_mounts(source).map_err(|e| error(format!("rename {from}"), from, e))?;
        fs::rename(source, target).map_err(|e| error(format!("rename {from} to {to}"), from, e))
    }

    fn set_property(
        &self,
        name: &DatasetName,
        property: &str,
        value: Option<&str>,
    ) -> Result<(), StoreError> {
        check_property(property)?;
        if self.dataset(name)?.is_none() {
            return Err(StoreError::NotFound { name: name.to_string() });
        }
        Meta::of(name)?.set_property(property, value)
    }

    fn mount(&self, _: &DatasetName) -> Result<(), StoreError> {
        Ok(())
    }

    fn unmount(&self, _: &DatasetName) -> Result<(), StoreError> {
        Ok(())
    }

    fn attach(&self, name: &DatasetName, jail: &KernelName) -> Result<(), StoreError> {
        Err(not_to_jails("give", name, jail))
    }

    fn detach(&self, name: &DatasetName, jail: &KernelName) -> Result<(), StoreError> {
        Err(not_to_jails("take", name, jail))
    }
}

impl DirectoryStore {
    /// The children of a dataset: its directories, but for hidden ones and those of a jail.
    fn children(&self, name: &DatasetName) -> Result<Vec<DatasetName>, StoreError> {
        Ok(self.list(name)?.children)
    }

    fn list(&self, name: &DatasetName) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        if name.last() == ROOT {
            return Ok(listing);
        }
        let failed = |e| error(format!("list {name}"), name, e);
        for entry in fs::read_dir(path_of(name)?).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !entry.file_type().map_err(failed)?.is_dir() {
                continue;
            }
            // A directory whose name is no text cannot be ours.
            let file_name = entry.file_name();
            let Some(text) = file_name.to_str() else { continue };
            if text == meta::ROOT_DIRECTORY {
                listing.root_has_meta = true;
            } else if !text.starts_with('.') {
                listing.children.extend(name.child(text));
            }
        }
        Ok(listing)
    }

    fn add_below(&self, name: &DatasetName, depth: usize, tree: &mut Tree) -> Result<(), StoreError> {
        if depth == 0 {
            return Ok(());
        }
        let Listing { children, root_has_meta } = self.list(name)?;
        for child in children {
            let path = path_of(&child)?;
            // Most roots have nothing remembered, which their parent's listing tells.
            let info = match child.last() == ROOT && !root_has_meta {
                true => DatasetInfo { mounted_at: Some(path.to_owned()), ..DatasetInfo::default() },
                false => info(&child, path)?,
            };
            tree.insert(child.clone(), info);
            self.add_below(&child, depth - 1, tree)?;
        }
        Ok(())
    }

    fn snapshot_one(&self, name: &SnapshotName) -> Result<(), StoreError> {
        let (path, meta) = (path_of(&name.dataset)?, Meta::of(&name.dataset)?);
        let target = meta.snapshot(&name.tag);
        if target.exists() {
            return Err(StoreError::Exists { name: name.to_string() });
        }
        if self.dataset(&name.dataset)?.is_none() {
            return Err(StoreError::NotFound { name: name.dataset.to_string() });
        }
        let failed = |e| error(format!("take {name}"), name, e);
        meta.make_snapshots_directory()?;
        let copying = beside(&target, "copying");
        remove_if_there(&copying).map_err(failed)?;
        let scope = if name.dataset.last() == ROOT { copy::Scope::All } else { copy::Scope::FilesOnly };
        copy::copy(path, &copying, &[], scope, &|_| ())
            .and_then(|()| tree::touch(&copying))
            .and_then(|()| fs::rename(&copying, &target))
            .inspect_err(|_| meta.remove_empty_directories())
            .map_err(failed)
    }

    fn set_properties(&self, name: &DatasetName, new: &NewDataset) -> Result<(), StoreError> {
        let meta = Meta::of(name)?;
        for (property, value) in &new.properties {
            check_property(property)?;
            meta.set_property(property, Some(value))?;
        }
        Ok(())
    }
}

fn info(name: &DatasetName, path: &Path) -> Result<DatasetInfo, StoreError> {
    let own = Meta::of(name)?.properties()?;
    let properties = own.into_iter().map(|(key, value)| (key, PropertyValue { value, local: true }));
    Ok(DatasetInfo {
        mounted_at: Some(path.to_owned()),
        properties: properties.collect(),
        ..DatasetInfo::default()
    })
}

/// The directory of a dataset.
fn path_of(name: &DatasetName) -> Result<&Path, StoreError> {
    name.directory().ok_or_else(|| unsupported(format!("have the dataset {name}, which is no absolute path")))
}

/// A hidden name beside `path` for work in progress.
fn beside(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{what}"))
}

/// Removes what a dead process left of work on a dataset of this name.
fn clear_leftovers(name: &DatasetName, path: &Path) -> Result<(), StoreError> {
    let (copying, removing) = (beside(path, "copying"), beside(path, "removing"));
    let failed = |e| error(format!("clear leftovers of {name}"), name, e);
    // A rollback that died between its two renames: the old contents are the only ones.
    if name.last() == ROOT && !path.exists() && removing.is_dir() && copying.is_dir() {
        fs::rename(&copying, path).map_err(failed)?;
    }
    remove_if_there(&copying).map_err(failed)?;
    remove_if_there(&removing).map_err(failed)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(_) => tree::remove(path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o755).create(path)
}

/// Only user properties, zfs(8): native ones need a file system that has them.
fn check_property(property: &str) -> Result<(), StoreError> {
    if property.contains(':') { Ok(()) } else { Err(unsupported(format!("set {property}"))) }
}

/// A directory can be shown to a jail by its fstab, not given to it as a dataset.
fn not_to_jails(verb: &str, name: &DatasetName, jail: &KernelName) -> StoreError {
    unsupported(format!(
        "{verb} {name} to or from jail {jail}: only datasets of ZFS can be given to a jail; a line of its fstab mounts a \
         directory in it"
    ))
}

fn unsupported(what: String) -> StoreError {
    StoreError::Unsupported { kind: "directory", what }
}

/// What a failed system call means for a dataset or snapshot.
fn error(action: String, name: impl ToString, source: io::Error) -> StoreError {
    let name = name.to_string();
    match source.kind() {
        io::ErrorKind::NotFound => StoreError::NotFound { name },
        io::ErrorKind::AlreadyExists => StoreError::Exists { name },
        io::ErrorKind::ResourceBusy => StoreError::Busy { name },
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::NoSpace { name },
        io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { name },
        io::ErrorKind::PermissionDenied => StoreError::Permission { name },
        _ => StoreError::Io { action, source },
    }
}

#[cfg(test)]
mod tests;
