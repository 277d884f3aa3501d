//! Making a jail.

use std::path::PathBuf;

use ioc_model::name::{DatasetName, JailName, JailPath, Part, SnapshotTag};
use ioc_platform::store::{CopyOrder, NewDataset, StoreKind};

use crate::error::Error;
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

/// What making a jail depends on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The new jail's name.
    pub name: JailName,
    /// The dataset that is to hold jails, and whether it must be made.
    pub namespace: (DatasetName, bool),
    /// The new jail's dataset.
    pub dataset: DatasetName,
    /// Where that will be mounted.
    pub directory: PathBuf,
    /// Which store it is in.
    pub store: StoreKind,
    /// What its root is made from.
    pub origin: Origin,
    /// Its configuration file.
    pub config: (JailPath, Content),
    /// Its fstab, if it is to have one.
    pub fstab: Option<Content>,
    /// Properties of its dataset (`quota`, ...).
    pub properties: NewDataset,
}

/// Plans the making.
pub fn plan(facts: Facts) -> Result<Plan, Error> {
    let mut plan = Plan::new("create", &facts.name);
    let Facts { namespace: (namespace, missing), dataset, directory, store, origin, .. } = facts;
    if missing {
        plan.push(Step::CreateNamespace { dataset: namespace });
    }
    plan.push(Step::CreateDataset { dataset: dataset.clone(), new: facts.properties, mode: JAIL_MODE });
    root(&mut plan, store, origin, dataset.part(Part::Root));
    let mut write = |path: JailPath, content| {
        plan.push(Step::WriteFile { root: directory.clone(), path, content, mode: 0o644, previous: None });
    };
    if let Some(fstab) = facts.fstab {
        write("fstab".parse()?, fstab);
    }
    // The configuration comes last: with it the jail is complete.
    write(facts.config.0, facts.config.1);
    Ok(plan)
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
                (_, tag) => plan.push(Step::Copy(CopyOrder { from: dataset, tag, to: target, without })),
            }
        }
    }
}
