//! Destroying jails, templates and releases.

use ioc_model::name::{DatasetName, SnapshotName};
use ioc_platform::store::{SnapshotInfo, Tree};

use crate::error::Error;
use crate::plan::{Plan, Step};

/// What destroying something depends on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// "jail" or "release", and its name.
    pub subject: String,
    /// Its dataset and everything below it.
    pub tree: Tree,
    /// All snapshots of these.
    pub snapshots: Vec<SnapshotInfo>,
    /// Snapshots elsewhere that were taken only to hang this on, and on which nothing else hangs.
    pub own_origins: Vec<SnapshotName>,
}

/// Plans the destruction. Everything that hangs on the datasets from outside is named, and refused.
pub fn plan(facts: &Facts) -> Result<Plan, Error> {
    let outside = clones_outside(facts);
    if !outside.is_empty() {
        return Err(Error::Dependents {
            subject: facts.subject.clone(),
            action: "destroyed",
            dependents: outside.iter().map(ToString::to_string).collect(),
            how: "hangs on it",
        });
    }
    let mut plan = Plan::to_finish("destroy", &facts.subject);
    for info in facts.snapshots.iter().rev() {
        plan.push(Step::DestroySnapshot { snapshot: info.name.clone() });
    }
    // Names sort parents before children.
    for dataset in facts.tree.keys().rev() {
        plan.push(Step::DestroyDataset { dataset: dataset.clone() });
    }
    for snapshot in &facts.own_origins {
        plan.push(Step::DestroySnapshot { snapshot: snapshot.clone() });
    }
    Ok(plan)
}

/// Datasets that are clones of these snapshots and are not destroyed along with them.
pub fn clones_outside(facts: &Facts) -> Vec<DatasetName> {
    let clones = facts.snapshots.iter().flat_map(|info| &info.clones);
    let mut outside: Vec<_> = clones.filter(|clone| !facts.tree.contains_key(*clone)).cloned().collect();
    outside.sort();
    outside.dedup();
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(clone: &str) -> Facts {
        let dataset = |name: &str| -> DatasetName { name.parse().unwrap() };
        Facts {
            subject: "web".to_owned(),
            tree: ["p/jails/web", "p/jails/web/root"].map(|n| (dataset(n), Default::default())).into(),
            snapshots: vec![SnapshotInfo {
                name: "p/jails/web/root@a".parse().unwrap(),
                created: 0,
                used: None,
                referenced: None,
                clones: vec![dataset(clone)],
            }],
            own_origins: Vec::new(),
        }
    }

    #[test]
    fn children_before_parents_and_snapshots_before_both() {
        let mut facts = facts("x");
        facts.snapshots[0].clones.clear();
        let words: Vec<String> = plan(&facts).unwrap().steps.iter().map(|s| s.step.to_string()).collect();
        assert_eq!(
            words,
            [
                "destroy snapshot p/jails/web/root@a",
                "destroy dataset p/jails/web/root",
                "destroy dataset p/jails/web"
            ]
        );
    }

    #[test]
    fn a_clone_elsewhere_is_named() {
        let error = plan(&facts("p/jails/web2/root")).unwrap_err();
        assert!(error.to_string().contains("p/jails/web2/root"), "{error}");
    }
}
