//! Limits by control groups; cgroups(7).
//!
//! | resource of rctl(8) | version 2 | version 1 |
//! |---|---|---|
//! | `memoryuse` (bytes) | `memory.max` | `memory.limit_in_bytes` |
//! | `swapuse` (bytes) | `memory.swap.max` | `memory.memsw.limit_in_bytes`, with `memoryuse` only: it limits the sum |
//! | `maxproc`, `nthr` | `pids.max` | `pids.max` |
//! | `pcpu` (percent of one CPU) | `cpu.max` | `cpu.cfs_quota_us` |
//!
//! Linux counts threads where FreeBSD counts processes (`maxproc`). The action is `deny`, which for memory means that
//! a process of the jail is killed, and the subject is the jail. A jail without such rules has no group.

mod rules;

use std::io;
use std::path::Path;

use ioc_model::name::KernelName;

use self::rules::{Setting, settings};
use super::{LimitRule, Limits, LimitsError};
use crate::jails::RunningJail;
use crate::linux::cgroups::{self, Hierarchy, hierarchies};
use crate::linux::procfs::{Stat, same_pid_namespace};

/// Limits by control groups.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinuxLimits;

/// Controllers whose limits we set.
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];

fn failed<'a>(action: &'a str, what: &'a Path) -> impl Fn(io::Error) -> LimitsError + 'a {
    move |source| LimitsError::System { action: format!("{action} {}", what.display()), source }
}

fn find_hierarchies() -> Result<Vec<Hierarchy>, LimitsError> {
    hierarchies().map_err(failed("read", Path::new("/proc/self/mountinfo")))
}

/// The hierarchy in which the controller can be used.
fn with_controller<'a>(hierarchies: &'a [Hierarchy], controller: &str) -> Result<&'a Hierarchy, LimitsError> {
    let has = |hierarchy: &&Hierarchy| hierarchy.controllers.iter().any(|name| name == controller);
    hierarchies.iter().find(has).ok_or_else(|| LimitsError::Unavailable {
        reason: format!("this system has no control group hierarchy with the controller {controller}"),
    })
}

/// What the rules come down to, and in which hierarchy. Fails if one cannot be applied.
fn resolve<'a>(
    hierarchies: &'a [Hierarchy],
    rules: &[LimitRule],
) -> Result<Vec<(&'a Hierarchy, Setting)>, LimitsError> {
    let unified = |controller: &str| Ok(with_controller(hierarchies, controller)?.unified);
    let settings = settings(rules, unified)?;
    let each = settings.into_iter().map(|setting| {
        let hierarchy = with_controller(hierarchies, setting.controller)?;
        let root = hierarchy.mount.join(setting.file);
        // Swap is only counted where the kernel was told so; the root of version 2 has no such files to look at.
        if !hierarchy.unified && setting.controller == "memory" && !root.exists() {
            return Err(LimitsError::Unavailable { reason: format!("there is no {}", root.display()) });
        }
        Ok((hierarchy, setting))
    });
    each.collect()
}

impl Limits for LinuxLimits {
    fn check(&self, rules: &[LimitRule]) -> Result<(), LimitsError> {
        if rules.is_empty() {
            return Ok(());
        }
        resolve(&find_hierarchies()?, rules).map(drop)
    }

    fn apply(&self, jail: &RunningJail, rules: &[LimitRule]) -> Result<(), LimitsError> {
        let hierarchies = find_hierarchies()?;
        let settings = resolve(&hierarchies, rules)?;
        let applied = lift(&hierarchies, &jail.name).and_then(|()| limit(jail, &settings));
        if applied.is_err() {
            // Groups that have no processes yet are not left behind.
            for hierarchy in &hierarchies {
                if let Err(error) = hierarchy.remove(&jail.name) {
                    tracing::debug!(%error, "cannot remove a control group");
                }
            }
        }
        applied
    }

    fn clear(&self, name: &KernelName) -> Result<(), LimitsError> {
        let hierarchies = find_hierarchies()?;
        for hierarchy in &hierarchies {
            let group = hierarchy.group(name);
            hierarchy.remove(name).map_err(failed("remove", &group))?;
        }
        // The groups of a running jail stay until it ends, without limits.
        lift(&hierarchies, name)
    }

    /// By rctl's names, summed up over the processes: `cputime` (seconds), `maxproc`, `memoryuse`, `nthr`,
    /// `vmemoryuse`. Pages that processes share count for each of them, as rctl(8) counts.
    fn usage(&self, jail: &RunningJail) -> Result<Vec<(String, u64)>, LimitsError> {
        let directory = format!("/proc/{}/root/proc", jail.jid);
        let processes = processes_in(Path::new(&directory)).map_err(failed("read", Path::new(&directory)))?;
        let sum = |part: fn(&Stat) -> u64| processes.iter().map(part).fold(0, u64::saturating_add);
        let page = rustix::param::page_size() as u64;
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        let used: [(&str, u64); 5] = [
            ("cputime", sum(|stat| stat.cpu_ticks) / ticks),
            ("maxproc", processes.len() as u64),
            ("memoryuse", sum(|stat| stat.resident_pages).saturating_mul(page)),
            ("nthr", sum(|stat| stat.threads)),
            ("vmemoryuse", sum(|stat| stat.address_space)),
        ];
        Ok(used.map(|(resource, amount)| (resource.to_owned(), amount)).to_vec())
    }
}

/// Makes the groups with their limits, and only then moves the jail's processes there.
fn limit(jail: &RunningJail, settings: &[(&Hierarchy, Setting)]) -> Result<(), LimitsError> {
    for (hierarchy, setting) in settings {
        let group = hierarchy.create(&jail.name, setting.controller).map_err(|source| {
            let reason = match source.raw_os_error() {
                Some(libc::EROFS | libc::EACCES | libc::EPERM) => "it is not ours to write",
                Some(libc::EBUSY) => "it has processes of its own",
                _ => return failed("make a control group in", &hierarchy.mount)(source),
            };
            LimitsError::Unavailable { reason: format!("{}: {reason}", hierarchy.mount.display()) }
        })?;
        let file = group.join(setting.file);
        cgroups::write(&file, &setting.value).map_err(failed("write", &file))?;
    }
    let mut groups: Vec<_> = settings.iter().map(|(hierarchy, _)| hierarchy.group(&jail.name)).collect();
    groups.dedup();
    groups.iter().try_for_each(|group| move_all(jail, group))
}

/// The processes that the jail's own `/proc` shows, without its pid 1, which is ours.
fn processes_in(directory: &Path) -> io::Result<Vec<Stat>> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        if number.is_some_and(|number| number != 1) {
            processes.extend(Stat::read(entry.path().join("stat"))?);
        }
    }
    Ok(processes)
}

/// Takes the limits of the jail's groups away, as far as it has groups.
fn lift(hierarchies: &[Hierarchy], name: &KernelName) -> Result<(), LimitsError> {
    for hierarchy in hierarchies {
        let group = hierarchy.group(name);
        let controllers =
            CONTROLLERS.iter().filter(|name| hierarchy.controllers.iter().any(|has| has == *name));
        for (file, value) in
            controllers.flat_map(|controller| rules::unlimited(controller, hierarchy.unified))
        {
            let file = group.join(file);
            match cgroups::write(&file, value) {
                // No group, or a controller that is not used in it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result.map_err(failed("write", &file))?,
            }
        }
    }
    Ok(())
}

/// Moves all processes of the jail into a group. Those they start meanwhile are found by looking again.
fn move_all(jail: &RunningJail, group: &Path) -> Result<(), LimitsError> {
    let file = group.join("cgroup.procs");
    let processes = || same_pid_namespace(jail.jid).map_err(failed("look for the processes for", &file));
    loop {
        let present = cgroups::processes(group).map_err(failed("read", &file))?;
        let missing: Vec<i32> = processes()?.into_iter().filter(|pid| !present.contains(pid)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        for pid in missing {
            match cgroups::write(&file, &pid.to_string()) {
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                result => result.map_err(failed("write", &file))?,
            }
        }
    }
}
