//! The doing of each step, by the platform.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ioc_model::name::{DatasetName, KernelName};
use ioc_platform::archive::{Archive, ArchiveError, Checksum, MEMORY};
use ioc_platform::command::{Cmd, ExecError, Finished, Program, Status};
use ioc_platform::devfs::{RulesetError, Rulesets};
use ioc_platform::files::{Change, FilesError};
use ioc_platform::host::Host;
use ioc_platform::jails::{JailsError, Process, RunningJail, Stdio};
use ioc_platform::limits::LimitsError;
use ioc_platform::mounts::MountError;
use ioc_platform::network::{Firewall, NetworkError};
use ioc_platform::store::{NewDataset, StoreError};

use super::{bridges, delegated};
use crate::memory;
use crate::plan::{Entry, EntryKind, Hook, Place, Step, Variables};
use crate::planner;

/// Says why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// An archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An archive is not the one that was meant.
    #[error("{} has the SHA-256 checksum {found}, not {expected}", .archive.display())]
    Checksum {
        /// The file.
        archive: PathBuf,
        /// What the user gave.
        expected: Checksum,
        /// What it has.
        found: Checksum,
    },
    /// A mount.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// A jail.
    #[error(transparent)]
    Jails(#[from] JailsError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Limits.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// A hook on the host could not be run.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// A hook said no.
    #[error("{} ended with {status}{}", .hook.property(), said(.output))]
    Hook {
        /// Which.
        hook: Hook,
        /// How it ended.
        status: Status,
        /// The end of what it printed.
        output: String,
    },
    /// A jail did not mount a dataset that was given to it.
    #[error("its own zfs(8) did not mount {dataset}{}", said(.output))]
    NotMounted {
        /// The dataset.
        dataset: DatasetName,
        /// The end of what zfs(8) said there.
        output: String,
    },
    /// A file of variables cannot be edited.
    #[error("cannot add settings to {}", .path.display())]
    Conf {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ioc_model::rcconf::RcError,
    },
    /// A directory's mode, or what start remembered.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal, without which nothing is begun.
    #[error(transparent)]
    Journal(#[from] super::JournalError),
    /// The lock of what jails share on the host.
    #[error(transparent)]
    Lock(#[from] super::LockError),
    /// A ruleset of devfs.
    #[error(transparent)]
    Ruleset(#[from] RulesetError),
    /// The plan was made on another kind of system.
    #[error("this system has no {0}")]
    Elsewhere(&'static str),
    /// The user wants to stop.
    #[error("interrupted")]
    Cancelled,
}

impl StepError {
    /// Tells whether the step was refused before it did anything, so that there is nothing of it to take back:
    /// what is there was there before.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            StepError::Cancelled
                | StepError::Checksum { .. }
                // Links are seen before anything is made or removed.
                | StepError::Files(FilesError::Link { .. })
                | StepError::Store(StoreError::Exists { .. })
                | StepError::Jails(JailsError::Exists { .. })
                | StepError::Network(NetworkError::Exists { .. })
        )
    }
}

fn said(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(": {output}") }
}

/// How to take a step whose work turns out to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// It is an error, as the facts said otherwise.
    Strict,
    /// It is fine: the step is an undo, or is done again after a crash.
    Tolerant,
}

/// What a step did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) changed: bool,
    pub(super) command_status: Option<Status>,
}

impl From<Change> for Done {
    fn from(change: Change) -> Self {
        Done { changed: change == Change::Made, command_status: None }
    }
}

pub(super) const CHANGED: Done = Done { changed: true, command_status: None };
pub(super) const UNCHANGED: Done = Done { changed: false, command_status: None };

/// Tells whether a step that perhaps took place surely did not: its file does not hold what it writes.
pub(super) fn surely_not_done(step: &Step, host: &Host) -> bool {
    let Step::WriteFile { root, path, content, .. } = step else { return false };
    let most = content.as_bytes().len() as u64;
    match host.files.read(root, path, most) {
        Ok(found) => found.is_none_or(|found| found != content.as_bytes()),
        Err(FilesError::TooLarge { .. }) => true,
        // Cannot tell.
        Err(_) => false,
    }
}

/// Takes one step.
pub(super) fn execute(
    step: &Step,
    host: &Host,
    strictness: Strictness,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Done, StepError> {
    match take(step, host, progress) {
        Err(error) if strictness == Strictness::Tolerant && is_done_already(step, host, &error) => {
            Ok(UNCHANGED)
        }
        outcome => outcome,
    }
}

/// Tells whether a step failed only because its work is done.
fn is_done_already(step: &Step, host: &Host, error: &StepError) -> bool {
    match (step, error) {
        (Step::Rename { to, .. }, StepError::Store(StoreError::NotFound { .. })) => {
            matches!(host.store(to).dataset(to), Ok(Some(_)))
        }
        // zfs(8) says of what was promoted, or never was a clone, that it is none.
        (Step::Promote { dataset, former_origin }, StepError::Store(StoreError::Command { .. })) => {
            let info = host.store(dataset).dataset(dataset).ok().flatten();
            info.is_some_and(|info| info.origin.is_none_or(|origin| origin.dataset != *former_origin))
        }
        (
            Step::DestroyDataset { .. }
            | Step::DestroySnapshot { .. }
            | Step::UnmountDataset { .. }
            | Step::SetProperty { .. }
            | Step::Promote { .. },
            StepError::Store(StoreError::NotFound { .. }),
        ) => true,
        (
            Step::RemoveJail { .. }
            | Step::RunHook { .. }
            | Step::ModifyJail { .. }
            | Step::ApplyLimits { .. },
            StepError::Jails(JailsError::NotRunning { .. }),
        ) => true,
        (
            Step::TakeInterface(_),
            StepError::Network(NetworkError::NoJail { .. } | NetworkError::NoInterface { .. }),
        ) => true,
        (Step::RemoveAddress { .. }, StepError::Network(NetworkError::NoInterface { .. })) => true,
        // Who takes things back last made first, or does the rest of a plan, finds the root gone only if this step
        // was done before it went.
        (
            Step::WriteFile { root, .. } | Step::RemoveFile { root, .. } | Step::RemoveDirectory { root, .. },
            StepError::Files(_),
        ) => matches!(root.try_exists(), Ok(false)),
        _ => false,
    }
}

fn take(step: &Step, host: &Host, progress: &(dyn Fn(u64) + Sync)) -> Result<Done, StepError> {
    use Step::*;
    match step {
        CreateNamespace { dataset } => match host.store(dataset).create(dataset, &NewDataset::default()) {
            Err(StoreError::Exists { .. }) => return Ok(UNCHANGED),
            made => made?,
        },
        DestroyNamespace { dataset } => match host.store(dataset).destroy(dataset) {
            // Another command put something in it, or is doing so.
            Err(StoreError::HasDependents { .. } | StoreError::Busy { .. } | StoreError::NotFound { .. }) => {
                return Ok(UNCHANGED);
            }
            gone => gone?,
        },
        CreateDataset { dataset, new, mode } => {
            host.store(dataset).create(dataset, new)?;
            set_mode(host, dataset, *mode)?;
        }
        DestroyDataset { dataset } => host.store(dataset).destroy(dataset)?,
        CreateSnapshot { snapshot, descendants } => {
            host.store(&snapshot.dataset).snapshot(snapshot, !descendants.is_empty())?;
        }
        DestroySnapshot { snapshot } => host.store(&snapshot.dataset).destroy_snapshot(snapshot)?,
        CloneSnapshot { origin, target, new } => host.store(target).clone_snapshot(origin, target, new)?,
        MakeBase { origin, dataset } => {
            let read_only = ("readonly".to_owned(), "on".to_owned());
            let new = NewDataset { properties: [read_only].into() };
            match host.store(dataset).clone_snapshot(origin, dataset, &new) {
                // Perhaps it is just being mounted.
                Err(StoreError::Exists { .. }) => {
                    host.store(dataset).mount(dataset)?;
                    return Ok(UNCHANGED);
                }
                made => made?,
            }
        }
        RemoveBase { dataset } => match host.store(dataset).destroy(dataset) {
            Err(StoreError::HasDependents { .. } | StoreError::Busy { .. } | StoreError::NotFound { .. }) => {
                return Ok(UNCHANGED);
            }
            gone => gone?,
        },
        Copy(order) => host.store(&order.to).copy(order, progress)?,
        Promote { dataset, .. } => host.store(dataset).promote(dataset)?,
        Rename { from, to } => host.store(from).rename(from, to)?,
        Rollback { snapshot } => host.store(&snapshot.dataset).rollback(snapshot)?,
        SetProperty { dataset, property, value, .. } => {
            host.store(dataset).set_property(dataset, property, value.as_deref())?;
        }
        MountDataset { dataset } => host.store(dataset).mount(dataset)?,
        UnmountDataset { dataset } => host.store(dataset).unmount(dataset)?,

        WriteFile { root, path, content, mode, .. } => {
            host.files.replace(root, path, content.as_bytes(), *mode)?;
        }
        RemoveFile { root, path, .. } => return Ok(host.files.remove_file(root, path)?.into()),
        MakeDirectory { root, path, mode } => {
            return Ok(host.files.make_directory(root, path, *mode)?.into());
        }
        RemoveDirectory { root, path } => return Ok(host.files.remove_directory(root, path)?.into()),
        MakeLink { root, path, text } => return Ok(host.files.make_link(root, path, text)?.into()),
        Populate { root, entries } => {
            for entry in entries {
                populate(host, root, entry)?;
            }
        }
        Assign { root, files } => return assign(host, root, files),
        MakePasswordDatabase { root } => {
            let etc = root.join("etc");
            let master = etc.join("master.passwd");
            host.commands.run(&Cmd::new(Program::PwdMkdb).args(["-p", "-d"]).arg(etc).arg(master))?;
        }
        Unpack { archive, sha256, root } => unpack(host, archive, *sha256, root, progress)?,

        Mount(spec) => host.mounts.mount(spec)?,
        Detach(spec) => host.mounts.unmount(&spec.root.join(spec.target.relative()))?,
        Unmount { target } => host.mounts.unmount(target)?,

        CreateJail(spec) => {
            host.jails.create(spec)?;
        }
        ModifyJail { jail, parameters, .. } => host.jails.modify(jail, parameters)?,
        RemoveJail { jail, patience_secs } => {
            host.jails.remove(jail, Duration::from_secs(*patience_secs))?;
        }
        AttachDataset { jail, dataset } => match host.store(dataset).attach(dataset, jail) {
            // A hook gave it to the jail.
            Err(StoreError::Exists { .. }) => return Ok(UNCHANGED),
            given => given?,
        },
        DetachDataset { jail, dataset } => match host.store(dataset).detach(dataset, jail) {
            Err(StoreError::NotFound { .. } | StoreError::NoJail { .. }) => return Ok(UNCHANGED),
            taken => taken?,
        },
        MountDelegated { jail, root, needed, timeout_secs, .. } => {
            return delegated::mount(host, jail, root, needed, *timeout_secs);
        }
        UnmountDelegated { jail, root, datasets, patience_secs } => {
            return delegated::unmount(host, jail, root, datasets, Duration::from_secs(*patience_secs));
        }
        RunHook { hook, jail, place, command, env, timeout_secs } => {
            let finished = run_hook(host, jail, place, command, env, *timeout_secs)?;
            if !finished.status.success() {
                return Err(StepError::Hook {
                    hook: *hook,
                    status: finished.status,
                    output: tail(&finished),
                });
            }
        }
        RunCommand { jail, argv, user, fib, env } => {
            let process = Process { fib: *fib, ..process(argv, user.clone(), env, Stdio::Inherit, 0) };
            let finished = host.jails.exec(jail, &process)?;
            return Ok(Done { changed: true, command_status: Some(finished.status) });
        }
        Remember { jail, state, .. } => memory::write(&host.facts.runtime_directory, jail, state)?,
        Forget { jail } => return Ok(memory::remove(&host.facts.runtime_directory, jail)?.into()),

        DefineRuleset { number, rules } => rulesets(host)?.define(*number, rules)?,
        RemoveRuleset { number } => rulesets(host)?.remove(*number)?,
        ApplyFirewall(spec) => firewall(host)?.apply(spec)?,
        RemoveFirewall { number } => firewall(host)?.remove(*number)?,

        CreateBridge(bridge) => return bridges::create(host, bridge),
        RemoveBridge { name } => return bridges::remove(host, name),
        CreatePair(pair) => host.network.create_pair(pair)?,
        DestroyInterface { name } => host.network.destroy_interface(name)?,
        JoinBridge { bridge, member, ours } => bridges::join(host, bridge, member, *ours)?,
        MoveIntoJail(interface) | GiveInterface(interface) => host.network.move_into_jail(interface)?,
        TakeInterface(interface) => host.network.move_out_of_jail(interface)?,
        SetupLoopback { jail } => host.network.setup_loopback(jail)?,
        AddDefaultRoute(route) => host.network.add_default_route(route)?,
        AddAddress { interface, address } => host.network.add_address(interface, *address)?,
        RemoveAddress { interface, address } => host.network.remove_address(interface, *address)?,

        ApplyLimits { jail, rules, .. } => host.limits.apply(&running(host, jail)?, rules)?,
        ClearLimits { jail } => host.limits.clear(jail)?,
    }
    Ok(CHANGED)
}

fn rulesets(host: &Host) -> Result<&dyn Rulesets, StepError> {
    host.rulesets.as_deref().ok_or(StepError::Elsewhere("devfs rulesets"))
}

fn firewall(host: &Host) -> Result<&dyn Firewall, StepError> {
    host.firewall.as_deref().ok_or(StepError::Elsewhere("rules of ipfw"))
}

/// Sets the mode of a new dataset's directory. Nobody but root can have touched it yet.
fn set_mode(host: &Host, dataset: &DatasetName, mode: u32) -> Result<(), StepError> {
    let Some(directory) = host.store(dataset).dataset(dataset)?.and_then(|info| info.mounted_at) else {
        return Ok(());
    };
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(mode))
        .map_err(|source| StepError::Io { action: "set the mode of", path: directory, source })
}

fn unpack(
    host: &Host,
    archive: &Path,
    sha256: Option<Checksum>,
    root: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), StepError> {
    if let Some(expected) = sha256 {
        let error = |source| StepError::Io { action: "read", path: archive.to_owned(), source };
        let found = Checksum::of_file(archive).map_err(error)?;
        if found != expected {
            return Err(StepError::Checksum { archive: archive.to_owned(), expected, found });
        }
    }
    let mut stream = Archive::open(archive, MEMORY)?;
    host.files.unpack(root, &mut stream, &|unpacked| progress(unpacked.bytes))?;
    Ok(())
}

/// Largest file whose variables are assigned, in bytes.
const MOST_CONF: u64 = ioc_model::rcconf::MOST_BYTES as u64;

fn assign(host: &Host, root: &Path, files: &[Variables]) -> Result<Done, StepError> {
    if host.files.metadata(root, &planner::etc::freebsd_mark())?.is_none() {
        return Ok(UNCHANGED);
    }
    let mut done = UNCHANGED;
    for file in files {
        let before = host.files.read(root, &file.path, MOST_CONF)?;
        let after = planner::etc::assigned(before.as_deref(), file)
            .map_err(|source| StepError::Conf { path: root.join(file.path.relative()), source })?;
        if let Some(after) = after {
            host.files.replace(root, &file.path, &after, 0o644)?;
            done = CHANGED;
        }
    }
    Ok(done)
}

fn populate(host: &Host, root: &Path, entry: &Entry) -> Result<(), FilesError> {
    match &entry.kind {
        EntryKind::Directory(mode) => host.files.make_directory(root, &entry.path, *mode).map(drop),
        EntryKind::File { content, mode } => host.files.replace(root, &entry.path, content.as_bytes(), *mode),
        EntryKind::Link(text) => host.files.make_link(root, &entry.path, text).map(drop),
    }
}

/// Removes a bridge that ioc made, once nobody uses it any more.
fn run_hook(
    host: &Host,
    jail: &KernelName,
    place: &Place,
    command: &str,
    env: &[(String, String)],
    timeout_secs: u64,
) -> Result<Finished, StepError> {
    let mut env = env.to_vec();
    if let Some(running) = host.jails.find(jail)? {
        env.push(("IOC_JID".to_owned(), running.jid.to_string()));
    }
    match place {
        Place::Host => {
            let mut cmd = Cmd::new(Program::Sh).arg("-c").arg(command).accept_any();
            for (name, value) in env {
                cmd = cmd.env(name, value);
            }
            let timeout = (timeout_secs > 0).then(|| Duration::from_secs(timeout_secs));
            Ok(host.commands.run(&cmd.timeout(timeout))?)
        }
        Place::Jail { user, fib } => {
            let argv = ["/bin/sh", "-c", command].map(str::to_owned);
            let process =
                Process { fib: *fib, ..process(&argv, user.clone(), &env, Stdio::Capture, timeout_secs) };
            Ok(host.jails.exec(jail, &process)?)
        }
    }
}

pub(super) fn process(
    argv: &[String],
    user: Option<String>,
    env: &[(String, String)],
    stdio: Stdio,
    timeout_secs: u64,
) -> Process {
    Process {
        argv: argv.iter().map(Into::into).collect(),
        user,
        env: env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        stdio,
        fib: None,
        timeout: (timeout_secs > 0).then(|| Duration::from_secs(timeout_secs)),
    }
}

/// The last lines of what a hook printed, errors preferred.
pub(super) fn tail(finished: &Finished) -> String {
    let from = if finished.stderr.is_empty() { &finished.stdout } else { &finished.stderr };
    let text = String::from_utf8_lossy(from);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}

fn running(host: &Host, jail: &KernelName) -> Result<RunningJail, StepError> {
    Ok(host.jails.find(jail)?.ok_or_else(|| JailsError::NotRunning { name: jail.clone() })?)
}
