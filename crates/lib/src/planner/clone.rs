//! Making a jail like another one, and making it independent.

use std::collections::BTreeSet;

use ioc_model::name::{DatasetName, JailPath, SnapshotTag};
use ioc_platform::store::{CopyOrder, NewDataset, StoreKind};

use super::create::{self, NewJail};
use crate::error::Error;
use crate::facts::snapshots::JailStorage;
use crate::plan::{Plan, Step};

/// What making a clone depends on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The new jail.
    pub new: NewJail,
    /// The datasets of the old one.
    pub storage: &'a JailStorage,
    /// The snapshot of it to clone; none: one is taken.
    pub tag: Option<SnapshotTag>,
    /// Independent copies rather than clones.
    pub thick: bool,
    /// Directories of the root that are mounted in the jail anyway (the directory store leaves them out).
    pub without: Vec<JailPath>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Plans the making. The new jail has a dataset, configuration and fstab of its own; what lies below the old jail's
/// dataset is cloned.
///
/// A snapshot that is taken for it is called as the new jail, and is on the cloned datasets only: so `destroy` knows
/// it from one that a user took.
pub fn plan(facts: Facts<'_>) -> Plan {
    let Facts { new, storage, tag, thick, without, notes } = facts;
    let (store, from) = (new.store, &storage.found.dataset);
    let children: Vec<&DatasetName> = storage.tree.keys().filter(|name| *name != from).collect();
    let mut plan = Plan::new("clone", format!("{} to {}", storage.found.reference.name, new.name));
    plan.notes = notes;
    let taken = match (store, &tag) {
        (StoreKind::Zfs, None) => Some(free_tag(storage, &new)),
        _ => None,
    };
    if let Some(tag) = &taken {
        for top in children.iter().filter(|name| name.parent().as_ref() == Some(from)) {
            let descendants = children.iter().filter(|c| c.below(top).is_some_and(|rest| !rest.is_empty()));
            let descendants = descendants.map(|name| (*name).clone()).collect();
            plan.push(Step::CreateSnapshot { snapshot: top.at(tag.clone()), descendants });
        }
    }
    let target = new.dataset.clone();
    let cloned = |plan: &mut Plan| {
        for child in children {
            let Some(to) = child.moved(from, &target) else { continue };
            let has = |tag: &SnapshotTag| {
                storage.snapshots.iter().any(|i| i.name.dataset == *child && i.name.tag == *tag)
            };
            match (store, taken.as_ref().or(tag.as_ref())) {
                (_, Some(tag)) if taken.is_none() && !has(tag) => {
                    plan.notes.push(format!("{child} has no snapshot {tag} and is left out"));
                }
                (StoreKind::Zfs, Some(tag)) if !thick => plan.push(Step::CloneSnapshot {
                    origin: child.at(tag.clone()),
                    target: to,
                    new: NewDataset::default(),
                }),
                (_, tag) => {
                    let leave_out = store == StoreKind::Directory && child.last() == "root";
                    let without = if leave_out { without.clone() } else { Vec::new() };
                    plan.push(Step::Copy(CopyOrder { from: child.clone(), tag: tag.cloned(), to, without }));
                }
            }
        }
    };
    if store == StoreKind::Directory {
        plan.notes.push("the jail is in a directory: the new one is a copy".to_owned());
    }
    create::jail(&mut plan, new, cloned);
    if let Some(tag) = taken.filter(|_| thick) {
        let copied: Vec<DatasetName> = storage.tree.keys().filter(|name| *name != from).cloned().collect();
        for dataset in copied {
            plan.push(Step::DestroySnapshot { snapshot: dataset.at(tag.clone()) });
        }
    }
    plan
}

/// The new jail's name, or that with a number if the old jail has a snapshot of that name.
fn free_tag(storage: &JailStorage, new: &NewJail) -> SnapshotTag {
    let taken = |tag: &SnapshotTag| storage.snapshots.iter().any(|info| info.name.tag == *tag);
    let numbered = (2..).map(|number| format!("{}-{number}", new.name));
    std::iter::once(new.name.to_string())
        .chain(numbered)
        .filter_map(|text| text.parse().ok())
        .find(|tag| !taken(tag))
        .expect("there are more numbers than snapshots")
}

/// Plans to promote every dataset that hangs on another jail or template. One that hangs on a release stays: promoted,
/// it would take the release's patch levels over.
pub fn promote(storage: &JailStorage, releases: &BTreeSet<DatasetName>) -> Result<Plan, Error> {
    let jail = &storage.found.reference.name;
    let mut plan = Plan::new("promote", jail);
    let mut on_release = None;
    // Leaves first, as destroying them in that order must be possible after every step.
    for (dataset, info) in storage.tree.iter().rev() {
        let Some(origin) = &info.origin else { continue };
        if storage.tree.contains_key(&origin.dataset) {
            continue;
        }
        if releases.iter().any(|releases| origin.dataset.below(releases).is_some()) {
            on_release = Some(origin.clone());
            continue;
        }
        plan.push(Step::Promote { dataset: dataset.clone(), former_origin: origin.dataset.clone() });
    }
    match on_release {
        Some(origin) if plan.is_empty() => Err(Error::HangsOnRelease { jail: jail.clone(), origin }),
        Some(origin) => {
            plan.notes.push(format!("jail {jail} hangs on the release's {origin}, and stays so"));
            Ok(plan)
        }
        None => Ok(plan),
    }
}

#[cfg(test)]
mod tests {
    use ioc_model::name::JailRef;
    use ioc_platform::store::{DatasetInfo, SnapshotInfo, Tree};

    use super::*;
    use crate::facts::jail::Found;

    fn storage(origin: &str) -> JailStorage {
        let dataset: DatasetName = "p/jails/web".parse().unwrap();
        let mut tree = Tree::from([(dataset.clone(), DatasetInfo::default())]);
        let root = DatasetInfo { origin: Some(origin.parse().unwrap()), ..DatasetInfo::default() };
        tree.insert(dataset.child("root").unwrap(), root);
        JailStorage {
            found: Found {
                reference: JailRef { source: "ioc".parse().unwrap(), name: "web".parse().unwrap() },
                dataset,
                store: StoreKind::Zfs,
                among_templates: false,
                info: DatasetInfo::default(),
                locked: false,
                has_root: true,
                root: None,
            },
            tree,
            snapshots: Vec::new(),
        }
    }

    fn new() -> NewJail {
        NewJail {
            name: "web2".parse().unwrap(),
            namespace: ("p/jails".parse().unwrap(), false),
            dataset: "p/jails/web2".parse().unwrap(),
            directory: "/p/jails/web2".into(),
            store: StoreKind::Zfs,
            config: ("config.json".parse().unwrap(), "{}".into()),
            fstab: None,
            properties: NewDataset::default(),
        }
    }

    fn words(plan: &Plan) -> Vec<String> {
        plan.steps.iter().map(|planned| planned.step.to_string()).collect()
    }

    fn clone(storage: &JailStorage, tag: Option<&str>, thick: bool) -> Vec<String> {
        let tag = tag.map(|tag| tag.parse().unwrap());
        words(&plan(Facts { new: new(), storage, tag, thick, without: vec![], notes: vec![] }))
    }

    #[test]
    fn a_snapshot_is_taken_of_what_is_cloned() {
        assert_eq!(
            clone(&storage("p/releases/r/root@p0"), None, false),
            [
                "take snapshot p/jails/web/root@web2",
                "create dataset p/jails/web2",
                "clone p/jails/web/root@web2 to p/jails/web2/root",
                "write /p/jails/web2/config.json",
            ]
        );
    }

    #[test]
    fn a_copy_leaves_no_snapshot() {
        let steps = clone(&storage("p/releases/r/root@p0"), None, true);
        assert_eq!(steps.last().unwrap(), "destroy snapshot p/jails/web/root@web2");
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let mut storage = storage("p/releases/r/root@p0");
        storage.snapshots.push(SnapshotInfo {
            name: "p/jails/web/root@web2".parse().unwrap(),
            created: 0,
            used: None,
            referenced: None,
            clones: Vec::new(),
        });
        assert_eq!(clone(&storage, None, false)[0], "take snapshot p/jails/web/root@web2-2");
        assert!(!clone(&storage, Some("web2"), false)[0].starts_with("take"));
    }

    #[test]
    fn a_release_keeps_its_snapshots() {
        let releases = BTreeSet::from(["p/releases".parse().unwrap()]);
        let refused = promote(&storage("p/releases/r/root@p0"), &releases).unwrap_err();
        assert!(matches!(refused, Error::HangsOnRelease { .. }));
        let plan = promote(&storage("p/jails/base/root@web"), &releases).unwrap();
        assert_eq!(words(&plan), ["promote p/jails/web/root"]);
    }
}
