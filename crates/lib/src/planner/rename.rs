//! Renaming a jail.

use std::path::{Path, PathBuf};

use ioc_model::name::{DatasetName, JailName, JailRef};
use ioc_model::property;

use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::facts::{config, fstab};
use crate::plan::{Content, Plan, Step};

/// What renaming depends on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The jail, stopped.
    pub jail: &'a JailFacts,
    /// Its name then.
    pub name: &'a JailName,
    /// The UUID of the host, of which that of the jail is made if it has none.
    pub host_uuid: &'a str,
    /// Other jails that refer to it; see [`refers`].
    pub referrers: &'a [JailFacts],
}

type Changes = Vec<(String, Option<String>)>;

/// Plans the renaming.
///
/// Only datasets of the jail are renamed, never a snapshot of what it hangs on. The host UUID and the MAC addresses
/// that were made from the name are written down first, as they would change with it.
pub fn plan(facts: &Facts<'_>) -> Result<Plan, Error> {
    let Facts { jail, name, host_uuid, referrers } = *facts;
    let dataset = renamed(&jail.dataset, name)?;
    let move_ = Move {
        from: &jail.directory,
        to: moved_directory(&jail.directory, &jail.reference.name, name),
        dataset: &jail.dataset,
        new_dataset: &dataset,
    };
    let mut plan = Plan::new("rename", format!("{} to {name}", jail.reference.name));
    plan.push(Step::Rename { from: jail.dataset.clone(), to: dataset.clone() });
    let mut own = config::rename_jail(jail, name, &own_changes(jail, name, host_uuid, &move_)?)?;
    own.extend(fstab_step(jail, &move_)?);
    for step in config::writable(&jail.dataset, &jail.info, own) {
        plan.push(move_.step(step));
    }
    for other in referrers {
        let changes = changes_of_referrer(other, &jail.reference, name)?;
        for step in config::change_jail(other, &changes)?.steps {
            plan.push(step);
        }
        let fstab = fstab_step(other, &move_)?.into_iter().collect();
        for step in config::writable(&other.dataset, &other.info, fstab) {
            plan.push(step);
        }
    }
    Ok(plan)
}

/// Tells whether another jail has to be changed when this one is renamed.
pub fn refers(other: &JailFacts, jail: &JailFacts) -> Result<bool, Error> {
    // Any other name would do.
    let changes = changes_of_referrer(other, &jail.reference, &jail.reference.name)?;
    let somewhere = Path::new("/renamed");
    Ok(!changes.is_empty() || fstab::moved_bytes(other.fstab(), &jail.directory, somewhere).is_some())
}

/// Where a jail's dataset and directory go.
struct Move<'a> {
    from: &'a Path,
    to: PathBuf,
    dataset: &'a DatasetName,
    new_dataset: &'a DatasetName,
}

impl Move<'_> {
    /// A step in the jail's own files and properties, as it is taken once the jail is renamed.
    fn step(&self, step: Step) -> Step {
        match step {
            Step::WriteFile { root, path, content, mode, previous } if root == self.from => {
                Step::WriteFile { root: self.to.clone(), path, content, mode, previous }
            }
            Step::SetProperty { dataset, property, value, previous } if dataset == *self.dataset => {
                Step::SetProperty { dataset: self.new_dataset.clone(), property, value, previous }
            }
            other => other,
        }
    }
}

fn renamed(dataset: &DatasetName, name: &JailName) -> Result<DatasetName, Error> {
    let parent = dataset.parent().ok_or_else(|| Error::Request(format!("{dataset} cannot be renamed")))?;
    Ok(parent.child(name.as_str())?)
}

/// The directory of the renamed jail: its mountpoint follows the name, unless it was set to something else.
fn moved_directory(directory: &Path, old: &JailName, new: &JailName) -> PathBuf {
    match directory.file_name().is_some_and(|last| last == old.as_str()) {
        true => directory.with_file_name(new.as_str()),
        false => directory.to_owned(),
    }
}

fn own_changes(
    jail: &JailFacts,
    name: &JailName,
    host_uuid: &str,
    move_: &Move<'_>,
) -> Result<Changes, Error> {
    let mut changes = Changes::new();
    let old = jail.reference.name.as_str();
    let mut put = |key: &str, value: String| changes.push((key.to_owned(), Some(value)));
    match jail.get(&property::HOST_HOSTUUID)? {
        // iocage has the jail's name there.
        Some(uuid) if uuid == old => put("host_hostuuid", name.to_string()),
        Some(_) => {}
        None => put("host_hostuuid", jail.host_uuid(host_uuid)?),
    }
    // iocage writes the name there, in its form for host names.
    if jail.is_set("host_hostname") && jail.hostname()? == old.replace('_', "-") {
        put("host_hostname", name.as_str().replace('_', "-"));
    }
    if jail.vnet {
        for link in &jail.network()?.links.0 {
            let key = format!("{}_mac", link.nic);
            if jail.config.mac_of(&link.nic).map_err(|e| jail.wrong(e))?.is_none() {
                let (host, own) = jail.macs(&link.nic)?;
                put(&key, format!("{host},{own}"));
            }
        }
    }
    let datasets = jail.get(&property::JAIL_ZFS_DATASET)?.0;
    let moved: Vec<String> = datasets.iter().map(|text| moved_dataset(text, move_)).collect();
    if moved != datasets {
        put("jail_zfs_dataset", moved.join(","));
    }
    Ok(changes)
}

/// A dataset as the property has it, with or without its pool in front, if it is below the jail's.
fn moved_dataset(text: &str, move_: &Move<'_>) -> String {
    let without_pool = |name: &DatasetName| name.as_str().split_once('/').map(|(_, rest)| rest.to_owned());
    let pairs = [
        Some((move_.dataset.to_string(), move_.new_dataset.to_string())),
        without_pool(move_.dataset).zip(without_pool(move_.new_dataset)),
    ];
    for (from, to) in pairs.into_iter().flatten() {
        if let Some(rest) = text.strip_prefix(&from)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return format!("{to}{rest}");
        }
    }
    text.to_owned()
}

/// What another jail says about this one by its name.
fn changes_of_referrer(other: &JailFacts, jail: &JailRef, name: &JailName) -> Result<Changes, Error> {
    let mut changes = Changes::new();
    if other.reference.source == jail.source
        && other.get(&property::SOURCE_TEMPLATE)?.as_deref() == Some(jail.name.as_str())
    {
        changes.push(("source_template".to_owned(), Some(name.to_string())));
    }
    if other.is_set("depends") {
        let text = other.show("depends")?.value.to_string();
        let changed = renamed_in_filter(&text, jail, other.reference.source == jail.source, name);
        changes.extend(changed.map(|text| ("depends".to_owned(), Some(text))));
    }
    Ok(changes)
}

/// A filter in which a jail has another name; none if it does not name the jail.
fn renamed_in_filter(text: &str, jail: &JailRef, same_source: bool, name: &JailName) -> Option<String> {
    let is_separator = |c: char| c == ',' || c == '=' || c.is_whitespace();
    let qualified = jail.to_string();
    let mut found = false;
    let mut renamed = String::new();
    for piece in text.split_inclusive(is_separator) {
        let word = piece.trim_end_matches(is_separator);
        let rest = &piece[word.len()..];
        // A word before = is a property.
        let is_name = !rest.starts_with('=');
        if is_name && same_source && word == jail.name.as_str() {
            (found, renamed) = (true, renamed + name.as_str());
        } else if is_name && word == qualified {
            (found, renamed) = (true, format!("{renamed}{}/{name}", jail.source));
        } else {
            renamed.push_str(word);
        }
        renamed.push_str(rest);
    }
    found.then_some(renamed)
}

fn fstab_step(jail: &JailFacts, move_: &Move<'_>) -> Result<Option<Step>, Error> {
    let Some(bytes) = fstab::moved_bytes(jail.fstab(), move_.from, &move_.to) else { return Ok(None) };
    Ok(Some(Step::WriteFile {
        root: jail.directory.clone(),
        path: fstab::FILE.parse()?,
        content: Content::from(bytes),
        mode: 0o644,
        previous: Some(Content::from(jail.fstab().to_bytes())),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_filter_is_a_whole_word() {
        let jail = JailRef { source: "ioc".parse().unwrap(), name: "db".parse().unwrap() };
        let name: JailName = "sql".parse().unwrap();
        let renamed = |text: &str, same| renamed_in_filter(text, &jail, same, &name);
        assert_eq!(renamed("db", true).as_deref(), Some("sql"));
        assert_eq!(renamed("web, db dbx", true).as_deref(), Some("web, sql dbx"));
        assert_eq!(renamed("name=db,web", true).as_deref(), Some("name=sql,web"));
        assert_eq!(renamed("ioc/db", false).as_deref(), Some("ioc/sql"));
        assert_eq!(renamed("db", false), None);
        assert_eq!(renamed("db=x", true), None);
        assert_eq!(renamed("db*", true), None);
    }

    #[test]
    fn a_mountpoint_that_was_set_stays() {
        let (old, new): (JailName, JailName) = ("web".parse().unwrap(), "www".parse().unwrap());
        let moved = |path: &str| moved_directory(Path::new(path), &old, &new);
        assert_eq!(moved("/iocage/jails/web"), Path::new("/iocage/jails/www"));
        assert_eq!(moved("/srv/website"), Path::new("/srv/website"));
    }

    #[test]
    fn datasets_are_moved_by_component() {
        let (old, new) = ("p/jails/web".parse().unwrap(), "p/jails/www".parse().unwrap());
        let move_ = Move { from: Path::new("/a"), to: "/b".into(), dataset: &old, new_dataset: &new };
        assert_eq!(moved_dataset("p/jails/web/data", &move_), "p/jails/www/data");
        assert_eq!(moved_dataset("jails/web/data", &move_), "jails/www/data");
        assert_eq!(moved_dataset("p/jails/web2/data", &move_), "p/jails/web2/data");
    }
}
