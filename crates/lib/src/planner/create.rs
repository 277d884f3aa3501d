//! Making a jail.

use std::path::PathBuf;
use std::str::FromStr;

use ioc_model::name::{DatasetName, JailName, JailPath, Part, SnapshotTag};
use ioc_platform::store::{CopyOrder, NewDataset, StoreKind};

use crate::facts;
use crate::plan::{Content, Plan, Step};

/// Mode of the directory that holds a jail's configuration: nobody but root looks into it.
pub const JAIL_MODE: u32 = 0o700;

/// What the new jail's root is made from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// Nothing: an empty root.
    Nothing,
    /// Another root, whole or without the contents of some directories (the directory store only).
    Root {
        /// Its dataset.
        dataset: DatasetName,
        /// The snapshot of it to clone or copy; none in the directory store.
        tag: Option<SnapshotTag>,
        /// That snapshot must be taken first.
        take_snapshot: bool,
        /// Directories that are mounted in the jail anyway.
        without: Vec<JailPath>,
        /// An independent copy rather than a clone.
        thick: bool,
    },
}

/// A jail that is to be made, but for its root.
#[derive(Clone, Debug)]
pub struct NewJail {
    /// Its name.
    pub name: JailName,
    /// The dataset that is to hold jails, and whether it must be made.
    pub namespace: (DatasetName, bool),
    /// Its dataset.
    pub dataset: DatasetName,
    /// Where that will be mounted.
    pub directory: PathBuf,
    /// Which store it is in.
    pub store: StoreKind,
    /// Its configuration file.
    pub config: (JailPath, Content),
    /// Its fstab, if it is to have one.
    pub fstab: Option<Content>,
    /// Properties of its dataset (`quota`, ...).
    pub properties: NewDataset,
}

/// Plans the making of a jail whose root is made from `origin`.
pub fn plan(new: NewJail, origin: Origin) -> Plan {
    let mut plan = Plan::new("create", &new.name);
    let (store, target) = (new.store, new.dataset.part(Part::Root));
    jail(&mut plan, new, |plan| root(plan, store, origin, target));
    plan
}

/// Adds the steps that make a jail; `below` adds those that make what is below its dataset.
pub fn jail(plan: &mut Plan, new: NewJail, below: impl FnOnce(&mut Plan)) {
    let NewJail { name: _, namespace: (namespace, missing), dataset, directory, .. } = new;
    if missing {
        plan.push(Step::CreateNamespace { dataset: namespace });
    }
    plan.push(Step::CreateDataset { dataset, new: new.properties, mode: JAIL_MODE });
    below(plan);
    let mut write = |path: JailPath, content| {
        plan.push(Step::WriteFile { root: directory.clone(), path, content, mode: 0o644, previous: None });
    };
    if let Some(fstab) = new.fstab {
        write(JailPath::from_str(facts::fstab::FILE).expect("a file's name"), fstab);
    }
    // The configuration comes last: with it the jail is complete.
    write(new.config.0, new.config.1);
}

/// Adds the steps that make a jail's root dataset.
pub fn root(plan: &mut Plan, store: StoreKind, origin: Origin, target: DatasetName) {
    match origin {
        Origin::Nothing => {
            plan.push(Step::CreateDataset { dataset: target, new: NewDataset::default(), mode: 0o755 });
        }
        Origin::Root { dataset, tag, take_snapshot, without, thick } => {
            if let Some(tag) = tag.as_ref().filter(|_| take_snapshot) {
                plan.push(Step::CreateSnapshot {
                    snapshot: dataset.at(tag.clone()),
                    descendants: Vec::new(),
                });
            }
            match (store, tag) {
                (StoreKind::Zfs, Some(tag)) if !thick => {
                    plan.push(Step::CloneSnapshot {
                        origin: dataset.at(tag),
                        target,
                        new: NewDataset::default(),
                    });
                }
                (StoreKind::Zfs, tag) => {
                    let taken = tag.clone().filter(|_| take_snapshot).map(|tag| dataset.at(tag));
                    plan.push(Step::Copy(CopyOrder { from: dataset, tag, to: target, without: Vec::new() }));
                    // Nothing hangs on it.
                    if let Some(snapshot) = taken {
                        plan.push(Step::DestroySnapshot { snapshot });
                    }
                }
                (StoreKind::Directory, tag) => {
                    plan.push(Step::Copy(CopyOrder { from: dataset, tag, to: target, without }));
                }
            }
        }
    }
}
