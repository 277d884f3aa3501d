//! Starting a jail.

use std::collections::BTreeSet;
use std::path::Path;

use ioc_model::name::JailPath;
use ioc_model::property;
use ioc_platform::host::System;
use ioc_platform::jails::{JailSpec, Parameter};
use ioc_platform::limits::LimitRule;
use ioc_platform::mounts::{MountKind, MountSpec};

use super::{environment, etc, network};
use crate::error::Error;
use crate::facts::base::BaseMount;
use crate::facts::delegated::Delegated;
use crate::facts::devfs::JailRuleset;
use crate::facts::jail::JailFacts;
use crate::facts::jail_etc::JailEtc;
use crate::facts::network::NetworkFacts;
use crate::plan::{Content, Hook, Place, Plan, Remembered, Step};

/// What starting a jail depends on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The jail, stopped.
    pub jail: &'a JailFacts,
    /// What it mounts of its release, if it is a basejail.
    pub base: Option<&'a BaseMount>,
    /// The network of the host.
    pub network: &'a NetworkFacts,
    /// The kernel parameters that this kernel takes.
    pub parameters: Vec<Parameter>,
    /// The datasets that it is given.
    pub delegated: Delegated,
    /// The devices that it sees.
    pub ruleset: JailRuleset,
    /// Resource limits to apply.
    pub limits: Vec<LimitRule>,
    /// Directories below the jail's root that exist, out of those that [`targets`] names.
    pub existing: BTreeSet<JailPath>,
    /// Those of these that a file of the host is mounted on.
    pub files: BTreeSet<JailPath>,
    /// Files in its /etc.
    pub etc: JailEtc,
    /// Scripts of the default hooks that the jail does not have.
    pub missing_scripts: BTreeSet<Hook>,
    /// The operating system of the host.
    pub system: System,
    /// Environment of the caller, for `exec_clean=no`.
    pub environment: &'a [(String, String)],
}

/// What a start is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The jail runs until it is stopped.
    Service,
    /// One command runs in it, then it is torn down: no start and poststart hooks.
    Command,
}

/// Plans the start.
pub fn plan(facts: &Facts<'_>, purpose: Purpose) -> Result<Plan, Error> {
    let jail = facts.jail;
    let mut plan = Plan::new("start", &jail.reference.name);
    let mut memory = Remembered::default();
    let env = environment::of_hooks(jail, facts.environment)?;
    let hook = |plan: &mut Plan, which| add_hook(plan, jail, which, &env, &facts.missing_scripts);

    hook(&mut plan, Hook::Prestart)?;
    etc::plan(&mut plan, jail, &facts.etc)?;
    if let JailRuleset { number, define: Some(rules) } = &facts.ruleset {
        plan.push(Step::DefineRuleset { number: *number, rules: rules.clone() });
        memory.ruleset = Some(*number);
    }
    if let Some(clone) = facts.base.and_then(|base| base.clone.as_ref()) {
        plan.push(match clone.exists {
            true => Step::MountDataset { dataset: clone.dataset.clone() },
            false => Step::MakeBase { origin: clone.origin.clone(), dataset: clone.dataset.clone() },
        });
    }
    mounts(&mut plan, facts)?;
    if !jail.vnet {
        network::shared_addresses(&mut plan, jail, facts.network, &mut memory)?;
    }
    plan.push(Step::CreateJail(JailSpec {
        name: jail.kernel_name.clone(),
        path: jail.root.clone(),
        hostname: jail.hostname()?,
        vnet: jail.vnet,
        parameters: facts.parameters.clone(),
    }));
    if !facts.limits.is_empty() {
        plan.push(Step::ApplyLimits {
            jail: jail.kernel_name.clone(),
            rules: facts.limits.clone(),
            previous: Vec::new(),
        });
        memory.limits = true;
    }
    hook(&mut plan, Hook::Created)?;
    if jail.vnet {
        network::vnet(&mut plan, jail, facts.network, &mut memory)?;
    }
    delegate(&mut plan, jail, &facts.delegated, &mut memory)?;
    if memory != Remembered::default() {
        remember(&mut plan, jail, memory);
    }
    if purpose == Purpose::Service {
        hook(&mut plan, Hook::Start)?;
        hook(&mut plan, Hook::Poststart)?;
    }
    Ok(plan)
}

/// Gives the jail its datasets, off the host first, and has it mount them.
fn delegate(
    plan: &mut Plan,
    jail: &JailFacts,
    delegated: &Delegated,
    memory: &mut Remembered,
) -> Result<(), Error> {
    let datasets = delegated.names();
    if datasets.is_empty() {
        return Ok(());
    }
    for mount in delegated.on_host.iter().rev() {
        plan.push(Step::Detach(mount.clone()));
    }
    for dataset in &datasets {
        plan.push(Step::AttachDataset { jail: jail.kernel_name.clone(), dataset: dataset.clone() });
    }
    let needed = delegated.datasets.iter().filter(|given| given.mounts).map(|given| given.name.clone());
    plan.push(Step::MountDelegated {
        jail: jail.kernel_name.clone(),
        root: jail.root.clone(),
        datasets: datasets.clone(),
        needed: needed.collect(),
        timeout_secs: jail.get(&property::EXEC_TIMEOUT)?.into(),
    });
    memory.datasets = datasets;
    Ok(())
}

/// Puts the note of what is going to be given to the jail before the first step that gives it anything.
fn remember(plan: &mut Plan, jail: &JailFacts, state: Remembered) {
    let gives = |step: &Step| {
        matches!(
            step,
            Step::AddAddress { .. }
                | Step::CreateJail(_)
                | Step::CreateBridge(_)
                | Step::CreatePair(_)
                | Step::DefineRuleset { .. }
        )
    };
    let at = plan.steps.iter().position(|p| gives(&p.step)).unwrap_or(plan.steps.len());
    let step = Step::Remember { jail: jail.kernel_name.clone(), state, previous: None };
    plan.steps.insert(at, crate::plan::Planned { step, on_failure: Default::default() });
}

/// Adds a hook if it is configured. A default start or stop script that the jail does not have is left out: a jail
/// made from something else than FreeBSD has no /etc/rc.
pub(crate) fn add_hook(
    plan: &mut Plan,
    jail: &JailFacts,
    hook: Hook,
    env: &[(String, String)],
    missing_scripts: &BTreeSet<Hook>,
) -> Result<(), Error> {
    if missing_scripts.contains(&hook) {
        return Ok(());
    }
    let Some(command) = jail.hook(hook)? else { return Ok(()) };
    let place = match hook {
        Hook::Start | Hook::Stop => Place::Jail { user: jail.exec_user()?, fib: jail.fib()? },
        _ => Place::Host,
    };
    let timeout_secs = match hook {
        Hook::Stop => jail.get(&property::STOP_TIMEOUT)?,
        _ => jail.get(&property::EXEC_TIMEOUT)?,
    };
    plan.push(Step::RunHook {
        hook,
        jail: jail.kernel_name.clone(),
        place,
        command,
        env: env.to_vec(),
        timeout_secs: timeout_secs.into(),
    });
    Ok(())
}

/// Directories below the jail's root that something is mounted on, in the order of mounting.
pub fn targets(
    jail: &JailFacts,
    base: Option<&BaseMount>,
    system: System,
    ruleset: u16,
) -> Result<Vec<JailPath>, Error> {
    let mounts = wanted_mounts(jail, base, system, ruleset)?;
    Ok(mounts.into_iter().map(|mount| mount.target).collect())
}

fn mounts(plan: &mut Plan, facts: &Facts<'_>) -> Result<(), Error> {
    let jail = facts.jail;
    let mut existing = facts.existing.clone();
    // /proc is mounted by the kernel's side of a Linux jail, which needs the directory.
    if facts.system == System::Linux {
        make_directory(plan, jail, &"proc".parse()?, 0o555, &mut existing);
    }
    for mount in wanted_mounts(jail, facts.base, facts.system, facts.ruleset.number)? {
        // What an earlier mount brings along is not there yet, and must not be made below it.
        let covered = plan.steps.iter().any(|planned| match &planned.step {
            Step::Mount(earlier) => mount.target != earlier.target && mount.target.is_within(&earlier.target),
            _ => false,
        });
        if !covered {
            make_place(plan, jail, &mount, facts.files.contains(&mount.target), &mut existing);
        }
        plan.push(Step::Mount(mount));
    }
    Ok(())
}

/// Makes what a file system is mounted on, if it is missing: a directory, or an empty file for a file.
pub(super) fn make_place(
    plan: &mut Plan,
    jail: &JailFacts,
    mount: &MountSpec,
    is_file: bool,
    existing: &mut BTreeSet<JailPath>,
) {
    if !is_file {
        return make_directory(plan, jail, &mount.target, 0o755, existing);
    }
    if existing.contains(&mount.target) {
        return;
    }
    if let Some(parent) = mount.target.parent() {
        make_directory(plan, jail, &parent, 0o755, existing);
    }
    plan.push(Step::WriteFile {
        root: jail.root.clone(),
        path: mount.target.clone(),
        content: Content::from(""),
        mode: 0o644,
        previous: None,
    });
    existing.insert(mount.target.clone());
}

fn make_directory(
    plan: &mut Plan,
    jail: &JailFacts,
    path: &JailPath,
    mode: u32,
    existing: &mut BTreeSet<JailPath>,
) {
    let mut upper = String::new();
    for component in path.components() {
        upper.push('/');
        upper.push_str(component);
        let Ok(directory) = upper.parse::<JailPath>() else { continue };
        if existing.insert(directory.clone()) {
            plan.push(Step::MakeDirectory { root: jail.root.clone(), path: directory, mode });
        }
    }
}

/// Everything that is mounted in the jail, in order: base directories, fstab, devices.
fn wanted_mounts(
    jail: &JailFacts,
    base: Option<&BaseMount>,
    system: System,
    ruleset: u16,
) -> Result<Vec<MountSpec>, Error> {
    let mut mounts = Vec::new();
    let mut add = |kind, target: JailPath, read_only| {
        mounts.push(MountSpec { kind, root: jail.root.clone(), target, read_only, options: Vec::new() });
    };
    if let Some(base) = base {
        base_mounts(jail, base, ruleset, &mut add)?;
    }
    if jail.get(&property::MOUNT_DEVFS)? {
        add(MountKind::Devfs { ruleset }, "dev".parse()?, false);
    }
    if jail.get(&property::MOUNT_FDESCFS)? && system == System::FreeBsd {
        add(MountKind::Fdescfs, "dev/fd".parse()?, false);
    }
    if system == System::FreeBsd {
        if jail.get(&property::MOUNT_PROCFS)? {
            add(MountKind::Procfs, "proc".parse()?, false);
        }
        if jail.get(&property::MOUNT_LINPROCFS)? {
            add(MountKind::Linprocfs, "compat/linux/proc".parse()?, false);
        }
    }
    mounts.extend(jail.fstab_mounts(ruleset)?);
    Ok(mounts)
}

/// The base directories of a basejail, unless its fstab mounts them already as iocage wrote it.
fn base_mounts(
    jail: &JailFacts,
    base: &BaseMount,
    ruleset: u16,
    add: &mut impl FnMut(MountKind, JailPath, bool),
) -> Result<(), Error> {
    let listed = jail.fstab_mounts(ruleset)?;
    let listed: BTreeSet<JailPath> = listed.into_iter().map(|mount| mount.target).collect();
    for directory in base.directories.iter().filter(|d| !listed.contains(d)) {
        add(MountKind::Nullfs { source: base.from.join(directory.relative()) }, directory.clone(), true);
    }
    Ok(())
}

/// The script that a default start or stop hook runs, if its command is of the form `/bin/sh SCRIPT`.
pub fn script_of(command: &str) -> Option<JailPath> {
    let mut words = command.split_whitespace();
    let (shell, script, end) = (words.next()?, words.next()?, words.next());
    let plain = shell == "/bin/sh" && Path::new(script).is_absolute() && end.is_none();
    plain.then(|| script.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::delegated::Given;

    const JAIL: &str = r#"{"id": "web", "jail_zfs": "yes", "jail_zfs_dataset": "tank/a tank/b", "mount_devfs": "no",
        "exec_start": "true", "exec_created": "true"}"#;

    fn words(json: &str, delegated: Delegated, purpose: Purpose) -> Vec<String> {
        let jail = JailFacts::of_test(json);
        let facts = Facts {
            jail: &jail,
            base: None,
            network: &NetworkFacts::default(),
            parameters: Vec::new(),
            delegated,
            ruleset: JailRuleset::default(),
            limits: Vec::new(),
            existing: BTreeSet::new(),
            files: BTreeSet::new(),
            etc: JailEtc::default(),
            missing_scripts: BTreeSet::new(),
            system: System::FreeBsd,
            environment: &[],
        };
        plan(&facts, purpose).unwrap().steps.iter().map(|planned| planned.step.to_string()).collect()
    }

    fn delegated() -> Delegated {
        let given = |name: &str, mounts| Given { name: name.parse().unwrap(), mounts };
        let on_host = MountSpec {
            kind: MountKind::Other { fstype: "zfs".to_owned(), source: "tank/b".to_owned() },
            root: "/tank".into(),
            target: "b".parse().unwrap(),
            read_only: false,
            options: Vec::new(),
        };
        Delegated { datasets: vec![given("tank/a", true), given("tank/b", false)], on_host: vec![on_host] }
    }

    #[test]
    fn datasets_are_the_jails_before_it_boots() {
        let given = [
            "create jail ioc-web",
            "run exec_created on the host: true",
            "unmount /tank/b",
            "give dataset tank/a to jail ioc-web",
            "give dataset tank/b to jail ioc-web",
            "mount tank/a, tank/b in the jail",
        ];
        let before = ["remember what jail ioc-web was given"];
        let command = words(JAIL, delegated(), Purpose::Command);
        assert_eq!(command, [&before[..], &given].concat());
        let service = words(JAIL, delegated(), Purpose::Service);
        assert_eq!(service, [&before[..], &given, &["run exec_start in the jail: true"]].concat());
    }

    #[test]
    fn without_datasets_nothing_is_given() {
        let words = words(JAIL, Delegated::default(), Purpose::Command);
        assert_eq!(words, ["create jail ioc-web", "run exec_created on the host: true"]);
    }
}
