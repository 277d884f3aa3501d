//! Starting one jail. Its dependencies are another matter: see [`crate::Ioc::start`].

use std::collections::{BTreeMap, BTreeSet};

use ioc_model::name::{JailPath, JailRef};
use ioc_model::property::{self, BasejailKind};
use ioc_platform::files::Kind;
use ioc_platform::host::Host;
use ioc_platform::jails::Parameter;
use ioc_platform::limits::LimitRule;
use ioc_platform::mounts::MountKind;

use crate::apply::LockName;
use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::facts::jail_etc::JailEtc;
use crate::facts::network::NetworkFacts;
use crate::facts::release::ReleaseFacts;
use crate::ioc::{Ioc, Operation};
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
        let jail = JailFacts::gather(ioc, &self.jail)?.with_overrides(&self.overrides)?;
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
    let host = ioc.host();
    check(host, jail)?;
    let release = base_release(ioc, jail)?;
    let base = match (&release, jail.release()?) {
        (Some(release), Some(reference)) => Some(release.base_mount(host, &reference)?),
        _ => None,
    };
    let (release, base) = (release.as_ref(), base.as_ref());
    let system = host.facts.system;
    let network = NetworkFacts::gather(host)?;
    let facts = start::Facts {
        parameters: kernel_parameters(host, jail)?,
        limits: limits(host, jail)?,
        existing: existing(host, jail, start::targets(jail, base, system)?)?,
        files: files(jail)?,
        etc: JailEtc::gather(host, &jail.root)?,
        missing_scripts: missing_scripts(host, jail, release)?,
        jail,
        base,
        network: &network,
        system,
        environment,
    };
    start::plan(&facts, purpose)
}

/// Refuses what must not be started here and now.
fn check(host: &Host, jail: &JailFacts) -> Result<(), Error> {
    let name = jail.reference.name.clone();
    if jail.is_template()? {
        return Err(Error::Template { name, is: true });
    }
    if jail.get(&property::HOSTID_STRICT_CHECK)?
        && let Some(theirs) = jail.get(&property::HOSTID)?
        && !theirs.eq_ignore_ascii_case(&host.facts.uuid)
    {
        return Err(Error::OtherHost { jail: name, theirs, ours: host.facts.uuid.clone() });
    }
    let mounts = jail.mounted(host)?;
    if !mounts.is_empty() {
        let mounts = mounts.iter().map(|m| m.target.display().to_string()).collect();
        return Err(Error::Mounted { subject: format!("jail {name}, which does not run"), mounts });
    }
    Ok(())
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
pub(super) fn kernel_parameters(host: &Host, jail: &JailFacts) -> Result<Vec<Parameter>, Error> {
    let wanted = parameters::of_jail(jail, &host.facts.uuid)?;
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
    let mounts = jail.fstab_mounts(parameters::ruleset(jail)?)?.into_iter();
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
