//! `ioc debug`

use libioc::model::property::Value;
use libioc::platform::host::System;
use libioc::report::{HostReport, JailReport};
use serde_json::{Map, json};

use crate::arguments::versions;
use crate::session::Session;
use crate::ui::{Exit, Failure, output, visible};

/// Print a report on this host and its jails, for somebody who is asked for help
///
/// Versions, sources, releases, the host's interfaces, and of each jail and template what is set for it, its fstab and what is
/// mounted in it. It is only read, and what cannot be read is part of the report. Look through it before you hand it on:
/// it has names, addresses and the commands of hooks.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let report = session.ioc.report();
    match session.json {
        true => output::json(&document(session, &report))?,
        false => output::results(|out| out.write_all(text(session, &report).as_bytes()))?,
    }
    Ok(Exit::Done)
}

fn document(session: &Session, report: &HostReport) -> serde_json::Value {
    let host = &session.ioc.host().facts;
    json!({
        "schema": "ioc.debug/1",
        "versions": { "ioc": env!("CARGO_PKG_VERSION"), "libioc": libioc::VERSION },
        "host": { "system": system(host.system), "release": host.release, "root": host.uid == 0 },
        "sources": report.sources.iter().map(|source| {
            json!({ "name": source.name, "dataset": source.root })
        }).collect::<Vec<_>>(),
        "releases": report.releases.iter().map(|release| {
            json!({ "full_name": release.full_name(), "dataset": release.dataset, "patches": release.patches })
        }).collect::<Vec<_>>(),
        "interfaces": report.interfaces.iter().map(|interface| {
            let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
            json!({
                "name": interface.name, "bridge": interface.bridge, "mtu": interface.mtu,
                "member_of": interface.member_of, "addresses": addresses,
            })
        }).collect::<Vec<_>>(),
        "gateways": report.gateways.iter().map(|gateway| {
            json!({ "router": gateway.router, "interface": gateway.interface })
        }).collect::<Vec<_>>(),
        "jails": report.jails.iter().map(of_jail).collect::<Vec<_>>(),
        "others": report.others.iter().map(|jail| {
            json!({ "name": jail.name, "jid": jail.jid, "path": jail.path })
        }).collect::<Vec<_>>(),
        "problems": report.problems,
    })
}

fn system(system: System) -> &'static str {
    match system {
        System::FreeBsd => "FreeBSD",
        System::Linux => "Linux",
    }
}

fn of_jail(report: &JailReport) -> serde_json::Value {
    let facts: Map<_, _> =
        report.facts.iter().map(|(key, value)| ((*key).to_owned(), value.to_json())).collect();
    let settings = report.settings.iter().map(|(key, value, from)| {
        json!({ "property": key, "value": value.to_json(), "origin": from.origin, "place": from.place })
    });
    let mounts = report.mounts.iter().map(|mount| {
        json!({
            "source": mount.source, "target": mount.target, "type": mount.fstype, "read_only": mount.read_only,
        })
    });
    json!({
        "jail": report.jail.to_string(),
        "facts": facts,
        "settings": settings.collect::<Vec<_>>(),
        "fstab": report.fstab,
        "mounts": mounts.collect::<Vec<_>>(),
        "problems": report.problems,
    })
}

fn text(session: &Session, report: &HostReport) -> String {
    let host = &session.ioc.host().facts;
    let mut text = Text::default();
    text.heading("host");
    for line in versions().lines() {
        text.line(line);
    }
    text.line(&format!("{}, {}", system(host.system), host.release));
    text.line(if host.uid == 0 { "read as root" } else { "not read as root: some of it may be hidden" });

    text.heading("sources");
    for source in &report.sources {
        text.line(&format!("{}  {}", source.name, source.root));
    }
    text.heading("releases");
    for release in &report.releases {
        let patches: Vec<String> = release.patches.iter().map(|level| format!("p{level}")).collect();
        text.line(format!("{}  {}  {}", release.full_name(), release.dataset, patches.join(" ")).trim_end());
    }
    text.heading("interfaces");
    for interface in &report.interfaces {
        let addresses = interface.addresses.iter().map(ToString::to_string);
        let bridge = interface.member_of.iter().map(|bridge| format!("member of {bridge}"));
        let words: Vec<String> = [interface.name.clone(), format!("mtu {}", interface.mtu)]
            .into_iter()
            .chain(interface.bridge.then(|| "bridge".to_owned()))
            .chain(bridge)
            .chain(addresses)
            .collect();
        text.line(&words.join("  "));
    }
    for gateway in &report.gateways {
        text.line(&format!("default route through {} on {}", gateway.router, gateway.interface));
    }
    for jail in &report.jails {
        text.jail(jail);
    }
    if !report.others.is_empty() {
        text.heading("running jails that are in no source");
    }
    for jail in &report.others {
        text.line(&format!("{}  JID {}  {}", jail.name, jail.jid, jail.path.display()));
    }
    if !report.problems.is_empty() {
        text.heading("problems");
    }
    for problem in &report.problems {
        text.line(problem);
    }
    text.0
}

/// A report as it grows. What it is told may come from anybody, and becomes one line.
#[derive(Default)]
struct Text(String);

impl Text {
    fn heading(&mut self, what: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str("== ");
        self.line(what);
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(&visible(line));
        self.0.push('\n');
    }

    fn jail(&mut self, report: &JailReport) {
        self.heading(&format!("jail {}", report.jail));
        for (key, value) in report.facts.iter().filter(|(_, value)| *value != Value::None) {
            self.line(&format!("{key}: {}", value.as_text()));
        }
        for (key, value, from) in &report.settings {
            self.line(&format!("set: {key}={} ({})", value.as_text(), from.origin));
        }
        for line in &report.fstab {
            self.line(&format!("fstab: {}", line.replace('\t', " ")));
        }
        for mount in &report.mounts {
            let read_only = if mount.read_only { ", read-only" } else { "" };
            let (target, from) = (mount.target.display(), &mount.source);
            self.line(&format!("mounted: {target} from {from} ({}{read_only})", mount.fstype));
        }
        for problem in &report.problems {
            self.line(&format!("problem: {problem}"));
        }
    }
}
