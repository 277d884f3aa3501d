//! Starting one jail. Its dependencies are another matter: see [`crate::Ioc::start`].

use std::collections::{BTreeMap, BTreeSet};

use ioc_model::name::{JailPath, JailRef};
use ioc_model::property::{self, BasejailKind};
use ioc_platform::files::Kind;
use ioc_platform::host::{Host, System};
use ioc_platform::jails::Parameter;
use ioc_platform::limits::LimitRule;
use ioc_platform::mounts::MountKind;

use crate::apply::LockName;
use crate::error::Error;
use crate::facts::base::BaseMount;
use crate::facts::delegated::Delegated;
use crate::facts::devfs::{self, JailRuleset};
use crate::facts::jail::JailFacts;
use crate::facts::jail_etc::JailEtc;
use crate::facts::network::NetworkFacts;
use crate::facts::release::ReleaseFacts;
use crate::ioc::{Ioc, Operation};
use crate::memory;
use crate::plan::{Hook, Plan};
use crate::planner::parameters;
use crate::planner::start::{self, Purpose, script_of};
use crate::source::Source;

/// Starts a jail that does not run. If it runs already, nothing happens.
#[derive(Clone, Debug)]
pub struct Start {
    /// The jail.
    pub jail: JailRef,
    /// Properties for this start only; none as value goes back to the default.
    pub overrides: BTreeMap<String, Option<String>>,
    /// The caller's environment, for jails with `exec_clean=no`.
    pub environment: Vec<(String, String)>,
}

impl Start {
    /// A start with the jail's own properties, in an empty environment.
    pub fn new(jail: JailRef) -> Self {
        Start { jail, overrides: BTreeMap::new(), environment: Vec::new() }
    }
}

impl Operation for Start {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let jail = JailFacts::gather_mounted(ioc, &self.jail)?.with_overrides(&self.overrides)?;
        if let Some(running) = jail.running(ioc.host())? {
            let mut plan = Plan::new("start", &self.jail.name);
            plan.notes.push(format!("jail {} runs already, as JID {}", self.jail.name, running.jid));
            return Ok(plan);
        }
        plan(ioc, &jail, Purpose::Service, &self.environment)
    }
}

/// Plans the start of a jail that does not run.
pub(super) fn plan(
    ioc: &Ioc,
    jail: &JailFacts,
    purpose: Purpose,
    environment: &[(String, String)],
) -> Result<Plan, Error> {
    let (plan, mut wrong) = plan_all(ioc, jail, purpose, environment);
    if wrong.is_empty() { Ok(plan) } else { Err(wrong.swap_remove(0)) }
}

/// What a start would do, and everything that is in its way: [`plan`] with all errors rather than the first one.
///
/// What something wrong decides is left out of the plan. Of a jail that runs, what its start made is looked past.
fn plan_all(
    ioc: &Ioc,
    jail: &JailFacts,
    purpose: Purpose,
    environment: &[(String, String)],
) -> (Plan, Vec<Error>) {
    let mut wrong = Wrong::default();
    let running = wrong.take(jail.running(ioc.host())).is_some();
    if !running {
        for check in [not_a_template, of_this_host, nothing_mounted] {
            wrong.take(check(ioc.host(), jail));
        }
    }
    let host = ioc.host();
    let network = wrong.take(network(host, jail, running));
    let system = host.facts.system;
    let plan = plan_on(ioc, jail, &network, system, &mut wrong, (purpose, environment));
    (plan, wrong.0)
}

/// What a start of a jail would do, and everything that is in its way.
pub(crate) fn as_configured(ioc: &Ioc, jail: &JailFacts) -> (Plan, Vec<Error>) {
    plan_all(ioc, jail, Purpose::Service, &[])
}

/// The start of a jail that is written down for FreeBSD, whatever this host is: what would make it as it is
/// configured.
pub(super) fn plan_for_export(ioc: &Ioc, jail: &JailFacts) -> Result<Plan, Error> {
    let mut wrong = Wrong::default();
    not_a_template(ioc.host(), jail)?;
    let network = network(ioc.host(), jail, true)?;
    let plan = plan_on(ioc, jail, &network, System::FreeBsd, &mut wrong, (Purpose::Service, &[]));
    if wrong.0.is_empty() { Ok(plan) } else { Err(wrong.0.swap_remove(0)) }
}

/// Collects what is wrong.
#[derive(Default)]
struct Wrong(Vec<Error>);

impl Wrong {
    /// The value, or an empty one in place of an error.
    fn take<T: Default>(&mut self, result: Result<T, Error>) -> T {
        result.unwrap_or_else(|error| {
            // One bad property is found by whoever asks for it.
            if !self.0.iter().any(|known| known.to_string() == error.to_string()) {
                self.0.push(error);
            }
            T::default()
        })
    }
}

fn plan_on(
    ioc: &Ioc,
    jail: &JailFacts,
    network: &NetworkFacts,
    system: System,
    wrong: &mut Wrong,
    (purpose, environment): (Purpose, &[(String, String)]),
) -> Plan {
    let host = ioc.host();
    let release = wrong.take(base_release(ioc, jail));
    let base = match (&release, wrong.take(jail.release())) {
        (Some(release), Some(reference)) => {
            wrong.take(BaseMount::gather(host, release, &reference).map(Some))
        }
        _ => None,
    };
    let (release, base) = (release.as_ref(), base.as_ref());
    let delegated = wrong.take(match system == host.facts.system {
        true => Delegated::gather(ioc, jail),
        // Written down for another system, whose datasets nobody can look at here.
        false => Delegated::as_named(jail),
    });
    let ruleset = wrong.take(JailRuleset::gather(host, jail, &delegated));
    let targets = wrong.take(start::targets(jail, base, system, ruleset.number));
    let facts = start::Facts {
        parameters: wrong.take(kernel_parameters(host, jail, ruleset.number)),
        limits: wrong.take(limits(host, jail)),
        existing: wrong.take(existing(host, jail, targets)),
        files: wrong.take(files(jail)),
        ruleset,
        delegated,
        etc: wrong.take(JailEtc::gather(host, &jail.root)),
        missing_scripts: wrong.take(missing_scripts(host, jail, release)),
        jail,
        base,
        network,
        system,
        environment,
    };
    match start::plan(&facts, purpose) {
        Ok(plan) => plan,
        Err(error) => {
            wrong.take::<()>(Err(error));
            Plan::new("start", &jail.reference.name)
        }
    }
}

/// The network that the jail finds when it is started; with `past`, without what its last start made of it.
fn network(host: &Host, jail: &JailFacts, past: bool) -> Result<NetworkFacts, Error> {
    let mut facts = NetworkFacts::gather(host)?.with_firewall(host, jail)?;
    if past {
        facts = facts.without(&memory::read(&host.facts.runtime_directory, &jail.kernel_name)?);
    }
    let settings = jail.network()?;
    if !(jail.vnet || settings.ip4.is_empty() && settings.ip6.is_empty()) {
        let own = jail.reference.kernel_names();
        let others = host.jails.list()?.into_iter();
        facts.jails =
            others.filter(|other| !other.dying && !other.vnet && !own.contains(&other.name)).collect();
    }
    Ok(facts)
}

/// A template is not started.
fn not_a_template(_: &Host, jail: &JailFacts) -> Result<(), Error> {
    match jail.is_template()? {
        true => Err(Error::Template { name: jail.reference.name.clone(), is: true }),
        false => Ok(()),
    }
}

/// A jail that minds belongs to this host.
fn of_this_host(host: &Host, jail: &JailFacts) -> Result<(), Error> {
    if jail.get(&property::HOSTID_STRICT_CHECK)?
        && let Some(theirs) = jail.get(&property::HOSTID)?
        && !theirs.eq_ignore_ascii_case(&host.facts.uuid)
    {
        let name = jail.reference.name.clone();
        return Err(Error::OtherHost { jail: name, theirs, ours: host.facts.uuid.clone() });
    }
    Ok(())
}

/// Nothing is mounted in a jail that does not run.
fn nothing_mounted(host: &Host, jail: &JailFacts) -> Result<(), Error> {
    let mounts = jail.mounted(host)?;
    if mounts.is_empty() {
        return Ok(());
    }
    let mounts = mounts.iter().map(|m| m.target.display().to_string()).collect();
    Err(Error::Mounted { subject: format!("jail {}, which does not run", jail.reference.name), mounts })
}

/// The release whose base directories are mounted in the jail, if it is a basejail.
pub(super) fn base_release(ioc: &Ioc, jail: &JailFacts) -> Result<Option<ReleaseFacts>, Error> {
    match jail.config.basejail().map_err(|e| jail.wrong(e))? {
        None => return Ok(None),
        Some(BasejailKind::Nullfs) => {}
        Some(BasejailKind::Zfs) => {
            return Err(jail.wrong("it is a ZFS basejail, an old kind; migrate it first"));
        }
    }
    let Some(release) = jail.release()? else {
        return Err(jail.wrong("it is a basejail without a release"));
    };
    let source = ioc.source(&jail.reference.source)?;
    ReleaseFacts::gather(ioc.host(), source, &release.name).map(Some)
}

/// The parameters that this kernel takes. One that it does not know is an error if the jail asks for it, and left
/// out if it is only a default of ours.
pub(super) fn kernel_parameters(
    host: &Host,
    jail: &JailFacts,
    ruleset: u16,
) -> Result<Vec<Parameter>, Error> {
    let wanted = parameters::of_jail(jail, &host.facts.uuid, ruleset)?;
    let asked: BTreeSet<String> =
        wanted.iter().filter(|w| w.asked).map(|w| w.parameter.name.clone()).collect();
    let mut parameters: Vec<Parameter> = wanted.into_iter().map(|w| w.parameter).collect();
    while let Some(name) = host.jails.unsupported(&parameters)? {
        let known = parameters.len();
        parameters.retain(|p| p.name != name);
        if asked.contains(&name) || parameters.len() == known {
            return Err(
                jail.wrong(format!("this kernel has no jail parameter {name}, or not with this value"))
            );
        }
    }
    Ok(parameters)
}

pub(super) fn limits(host: &Host, jail: &JailFacts) -> Result<Vec<LimitRule>, Error> {
    let rules = jail.limits()?;
    host.limits.check(&rules)?;
    Ok(rules)
}

/// Which of the directories, and of those above them, exist in the jail's root. /etc is always looked at.
pub(super) fn existing(
    host: &Host,
    jail: &JailFacts,
    targets: Vec<JailPath>,
) -> Result<BTreeSet<JailPath>, Error> {
    let mut existing = BTreeSet::new();
    let mut wanted: BTreeSet<JailPath> =
        ["etc", "proc"].iter().map(|p| p.parse()).collect::<Result<_, _>>()?;
    for target in targets {
        let mut upper = String::new();
        for component in target.components() {
            upper.push('/');
            upper.push_str(component);
            wanted.insert(upper.parse()?);
        }
    }
    for path in wanted {
        if host.files.metadata(&jail.root, &path)?.is_some() {
            existing.insert(path);
        }
    }
    Ok(existing)
}

/// Where the jail's fstab mounts files of the host.
fn files(jail: &JailFacts) -> Result<BTreeSet<JailPath>, Error> {
    let mounts = jail.fstab_mounts(devfs::configured(jail)?)?.into_iter();
    let of_file = mounts.filter(|m| matches!(&m.kind, MountKind::Nullfs { source } if source.is_file()));
    Ok(of_file.map(|mount| mount.target).collect())
}

/// The default start and stop hooks whose script the jail does not have, in its own root or in its base.
pub(super) fn missing_scripts(
    host: &Host,
    jail: &JailFacts,
    release: Option<&ReleaseFacts>,
) -> Result<BTreeSet<Hook>, Error> {
    let mut missing = BTreeSet::new();
    for hook in [Hook::Start, Hook::Stop] {
        if jail.is_set(hook.property()) {
            continue;
        }
        let Some(script) = jail.hook(hook)?.as_deref().and_then(script_of) else { continue };
        let in_base = release.is_some_and(|r| r.directories.iter().any(|d| script.is_within(d)));
        if !in_base && host.files.metadata(&jail.root, &script)? != Some(Kind::File) {
            missing.insert(hook);
        }
    }
    Ok(missing)
}
