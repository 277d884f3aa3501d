//! Changing properties, of a jail or of a source's defaults.

use ioc_model::name::{JailRef, SourceName};

use crate::apply::LockName;
use crate::error::Error;
use crate::facts::config::{self, Changes};
use crate::facts::jail::JailFacts;
use crate::ioc::{Ioc, Operation};
use crate::plan::Plan;
use crate::planner::set;
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

impl Set {
    /// What would change: key, text before, text after.
    pub fn changes(&self, ioc: &Ioc) -> Result<Vec<(String, String, String)>, Error> {
        Ok(self.prepare(ioc)?.report)
    }

    fn prepare(&self, ioc: &Ioc) -> Result<Changes, Error> {
        match &self.target {
            Target::Jail(jail) => config::change_jail(&JailFacts::gather(ioc, jail)?, &self.changes),
            Target::Defaults(source) => config::change_defaults(ioc, ioc.source(source)?, &self.changes),
        }
    }
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
        Ok(set::plan(&subject, self.prepare(ioc)?))
    }
}
