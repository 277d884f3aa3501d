//! The plan of a start, written as jail.conf(5) for jail(8).
//!
//! The order of jail(8) is: exec.prepare, addresses, mounts, exec.prestart, the jail, exec.created, vnet.interface,
//! exec.start, exec.poststart; and back: exec.prestop, exec.stop, the jail, exec.poststop, mounts, addresses,
//! exec.release (usr.sbin/jail/jail.c).

use std::fmt::Write;

use ioc_model::fstab::Entry;
use ioc_model::name::KernelName;
use ioc_platform::jails::{JailSpec, Parameter, ParameterValue};
use ioc_platform::mounts::{MountKind, MountSpec};
use ioc_platform::network::{Address, BridgeSpec, DefaultRoute, JailInterface, PairSpec};

use super::effects::{negated, sys_word};
use crate::plan::{Content, Hook, Place, Plan, Step};

/// A jail as jail(8) is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JailConf {
    /// The name of the jail there.
    pub name: KernelName,
    /// The file.
    pub text: String,
    /// Steps of a start that jail(8) cannot be told, in words.
    pub left_out: Vec<String>,
}

/// Writes down the start of a jail; `stop` holds the hooks that end it, `clean` is its `exec_clean`.
pub fn write(name: &KernelName, start: &Plan, stop: &Plan, clean: bool) -> JailConf {
    let mut file = File { jail: name.to_string(), ..File::default() };
    file.line("persist;");
    if clean {
        file.line("exec.clean;");
    }
    for step in start.steps.iter().chain(&stop.steps).map(|planned| &planned.step) {
        file.step(step);
    }
    for command in std::mem::take(&mut file.after_stop) {
        file.add("exec.stop", &command);
    }
    for command in std::mem::take(&mut file.release) {
        file.add("exec.release", &command);
    }
    let head = "# Made by `ioc export --jail-conf`, for FreeBSD 13 and newer.\n";
    let text = format!("{head}{} {{\n{}}}\n", quoted(name.as_str()), file.body);
    JailConf { name: name.clone(), text, left_out: file.left_out }
}

#[derive(Default)]
struct File {
    jail: String,
    body: String,
    left_out: Vec<String>,
    /// Commands in the jail, after the stop hook.
    after_stop: Vec<String>,
    /// Commands for the very end.
    release: Vec<String>,
    /// Timeouts and users that are set, as they are for all commands.
    once: Vec<&'static str>,
}

impl File {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.body, "\t{text}");
    }

    fn set(&mut self, name: &str, value: &str) {
        self.line(&format!("{name} = {};", quoted(value)));
    }

    fn set_once(&mut self, name: &'static str, value: &str) {
        if !self.once.contains(&name) {
            self.once.push(name);
            self.set(name, value);
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        self.line(&format!("{name} += {};", quoted(value)));
    }

    /// A command of ours in the jail, before the start hook.
    fn in_jail(&mut self, command: &str) {
        self.add("exec.start", command);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::RunHook { hook, place, command, env, timeout_secs, .. } => {
                self.hook(*hook, place, command, env, *timeout_secs);
            }
            Step::MakeDirectory { root, path, mode } => {
                let path = word(&root.join(path.relative()).display().to_string());
                self.add("exec.prepare", &format!("[ -d {path} ] || mkdir -m {mode:o} {path}"));
            }
            // What a file of the host is mounted on.
            Step::WriteFile { root, path, content, .. } if content.as_bytes().is_empty() => {
                let path = word(&root.join(path.relative()).display().to_string());
                self.add("exec.prepare", &format!("[ -e {path} ] || touch {path}"));
            }
            Step::WriteFile { path, content, .. } => self.file(&path.to_string(), content),
            Step::MakeBase { origin, dataset } => {
                let (origin, dataset) = (word(&origin.to_string()), word(dataset.as_str()));
                let make = format!("zfs clone -o readonly=on {origin} {dataset}");
                self.add("exec.prepare", &format!("zfs list {dataset} >/dev/null 2>&1 || {make}"));
            }
            Step::MountDataset { dataset } => {
                self.add("exec.prepare", &format!("zfs mount {} || :", word(dataset.as_str())));
            }
            Step::Mount(spec) => self.mount(spec),
            Step::CreateJail(spec) => self.jail(spec),
            // A number without rules would show every device of the host.
            Step::DefineRuleset { number, rules } => {
                let delete = format!("devfs rule -s {number} delset");
                self.add("exec.prepare", &format!("{delete} 2>/dev/null || :"));
                for rule in rules {
                    // A rule prints with its pattern in quotes for the shell.
                    match rule.path.as_ref().is_some_and(|path| path.contains('\'')) {
                        true => self.left_out.push(format!("devfs rule {rule}")),
                        false => self.add("exec.prepare", &format!("devfs rule -s {number} add {rule};")),
                    }
                }
                self.release.push(delete);
            }
            Step::ApplyLimits { rules, .. } => {
                for rule in rules {
                    let text = format!(
                        "jail:{}:{}:{}={}/{}",
                        self.jail, rule.resource, rule.action, rule.amount, rule.per
                    );
                    self.add("exec.created", &format!("rctl -a {}", word(&text)));
                }
                let rules = word(&format!("jail:{}", self.jail));
                self.release.push(format!("rctl -r {rules}"));
            }
            Step::AttachDataset { dataset, .. } => {
                let (jail, dataset) = (word(&self.jail), word(dataset.as_str()));
                self.add("exec.created", &format!("zfs jail {jail} {dataset}"));
            }
            // Mounts that a jail made keep it from going, so it has to unmount them itself.
            Step::MountDelegated { .. } => {
                self.in_jail("/sbin/zfs mount -a || :");
                self.after_stop.push("/sbin/zfs unmount -a || :".to_owned());
            }
            Step::CreateBridge(BridgeSpec { name, .. }) => self.bridge(name),
            Step::JoinBridge { bridge, member, .. } => {
                self.bridge(bridge);
                self.add("exec.prepare", &format!("ifconfig {} addm {} up", word(bridge), word(member)));
            }
            Step::CreatePair(pair) => self.pair(pair),
            Step::MoveIntoJail(interface) | Step::GiveInterface(interface) => self.interface(interface),
            Step::SetupLoopback { .. } => self.in_jail("/sbin/ifconfig lo0 inet 127.0.0.1/8 up"),
            Step::AddDefaultRoute(route) => self.route(route),
            Step::AddAddress { interface, address } => {
                let name = if address.ip.is_ipv4() { "ip4.addr" } else { "ip6.addr" };
                self.add(name, &format!("{interface}|{address}"));
            }
            // What ioc keeps in mind for its own `stop`.
            Step::Remember { .. } => {}
            other => self.left_out.push(other.to_string()),
        }
    }

    fn hook(
        &mut self,
        hook: Hook,
        place: &Place,
        command: &str,
        env: &[(String, String)],
        timeout_secs: u64,
    ) {
        if let Place::Jail { user, fib } = place {
            if let Some(user) = user {
                self.set_once("exec.jail_user", user);
            }
            if let Some(fib) = fib {
                self.set_once("exec.fib", &fib.to_string());
            }
        }
        match hook {
            Hook::Stop => self.set_once("stop.timeout", &timeout_secs.to_string()),
            _ => self.set_once("exec.timeout", &timeout_secs.to_string()),
        }
        let name = match hook {
            // Before anything is mounted.
            Hook::Prestart => "exec.prepare",
            Hook::Created => "exec.created",
            Hook::Start => "exec.start",
            Hook::Poststart => "exec.poststart",
            Hook::Prestop => "exec.prestop",
            Hook::Stop => "exec.stop",
            Hook::Poststop => "exec.poststop",
        };
        let command = format!("{}{}", self.variables(command, env), command.trim());
        self.add(name, &for_the_shell(&command));
    }

    /// Sets the variables that the text of a hook speaks of; jail(8) has none for it.
    fn variables(&self, command: &str, env: &[(String, String)]) -> String {
        let mut set = String::new();
        for (name, value) in
            env.iter().filter(|(name, _)| name.starts_with("IOC_") && mentions(command, name))
        {
            let _ = write!(set, "export {name}={}; ", word(value));
        }
        if mentions(command, "IOC_JID") {
            let _ = write!(set, "export IOC_JID=\"$(jls -j {} jid)\"; ", word(&self.jail));
        }
        set
    }

    fn file(&mut self, path: &str, content: &Content) {
        // Below the root of a jail a path is safe only from within.
        let Content::Text(text) = content else {
            return self.left_out.push(format!("write {path}"));
        };
        self.in_jail(&format!("printf %s {} > {}", word(text), word(path)));
    }

    fn mount(&mut self, spec: &MountSpec) {
        let (kind, source) = match &spec.kind {
            MountKind::Nullfs { source } => ("nullfs", source.display().to_string()),
            MountKind::Devfs { .. } => ("devfs", "devfs".to_owned()),
            MountKind::Fdescfs => ("fdescfs", "fdescfs".to_owned()),
            MountKind::Procfs => ("procfs", "procfs".to_owned()),
            MountKind::Linprocfs => ("linprocfs", "linprocfs".to_owned()),
            MountKind::Linsysfs => ("linsysfs", "linsysfs".to_owned()),
            MountKind::Tmpfs => ("tmpfs", "tmpfs".to_owned()),
            MountKind::Other { fstype, source } => (fstype.as_str(), source.clone()),
        };
        let mut options = vec![if spec.read_only { "ro" } else { "rw" }.to_owned()];
        if let MountKind::Devfs { ruleset } = &spec.kind {
            options.push(format!("ruleset={ruleset}"));
        }
        options.extend(spec.options.iter().cloned());
        let destination = spec.root.join(spec.target.relative()).display().to_string();
        let mut entry = Entry::nullfs(source, destination);
        entry.kind = kind.to_owned();
        entry.options = options.join(",");
        self.add("mount", &entry.to_string().replace('\t', " "));
    }

    fn jail(&mut self, spec: &JailSpec) {
        self.set("path", &spec.path.display().to_string());
        self.set("host.hostname", &spec.hostname);
        if spec.vnet {
            self.line("vnet;");
        }
        for parameter in &spec.parameters {
            self.parameter(parameter);
        }
    }

    fn parameter(&mut self, Parameter { name, value }: &Parameter) {
        match value {
            ParameterValue::Flag(true) => self.line(&format!("{name};")),
            ParameterValue::Flag(false) => self.line(&format!("{};", negated(name))),
            ParameterValue::Number(number) => self.set(name, &number.to_string()),
            // The kernel has no such parameter; jail(8) knows only the number of a set.
            ParameterValue::Text(text) if name == "cpuset" => {
                let (text, jail) = (word(text), word(&self.jail));
                self.add("exec.created", &format!("cpuset -l {text} -j \"$(jls -j {jail} jid)\""));
            }
            ParameterValue::Text(text) => self.set(name, text),
            ParameterValue::Sys(sys) => self.set(name, sys_word(*sys)),
            // An address that jail(8) puts on an interface is there already.
            ParameterValue::Ip4(ips) => self.addresses(name, ips.iter().map(ToString::to_string)),
            ParameterValue::Ip6(ips) => self.addresses(name, ips.iter().map(ToString::to_string)),
        }
    }

    fn addresses(&mut self, name: &str, ips: impl Iterator<Item = String>) {
        for ip in ips {
            let begin = format!("\t{name} += ");
            let known = self.body.lines().filter_map(|line| line.strip_prefix(&begin));
            if !known.into_iter().any(|value| value.contains(&format!("|{ip}/"))) {
                self.add(name, &ip);
            }
        }
    }

    /// Makes a bridge that does not exist; it stays.
    fn bridge(&mut self, name: &str) {
        let bare = name.strip_prefix("bridge").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        let name = word(name);
        let create = match bare {
            true => format!("ifconfig {name} create up"),
            false => format!("ifconfig bridge create name {name} up"),
        };
        let command = format!("ifconfig {name} >/dev/null 2>&1 || {create}");
        if !self.body.contains(&quoted(&command)) {
            self.add("exec.prepare", &command);
        }
    }

    fn pair(&mut self, pair: &PairSpec) {
        let PairSpec { host, jail, host_mac, jail_mac, mtu, description } = pair;
        let (host, jail, description) = (word(host), word(jail), word(description));
        let (host_mac, jail_mac) = (word(host_mac), word(jail_mac));
        let command = format!(
            "pair=\"$(ifconfig epair create)\" && pair=\"${{pair%a}}\" \
             && ifconfig \"${{pair}}a\" ether {host_mac} mtu {mtu} description {description} \
             && ifconfig \"${{pair}}a\" name {host} && ifconfig {host} up \
             && ifconfig \"${{pair}}b\" ether {jail_mac} mtu {mtu} && ifconfig \"${{pair}}b\" name {jail}"
        );
        self.add("exec.prepare", &command);
        self.release.push(format!("ifconfig {host} destroy"));
    }

    fn interface(&mut self, interface: &JailInterface) {
        let JailInterface { host_name, name, addresses, accept_rtadv, .. } = interface;
        self.add("vnet.interface", host_name);
        if host_name != name {
            self.in_jail(&format!("/sbin/ifconfig {} name {}", word(host_name), word(name)));
        }
        let name = word(name);
        for Address { ip, prefix } in addresses {
            let family = if ip.is_ipv4() { "inet" } else { "inet6" };
            self.in_jail(&format!("/sbin/ifconfig {name} {family} {ip}/{prefix} alias"));
        }
        let inet6 = addresses.iter().any(|address| address.ip.is_ipv6());
        if *accept_rtadv {
            self.in_jail(&format!("/sbin/ifconfig {name} inet6 accept_rtadv -ifdisabled"));
        } else if inet6 {
            self.in_jail(&format!("/sbin/ifconfig {name} inet6 -ifdisabled"));
        }
        self.in_jail(&format!("/sbin/ifconfig {name} up"));
    }

    fn route(&mut self, route: &DefaultRoute) {
        let family = if route.router.is_ipv4() { "-inet" } else { "-inet6" };
        let router = route.router;
        let link_local = matches!(router, std::net::IpAddr::V6(ip) if ip.is_unicast_link_local());
        let router = match &route.interface {
            Some(interface) if link_local => format!("{router}%{interface}"),
            Some(interface) => {
                let interface = word(interface);
                self.in_jail(&format!("/sbin/route -q add {family} -host {router} -iface {interface}"));
                router.to_string()
            }
            None => router.to_string(),
        };
        self.in_jail(&format!("/sbin/route -q add {family} default {}", word(&router)));
    }
}

/// Tells whether a text speaks of a variable.
fn mentions(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let rest = &text[at + name.len()..];
        !text[..at].ends_with(is_part) && !rest.starts_with(is_part)
    })
}

/// A word for sh(1): as it is if nothing in it has a meaning there, else in quotes.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=,+%@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Makes sure that a command is run by a shell, as ioc does: jail(8) runs one without any of these characters itself
/// (usr.sbin/jail/command.c).
fn for_the_shell(command: &str) -> String {
    let by_shell = command.contains(|c| "!\"$&'()*;<>?[\\]`{|}~".contains(c));
    let is_plain = command.starts_with('/') && !command.contains(['\n', '#', '=']);
    if by_shell || is_plain { command.to_owned() } else { format!("{command};") }
}

/// A string of jail.conf(5) in single quotes, in which no variable is replaced. A backslash takes the meaning from
/// what follows; ends of lines are written as such.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use ioc_platform::devfs::Rule;

    use super::*;

    /// Reads a quoted string as jail(8) does (usr.sbin/jail/jaillex.l, text2lval).
    fn read(quoted: &str) -> String {
        let inner = quoted.strip_prefix('\'').unwrap().strip_suffix('\'').unwrap();
        let (mut text, mut characters) = (String::new(), inner.chars());
        while let Some(c) = characters.next() {
            assert_ne!(c, '\'', "the string ends early");
            text.push(match c {
                '\\' => match characters.next().unwrap() {
                    'n' => '\n',
                    't' => '\t',
                    'x' => {
                        let digits: String = characters.by_ref().take(2).collect();
                        char::from(u8::from_str_radix(&digits, 16).unwrap())
                    }
                    other => other,
                },
                c => c,
            });
        }
        text
    }

    fn hook(command: &str) -> String {
        let mut start = Plan::new("start", "web");
        start.push(Step::RunHook {
            hook: Hook::Prestart,
            jail: "ioc-web".parse().unwrap(),
            place: Place::Host,
            command: command.to_owned(),
            env: vec![("IOC_NAME".to_owned(), "it's".to_owned()), ("IOC_NAMES".to_owned(), "x".to_owned())],
            timeout_secs: 60,
        });
        let conf = write(&"ioc-web".parse().unwrap(), &start, &Plan::new("stop", "web"), true);
        let line = conf.text.lines().find_map(|line| line.trim().strip_prefix("exec.prepare += "));
        read(line.unwrap().strip_suffix(';').unwrap())
    }

    #[test]
    fn commands_are_run_by_a_shell_with_the_variables_they_speak_of() {
        assert_eq!(hook("/usr/bin/true"), "/usr/bin/true");
        assert_eq!(hook("true"), "true;");
        assert_eq!(hook("A=b sh"), "A=b sh;");
        assert_eq!(hook("echo a\necho b"), "echo a\necho b;");
        assert_eq!(hook("echo $IOC_NAME"), "export IOC_NAME='it'\\''s'; echo $IOC_NAME");
        assert_eq!(hook("x ${IOC_JID}"), "export IOC_JID=\"$(jls -j ioc-web jid)\"; x ${IOC_JID}");
    }

    #[test]
    fn a_ruleset_of_its_own_is_made_before_anything_is_mounted() {
        let mut start = Plan::new("start", "web");
        let rules = vec![Rule::hide_all(), Rule::unhide("bpf*")];
        start.push(Step::DefineRuleset { number: 20000, rules });
        let conf = write(&"ioc-web".parse().unwrap(), &start, &Plan::new("stop", "web"), true);
        let lines: Vec<&str> = conf.text.lines().map(str::trim).collect();
        let prepare =
            lines.iter().filter_map(|line| line.strip_prefix("exec.prepare += ")?.strip_suffix(';'));
        assert_eq!(
            prepare.map(read).collect::<Vec<_>>(),
            [
                "devfs rule -s 20000 delset 2>/dev/null || :",
                "devfs rule -s 20000 add hide;",
                "devfs rule -s 20000 add path 'bpf*' unhide;",
            ]
        );
        assert!(lines.contains(&"exec.release += 'devfs rule -s 20000 delset';"), "{lines:?}");
        assert!(conf.left_out.is_empty());
    }

    #[test]
    fn a_clone_for_the_base_is_made_before_it_is_mounted() {
        let mut start = Plan::new("start", "web");
        let dataset: ioc_model::name::DatasetName = "tank/releases/r/p1".parse().unwrap();
        let origin = "tank/releases/r/root@p1".parse().unwrap();
        start.push(Step::MakeBase { origin, dataset: dataset.clone() });
        start.push(Step::MountDataset { dataset });
        let conf = write(&"ioc-web".parse().unwrap(), &start, &Plan::new("stop", "web"), false);
        let prepare = conf.text.lines().filter_map(|line| line.strip_prefix("\texec.prepare += "));
        let prepare: Vec<String> = prepare.map(|line| read(line.trim_end_matches(';'))).collect();
        let make = "zfs clone -o readonly=on tank/releases/r/root@p1 tank/releases/r/p1";
        assert_eq!(
            prepare,
            [
                format!("zfs list tank/releases/r/p1 >/dev/null 2>&1 || {make}"),
                "zfs mount tank/releases/r/p1 || :".to_owned()
            ]
        );
    }

    #[test]
    fn datasets_are_given_once_the_jail_is_there_and_unmounted_after_its_stop_hook() {
        let (jail, root) = ("ioc-web".parse::<KernelName>().unwrap(), "/j/web/root".into());
        let dataset: ioc_model::name::DatasetName = "tank/a b".parse().unwrap();
        let mut start = Plan::new("start", "web");
        start.push(Step::AttachDataset { jail: jail.clone(), dataset: dataset.clone() });
        let datasets = vec![dataset];
        start.push(Step::MountDelegated {
            jail: jail.clone(),
            root,
            datasets,
            needed: vec![],
            timeout_secs: 60,
        });
        let mut stop = Plan::to_finish("stop", "web");
        stop.push(Step::RunHook {
            hook: Hook::Stop,
            jail: jail.clone(),
            place: Place::Jail { user: None, fib: None },
            command: "/bin/sh /etc/rc.shutdown".to_owned(),
            env: Vec::new(),
            timeout_secs: 30,
        });
        let conf = write(&jail, &start, &stop, true);
        let lines: Vec<String> =
            conf.text.lines().filter_map(|line| line.strip_prefix("\texec.")).map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "clean;",
                r"created += 'zfs jail ioc-web \'tank/a b\'';",
                "start += '/sbin/zfs mount -a || :';",
                "stop += '/bin/sh /etc/rc.shutdown';",
                "stop += '/sbin/zfs unmount -a || :';",
            ]
        );
        assert!(conf.left_out.is_empty());
    }

    #[test]
    fn strings_read_back() {
        let odd: Vec<char> = (' '..='~').chain(['\n', '\t', '\u{1}', '\u{7f}', 'ä']).collect();
        for (a, b) in odd.iter().flat_map(|a| odd.iter().map(move |b| (a, b))) {
            let text = format!("{a}{b}0{a}'{b}");
            assert_eq!(read(&quoted(&text)), text);
        }
    }
}
