//! Snapshots of jails.

use ioc_model::name::SnapshotTag;
use ioc_platform::store::SnapshotInfo;

use crate::error::Error;
use crate::facts::snapshots::JailStorage;
use crate::plan::{Plan, Step};

/// Plans to take a snapshot of every dataset of the jail.
pub fn take(storage: &JailStorage, tag: &SnapshotTag) -> Result<Plan, Error> {
    let dataset = &storage.found.dataset;
    let jail = &storage.found.reference.name;
    if storage.snapshots.iter().any(|info| info.name.tag == *tag) {
        return Err(Error::SnapshotExists { jail: jail.clone(), tag: tag.clone() });
    }
    let mut plan = Plan::new("snapshot", format!("{jail}@{tag}"));
    let descendants = storage.tree.keys().filter(|name| *name != dataset).cloned().collect();
    plan.push(Step::CreateSnapshot { snapshot: dataset.at(tag.clone()), descendants });
    Ok(plan)
}

/// Plans to remove a snapshot from every dataset that has it. Clones of it are named, and prevent it.
pub fn remove(storage: &JailStorage, tag: &SnapshotTag) -> Result<Plan, Error> {
    let jail = &storage.found.reference.name;
    let parts = storage.parts(tag)?;
    refuse_clones(parts.iter().copied(), format!("snapshot {jail}@{tag}"), "removed")?;
    let mut plan = Plan::to_finish("remove snapshot", format!("{jail}@{tag}"));
    for part in parts {
        plan.push(Step::DestroySnapshot { snapshot: part.name.clone() });
    }
    Ok(plan)
}

/// Plans to take every dataset that has the snapshot back to it. Datasets without it stay as they are.
///
/// Newer snapshots of these datasets are lost; unless `destroy_newer` they are named, and prevent it. Their clones
/// always do.
pub fn rollback(storage: &JailStorage, tag: &SnapshotTag, destroy_newer: bool) -> Result<Plan, Error> {
    let jail = &storage.found.reference.name;
    let parts = storage.parts(tag)?;
    let newer: Vec<&SnapshotInfo> =
        parts.iter().flat_map(|part| storage.newer_than(&part.name).collect::<Vec<_>>()).collect();
    refuse_clones(newer.iter().copied(), format!("jail {jail}"), "rolled back")?;
    if !newer.is_empty() && !destroy_newer {
        return Err(Error::NewerSnapshots {
            jail: jail.clone(),
            tag: tag.clone(),
            newer: newer.iter().map(|info| info.name.to_string()).collect(),
        });
    }
    let mut plan = Plan::to_finish("roll back", format!("{jail} to {tag}"));
    for info in newer.iter().rev() {
        plan.push(Step::DestroySnapshot { snapshot: info.name.clone() });
    }
    for part in &parts {
        plan.push(Step::Rollback { snapshot: part.name.clone() });
    }
    let without = storage.tree.keys().filter(|name| parts.iter().all(|part| part.name.dataset != **name));
    plan.notes.extend(without.map(|dataset| format!("{dataset} has no snapshot {tag} and stays as it is")));
    Ok(plan)
}

fn refuse_clones<'a>(
    snapshots: impl Iterator<Item = &'a SnapshotInfo>,
    subject: String,
    action: &'static str,
) -> Result<(), Error> {
    let mut clones: Vec<String> = snapshots.flat_map(|info| &info.clones).map(ToString::to_string).collect();
    clones.sort();
    clones.dedup();
    match clones.is_empty() {
        true => Ok(()),
        false => {
            Err(Error::Dependents { subject, action, dependents: clones, how: "hangs on what would be lost" })
        }
    }
}

#[cfg(test)]
mod tests {
    use ioc_model::name::{DatasetName, JailRef};
    use ioc_platform::store::{DatasetInfo, StoreKind};

    use super::*;
    use crate::facts::jail::Found;

    /// A jail `web` with the datasets `web` and `web/root` and snapshots as given, oldest first.
    fn storage(snapshots: &[&str]) -> JailStorage {
        let dataset: DatasetName = "p/jails/web".parse().unwrap();
        let info = |name: &&str| SnapshotInfo {
            name: format!("p/jails/{name}").parse().unwrap(),
            created: 0,
            used: None,
            referenced: None,
            clones: Vec::new(),
        };
        let root = dataset.child("root").unwrap();
        JailStorage {
            found: Found {
                reference: JailRef { source: "ioc".parse().unwrap(), name: "web".parse().unwrap() },
                dataset: dataset.clone(),
                store: StoreKind::Zfs,
                among_templates: false,
                info: DatasetInfo::default(),
                locked: false,
                has_root: true,
                root: None,
            },
            tree: [dataset, root].map(|name| (name, DatasetInfo::default())).into(),
            snapshots: snapshots.iter().map(info).collect(),
        }
    }

    fn words(plan: &Plan) -> Vec<String> {
        plan.steps.iter().map(|planned| planned.step.to_string()).collect()
    }

    fn tag(text: &str) -> SnapshotTag {
        text.parse().unwrap()
    }

    #[test]
    fn newer_snapshots_are_named_or_destroyed_and_no_others() {
        let storage = storage(&["web@a", "web@b", "web/root@old", "web/root@a", "web/root@b"]);
        let refused = rollback(&storage, &tag("a"), false).unwrap_err().to_string();
        assert!(refused.contains("p/jails/web@b") && refused.contains("p/jails/web/root@b"), "{refused}");
        assert!(!refused.contains("old"), "{refused}");
        assert_eq!(
            words(&rollback(&storage, &tag("a"), true).unwrap()),
            [
                "destroy snapshot p/jails/web/root@b",
                "destroy snapshot p/jails/web@b",
                "roll back to p/jails/web@a",
                "roll back to p/jails/web/root@a",
            ]
        );
    }

    #[test]
    fn clones_of_what_would_be_lost_prevent_it() {
        let mut storage = storage(&["web@a", "web/root@a", "web/root@web2"]);
        storage.snapshots[2].clones.push("p/jails/web2/root".parse().unwrap());
        for force in [false, true] {
            let refused = rollback(&storage, &tag("a"), force).unwrap_err().to_string();
            assert!(refused.contains("p/jails/web2/root"), "{refused}");
        }
        assert!(remove(&storage, &tag("web2")).is_err());
        assert_eq!(remove(&storage, &tag("a")).unwrap().steps.len(), 2);
    }

    #[test]
    fn a_name_is_taken_once_and_must_exist() {
        let storage = storage(&["web/root@a"]);
        assert!(matches!(take(&storage, &tag("a")), Err(Error::SnapshotExists { .. })));
        assert_eq!(words(&take(&storage, &tag("b")).unwrap()), ["take snapshot p/jails/web@b"]);
        assert!(matches!(remove(&storage, &tag("b")), Err(Error::SnapshotUnknown { .. })));
    }

    #[test]
    fn datasets_without_the_snapshot_stay() {
        let plan = rollback(&storage(&["web/root@a"]), &tag("a"), false).unwrap();
        assert_eq!(words(&plan), ["roll back to p/jails/web/root@a"]);
        assert_eq!(plan.notes.len(), 1);
    }
}
