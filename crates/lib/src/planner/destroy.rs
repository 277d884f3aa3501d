//! Destroying jails, templates and releases.

use std::collections::{BTreeMap, BTreeSet};

use ioc_model::name::{DatasetName, SnapshotName};
use ioc_platform::store::{SnapshotInfo, Tree};

use crate::error::Error;
use crate::plan::{Plan, Step};

/// What destroying something depends on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// "jail" or "release", and its name.
    pub subject: String,
    /// Its dataset and everything below it, and those of what is destroyed along with it.
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
    let given = given_away(facts);
    if !given.is_empty() {
        return Err(Error::KeepsData { subject: facts.subject.clone(), datasets: given });
    }
    let mut plan = Plan::to_finish("destroy", &facts.subject);
    for dataset in in_order(facts) {
        for info in facts.snapshots.iter().rev().filter(|info| info.name.dataset == *dataset) {
            plan.push(Step::DestroySnapshot { snapshot: info.name.clone() });
        }
        plan.push(Step::DestroyDataset { dataset: dataset.clone() });
    }
    for snapshot in &facts.own_origins {
        plan.push(Step::DestroySnapshot { snapshot: snapshot.clone() });
    }
    Ok(plan)
}

/// Datasets that a jail manages, the uppermost of each tree: its own data, whether or not it is given them now.
fn given_away(facts: &Facts) -> Vec<String> {
    let jailed = |name: &DatasetName| {
        let property = facts.tree.get(name).and_then(|info| info.properties.get("jailed"));
        property.is_some_and(|jailed| jailed.value == "on")
    };
    let top = facts.tree.keys().filter(|name| jailed(name) && !name.parent().is_some_and(|up| jailed(&up)));
    top.map(ToString::to_string).collect()
}

/// The datasets, each after its children and after the clones of its snapshots.
fn in_order(facts: &Facts) -> Vec<&DatasetName> {
    let mut before: BTreeMap<&DatasetName, Vec<&DatasetName>> = BTreeMap::new();
    for info in &facts.snapshots {
        before.entry(&info.name.dataset).or_default().extend(&info.clones);
    }
    for dataset in facts.tree.keys() {
        if let Some((parent, _)) = dataset.parent().and_then(|parent| facts.tree.get_key_value(&parent)) {
            before.entry(parent).or_default().push(dataset);
        }
    }
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for dataset in facts.tree.keys().rev() {
        visit(dataset, facts, &before, &mut seen, &mut order);
    }
    order
}

fn visit<'a>(
    dataset: &'a DatasetName,
    facts: &'a Facts,
    before: &BTreeMap<&'a DatasetName, Vec<&'a DatasetName>>,
    seen: &mut BTreeSet<&'a DatasetName>,
    order: &mut Vec<&'a DatasetName>,
) {
    if !facts.tree.contains_key(dataset) || !seen.insert(dataset) {
        return;
    }
    for other in before.get(dataset).into_iter().flatten().rev() {
        visit(other, facts, before, seen, order);
    }
    order.push(dataset);
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
    use ioc_platform::store::{DatasetInfo, PropertyValue};

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
    fn a_clone_goes_before_what_it_hangs_on() {
        let mut facts = facts("p/jails/web2/root");
        for name in ["p/jails/web2", "p/jails/web2/root"] {
            facts.tree.insert(name.parse().unwrap(), Default::default());
        }
        let words: Vec<String> = plan(&facts).unwrap().steps.iter().map(|s| s.step.to_string()).collect();
        let at = |text: &str| words.iter().position(|word| word == text).unwrap();
        assert!(at("destroy dataset p/jails/web2/root") < at("destroy snapshot p/jails/web/root@a"));
        assert_eq!(words.len(), 5);
    }

    #[test]
    fn what_was_given_to_a_jail_is_not_destroyed() {
        let mut facts = facts("x");
        facts.snapshots[0].clones.clear();
        let on = PropertyValue { value: "on".to_owned(), local: true };
        for name in ["p/jails/web/data", "p/jails/web/data/a"] {
            let properties = [("jailed".to_owned(), on.clone())].into();
            let info = DatasetInfo { properties, ..DatasetInfo::default() };
            facts.tree.insert(name.parse().unwrap(), info);
        }
        let error = plan(&facts).unwrap_err();
        assert!(
            matches!(&error, Error::KeepsData { datasets, .. } if *datasets == ["p/jails/web/data"]),
            "{error}"
        );
    }

    #[test]
    fn a_clone_elsewhere_is_named() {
        let error = plan(&facts("p/jails/web2/root")).unwrap_err();
        assert!(error.to_string().contains("p/jails/web2/root"), "{error}");
    }
}
