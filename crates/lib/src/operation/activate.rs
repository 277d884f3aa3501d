//! Making a pool or directory the source of this host, and ending that.

use std::fs;
use std::path::{Path, PathBuf};

use ioc_model::name::{DatasetName, JailPath, Part};
use ioc_model::property::parse_bool;
use ioc_model::rcconf::{Assigned, RcConf, RcError, Syntax};
use ioc_platform::host::Host;

use crate::apply::LockName;
use crate::error::Error;
use crate::ioc::{Ioc, Operation};
use crate::plan::Plan;
use crate::planner::activate::{self, Facts};
use crate::source::Source;
use ioc_platform::store::ACTIVE_PROPERTY;

/// The variable that `activate` writes for a directory that is not the default one.
const VARIABLE: &str = "ioc_dataset_ioc";

/// Where a pool's source is mounted unless another place is asked for.
const MOUNTPOINT: &str = "/iocage";

/// What is activated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A ZFS pool, by name: its source is `POOL/iocage`.
    Pool(DatasetName),
    /// A directory, for the directory store.
    Directory(DatasetName),
}

impl std::str::FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let name = crate::source::parse_root(text)?;
        match name.is_directory() {
            true => Ok(Place::Directory(name)),
            false if name.as_str().contains('/') => {
                Err(Error::Request(format!("{name} is not a pool; give the pool's name, or a directory")))
            }
            false => Ok(Place::Pool(name)),
        }
    }
}

/// Makes a pool or directory the source of this host.
#[derive(Clone, Debug)]
pub struct Activate {
    /// Which.
    pub place: Place,
    /// Where to mount a pool's source; none: `/iocage` if the source is new, else where it is.
    pub mountpoint: Option<String>,
}

/// Ends that. Nothing of it is destroyed.
#[derive(Clone, Debug)]
pub struct Deactivate {
    /// Which.
    pub place: Place,
}

impl Operation for Activate {
    fn source<'a>(&self, _: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        Ok(None)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Source]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let host = ioc.host();
        let mut facts = gather(host, &self.place)?;
        let parts = [Part::Releases, Part::Jails].map(|part| facts.root.part(part));
        for dataset in std::iter::once(facts.root.clone()).chain(parts) {
            if host.store(&dataset).dataset(&dataset)?.is_none() {
                facts.missing.push(dataset);
            }
        }
        let new = facts.missing.first() == Some(&facts.root);
        let info = host.store(&facts.root).dataset(&facts.root)?;
        facts.mountpoint_now = info.and_then(|info| info.properties.get("mountpoint").cloned());
        facts.mountpoint = match &self.place {
            Place::Pool(_) => self.mountpoint.clone().or(new.then(|| MOUNTPOINT.to_owned())),
            Place::Directory(_) if self.mountpoint.is_some() => {
                return Err(Error::Request("a directory has no mountpoint to set".to_owned()));
            }
            Place::Directory(_) => None,
        };
        facts.file = self.file(host, &facts.root)?;
        activate::activate(facts)
    }
}

impl Activate {
    /// The change of the host's configuration file, for directories other than the default one.
    fn file(&self, host: &Host, root: &DatasetName) -> Result<Option<FileChange>, Error> {
        if is_default(host, root) || matches!(self.place, Place::Pool(_)) {
            return Ok(None);
        }
        edit(host, |conf| conf.set(VARIABLE, root.as_str()).map(drop))
    }
}

impl Operation for Deactivate {
    fn source<'a>(&self, _: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        Ok(None)
    }

    fn locks(&self) -> Vec<LockName> {
        vec![LockName::Source]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let host = ioc.host();
        let mut facts = gather(host, &self.place)?;
        facts.file = edit(host, |conf| {
            if conf.get(VARIABLE).and_then(Assigned::constant) == Some(facts.root.as_str()) {
                conf.unset(VARIABLE);
            }
            Ok(())
        })?;
        let mut plan = activate::deactivate(facts)?;
        if plan.is_empty() {
            plan.notes.push(format!("{} is not active", plan.subject));
        }
        Ok(plan)
    }
}

/// Facts about what is to be activated or deactivated.
fn gather(host: &Host, place: &Place) -> Result<Facts, Error> {
    let (root, marked) = match place {
        Place::Directory(root) => (root.clone(), root.clone()),
        Place::Pool(pool) => (pool.child("iocage")?, pool.clone()),
    };
    let info = host.store(&marked).dataset(&marked)?;
    if let (Place::Pool(pool), None) = (place, &info) {
        return Err(Error::Request(format!("there is no pool {pool}")));
    }
    let mark = info.and_then(|info| info.properties.get(ACTIVE_PROPERTY).map(|p| p.value.clone()));
    let mut others = Vec::new();
    if let Place::Pool(pool) = place {
        let pools = host.pools.pools()?;
        let is_active = |active: &Option<String>| active.as_deref().and_then(parse_bool) == Some(true);
        let active = pools.iter().filter(|p| is_active(&p.active) && p.name != *pool);
        others.extend(active.map(|p| p.name.to_string()));
    }
    Ok(Facts {
        root,
        missing: Vec::new(),
        mountpoint: None,
        mountpoint_now: None,
        marked,
        mark,
        file: None,
        others,
    })
}

fn is_default(host: &Host, root: &DatasetName) -> bool {
    root.directory() == Some(host.facts.default_directory.as_path())
}

/// Directory, name in it, text before and after.
type FileChange = (PathBuf, JailPath, Option<String>, String);

/// A change of the host's configuration file; none if it changes nothing.
fn edit(
    host: &Host,
    change: impl FnOnce(&mut RcConf) -> Result<(), RcError>,
) -> Result<Option<FileChange>, Error> {
    let path = &host.facts.source_file;
    let wrong = |e: RcError| Error::Config { subject: path.display().to_string(), problem: e.to_string() };
    let before = read(path)?;
    let old = before.clone().unwrap_or_default();
    let mut conf = RcConf::from_bytes(old.as_bytes(), Syntax::Shell).map_err(wrong)?;
    change(&mut conf).map_err(wrong)?;
    let after = String::from_utf8_lossy(conf.to_bytes()).into_owned();
    if old == after {
        return Ok(None);
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
        return Ok(None);
    };
    Ok(Some((directory.to_owned(), name.parse()?, before, after)))
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read { path: path.to_owned(), source }),
    }
}
