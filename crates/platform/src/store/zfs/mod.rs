//! The store on zfs(8) and zpool(8), through the command door.
//!
//! A listing is one run of `zfs get`, whatever the number of datasets. Only forms are used that OpenZFS 2.0 to 2.4
//! and the old command line of zfs-fuse have alike; where they differ, the [`Dialect`] tells.

mod answer;
mod error;
mod pools;
mod streams;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ioc_model::name::{DatasetName, KernelName, SnapshotName};

use super::{CopyOrder, DatasetInfo, NewDataset, Progress, SnapshotInfo, Store, StoreError, StoreKind, Tree};
use crate::command::{Cmd, Commands, ExecError, Finished, Program};
use error::{Attempt, besides_missing, is_already, understand};

/// What a zfs(8) understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenZFS: FreeBSD 13 and newer, Linux.
    OpenZfs,
    /// zfs-fuse 0.7.0. Its `zfs get` has no `-t`, so that listings contain every snapshot, and neither `clones`
    /// nor `keystatus`; `receive` has neither `-u` nor `-x`; there is no directory `.zfs`.
    ZfsFuse,
}

impl Dialect {
    /// Tells them apart without starting a process: the one talks to a device, the other to a daemon's socket.
    fn detect() -> Self {
        let device = Path::new("/dev/zfs").exists();
        let socket = Path::new("/var/run/zfs/zfs_socket").exists();
        if socket && !device { Dialect::ZfsFuse } else { Dialect::OpenZfs }
    }
}

/// What `jailed` is called on this system.
const JAILED: &str = if cfg!(target_os = "freebsd") { "jailed" } else { "zoned" };

/// Properties that `zfs inherit` refuses, and what they are when nobody set them; zfsprops(7).
const NOT_INHERITED: &[(&str, &str)] = &[
    ("quota", "none"),
    ("refquota", "none"),
    ("reservation", "none"),
    ("refreservation", "none"),
    ("filesystem_limit", "none"),
    ("snapshot_limit", "none"),
    ("canmount", "on"),
];

/// Datasets of zfs.
#[derive(Debug)]
pub struct ZfsStore {
    commands: Arc<dyn Commands>,
    dialect: OnceLock<Dialect>,
}

/// How many levels of names are asked for at the most; a name has 255 bytes.
const MOST_LEVELS: usize = 255;

/// What zfs(8) of FreeBSD says of a jail that does not run; zfs_do_jail_impl() in zfs_main.c.
const NO_JAIL: &str = "invalid jail id or name";

/// How often, and with which pause, something is tried again that is in use.
const ATTEMPTS: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);

/// Tries again for three seconds what fails because the dataset is in use: a file that was just closed, or the mounts of
/// a process that is just ending, keep it so for a moment.
fn patiently(attempt: impl Fn() -> Result<(), StoreError>) -> Result<(), StoreError> {
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(StoreError::Busy { .. }) => std::thread::sleep(PAUSE),
            outcome => return outcome,
        }
    }
    attempt()
}

impl ZfsStore {
    /// A store on the zfs(8) of this host; which it is, is found out at the first use.
    pub fn new(commands: Arc<dyn Commands>) -> Self {
        ZfsStore { commands, dialect: OnceLock::new() }
    }

    /// A store on a zfs(8) that is known to speak `dialect`.
    pub fn with_dialect(commands: Arc<dyn Commands>, dialect: Dialect) -> Self {
        ZfsStore { commands, dialect: dialect.into() }
    }

    fn dialect(&self) -> Dialect {
        *self.dialect.get_or_init(Dialect::detect)
    }

    fn run(&self, cmd: &Cmd, attempt: Attempt<'_>) -> Result<Finished, StoreError> {
        self.commands.run(cmd).map_err(|error| understand(error, attempt))
    }

    /// Runs a command that changes `subject` and prints nothing.
    fn change(&self, cmd: Cmd, action: &str, subject: &str, target: Option<&str>) -> Result<(), StoreError> {
        let action = format!("{action} {subject}");
        self.run(&cmd, Attempt { action: &action, subject, target }).map(drop)
    }

    /// Runs a command that makes `name` and mounts it.
    ///
    /// Where the mount fails, zfs leaves the new dataset behind (and in OpenZFS 2.2 and newer calls that a success):
    /// then it is destroyed, which is safe as nobody else has seen it.
    fn make(&self, cmd: Cmd, name: &DatasetName, attempt: Attempt<'_>) -> Result<(), StoreError> {
        let error = match self.commands.run(&cmd) {
            Ok(Finished { stderr, status, .. }) => {
                let stderr = String::from_utf8_lossy(&stderr).trim().to_owned();
                if !stderr.contains("successfully created, but") {
                    return Ok(());
                }
                ExecError::Failed { command: cmd.to_string(), status, stderr }
            }
            Err(error) => error,
        };
        if is_already(&error, "successfully created, but") {
            self.destroy(name)?;
        }
        Err(understand(error, attempt))
    }

    /// `zfs get`, with what tells one dataset from many.
    fn get(&self, columns: &str, options: &[&str], properties: &str, of: &DatasetName) -> Cmd {
        let cmd = zfs("get").arg("-Hp").args(options.iter().copied());
        cmd.args(["-o", columns, properties]).arg(of.as_str())
    }
}

fn zfs(command: &str) -> Cmd {
    Cmd::new(Program::Zfs).arg(command)
}

fn unreadable(cmd: &Cmd, problem: String) -> StoreError {
    StoreError::Answer { command: cmd.to_string(), problem }
}

/// Empty instead of an error where the dataset does not exist.
fn found<T: Default>(result: Result<T, StoreError>) -> Result<T, StoreError> {
    match result {
        Err(StoreError::NotFound { .. }) => Ok(T::default()),
        other => other,
    }
}

impl Store for ZfsStore {
    fn kind(&self) -> StoreKind {
        StoreKind::Zfs
    }

    fn dataset(&self, name: &DatasetName) -> Result<Option<DatasetInfo>, StoreError> {
        let cmd = self.get("name,property,value,source", &[], "all", name);
        let action = format!("look at {name}");
        let attempt = Attempt { action: &action, subject: name.as_str(), target: None };
        found(self.run(&cmd, attempt).map(|out| Some(answer::dataset(&out.stdout, name))))
    }

    fn tree(&self, root: &DatasetName, depth: usize, user: &[&str]) -> Result<Tree, StoreError> {
        let guard = answer::guard();
        let properties = self.listed(user);
        // zfs reads the number as an int; more levels than that no name can have.
        let depth = depth.min(MOST_LEVELS).to_string();
        let mut options = if depth == "0" { vec![] } else { vec!["-r", "-d", &depth] };
        if self.dialect() == Dialect::OpenZfs {
            options.extend(["-t", "filesystem"]);
        }
        let list = format!("{guard},{}", properties.join(","));
        let cmd = self.get("name,property,value,source", &options, &list, root);
        let action = format!("list {root}");
        let attempt = Attempt { action: &action, subject: root.as_str(), target: None };
        let read = |out: Finished| answer::tree(&out.stdout, &guard, &properties);
        match self.run(&cmd, attempt) {
            Ok(out) => read(out).map_err(|problem| unreadable(&cmd, problem)),
            Err(error) => found(Err(error)),
        }
    }

    fn existing(&self, names: &[DatasetName]) -> Result<Tree, StoreError> {
        let [first, ..] = names else { return Ok(Tree::new()) };
        let guard = answer::guard();
        let properties = self.listed(&[]);
        let list = format!("{guard},{}", properties.join(","));
        // That others are no file systems is for zfs to say.
        let options: &[&str] = if self.dialect() == Dialect::OpenZfs { &["-t", "filesystem"] } else { &[] };
        let cmd = zfs("get").arg("-Hp").args(options.iter().copied());
        let cmd = cmd.args(["-o", "name,property,value,source", &list]);
        let cmd = cmd.args(names.iter().map(DatasetName::as_str)).accept(1);
        let joined = names.iter().map(DatasetName::as_str).collect::<Vec<_>>().join(", ");
        let action = format!("look at {joined}");
        let attempt = Attempt { action: &action, subject: first.as_str(), target: None };
        let Finished { status, stdout, stderr, .. } = self.run(&cmd, attempt)?;
        let stderr = String::from_utf8_lossy(&stderr).trim().to_owned();
        let others = besides_missing(&stderr);
        if !status.success() && (stderr.is_empty() || !others.is_empty()) {
            let stderr = others;
            return Err(understand(ExecError::Failed { command: cmd.to_string(), status, stderr }, attempt));
        }
        answer::tree(&stdout, &guard, &properties).map_err(|problem| unreadable(&cmd, problem))
    }

    fn snapshots(&self, dataset: &DatasetName, recursive: bool) -> Result<Vec<SnapshotInfo>, StoreError> {
        let columns = "name,property,value";
        let cmd = match self.dialect() {
            Dialect::OpenZfs => {
                let depth: &[&str] = if recursive { &[] } else { &["-d", "1"] };
                let options = [&["-r"], depth, &["-t", "snapshot"]].concat();
                self.get(columns, &options, "creation,used,referenced,clones", dataset)
            }
            Dialect::ZfsFuse => {
                // Clones are known only by their origins, and may be anywhere in the pool.
                let pool =
                    dataset.pool().and_then(|pool| pool.parse().ok()).unwrap_or_else(|| dataset.clone());
                self.get(columns, &["-r"], "creation,used,referenced,origin", &pool)
            }
        };
        let action = format!("list the snapshots of {dataset}");
        let attempt = Attempt { action: &action, subject: dataset.as_str(), target: None };
        let out = self.run(&cmd, attempt)?.stdout;
        if self.dialect() == Dialect::ZfsFuse {
            let begin = format!("{dataset}\t");
            if !out.split(|&b| b == b'\n').any(|line| line.starts_with(begin.as_bytes())) {
                return Err(StoreError::NotFound { name: dataset.to_string() });
            }
        }
        let mut list = answer::snapshots(&out).map_err(|problem| unreadable(&cmd, problem))?;
        list.retain(|snapshot| match snapshot.name.dataset.below(dataset) {
            Some("") => true,
            Some(_) => recursive,
            None => false,
        });
        Ok(list)
    }

    fn snapshot_directory(&self, name: &SnapshotName, mounted_at: &Path) -> Option<PathBuf> {
        match self.dialect() {
            // The kernel mounts the snapshot as soon as it is looked at. Nobody can make a file called .zfs there.
            Dialect::OpenZfs => {
                Some(mounted_at.join(".zfs/snapshot").join(name.tag.as_str())).filter(|path| path.is_dir())
            }
            Dialect::ZfsFuse => None,
        }
    }

    fn create(&self, name: &DatasetName, new: &NewDataset) -> Result<(), StoreError> {
        let cmd = with_properties(zfs("create"), new).arg(name.as_str());
        let action = format!("create {name}");
        let attempt = Attempt { action: &action, subject: name.as_str(), target: Some(name.as_str()) };
        self.make(cmd, name, attempt)
    }

    fn destroy(&self, name: &DatasetName) -> Result<(), StoreError> {
        patiently(|| self.change(zfs("destroy").arg(name.as_str()), "destroy", name.as_str(), None))
    }

    fn snapshot(&self, name: &SnapshotName, recursive: bool) -> Result<(), StoreError> {
        let recursive: &[&str] = if recursive { &["-r"] } else { &[] };
        let name = name.to_string();
        let cmd = zfs("snapshot").args(recursive.iter().copied()).arg(&name);
        self.change(cmd, "take the snapshot", &name, Some(&name))
    }

    fn destroy_snapshot(&self, name: &SnapshotName) -> Result<(), StoreError> {
        let name = name.to_string();
        self.change(zfs("destroy").arg(&name), "destroy the snapshot", &name, None)
    }

    fn rollback(&self, name: &SnapshotName) -> Result<(), StoreError> {
        let name = name.to_string();
        self.change(zfs("rollback").arg(&name), "roll back to", &name, None)
    }

    fn clone_snapshot(
        &self,
        origin: &SnapshotName,
        target: &DatasetName,
        new: &NewDataset,
    ) -> Result<(), StoreError> {
        let origin = origin.to_string();
        let cmd = with_properties(zfs("clone"), new).arg(&origin).arg(target.as_str());
        let action = format!("clone {origin}");
        self.make(cmd, target, Attempt { action: &action, subject: &origin, target: Some(target.as_str()) })
    }

    fn copy(&self, order: &CopyOrder, progress: Progress<'_>) -> Result<(), StoreError> {
        let CopyOrder { from, tag, to, without } = order;
        let unsupported = |what: &str| Err(StoreError::Unsupported { kind: "zfs", what: what.to_owned() });
        let Some(tag) = tag else { return unsupported("copy a dataset without a snapshot of it") };
        if !without.is_empty() {
            return unsupported("leave directories out of a copy");
        }
        self.send_to(&from.at(tag.clone()), &to.at(tag.clone()), progress)?;
        let undone = |error| {
            // The error that matters is the first one.
            let _ = self.destroy(to);
            Err(error)
        };
        self.destroy_snapshot(&to.at(tag.clone())).or_else(undone)?;
        self.mount(to).or_else(undone)
    }

    fn promote(&self, name: &DatasetName) -> Result<(), StoreError> {
        self.change(zfs("promote").arg(name.as_str()), "promote", name.as_str(), None)
    }

    fn rename(&self, from: &DatasetName, to: &DatasetName) -> Result<(), StoreError> {
        let cmd = zfs("rename").arg(from.as_str()).arg(to.as_str());
        patiently(|| self.change(cmd.clone(), "rename", from.as_str(), Some(to.as_str())))
    }

    fn set_property(
        &self,
        name: &DatasetName,
        property: &str,
        value: Option<&str>,
    ) -> Result<(), StoreError> {
        let default = NOT_INHERITED.iter().find(|(known, _)| *known == property).map(|(_, default)| *default);
        let cmd = match value.or(default) {
            Some(value) => zfs("set").arg(format!("{}={value}", native(property))),
            None => zfs("inherit").arg(native(property)),
        };
        self.change(cmd.arg(name.as_str()), &format!("set {property} of"), name.as_str(), None)
    }

    fn mount(&self, name: &DatasetName) -> Result<(), StoreError> {
        let cmd = zfs("mount").arg(name.as_str());
        self.idempotent(&cmd, "mount", name, "filesystem already mounted")
    }

    fn unmount(&self, name: &DatasetName) -> Result<(), StoreError> {
        let cmd = zfs("unmount").arg(name.as_str());
        self.idempotent(&cmd, "unmount", name, "not currently mounted")
    }

    fn attach(&self, name: &DatasetName, jail: &KernelName) -> Result<(), StoreError> {
        self.delegate("jail", name, jail)
    }

    fn detach(&self, name: &DatasetName, jail: &KernelName) -> Result<(), StoreError> {
        self.delegate("unjail", name, jail)
    }
}

impl ZfsStore {
    /// The properties that datasets are listed with, those last that a jail can choose.
    fn listed<'a>(&self, user: &[&'a str]) -> Vec<&'a str> {
        let mut properties =
            vec!["type", "mounted", "origin", "used", "referenced", "available", "canmount", "readonly"];
        properties.extend(["quota", "reservation", "refquota", "refreservation", "dedup"]);
        properties.extend(["compression", "compressratio", JAILED]);
        if self.dialect() == Dialect::OpenZfs {
            properties.push("keystatus");
        }
        properties.push("mountpoint");
        properties.extend(user);
        properties
    }

    /// `zfs jail` and `zfs unjail`, which FreeBSD has.
    fn delegate(&self, verb: &str, name: &DatasetName, jail: &KernelName) -> Result<(), StoreError> {
        let cmd = zfs(verb).arg(jail.as_str()).arg(name.as_str());
        match self.commands.run(&cmd) {
            Ok(_) => Ok(()),
            Err(error) if is_already(&error, NO_JAIL) => Err(StoreError::NoJail { jail: jail.clone() }),
            Err(error) => {
                let action = format!("{verb} {name} ({jail})");
                Err(understand(error, Attempt { action: &action, subject: name.as_str(), target: None }))
            }
        }
    }

    /// Runs a command whose failure with `phrase` means that there was nothing to do.
    fn idempotent(&self, cmd: &Cmd, verb: &str, name: &DatasetName, phrase: &str) -> Result<(), StoreError> {
        match self.commands.run(cmd) {
            Ok(_) => Ok(()),
            Err(error) if is_already(&error, phrase) => Ok(()),
            Err(error) => {
                let action = format!("{verb} {name}");
                Err(understand(error, Attempt { action: &action, subject: name.as_str(), target: None }))
            }
        }
    }
}

fn with_properties(cmd: Cmd, new: &NewDataset) -> Cmd {
    let option = |(name, value): (&String, &String)| ["-o".to_owned(), format!("{}={value}", native(name))];
    cmd.args(new.properties.iter().flat_map(option))
}

fn native(property: &str) -> &str {
    if property == "jailed" { JAILED } else { property }
}
