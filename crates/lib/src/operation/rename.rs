//! Giving a jail another name.

use std::collections::BTreeSet;

use ioc_model::name::{JailName, JailRef};

use crate::apply::LockName;
use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::facts::world::World;
use crate::ioc::{Ioc, Operation};
use crate::plan::Plan;
use crate::planner::rename::{self, Facts};
use crate::source::Source;

/// Renames a stopped jail or template. It keeps its host UUID and MAC addresses; what other jails say about it (their
/// dependencies, template and fstab) is changed along with it.
#[derive(Clone, Debug)]
pub struct Rename {
    /// The jail.
    pub jail: JailRef,
    /// Its name then, in the same source.
    pub name: JailName,
    referrers: BTreeSet<JailRef>,
    unread: Vec<JailRef>,
}

impl Rename {
    /// Looks for the jails that refer to the one to be renamed.
    pub fn new(ioc: &Ioc, jail: JailRef, name: JailName) -> Result<Self, Error> {
        let (mut referrers, mut unread) = (BTreeSet::new(), Vec::new());
        let facts = JailFacts::gather(ioc, &jail)?;
        for other in World::gather(ioc)?.jails {
            if other.reference == jail {
                continue;
            }
            let other = match JailFacts::gather(ioc, &other.reference) {
                // What is wrong with its configuration is the jail's own trouble, and keeps it from being changed.
                Err(Error::Config { .. }) => {
                    unread.push(other.reference);
                    continue;
                }
                facts => facts?,
            };
            if rename::refers(&other, &facts)? {
                referrers.insert(other.reference);
            }
        }
        Ok(Rename { jail, name, referrers, unread })
    }
}

impl Operation for Rename {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        let own = [&self.jail.name, &self.name];
        own.into_iter()
            .chain(self.referrers.iter().map(|jail| &jail.name))
            .map(|name| LockName::Jail(name.clone()))
            .collect()
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let name = JailName::new(self.name.as_str())?;
        let source = ioc.source(&self.jail.source)?;
        for dataset in [source.jail(&name)?, source.template(&name)?] {
            if ioc.host().store(&dataset).dataset(&dataset)?.is_some() {
                return Err(Error::JailExists(name));
            }
        }
        let jail = JailFacts::gather(ioc, &self.jail)?;
        JailFacts::find(ioc, &self.jail)?.must_rest(ioc.host())?;
        let referrers: Vec<JailFacts> =
            self.referrers.iter().map(|jail| JailFacts::gather(ioc, jail)).collect::<Result<_, _>>()?;
        let mut plan = rename::plan(&Facts {
            jail: &jail,
            name: &name,
            host_uuid: &ioc.host().facts.uuid,
            referrers: &referrers,
        })?;
        let unread = self.unread.iter().map(|jail| {
            format!("jail {jail} cannot be read; if it refers to {}, it still does", self.jail.name)
        });
        plan.notes.extend(unread);
        Ok(plan)
    }
}
