//! Steps and plans in words: what `--plan` prints and events carry.

use std::fmt;

use ioc_model::name::DatasetName;
use ioc_platform::mounts::{MountKind, MountSpec};

use super::{OnFailure, Place, Plan, Step};

impl Step {
    /// The kind of the step, as in its JSON.
    pub fn kind(&self) -> &'static str {
        use Step::*;
        match self {
            CreateNamespace { .. } => "create-namespace",
            DestroyNamespace { .. } => "destroy-namespace",
            CreateDataset { .. } => "create-dataset",
            DestroyDataset { .. } => "destroy-dataset",
            CreateSnapshot { .. } => "create-snapshot",
            DestroySnapshot { .. } => "destroy-snapshot",
            CloneSnapshot { .. } => "clone-snapshot",
            MakeBase { .. } => "make-base",
            RemoveBase { .. } => "remove-base",
            Copy(_) => "copy",
            Promote { .. } => "promote",
            Rename { .. } => "rename",
            Rollback { .. } => "rollback",
            SetProperty { .. } => "set-property",
            MountDataset { .. } => "mount-dataset",
            UnmountDataset { .. } => "unmount-dataset",
            WriteFile { .. } => "write-file",
            RemoveFile { .. } => "remove-file",
            MakeDirectory { .. } => "make-directory",
            RemoveDirectory { .. } => "remove-directory",
            MakeLink { .. } => "make-link",
            Populate { .. } => "populate",
            Assign { .. } => "assign",
            MakePasswordDatabase { .. } => "make-password-database",
            Unpack { .. } => "unpack",
            Mount(_) => "mount",
            Detach(_) => "detach",
            Unmount { .. } => "unmount",
            CreateJail(_) => "create-jail",
            ModifyJail { .. } => "modify-jail",
            RemoveJail { .. } => "remove-jail",
            AttachDataset { .. } => "attach-dataset",
            DetachDataset { .. } => "detach-dataset",
            MountDelegated { .. } => "mount-delegated",
            UnmountDelegated { .. } => "unmount-delegated",
            RunHook { .. } => "run-hook",
            RunCommand { .. } => "run-command",
            Remember { .. } => "remember",
            Forget { .. } => "forget",
            DefineRuleset { .. } => "define-ruleset",
            RemoveRuleset { .. } => "remove-ruleset",
            ApplyFirewall(_) => "apply-firewall",
            RemoveFirewall { .. } => "remove-firewall",
            CreateBridge(_) => "create-bridge",
            RemoveBridge { .. } => "remove-bridge",
            CreatePair(_) => "create-pair",
            DestroyInterface { .. } => "destroy-interface",
            JoinBridge { .. } => "join-bridge",
            MoveIntoJail(_) => "move-into-jail",
            GiveInterface(_) => "give-interface",
            TakeInterface(_) => "take-interface",
            SetupLoopback { .. } => "setup-loopback",
            AddDefaultRoute(_) => "add-default-route",
            AddAddress { .. } => "add-address",
            RemoveAddress { .. } => "remove-address",
            ApplyLimits { .. } => "apply-limits",
            ClearLimits { .. } => "clear-limits",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Step::*;
        match self {
            CreateNamespace { dataset } => write!(f, "create dataset {dataset}"),
            DestroyNamespace { dataset } => write!(f, "destroy dataset {dataset} if it is empty"),
            CreateDataset { dataset, .. } => write!(f, "create dataset {dataset}"),
            DestroyDataset { dataset } => write!(f, "destroy dataset {dataset}"),
            CreateSnapshot { snapshot, .. } => write!(f, "take snapshot {snapshot}"),
            DestroySnapshot { snapshot } => write!(f, "destroy snapshot {snapshot}"),
            CloneSnapshot { origin, target, .. } => write!(f, "clone {origin} to {target}"),
            MakeBase { origin, dataset } => write!(f, "clone {origin} read-only to {dataset}"),
            RemoveBase { dataset } => write!(f, "destroy dataset {dataset} if no jail uses it"),
            Copy(order) => write!(f, "copy {} to {}", order.from, order.to),
            Promote { dataset, .. } => write!(f, "promote {dataset}"),
            Rename { from, to } => write!(f, "rename dataset {from} to {to}"),
            Rollback { snapshot } => write!(f, "roll back to {snapshot}"),
            SetProperty { dataset, property, value: Some(value), .. } => {
                write!(f, "set {property}={value} on {dataset}")
            }
            SetProperty { dataset, property, value: None, .. } => {
                write!(f, "inherit {property} on {dataset}")
            }
            MountDataset { dataset } => write!(f, "mount dataset {dataset}"),
            UnmountDataset { dataset } => write!(f, "unmount dataset {dataset}"),
            WriteFile { root, path, .. } => write!(f, "write {}", below(root, path)),
            RemoveFile { root, path, .. } => write!(f, "remove {}", below(root, path)),
            MakeDirectory { root, path, .. } => write!(f, "make directory {}", below(root, path)),
            RemoveDirectory { root, path } => write!(f, "remove directory {}", below(root, path)),
            MakeLink { root, path, text } => write!(f, "link {} to {}", below(root, path), text.display()),
            Populate { root, entries } => write!(f, "put {} files in {}", entries.len(), root.display()),
            Assign { root, files } => {
                let paths: Vec<String> = files.iter().map(|file| file.path.to_string()).collect();
                write!(f, "add settings to {} in {}, if it is FreeBSD", paths.join(", "), root.display())
            }
            MakePasswordDatabase { root } => write!(f, "make the password database of {}", root.display()),
            Unpack { archive, root, .. } => write!(f, "unpack {} in {}", archive.display(), root.display()),
            Mount(spec) => describe_mount(f, spec),
            Detach(spec) => write!(f, "unmount {}", below(&spec.root, &spec.target)),
            Unmount { target } => write!(f, "unmount {}", target.display()),
            CreateJail(spec) => {
                write!(f, "create jail {}{}", spec.name, if spec.vnet { " with its own network" } else { "" })
            }
            ModifyJail { jail, parameters, .. } => {
                let names: Vec<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
                write!(f, "change {} of running jail {jail}", names.join(", "))
            }
            RemoveJail { jail, .. } => write!(f, "remove jail {jail}"),
            AttachDataset { jail, dataset } => write!(f, "give dataset {dataset} to jail {jail}"),
            DetachDataset { jail, dataset } => write!(f, "take dataset {dataset} back from jail {jail}"),
            MountDelegated { datasets, .. } => write!(f, "mount {} in the jail", listed(datasets)),
            UnmountDelegated { jail, datasets, .. } => {
                write!(f, "unmount {} and all below in jail {jail}, ending its processes", listed(datasets))
            }
            RunHook { hook, place, command, .. } => match place {
                Place::Host => write!(f, "run {} on the host: {command}", hook.property()),
                Place::Jail { .. } => write!(f, "run {} in the jail: {command}", hook.property()),
            },
            RunCommand { argv, .. } => write!(f, "run in the jail: {}", argv.join(" ")),
            Remember { jail, .. } => write!(f, "remember what jail {jail} was given"),
            Forget { jail } => write!(f, "forget what jail {jail} was given"),
            DefineRuleset { number, rules } => {
                write!(f, "define devfs ruleset {number} with {} rules", rules.len())
            }
            RemoveRuleset { number } => write!(f, "remove devfs ruleset {number}"),
            ApplyFirewall(spec) => {
                write!(
                    f,
                    "let only the jail's own addresses pass between {} and {}",
                    spec.to_jail, spec.from_jail
                )
            }
            RemoveFirewall { number } => write!(f, "remove the firewall rules {number}"),
            CreateBridge(bridge) => write!(f, "create bridge {}", bridge.name),
            RemoveBridge { name } => write!(f, "remove bridge {name} if it is ours and empty"),
            CreatePair(pair) => write!(f, "create pair {} and {}", pair.host, pair.jail),
            DestroyInterface { name } => write!(f, "destroy interface {name}"),
            JoinBridge { bridge, member, .. } => write!(f, "add {member} to bridge {bridge}"),
            MoveIntoJail(interface) | GiveInterface(interface) => {
                write!(f, "move {} into the jail as {}", interface.host_name, interface.name)?;
                for address in &interface.addresses {
                    write!(f, ", {address}")?;
                }
                Ok(())
            }
            TakeInterface(interface) => write!(f, "take {} out of the jail", interface.name),
            SetupLoopback { .. } => write!(f, "bring up the jail's loopback interface"),
            AddDefaultRoute(route) => write!(f, "set default route {} in the jail", route.router),
            AddAddress { interface, address } => write!(f, "add address {address} to {interface}"),
            RemoveAddress { interface, address } => write!(f, "remove address {address} from {interface}"),
            ApplyLimits { jail, rules, .. } if rules.is_empty() => write!(f, "lift the limits of {jail}"),
            ApplyLimits { rules, .. } => {
                f.write_str("limit")?;
                for (at, rule) in rules.iter().enumerate() {
                    let comma = if at == 0 { "" } else { "," };
                    write!(f, "{comma} {}:{}={}", rule.resource, rule.action, rule.amount)?;
                }
                Ok(())
            }
            ClearLimits { jail } => write!(f, "clear limits of {jail}"),
        }
    }
}

fn listed(datasets: &[DatasetName]) -> String {
    datasets.iter().map(DatasetName::as_str).collect::<Vec<_>>().join(", ")
}

fn below(root: &std::path::Path, path: &ioc_model::name::JailPath) -> String {
    root.join(path.relative()).display().to_string()
}

fn describe_mount(f: &mut fmt::Formatter<'_>, spec: &MountSpec) -> fmt::Result {
    let target = below(&spec.root, &spec.target);
    let access = if spec.read_only { " (read-only)" } else { "" };
    match &spec.kind {
        MountKind::Nullfs { source } => write!(f, "mount {} on {target}{access}", source.display()),
        MountKind::Devfs { ruleset } => write!(f, "mount devfs on {target} with ruleset {ruleset}"),
        MountKind::Fdescfs => write!(f, "mount fdescfs on {target}"),
        MountKind::Procfs => write!(f, "mount procfs on {target}"),
        MountKind::Linprocfs => write!(f, "mount linprocfs on {target}"),
        MountKind::Linsysfs => write!(f, "mount linsysfs on {target}"),
        MountKind::Tmpfs => write!(f, "mount tmpfs on {target}"),
        MountKind::Other { fstype, source } => write!(f, "mount {fstype} {source} on {target}{access}"),
    }
}

impl fmt::Display for Plan {
    /// One line per step, numbered.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:", self.operation, self.subject)?;
        if self.steps.is_empty() {
            write!(f, " nothing to do")?;
        }
        let width = self.steps.len().to_string().len();
        for (at, planned) in self.steps.iter().enumerate() {
            let fate = match planned.on_failure {
                OnFailure::Abort => "",
                OnFailure::GoOn => " (then goes on if it fails)",
                OnFailure::Ignore => " (failure ignored)",
            };
            write!(f, "\n  {:>width$}. {}{fate}", at + 1, planned.step)?;
        }
        for note in &self.notes {
            write!(f, "\n  note: {note}")?;
        }
        Ok(())
    }
}
