//! All that is known of a host at once, for somebody who looks at it from afar.

use ioc_model::name::JailRef;
use ioc_model::property::Value;
use ioc_platform::jails::RunningJail;
use ioc_platform::mounts::Mounted;
use ioc_platform::network::{Gateway, Interface};

use crate::error::Error;
use crate::event::chain;
use crate::explain::Provenance;
use crate::facts::fstab;
use crate::facts::world::{JailView, World};
use crate::ioc::Ioc;
use crate::releases::ReleaseView;
use crate::source::Source;

/// What is known of a host. A part that cannot be read is empty, and `problems` says why.
#[derive(Debug, Default)]
pub struct HostReport {
    /// The sources of jails.
    pub sources: Vec<Source>,
    /// The releases in them.
    pub releases: Vec<ReleaseView>,
    /// The jails and templates in them.
    pub jails: Vec<JailReport>,
    /// Running jails that are in none of them.
    pub others: Vec<RunningJail>,
    /// Interfaces of the host.
    pub interfaces: Vec<Interface>,
    /// The ways out of the host.
    pub gateways: Vec<Gateway>,
    /// What cannot be told, and why.
    pub problems: Vec<String>,
}

/// What is known of a jail.
#[derive(Debug)]
pub struct JailReport {
    /// The jail.
    pub jail: JailRef,
    /// Its dataset, state, JID and the like: property and value.
    pub facts: Vec<(&'static str, Value)>,
    /// Properties that are set, for it or for the whole source.
    pub settings: Vec<(String, Value, Provenance)>,
    /// The mounts that its fstab asks for, one a line.
    pub fstab: Vec<String>,
    /// What is mounted in it.
    pub mounts: Vec<Mounted>,
    /// What cannot be told, and why.
    pub problems: Vec<String>,
}

/// What is found out about a jail that is part of the report.
const FACTS: [&str; 10] = [
    "state",
    "jid",
    "dataset",
    "mountpoint",
    "origin",
    "path",
    "template",
    "config_format",
    "release",
    "basejail",
];

impl Ioc {
    /// Tells all that is known of the host. Changes nothing, and fails in nothing: what cannot be read is told.
    pub fn report(&self) -> HostReport {
        let mut report = HostReport::default();
        let problems = &mut report.problems;
        report.interfaces = or_problem(problems, "interfaces", self.host().network.interfaces());
        report.gateways = or_problem(problems, "gateways", self.host().network.gateways());
        report.sources = or_problem(problems, "sources", self.sources().map(<[Source]>::to_vec));
        if report.sources.is_empty() {
            return report;
        }
        let releases = self.select_releases(&[]).map(|selection| selection.releases);
        report.releases = or_problem(problems, "releases", releases);
        match World::gather(self) {
            Ok(World { jails, foreign }) => {
                report.jails = jails.iter().map(|view| self.report_on(view)).collect();
                report.others = foreign;
            }
            Err(error) => problems.push(format!("jails: {}", chain(&error))),
        }
        report
    }

    fn report_on(&self, view: &JailView) -> JailReport {
        let mut report = JailReport {
            jail: view.reference.clone(),
            facts: Vec::new(),
            settings: Vec::new(),
            fstab: Vec::new(),
            mounts: Vec::new(),
            problems: Vec::new(),
        };
        let facts = match &view.facts {
            Ok(facts) => facts,
            Err(error) => {
                report.problems.push(chain(error));
                let known = ["state", "jid", "dataset", "mountpoint", "origin", "path"];
                report.facts =
                    known.into_iter().filter_map(|key| Some((key, view.value(key).ok()?))).collect();
                return report;
            }
        };
        for key in FACTS {
            match view.value(key) {
                Ok(value) => report.facts.push((key, value)),
                Err(error) => report.problems.push(chain(&error)),
            }
        }
        for key in view.keys() {
            // Of one that cannot be used nobody knows where it comes from, but it is in a file.
            let provenance = facts.provenance(&key);
            match (view.value(&key), provenance) {
                (Ok(value), Some(from))
                    if !["built-in", "computed", "inherited"].contains(&&*from.origin) =>
                {
                    report.settings.push((key, value, from));
                }
                (Ok(_), _) => {}
                (Err(error), _) => report.problems.push(chain(&error)),
            }
        }
        report.problems.dedup();
        let fstab = fstab::read(self.host(), &facts.directory);
        let lines = fstab.map(|fstab| fstab.entries().map(ToString::to_string).collect());
        report.fstab = or_problem(&mut report.problems, "fstab", lines);
        report.mounts = or_problem(&mut report.problems, "mounts", facts.mounted(self.host()));
        report
    }
}

/// The value, or an empty one and the reason among the problems.
fn or_problem<T: Default, E: Into<Error>>(problems: &mut Vec<String>, what: &str, result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| {
        problems.push(format!("{what}: {}", chain(&error.into())));
        T::default()
    })
}
