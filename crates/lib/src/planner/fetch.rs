//! Making a release. It is complete or absent: everything happens in `.NAME.partial`, renamed at the end.

use std::path::PathBuf;

use ioc_model::name::{DatasetName, JailPath, Part, ReleaseName, SnapshotTag};
use ioc_platform::archive::Checksum;
use ioc_platform::store::{NewDataset, StoreKind};

use super::etc;
use crate::error::Error;
use crate::facts::release::{RELEASE_FILE, ReleaseRecord};
use crate::plan::{Content, Entry, Plan, Step};

/// What the release is made from.
#[derive(Clone, Debug)]
pub enum Material {
    /// An archive of a root file system.
    Archive {
        /// The file.
        path: PathBuf,
        /// Its SHA-256, if the user gave one.
        sha256: Option<Checksum>,
    },
    /// The host itself: a skeleton, and base directories to be mounted.
    Host {
        /// The skeleton.
        skeleton: Vec<Entry>,
        /// The skeleton has a master.passwd to make databases of.
        password_database: bool,
    },
    /// The root is there already, filled by hand.
    InPlace,
}

/// What making a release depends on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its name.
    pub name: ReleaseName,
    /// The dataset that holds releases, and whether it must be made.
    pub namespace: (DatasetName, bool),
    /// Where that is, or will be, mounted.
    pub directory: PathBuf,
    /// Which store it is in.
    pub store: StoreKind,
    /// What to write into `release.json`.
    pub record: ReleaseRecord,
    /// Files of a root that is there already, before and with the settings of jails.
    pub settings: Vec<(JailPath, Option<Content>, Content)>,
    /// What it is made from.
    pub material: Material,
}

/// Plans it.
pub fn plan(facts: Facts) -> Result<Plan, Error> {
    let mut plan = Plan::new("fetch", &facts.name);
    let Facts { name, namespace: (namespace, missing), directory, store, record, settings, material } = facts;
    if missing {
        plan.push(Step::CreateNamespace { dataset: namespace.clone() });
    }
    let release = namespace.child(name.as_str())?;
    let in_place = matches!(material, Material::InPlace);
    let staging = if in_place { name.to_string() } else { format!(".{name}.partial") };
    let staged = namespace.child(&staging)?;
    let root = directory.join(&staging).join(Part::Root.name());
    if !in_place {
        let dataset = |dataset, mode| Step::CreateDataset { dataset, new: NewDataset::default(), mode };
        plan.push(dataset(staged.clone(), 0o700));
        plan.push(dataset(staged.part(Part::Root), 0o755));
    }
    match material {
        Material::Archive { path, sha256 } => {
            plan.push(Step::Unpack { archive: path, sha256, root: root.clone() });
            plan.push(Step::Assign { root: root.clone(), files: etc::release_settings()? });
        }
        Material::Host { skeleton, password_database } => {
            plan.push(Step::Populate { root: root.clone(), entries: skeleton });
            if password_database {
                plan.push(Step::MakePasswordDatabase { root: root.clone() });
            }
        }
        Material::InPlace => {}
    }
    for (path, previous, content) in settings {
        plan.push(Step::WriteFile { root: root.clone(), path, content, mode: 0o644, previous });
    }
    let path: JailPath = RELEASE_FILE.parse()?;
    let content = Content::from(record.to_text());
    plan.push(Step::WriteFile { root: directory.join(&staging), path, content, mode: 0o644, previous: None });
    if !in_place {
        plan.push(Step::Rename { from: staged, to: release.clone() });
    }
    if store == StoreKind::Zfs {
        let snapshot = release.part(Part::Root).at(SnapshotTag::patch(0));
        plan.push(Step::CreateSnapshot { snapshot, descendants: Vec::new() });
    }
    Ok(plan)
}
