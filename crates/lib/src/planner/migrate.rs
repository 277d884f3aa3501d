//! Bringing a jail of older programs to the current form, and dropping what was kept of its old one.

use std::path::PathBuf;

use ioc_model::config::Document;
use ioc_model::name::{DatasetName, JailName, SnapshotName, SnapshotTag};

use crate::error::Error;
use crate::plan::{Content, Plan, Step};

/// Begin of the tags of the snapshots that keep the old state.
pub const KEPT: &str = "ioc-before-migrate";

/// User property of datasets that belong to the old state only.
pub const KEPT_PROPERTY: &str = "org.freebsd.ioc:migrated";

/// Name of the configuration file of the current form.
const CONFIG: &str = "config.json";

/// What migrating depends on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The jail's name.
    pub name: JailName,
    /// Its dataset.
    pub dataset: DatasetName,
    /// Where that is mounted.
    pub directory: PathBuf,
    /// The tags that snapshots of it and of its descendants have.
    pub tags: Vec<SnapshotTag>,
    /// Its configuration as it is.
    pub before: Document,
    /// Its configuration as it is to be.
    pub after: Document,
    /// Name and content of the file of an old format that holds it, if a file does.
    pub old_file: Option<(String, Content)>,
    /// Descendants of its dataset; empty unless base directories are among them.
    pub descendants: Vec<DatasetName>,
    /// Datasets that are base directories, parents first.
    pub base: Vec<BaseDataset>,
}

/// A base directory that is a dataset of the jail.
#[derive(Clone, Debug)]
pub struct BaseDataset {
    /// The dataset.
    pub dataset: DatasetName,
    /// Whether it is mounted.
    pub mounted: bool,
    /// Its own value of `canmount`, if it has one.
    pub canmount: Option<String>,
}

/// Plans the migration. The old state stays: in a snapshot, in the properties of the dataset, and as datasets that are
/// not mounted any more.
pub fn plan(facts: Facts) -> Result<Plan, Error> {
    let mut plan = Plan::new("migrate", &facts.name);
    let Facts { name, dataset, directory, tags, before, after, old_file, descendants, base } = facts;
    if before.text() == after.text() && base.is_empty() {
        return Ok(plan);
    }
    let tag = free_tag(&tags)?;
    plan.push(Step::CreateSnapshot { snapshot: dataset.at(tag.clone()), descendants });
    for BaseDataset { dataset, mounted, canmount } in base.into_iter().rev() {
        if mounted {
            plan.push(Step::UnmountDataset { dataset: dataset.clone() });
        }
        let mut set = |property: &str, value: &str, previous| {
            plan.push(Step::SetProperty {
                dataset: dataset.clone(),
                property: property.to_owned(),
                value: Some(value.to_owned()),
                previous,
            });
        };
        set("canmount", "noauto", canmount);
        set(KEPT_PROPERTY, "yes", None);
    }
    if let Some(text) = after.text() {
        plan.push(Step::WriteFile {
            root: directory.clone(),
            path: CONFIG.parse()?,
            content: Content::from(text),
            mode: 0o644,
            previous: before.text().filter(|_| old_file.is_none()).map(Content::from),
        });
    }
    if let Some((file, content)) = old_file {
        plan.push(Step::RemoveFile { root: directory, path: file.parse()?, previous: Some(content) });
    }
    plan.notes
        .push(format!("the old state of {name} is kept as {tag}; `ioc migrate --drop {name}` removes it"));
    Ok(plan)
}

fn free_tag(taken: &[SnapshotTag]) -> Result<SnapshotTag, Error> {
    let numbered = (2..).map(|number| format!("{KEPT}.{number}"));
    for tag in std::iter::once(KEPT.to_owned()).chain(numbered) {
        let tag: SnapshotTag = tag.parse()?;
        if !taken.contains(&tag) {
            return Ok(tag);
        }
    }
    unreachable!("there are more numbers than snapshots")
}

/// What dropping the old state depends on.
#[derive(Clone, Debug)]
pub struct DropFacts {
    /// The jail's name.
    pub name: JailName,
    /// Its dataset.
    pub dataset: DatasetName,
    /// Snapshots that keep the old state, and those of the datasets below.
    pub snapshots: Vec<SnapshotName>,
    /// Datasets that belong to the old state only, parents first.
    pub datasets: Vec<DatasetName>,
    /// Properties of the dataset that hold a configuration which is not read any more, and their values.
    pub properties: Vec<(String, String)>,
}

/// Plans the end of what a migration kept.
pub fn plan_drop(facts: DropFacts) -> Plan {
    let mut plan = Plan::to_finish("migrate", &facts.name);
    for snapshot in facts.snapshots.into_iter().rev() {
        plan.push(Step::DestroySnapshot { snapshot });
    }
    for dataset in facts.datasets.into_iter().rev() {
        plan.push(Step::DestroyDataset { dataset });
    }
    for (property, value) in facts.properties {
        let dataset = facts.dataset.clone();
        plan.push(Step::SetProperty { dataset, property, value: None, previous: Some(value) });
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use ioc_model::config::Format;

    fn facts() -> Facts {
        let read = |format, text: &str| Document::read(format, text.as_bytes()).unwrap().unwrap();
        let text = "release=\"11.0-RELEASE\"\n";
        Facts {
            name: "web".parse().unwrap(),
            dataset: "p/jails/web".parse().unwrap(),
            directory: "/p/jails/web".into(),
            tags: vec![KEPT.parse().unwrap()],
            before: read(Format::Ucl, text),
            after: read(Format::Json, "{\"id\": \"web\"}\n"),
            old_file: Some(("config".to_owned(), text.into())),
            descendants: vec!["p/jails/web/root".parse().unwrap()],
            base: ["p/jails/web/root/bin", "p/jails/web/root/usr/bin"]
                .map(|dataset| BaseDataset {
                    dataset: dataset.parse().unwrap(),
                    mounted: true,
                    canmount: None,
                })
                .into(),
        }
    }

    fn words(plan: &Plan) -> Vec<String> {
        plan.steps.iter().map(|planned| planned.step.to_string()).collect()
    }

    #[test]
    fn the_old_state_is_kept() {
        let plan = plan(facts()).unwrap();
        assert_eq!(
            words(&plan),
            [
                "take snapshot p/jails/web@ioc-before-migrate.2",
                "unmount dataset p/jails/web/root/usr/bin",
                "set canmount=noauto on p/jails/web/root/usr/bin",
                "set org.freebsd.ioc:migrated=yes on p/jails/web/root/usr/bin",
                "unmount dataset p/jails/web/root/bin",
                "set canmount=noauto on p/jails/web/root/bin",
                "set org.freebsd.ioc:migrated=yes on p/jails/web/root/bin",
                "write /p/jails/web/config.json",
                "remove /p/jails/web/config",
            ]
        );
        let undone: Vec<String> = plan
            .steps
            .iter()
            .rev()
            .flat_map(|p| p.step.undo().into_iter().rev())
            .map(|s| s.to_string())
            .collect();
        assert_eq!(undone[..2], ["write /p/jails/web/config", "remove /p/jails/web/config.json"]);
        assert_eq!(undone.last().unwrap(), "destroy snapshot p/jails/web@ioc-before-migrate.2");
        assert!(plan.notes[0].contains("--drop web"));
    }

    #[test]
    fn what_is_current_stays() {
        let facts = facts();
        let current = Facts { before: facts.after.clone(), base: Vec::new(), old_file: None, ..facts };
        assert!(plan(current).unwrap().is_empty());
    }
}
