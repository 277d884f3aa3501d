//! Showing and changing the fstab of a jail.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ioc_model::fstab::{Entry, Fstab, FstabError, Which};
use ioc_model::name::{JailPath, JailRef};
use ioc_model::property;
use ioc_platform::host::System;

use super::start;
use crate::apply::LockName;
use crate::error::Error;
use crate::facts::fstab::{self, LineFacts};
use crate::facts::jail::JailFacts;
use crate::ioc::{Ioc, Operation};
use crate::plan::Plan;
use crate::planner::fstab as planner;
use crate::source::Source;

/// A change of an fstab. Destinations are paths in the jail, or paths of the host below its root.
#[derive(Clone, Debug)]
pub enum FstabChange {
    /// Adds a line at the end.
    Add(Entry),
    /// Removes the one line that fits: by its number, its source, or its destination.
    Remove(String),
    /// Removes the one line with this source and destination.
    RemoveEntry(Entry),
    /// Puts a line in the place of the one that fits.
    Replace {
        /// That one: its number, its source, or its destination.
        which: String,
        /// The new line.
        line: Entry,
    },
    /// Replaces the whole file, unless somebody else changed it meanwhile.
    Rewrite {
        /// What it was; none if there was no file.
        before: Option<Vec<u8>>,
        /// What it is to be.
        after: Vec<u8>,
    },
}

/// Changes the fstab of a jail, and on FreeBSD what a running jail has mounted.
#[derive(Clone, Debug)]
pub struct EditFstab {
    /// The jail.
    pub jail: JailRef,
    /// The change.
    pub change: FstabChange,
    /// Leave a running jail as it is; the change takes effect when it is started next.
    pub later: bool,
}

/// What a change of an fstab does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FstabReport {
    /// Lines that are gone then.
    pub removed: Vec<Entry>,
    /// Lines that are new then.
    pub added: Vec<Entry>,
}

/// A line of an fstab and what is known of it.
#[derive(Clone, Debug)]
pub struct FstabLine {
    /// The line.
    pub entry: Entry,
    /// Its destination as a path in the jail; none if it cannot be one.
    pub target: Option<JailPath>,
    /// It mounts a base directory of a basejail that iocage made.
    pub base: bool,
    /// Something is mounted there now.
    pub mounted: bool,
}

/// The fstab of a jail: its lines, and its bytes if there is a file.
pub fn list_fstab(ioc: &Ioc, jail: &JailRef) -> Result<(Vec<FstabLine>, Option<Vec<u8>>), Error> {
    let facts = JailFacts::gather(ioc, jail)?;
    let source = ioc.source(&jail.source)?.directory(ioc.host())?;
    let mounted = mounted(ioc, &facts)?;
    let line = |entry: &Entry| {
        let target = fstab::target(&entry.destination, &facts.root).ok();
        FstabLine {
            base: fstab::is_base(entry, &facts.root, &source),
            mounted: target.as_ref().is_some_and(|t| mounted.contains(&facts.root.join(t.relative()))),
            entry: entry.clone(),
            target,
        }
    };
    let lines = facts.fstab().entries().map(line).collect();
    Ok((lines, fstab::bytes(ioc.host(), &facts.directory)?))
}

fn mounted(ioc: &Ioc, jail: &JailFacts) -> Result<BTreeSet<PathBuf>, Error> {
    Ok(ioc.host().mounts.below(&jail.root)?.into_iter().map(|mount| mount.target).collect())
}

impl EditFstab {
    /// What would change, as far as mounting goes.
    pub fn report(&self, ioc: &Ioc) -> Result<FstabReport, Error> {
        let jail = JailFacts::gather(ioc, &self.jail)?;
        let before = fstab::bytes(ioc.host(), &jail.directory)?;
        let after = self.after(&jail, before.as_ref())?;
        Ok(FstabReport {
            removed: planner::without(jail.fstab(), &after),
            added: planner::without(&after, jail.fstab()),
        })
    }

    fn wrong(&self, problem: impl ToString) -> Error {
        Error::Fstab { jail: self.jail.name.clone(), problem: problem.to_string() }
    }

    /// The fstab as it is to be.
    fn after(&self, jail: &JailFacts, before: Option<&Vec<u8>>) -> Result<Fstab, Error> {
        let mut after = jail.fstab().clone();
        let wrong = |error: FstabError| self.wrong(error);
        match &self.change {
            FstabChange::Add(entry) => after.add(self.placed(entry, jail)?).map_err(wrong)?,
            FstabChange::Remove(which) => {
                after.remove(self.find(&after, which, jail)?).map_err(wrong)?;
            }
            FstabChange::RemoveEntry(entry) => {
                let entry = self.placed(entry, jail)?;
                let mut of_source = after.find(&Which::Source(entry.source.clone()));
                let fits = |at: &usize| {
                    let found =
                        after.entries().nth(*at).map(|found| fstab::target(&found.destination, &jail.root));
                    found == Some(fstab::target(&entry.destination, &jail.root))
                };
                of_source.retain(fits);
                let shown = format!("{} on {}", entry.source, entry.destination);
                after.remove(self.only(of_source, &shown)?).map_err(wrong)?;
            }
            FstabChange::Replace { which, line } => {
                let at = self.find(&after, which, jail)?;
                after.replace(at, self.placed(line, jail)?).map_err(wrong)?;
            }
            FstabChange::Rewrite { before: expected, after: bytes } => {
                if before != expected.as_ref() {
                    return Err(self.wrong("somebody else changed it meanwhile"));
                }
                let known = after.problems().count();
                after = Fstab::from_bytes(bytes).map_err(wrong)?;
                let problem = after.problems().next();
                if let Some((line, problem)) = problem.filter(|_| after.problems().count() > known) {
                    return Err(self.wrong(format!("line {line} {problem}")));
                }
            }
        }
        Ok(after)
    }

    /// The line with its destination as a path of the host, which is how iocage and libiocage write it.
    fn placed(&self, entry: &Entry, jail: &JailFacts) -> Result<Entry, Error> {
        let target = fstab::target(&entry.destination, &jail.root)
            .map_err(|problem| self.wrong(format!("{}: {problem}", entry.destination)))?;
        let place = jail.root.join(target.relative());
        let destination = place.to_str().ok_or_else(|| self.wrong("the jail's root is no text"))?;
        Ok(Entry { destination: destination.to_owned(), ..entry.clone() })
    }

    /// The one line that is meant: a number, a source, or a destination in the jail or on the host.
    fn find(&self, fstab: &Fstab, which: &str, jail: &JailFacts) -> Result<usize, Error> {
        if let Ok(index) = which.parse::<usize>() {
            return self.only(fstab.find(&Which::Index(index)), which);
        }
        let mut found = fstab.find(&Which::Source(which.to_owned()));
        found.extend(fstab.find(&Which::Destination(which.to_owned())));
        if let Ok(target) = fstab::target(which, &jail.root) {
            let same = |entry: &Entry| fstab::target(&entry.destination, &jail.root).as_ref() == Ok(&target);
            found.extend(fstab.entries().enumerate().filter(|(_, entry)| same(entry)).map(|(at, _)| at));
        }
        found.sort_unstable();
        found.dedup();
        self.only(found, which)
    }

    fn only(&self, found: Vec<usize>, which: &str) -> Result<usize, Error> {
        match found[..] {
            [only] => Ok(only),
            [] => Err(self.wrong(format!("no line fits {which:?}"))),
            _ => {
                let numbers: Vec<String> = found.iter().map(ToString::to_string).collect();
                Err(self.wrong(format!("{which:?} fits the lines {}; give a number", numbers.join(", "))))
            }
        }
    }
}

impl Operation for EditFstab {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.jail.source).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Jail(self.jail.name.clone())]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let host = ioc.host();
        let jail = JailFacts::gather(ioc, &self.jail)?;
        let before = fstab::bytes(host, &jail.directory)?;
        let after = self.after(&jail, before.as_ref())?;
        let new = planner::without(&after, jail.fstab());
        let added = new.iter().map(|entry| LineFacts::gather(host, entry, &jail.root));
        let added = added.collect::<Result<Vec<_>, _>>()?;
        let targets = new.iter().filter_map(|entry| fstab::target(&entry.destination, &jail.root).ok());
        let existing = start::existing(host, &jail, targets.collect())?;
        planner::plan(&planner::Facts {
            source_directory: ioc.source(&self.jail.source)?.directory(host)?,
            before,
            after,
            added,
            taken: taken(ioc, &jail)?,
            running: jail.running(host)?.is_some(),
            later: self.later,
            mounted: mounted(ioc, &jail)?,
            existing,
            system: host.facts.system,
            jail: &jail,
        })
    }
}

/// What is mounted in the jail besides what its fstab says.
fn taken(ioc: &Ioc, jail: &JailFacts) -> Result<Vec<(JailPath, &'static str)>, Error> {
    let system = ioc.host().facts.system;
    let mut taken = Vec::new();
    // A jail whose release is missing does not start; its fstab can be changed all the same.
    if let Ok(Some(release)) = start::base_release(ioc, jail) {
        taken.extend(release.directories.into_iter().map(|directory| (directory, "the base of its release")));
    }
    let properties = [
        (&property::MOUNT_DEVFS, "dev", "devfs (mount_devfs)", true),
        (&property::MOUNT_FDESCFS, "dev/fd", "fdescfs (mount_fdescfs)", system == System::FreeBsd),
        (&property::MOUNT_PROCFS, "proc", "procfs (mount_procfs)", system == System::FreeBsd),
        (
            &property::MOUNT_LINPROCFS,
            "compat/linux/proc",
            "linprocfs (mount_linprocfs)",
            system == System::FreeBsd,
        ),
    ];
    for (property, place, what, here) in properties {
        if here && jail.get(property)? {
            taken.push((place.parse()?, what));
        }
    }
    Ok(taken)
}
