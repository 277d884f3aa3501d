//! Making a pool or directory the source of a host, and ending that.

use std::path::PathBuf;

use ioc_model::name::{DatasetName, JailPath};
use ioc_platform::store::{NewDataset, PropertyValue};

use crate::error::Error;
use crate::plan::{Content, Plan, Step};
use ioc_platform::store::ACTIVE_PROPERTY;

/// What activating something depends on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The source's root.
    pub root: DatasetName,
    /// Datasets that must be made, outermost first; the root among them if it does not exist.
    pub missing: Vec<DatasetName>,
    /// Where the root's `mountpoint` must be set to, if it must.
    pub mountpoint: Option<String>,
    /// Its `mountpoint` now, if it exists.
    pub mountpoint_now: Option<PropertyValue>,
    /// What carries the mark: the pool's root dataset, or the directory.
    pub marked: DatasetName,
    /// The mark now.
    pub mark: Option<String>,
    /// A file of the host to change: its directory, its name in it, its content now and then.
    pub file: Option<(PathBuf, JailPath, Option<String>, String)>,
    /// Other pools that are active as well.
    pub others: Vec<String>,
}

/// Plans the activation. Nothing but the pool or directory named is changed.
pub fn activate(facts: Facts) -> Result<Plan, Error> {
    let mut plan = Plan::new("activate", &facts.root);
    if let (Some(mountpoint), Some(now)) = (&facts.mountpoint, &facts.mountpoint_now)
        && *mountpoint != now.value
    {
        plan.push(Step::SetProperty {
            dataset: facts.root.clone(),
            property: "mountpoint".to_owned(),
            value: Some(mountpoint.clone()),
            previous: Some(now.value.clone()).filter(|_| now.local),
        });
    }
    for dataset in facts.missing {
        let mut new = NewDataset::default();
        if dataset == facts.root
            && let Some(mountpoint) = &facts.mountpoint
        {
            new.properties.insert("mountpoint".to_owned(), mountpoint.clone());
        }
        plan.push(Step::CreateDataset { dataset, new, mode: 0o755 });
    }
    mark(&mut plan, facts.marked, facts.mark, "yes");
    if let Some((root, path, previous, content)) = facts.file {
        let (content, previous) = (Content::from(content), previous.map(Content::from));
        plan.push(Step::WriteFile { root, path, content, mode: 0o644, previous });
    }
    for other in facts.others {
        plan.notes
            .push(format!("pool {other} is active too; the first active pool is used, deactivate the other"));
    }
    Ok(plan)
}

/// Plans the deactivation.
pub fn deactivate(facts: Facts) -> Result<Plan, Error> {
    let mut plan = Plan::new("deactivate", &facts.root);
    if facts.mark.as_deref() == Some("yes") {
        mark(&mut plan, facts.marked, facts.mark, "no");
    }
    if let Some((root, path, Some(previous), content)) = facts.file {
        let previous = Some(Content::from(previous));
        plan.push(if content.is_empty() {
            Step::RemoveFile { root, path, previous }
        } else {
            Step::WriteFile { root, path, content: Content::from(content), mode: 0o644, previous }
        });
    }
    Ok(plan)
}

fn mark(plan: &mut Plan, dataset: DatasetName, previous: Option<String>, value: &str) {
    if previous.as_deref() != Some(value) {
        plan.push(Step::SetProperty {
            dataset,
            property: ACTIVE_PROPERTY.to_owned(),
            value: Some(value.to_owned()),
            previous,
        });
    }
}
