//! What a plan owes to which property: the steps of a start, told by the properties that they come from.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ioc_model::property::{self, Kind};
use ioc_platform::jails::{JailSpec, JailSys, Parameter, ParameterValue};
use ioc_platform::mounts::{MountKind, MountSpec};
use ioc_platform::network::{JailInterface, PairSpec};

use crate::facts::devfs;
use crate::facts::jail::JailFacts;
use crate::plan::{Hook, Place, Plan, Step};

/// What properties become, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects(BTreeMap<String, Vec<String>>);

impl Effects {
    /// Takes the plan of a start apart.
    pub fn of(jail: &JailFacts, start: &Plan) -> Self {
        let mut effects = Effects::default();
        let listed = devfs::configured(jail).ok().and_then(|ruleset| jail.fstab_mounts(ruleset).ok());
        let listed = listed.unwrap_or_default();
        let mut nics = BTreeMap::new();
        for step in start.steps.iter().map(|planned| &planned.step) {
            let words = step.to_string();
            match step {
                // A line of fstab is no property.
                Step::Mount(spec) if listed.contains(spec) => {}
                Step::Mount(spec) => effects.mount(spec, words),
                Step::WriteFile { path, .. } => match path.to_string().as_str() {
                    "/etc/resolv.conf" => effects.add("resolver", words),
                    "/etc/localtime" => effects.add("host_time", words),
                    "/etc/rc.conf" => match jail.config.rtsold() {
                        Ok(true) => effects.add("rtsold", words),
                        _ => effects.add("ip4_addr", words),
                    },
                    _ => {}
                },
                Step::CreateJail(spec) => effects.jail(jail, spec),
                Step::AttachDataset { .. } => effects.add("jail_zfs_dataset", words),
                Step::MountDelegated { .. } => {
                    effects.add("jail_zfs", "the datasets of jail_zfs_dataset are the jail's".to_owned());
                    effects.add("jail_zfs_dataset", words);
                }
                Step::ApplyLimits { jail, rules, .. } => {
                    for rule in rules {
                        let rest = format!("{}={}/{}", rule.action, rule.amount, rule.per);
                        effects.add(
                            &rule.resource,
                            format!("rctl(8) rule jail:{jail}:{}:{rest}", rule.resource),
                        );
                    }
                }
                Step::RunHook { hook, place, timeout_secs, .. } => {
                    effects.hook(*hook, place, *timeout_secs);
                    effects.add(hook.property(), words);
                }
                Step::CreateBridge(_) | Step::JoinBridge { .. } => effects.add("interfaces", words),
                Step::CreatePair(pair) => {
                    nics.insert(pair.jail.clone(), pair);
                    effects.add("interfaces", words);
                }
                Step::MoveIntoJail(interface) => {
                    effects.interface(interface, nics.get(&interface.host_name).copied())
                }
                Step::GiveInterface(interface) => {
                    effects.add(
                        "vnet_interfaces",
                        format!("interface {} of the host moves into the jail", interface.name),
                    );
                    effects.addresses(interface);
                }
                Step::AddAddress { interface, address } => {
                    effects
                        .add(of_family(address.ip), format!("address {address} on {interface} of the host"));
                }
                Step::AddDefaultRoute(route) => {
                    let key = if route.router.is_ipv4() { "defaultrouter" } else { "defaultrouter6" };
                    effects.add(key, words);
                }
                _ => {}
            }
        }
        effects
    }

    /// What `key` becomes.
    pub fn of_property(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Adds one more.
    pub fn add(&mut self, key: &str, words: String) {
        let known = self.0.entry(key.to_owned()).or_default();
        if !known.contains(&words) {
            known.push(words);
        }
    }

    fn mount(&mut self, spec: &MountSpec, words: String) {
        match &spec.kind {
            MountKind::Devfs { ruleset } => {
                self.add("devfs_ruleset", format!("ruleset {ruleset} on {}", spec.target));
                self.add("mount_devfs", words);
            }
            MountKind::Fdescfs => self.add("mount_fdescfs", words),
            MountKind::Procfs => self.add("mount_procfs", words),
            MountKind::Linprocfs => self.add("mount_linprocfs", words),
            // What is mounted and is not in the fstab is the base.
            MountKind::Nullfs { .. } => {
                self.add("basejail", words.clone());
                self.add("release", words);
            }
            MountKind::Linsysfs | MountKind::Tmpfs | MountKind::Other { .. } => {}
        }
    }

    fn jail(&mut self, jail: &JailFacts, spec: &JailSpec) {
        self.add("host_hostname", format!("jail parameter host.hostname={}", spec.hostname));
        if spec.vnet {
            self.add("vnet", "jail parameter vnet: a network stack of its own".to_owned());
        }
        let keys = jail.config.set_keys();
        for parameter in &spec.parameters {
            let words = format!("jail parameter {}", shown(parameter));
            let rows = property::all().filter(|row| row.facts().kind == Kind::Config);
            let names = rows.filter(|row| !property::is_family(*row)).map(|row| row.facts().name);
            let is_it =
                |key: &&str| property::kernel_parameter(key).is_some_and(|name| name == parameter.name);
            if let Some(key) = names.chain(keys.iter().copied()).find(is_it) {
                self.add(key, words);
            }
        }
    }

    fn hook(&mut self, hook: Hook, place: &Place, timeout_secs: u64) {
        let limit = if hook == Hook::Stop { "stop_timeout" } else { "exec_timeout" };
        self.add(limit, format!("{} may take {timeout_secs} s", hook.property()));
        if let Place::Jail { user: Some(user), .. } = place {
            self.add("exec_jail_user", format!("{} runs as {user}", hook.property()));
        }
        if let Place::Jail { fib: Some(fib), .. } = place {
            self.add("exec_fib", format!("{} runs with routing table {fib}", hook.property()));
        }
    }

    fn interface(&mut self, interface: &JailInterface, pair: Option<&PairSpec>) {
        let name = &interface.name;
        self.add("interfaces", format!("interface {name} in the jail"));
        if let Some(PairSpec { host, host_mac, jail_mac, mtu, .. }) = pair {
            self.add(
                &format!("{name}_mac"),
                format!("MAC {host_mac} on {host} of the host, {jail_mac} on {name} in the jail"),
            );
            self.add(&format!("{name}_mtu"), format!("MTU {mtu} on {host} and {name}"));
        }
        self.addresses(interface);
    }

    fn addresses(&mut self, interface: &JailInterface) {
        for address in &interface.addresses {
            self.add(of_family(address.ip), format!("address {address} on {} in the jail", interface.name));
        }
        if interface.accept_rtadv {
            self.add(
                "ip6_addr",
                format!("{} in the jail takes addresses from router advertisements", interface.name),
            );
        }
    }
}

fn of_family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "ip4_addr" } else { "ip6_addr" }
}

/// A parameter as jail(8) takes it.
fn shown(parameter: &Parameter) -> String {
    let list = |items: Vec<String>| items.join(",");
    let value = match &parameter.value {
        ParameterValue::Flag(true) => return parameter.name.clone(),
        ParameterValue::Flag(false) => return negated(&parameter.name),
        ParameterValue::Number(number) => number.to_string(),
        ParameterValue::Text(text) => text.clone(),
        ParameterValue::Sys(sys) => sys_word(*sys).to_owned(),
        ParameterValue::Ip4(ips) => list(ips.iter().map(ToString::to_string).collect()),
        ParameterValue::Ip6(ips) => list(ips.iter().map(ToString::to_string).collect()),
    };
    format!("{}={value}", parameter.name)
}

/// The name by which jail(8) switches a parameter off: `allow.mount.nozfs`.
pub(super) fn negated(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((before, last)) => format!("{before}.no{last}"),
        None => format!("no{name}"),
    }
}

/// The word that jail(8) has for it.
pub(super) fn sys_word(sys: JailSys) -> &'static str {
    match sys {
        JailSys::Disable => "disable",
        JailSys::New => "new",
        JailSys::Inherit => "inherit",
    }
}
