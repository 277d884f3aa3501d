//! What a start writes into a jail's /etc, and what fetching writes into a release's: line by line, nothing lost.

use std::path::Path;

use ioc_model::name::JailPath;
use ioc_model::property;
use ioc_model::rcconf::{Assigned, RcConf, RcError, Syntax};
use ioc_model::resolver::Resolver;

use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::facts::jail_etc::{JailEtc, Now};
use crate::plan::{Content, Plan, Step, Variables};

/// A file, its form, names and values.
type FileSettings = (&'static str, Syntax, &'static [(&'static str, &'static str)]);

/// What jails of a FreeBSD release have set unless changed: no services that a jail does not need, and none that
/// listens. These are the settings of libiocage.
const SETTINGS: [FileSettings; 3] = [
    (
        "etc/rc.conf",
        Syntax::Shell,
        &[
            ("cron_flags", "-m ''"),
            ("netif_enable", "NO"),
            ("sendmail_enable", "NO"),
            ("sendmail_msp_queue_enable", "NO"),
            ("sendmail_outbound_enable", "NO"),
            ("sendmail_submit_enable", "NO"),
            ("syslogd_flags", "-ss"),
        ],
    ),
    (
        "etc/periodic.conf",
        Syntax::Shell,
        &[
            ("daily_clean_hoststat_enable", "NO"),
            ("daily_status_mail_rejects_enable", "NO"),
            ("daily_status_include_submit_mailq", "NO"),
            ("daily_submit_queuerun", "NO"),
        ],
    ),
    ("etc/sysctl.conf", Syntax::Sysctl, &[("net.inet.ip.fw.enable", "0")]),
];

/// The settings of a FreeBSD release, by file.
pub fn release_settings() -> Result<Vec<Variables>, Error> {
    let file = |(path, syntax, variables): &FileSettings| {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ok(Variables {
            path: path.parse()?,
            sysctl: *syntax == Syntax::Sysctl,
            variables: variables.collect(),
        })
    };
    SETTINGS.iter().map(file).collect()
}

/// What a tree has in which a FreeBSD system is.
pub fn freebsd_mark() -> JailPath {
    "etc/defaults/rc.conf".parse().expect("a path without ..")
}

/// The file with these variables assigned, unless they are already; none if it stays as it is.
pub fn assigned(before: Option<&[u8]>, wanted: &Variables) -> Result<Option<Vec<u8>>, RcError> {
    let syntax = if wanted.sysctl { Syntax::Sysctl } else { Syntax::Shell };
    let mut conf = RcConf::from_bytes(before.unwrap_or_default(), syntax)?;
    let mut changed = false;
    for (name, value) in &wanted.variables {
        if conf.get(name).is_none() {
            changed |= conf.set(name, value)?;
        }
    }
    Ok(changed.then(|| conf.to_bytes().to_owned()))
}

/// Adds the steps that bring the files of a jail's /etc up to date before it starts.
pub fn plan(plan: &mut Plan, jail: &JailFacts, etc: &JailEtc) -> Result<(), Error> {
    let wanted = Wanted {
        resolver: jail.get(&property::RESOLVER)?,
        host_time: jail.get(&property::HOST_TIME)?,
        rc_conf: network_settings(jail)?,
        hostname: jail.hostname()?,
    };
    files(plan, &jail.root, &wanted, etc)
}

/// What the properties of a jail want of its /etc.
struct Wanted {
    resolver: Resolver,
    host_time: bool,
    rc_conf: Vec<RcSetting>,
    hostname: String,
}

fn files(plan: &mut Plan, root: &Path, wanted: &Wanted, etc: &JailEtc) -> Result<(), Error> {
    if !etc.exists {
        // An empty jail has no /etc, and nothing in it that would read a file there.
        return Ok(());
    }
    let resolv_conf = match &wanted.resolver {
        Resolver::Untouched => None,
        Resolver::Copy if etc.host_resolv_conf.is_none() => {
            plan.notes.push("the host has no /etc/resolv.conf to copy; the jail's stays as it is".to_owned());
            None
        }
        Resolver::Copy => etc.host_resolv_conf.clone(),
        Resolver::Lines(lines) => Some((lines.join("\n") + "\n").into_bytes()),
    };
    write(plan, root, "etc/resolv.conf", &etc.resolv_conf, resolv_conf)?;
    if wanted.host_time {
        if etc.host_localtime.is_none() {
            plan.notes.push("the host has no /etc/localtime to copy; the jail's stays as it is".to_owned());
        }
        write(plan, root, "etc/localtime", &etc.localtime, etc.host_localtime.clone())?;
    }
    if !wanted.rc_conf.is_empty() && etc.has_rc {
        let rc_conf = with_settings(plan, &etc.rc_conf, &wanted.rc_conf);
        write(plan, root, "etc/rc.conf", &etc.rc_conf, rc_conf)?;
    }
    if etc.has_rc {
        other_hostname(plan, &wanted.hostname, &etc.rc_conf);
    }
    Ok(())
}

/// Tells of a host name in the jail's rc.conf(5), which rc(8) sets in the place of that of the configuration.
fn other_hostname(plan: &mut Plan, hostname: &str, rc_conf: &Now) {
    let Now::Content(content) = rc_conf else { return };
    // A file that is too large to be read is none of ours to judge.
    let Ok(conf) = RcConf::from_bytes(content, Syntax::Shell) else { return };
    if let Some(Assigned::Constant(name)) = conf.get("hostname")
        && !name.is_empty()
        && name != hostname
    {
        plan.notes
            .push(format!("the jail's rc.conf sets the host name {name:?} in the place of {hostname:?}"));
    }
}

/// A variable of rc.conf(5) that the jail is to have.
struct RcSetting {
    name: String,
    value: &'static str,
    /// The administrator's own value stays.
    unless_set: bool,
}

/// What the jail's rc(8) is to do for its network: ask for addresses, listen to routers.
fn network_settings(jail: &JailFacts) -> Result<Vec<RcSetting>, Error> {
    let mut settings = Vec::new();
    if !jail.vnet {
        return Ok(settings);
    }
    if jail.config.rtsold().map_err(|error| jail.wrong(error))? {
        settings.push(RcSetting { name: "rtsold_enable".to_owned(), value: "YES", unless_set: false });
    }
    let network = jail.network()?;
    let first = network.links.0.first().map(|link| link.nic.as_str());
    for assigned in network.ip4.iter().filter(|assigned| assigned.address.is_automatic()) {
        let Some(nic) = assigned.interface.as_ref().map(|nic| nic.as_str()).or(first) else { continue };
        settings.push(RcSetting { name: "netif_enable".to_owned(), value: "YES", unless_set: false });
        let name = format!("ifconfig_{}", variable(nic));
        settings.push(RcSetting { name, value: "SYNCDHCP", unless_set: true });
    }
    Ok(settings)
}

/// An interface as part of a variable's name; ltr() in network.subr.
fn variable(nic: &str) -> String {
    nic.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// The rc.conf(5) with these settings; none if that cannot be had.
fn with_settings(plan: &mut Plan, now: &Now, settings: &[RcSetting]) -> Option<Vec<u8>> {
    let before = match now {
        Now::Content(content) => content.as_slice(),
        Now::Absent => &[],
        // The caller tells.
        Now::Odd(_) => return Some(Vec::new()),
    };
    let edited = RcConf::from_bytes(before, Syntax::Shell).and_then(|mut conf| {
        for RcSetting { name, value, unless_set } in settings {
            let stays = match conf.get(name) {
                None => false,
                Some(Assigned::Constant(now)) => *unless_set || now.eq_ignore_ascii_case(value),
                Some(_) => *unless_set,
            };
            if !stays {
                conf.set(name, value)?;
            }
        }
        Ok(conf.to_bytes().to_owned())
    });
    match edited {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            let names: Vec<&str> = settings.iter().map(|setting| setting.name.as_str()).collect();
            plan.notes.push(format!("{} cannot be set in the jail's rc.conf: {error}", names.join(", ")));
            None
        }
    }
}

/// Writes a file unless it has that content, or is none that may be written.
fn write(plan: &mut Plan, root: &Path, path: &str, now: &Now, wanted: Option<Vec<u8>>) -> Result<(), Error> {
    let Some(wanted) = wanted else { return Ok(()) };
    let previous = match now {
        Now::Content(content) if *content == wanted => return Ok(()),
        Now::Content(content) => Some(Content::from(content.clone())),
        Now::Absent => None,
        Now::Odd(problem) => {
            plan.notes.push(format!("the jail's /{path} stays as it is: {problem}"));
            return Ok(());
        }
    };
    plan.push(Step::WriteFile {
        root: root.to_owned(),
        path: path.parse()?,
        content: Content::from(wanted),
        mode: 0o644,
        previous,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(wanted: &Wanted, etc: &JailEtc) -> (Vec<(String, String)>, Vec<String>) {
        let mut plan = Plan::new("start", "web");
        files(&mut plan, Path::new("/j/root"), wanted, etc).unwrap();
        let written = plan.steps.iter().map(|planned| match &planned.step {
            Step::WriteFile { path, content, .. } => {
                (path.to_string(), String::from_utf8(content.as_bytes().to_vec()).unwrap())
            }
            other => panic!("{other:?}"),
        });
        (written.collect(), plan.notes)
    }

    fn rtsold() -> RcSetting {
        RcSetting { name: "rtsold_enable".to_owned(), value: "YES", unless_set: false }
    }

    fn wanted(resolver: &str) -> Wanted {
        Wanted {
            resolver: resolver.parse().unwrap(),
            host_time: false,
            rc_conf: Vec::new(),
            hostname: "web".to_owned(),
        }
    }

    fn etc() -> JailEtc {
        let content = |text: &str| Now::Content(text.into());
        JailEtc {
            exists: true,
            has_rc: true,
            resolv_conf: content("nameserver 192.0.2.1\n"),
            localtime: Now::Absent,
            rc_conf: content("# mine\nif true; then x=1; fi\nrtsold_enable=\"NO\" # why\n"),
            host_resolv_conf: Some("nameserver 127.0.0.1\n".into()),
            host_localtime: Some("TZif".into()),
        }
    }

    #[test]
    fn name_servers() {
        let file = |resolver: &str| planned(&wanted(resolver), &etc()).0.pop().map(|(_, text)| text);
        assert_eq!(file("/dev/null"), None);
        assert_eq!(file("nameserver 192.0.2.1"), None);
        assert_eq!(file("/etc/resolv.conf").unwrap(), "nameserver 127.0.0.1\n");
        assert_eq!(
            file("nameserver 192.0.2.7;search a.example").unwrap(),
            "nameserver 192.0.2.7\nsearch a.example\n"
        );
        assert_eq!(file("8.8.8.8,8.8.4.4").unwrap(), "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
        let bare = JailEtc { host_resolv_conf: None, ..etc() };
        let (written, notes) = planned(&wanted("/etc/resolv.conf"), &bare);
        assert!(written.is_empty() && notes.len() == 1);
        assert!(planned(&wanted("8.8.8.8"), &JailEtc::default()).0.is_empty());
    }

    #[test]
    fn the_time_zone_of_the_host() {
        let wanted = Wanted { host_time: true, ..wanted("/dev/null") };
        assert_eq!(planned(&wanted, &etc()).0, [("/etc/localtime".to_owned(), "TZif".to_owned())]);
        let same = JailEtc { localtime: Now::Content("TZif".into()), ..etc() };
        assert!(planned(&wanted, &same).0.is_empty());
        let odd = JailEtc { localtime: Now::Odd("a directory".into()), ..etc() };
        let (written, notes) = planned(&wanted, &odd);
        assert!(written.is_empty() && notes[0].contains("a directory"));
    }

    #[test]
    fn one_line_of_rc_conf_changes() {
        let wanted = Wanted { rc_conf: vec![rtsold()], ..wanted("/dev/null") };
        let (written, _) = planned(&wanted, &etc());
        assert_eq!(written[0].1, "# mine\nif true; then x=1; fi\nrtsold_enable=\"YES\" # why\n");
        let done = JailEtc { rc_conf: Now::Content(written[0].1.clone().into()), ..etc() };
        assert!(planned(&wanted, &done).0.is_empty());
        let broken = JailEtc { rc_conf: Now::Content("x=\"no end\n".into()), ..etc() };
        let (written, notes) = planned(&wanted, &broken);
        assert!(written.is_empty() && notes[0].contains("rtsold_enable"), "{written:?} {notes:?}");
        assert!(planned(&wanted, &JailEtc { has_rc: false, ..etc() }).0.is_empty());
    }

    #[test]
    fn a_host_name_that_wins_is_told() {
        let notes = |rc_conf: &str| {
            planned(&wanted("/dev/null"), &JailEtc { rc_conf: Now::Content(rc_conf.into()), ..etc() }).1
        };
        assert!(notes("hostname=\"www\"\n")[0].contains("www"));
        for same in ["hostname=web\n", "hostname=\"\"\n", "hostname=$(cat x)\n", "# hostname=www\n"] {
            assert!(notes(same).is_empty(), "{same}");
        }
    }

    #[test]
    fn settings_of_a_release_leave_what_is_set() {
        let settings = release_settings().unwrap();
        let before = "# by hand\nsendmail_enable=\"YES\"\nnetif_enable=NO\n";
        let after = assigned(Some(before.as_bytes()), &settings[0]).unwrap().unwrap();
        let text = String::from_utf8(after.clone()).unwrap();
        assert!(text.starts_with(before) && text.contains("cron_flags=\"-m ''\"\n"), "{text}");
        assert_eq!(text.matches("sendmail_enable=").count(), 1);
        assert_eq!(assigned(Some(&after), &settings[0]).unwrap(), None);
        assert_eq!(assigned(None, &settings[2]).unwrap().unwrap(), b"net.inet.ip.fw.enable=0\n");
        assert!(assigned(Some(b"if x; then"), &settings[0]).is_err());
    }

    #[test]
    fn an_administrators_own_interface_stays() {
        let settings = [
            RcSetting { name: "netif_enable".to_owned(), value: "YES", unless_set: false },
            RcSetting { name: "ifconfig_vnet0".to_owned(), value: "SYNCDHCP", unless_set: true },
        ];
        let edited = |text: &str| {
            let now = Now::Content(text.as_bytes().to_owned());
            String::from_utf8(with_settings(&mut Plan::new("start", "web"), &now, &settings).unwrap())
                .unwrap()
        };
        assert_eq!(edited("netif_enable=\"NO\"\n"), "netif_enable=\"YES\"\nifconfig_vnet0=\"SYNCDHCP\"\n");
        let own = "ifconfig_vnet0=\"DHCP mtu 1400\"\nnetif_enable=YES\n";
        assert_eq!(edited(own), own);
        assert_eq!(variable("em0.5"), "em0_5");
    }
}
