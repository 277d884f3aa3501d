//! Changing properties, of a jail or of a source's defaults.

use ioc_model::name::{JailRef, SourceName};
use ioc_model::property;
use ioc_platform::host::Host;

use super::start;
use crate::apply::LockName;
use crate::error::Error;
use crate::facts::config::{self, Changes};
use crate::facts::devfs;
use crate::facts::jail::JailFacts;
use crate::ioc::{Ioc, Operation};
use crate::memory;
use crate::plan::Plan;
use crate::planner::set::{self, Effects, Live};
use crate::source::Source;

/// Whose properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A jail's.
    Jail(JailRef),
    /// The defaults of a source.
    Defaults(SourceName),
}

/// Sets properties and takes them back to their defaults: all of them, or none.
#[derive(Clone, Debug)]
pub struct Set {
    /// Whose.
    pub target: Target,
    /// Names and values as written; no value: back to the default.
    pub changes: Vec<(String, Option<String>)>,
}

/// What a change does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetReport {
    /// What changes: key, text before, text after.
    pub changes: Vec<(String, String, String)>,
    /// Of these, what a running jail does not heed before it is started again.
    pub later: Vec<String>,
}

impl Set {
    /// What would change.
    pub fn report(&self, ioc: &Ioc) -> Result<SetReport, Error> {
        let (changes, live) = self.prepare(ioc)?;
        let keys = changes.report.iter().map(|(key, _, _)| key.as_str());
        let later = live.map_or_else(Vec::new, |live| set::later(keys, &live));
        let later = later.into_iter().map(str::to_owned).collect();
        Ok(SetReport { later, changes: changes.report })
    }

    fn prepare(&self, ioc: &Ioc) -> Result<(Changes, Option<Live>), Error> {
        match &self.target {
            Target::Jail(jail) => {
                let jail = JailFacts::gather(ioc, jail)?;
                let changes = config::change_jail(&jail, &self.changes)?;
                self.check_template(ioc.host(), &jail, &changes)?;
                let live = match changes.report.is_empty() {
                    true => None,
                    false => live(ioc, &jail, &changes)?,
                };
                Ok((changes, live))
            }
            Target::Defaults(source) => {
                Ok((config::change_defaults(ioc, ioc.source(source)?, &self.changes)?, None))
            }
        }
    }
}

impl Set {
    /// A template does not run; and among iocage's templates all are, whatever their configuration says.
    fn check_template(&self, host: &Host, jail: &JailFacts, changes: &Changes) -> Result<(), Error> {
        let named = self.changes.iter().any(|(key, _)| property::canonical(key) == property::TEMPLATE.name());
        let Some(config) = changes.config.as_ref().filter(|_| named) else { return Ok(()) };
        let mut after = jail.clone();
        after.config = config.clone();
        let name = &jail.reference.name;
        match after.get(&property::TEMPLATE)? {
            true if jail.running(host)?.is_some() => Err(Error::JailRunning(name.clone())),
            false if after.is_template()? => Err(Error::Request(format!(
                "{} is among iocage's templates and stays one; a clone of it is a jail",
                jail.dataset
            ))),
            _ => Ok(()),
        }
    }
}

/// What the change does to the jail, if it runs.
fn live(ioc: &Ioc, jail: &JailFacts, changes: &Changes) -> Result<Option<Live>, Error> {
    let host = ioc.host();
    let (Some(running), Some(config)) = (jail.running(host)?, &changes.config) else { return Ok(None) };
    let mut after = jail.clone();
    after.config = config.clone();
    let after = match effects(host, &after) {
        // What is wrong elsewhere in it must not keep it from being repaired; what runs stays as it is.
        Err(Error::Config { .. }) => return Ok(None),
        effects => effects?,
    };
    Ok(Some(Live {
        // Of a value that cannot be read nobody knows what it was when the jail was started.
        before: effects(host, jail).unwrap_or_default(),
        after,
        memory: memory::read(&host.facts.runtime_directory, &jail.kernel_name)?,
        name: running.name,
        system: host.facts.system,
    }))
}

fn effects(host: &Host, jail: &JailFacts) -> Result<Effects, Error> {
    Ok(Effects {
        parameters: start::kernel_parameters(host, jail, devfs::configured(jail)?)?,
        hostname: jail.hostname()?,
        limits: start::limits(host, jail)?,
    })
}

impl Operation for Set {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        let name = match &self.target {
            Target::Jail(jail) => &jail.source,
            Target::Defaults(source) => source,
        };
        ioc.source(name).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![match &self.target {
            Target::Jail(jail) => LockName::Jail(jail.name.clone()),
            Target::Defaults(_) => LockName::Source,
        }]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let subject = match &self.target {
            Target::Jail(jail) => jail.name.to_string(),
            Target::Defaults(_) => "defaults".to_owned(),
        };
        let (changes, live) = self.prepare(ioc)?;
        Ok(set::plan(&subject, changes, live.as_ref()))
    }
}
