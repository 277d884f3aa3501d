//! All jails of all sources: what `list` shows and filters choose from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use ioc_model::config::SourceDefaults;
use ioc_model::name::{JailName, JailRef, KernelName, Part};
use ioc_model::property::{self, Value};
use ioc_platform::host::Host;
use ioc_platform::jails::RunningJail;
use ioc_platform::limits::Limits;
use ioc_platform::store::Tree;

use super::config;
use super::jail::{Found, JailFacts};
use crate::error::Error;
use crate::ioc::Ioc;
use crate::source::Source;

/// The defaults of a source, if it has any.
type Defaults = Option<Arc<SourceDefaults>>;

/// Levels below a source's root that hold jails: `jails`, the jail, its root.
const DEPTH: usize = 3;

/// All jails, readable or not.
#[derive(Debug)]
pub struct World {
    /// The jails, by source, then by name.
    pub jails: Vec<JailView>,
    /// Running jails that are in none of the sources: somebody else's, to be looked at and no more.
    pub foreign: Vec<RunningJail>,
}

/// One jail as it is listed.
#[derive(Debug)]
pub struct JailView {
    /// The jail.
    pub reference: JailRef,
    /// What is known of it, or why it cannot be read.
    pub facts: Result<JailFacts, Error>,
    /// It, running.
    pub running: Option<RunningJail>,
    found: Found,
    several_sources: bool,
    limits: Arc<dyn Limits>,
    /// What it uses, once somebody has asked.
    usage: OnceLock<Vec<(String, u64)>>,
}

impl World {
    /// Only these jails, without looking at any other, and of their datasets nothing but the place.
    pub fn of(ioc: &Ioc, jails: &[JailRef]) -> Result<Self, Error> {
        let jails = jails.iter().map(|jail| JailView::gather_mounted(ioc, jail)).collect::<Result<_, _>>()?;
        Ok(World { jails, foreign: Vec::new() })
    }

    /// Gathers it: one look at each source's store and one at the kernel, whatever the number of jails.
    pub fn gather(ioc: &Ioc) -> Result<Self, Error> {
        let running: BTreeMap<KernelName, RunningJail> =
            ioc.host().jails.list()?.into_iter().map(|jail| (jail.name.clone(), jail)).collect();
        let sources = ioc.sources()?;
        let mut jails = Vec::new();
        for source in sources {
            let tree = ioc.host().store(&source.root).tree(&source.root, DEPTH, &[])?;
            of_source(ioc, source, &tree, &running, sources.len() > 1, &mut jails)?;
        }
        let ours: BTreeSet<i32> = jails.iter().filter_map(|jail| Some(jail.running.as_ref()?.jid)).collect();
        let foreign = running.into_values().filter(|jail| !jail.dying && !ours.contains(&jail.jid)).collect();
        Ok(World { jails, foreign })
    }
}

fn of_source(
    ioc: &Ioc,
    source: &Source,
    tree: &Tree,
    running: &BTreeMap<KernelName, RunningJail>,
    several_sources: bool,
    jails: &mut Vec<JailView>,
) -> Result<(), Error> {
    let host = ioc.host();
    let kind = host.store(&source.root).kind();
    let Some(info) = tree.get(&source.root) else {
        let problem = format!("{} does not exist", source.root);
        return Err(Error::SourceUnusable { source_name: source.name.clone(), problem });
    };
    let Some(directory) = &info.mounted_at else {
        let problem = format!("{} is not mounted", source.root);
        return Err(Error::SourceUnusable { source_name: source.name.clone(), problem });
    };
    let defaults = config::read_defaults(host, source, directory);
    let mut found = Vec::new();
    for part in [Part::Jails, Part::Templates] {
        let namespace = source.root.part(part);
        let is_child = |rest: &str| !rest.is_empty() && !rest.contains('/');
        let below = tree.keys().filter(|dataset| dataset.below(&namespace).is_some_and(is_child));
        for dataset in below {
            // A foreign dataset whose name no jail can have is not ours.
            let Ok(name) = dataset.last().parse::<JailName>() else { continue };
            if let Some(one) = Found::in_tree(source.reference(&name), dataset.clone(), kind, tree)
                && one.is_jail(host)?
            {
                found.push(one);
            }
        }
    }
    let view = |found: Found| {
        let reference = found.reference.clone();
        let names = reference.kernel_names();
        let running = names.iter().filter_map(|name| running.get(name)).find(|jail| found.is(jail)).cloned();
        let facts = facts_of(host, &found, &defaults);
        let limits = Arc::clone(&host.limits);
        JailView { reference, facts, running, found, several_sources, limits, usage: OnceLock::new() }
    };
    jails.extend(side_by_side(found, &view));
    Ok(())
}

/// The facts about a jail. Without the defaults of its source none is as it is configured, but each is there.
fn facts_of(host: &Host, found: &Found, defaults: &Result<Defaults, Error>) -> Result<JailFacts, Error> {
    match defaults {
        Ok(defaults) => JailFacts::load(host, found.clone(), defaults.clone()),
        Err(error) => Err(again(error, &found.reference)),
    }
}

/// Jails whose configurations one thread reads: fewer are read faster than a thread is started.
const A_THREADS_WORTH: usize = 64;

/// Reads many configurations by several threads; their order stays.
fn side_by_side(found: Vec<Found>, view: &(dyn Fn(Found) -> JailView + Sync)) -> Vec<JailView> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(8);
    let share = found.len().div_ceil(threads).max(A_THREADS_WORTH);
    if found.len() <= share {
        return found.into_iter().map(view).collect();
    }
    let shares: Vec<Vec<Found>> = found.chunks(share).map(<[Found]>::to_vec).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || share.into_iter().map(view).collect::<Vec<_>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

impl JailView {
    /// Gathers one jail, without looking at any other.
    pub fn gather(ioc: &Ioc, jail: &JailRef) -> Result<Self, Error> {
        Self::of_found(ioc, JailFacts::find(ioc, jail)?)
    }

    /// The same of a jail that was found by [`JailFacts::find_mounted`]: values of its dataset are not known.
    pub fn gather_mounted(ioc: &Ioc, jail: &JailRef) -> Result<Self, Error> {
        Self::of_found(ioc, JailFacts::find_mounted(ioc, jail)?)
    }

    fn of_found(ioc: &Ioc, found: Found) -> Result<Self, Error> {
        let jail = found.reference.clone();
        let source = ioc.source(&jail.source)?;
        let defaults = config::read_defaults(ioc.host(), source, &source.directory(ioc.host())?);
        Ok(JailView {
            reference: jail,
            running: found.running(ioc.host())?,
            facts: facts_of(ioc.host(), &found, &defaults),
            found,
            several_sources: ioc.sources()?.len() > 1,
            limits: Arc::clone(&ioc.host().limits),
            usage: OnceLock::new(),
        })
    }

    /// The value of any property, computed ones included.
    pub fn value(&self, key: &str) -> Result<Value, Error> {
        let text = |text: String| Ok(Value::Text(text));
        match property::canonical(key) {
            "name" => text(self.reference.name.to_string()),
            "source" => text(self.reference.source.to_string()),
            "full_name" => text(self.full_name()),
            "dataset" => text(self.found.dataset.to_string()),
            "jid" => Ok(self.running.as_ref().map_or(Value::None, |r| Value::Int(r.jid.into()))),
            "running" => Ok(Value::Bool(self.running.is_some())),
            "state" => text(self.state().to_owned()),
            "path" => {
                Ok(self.found.root.as_ref().map_or(Value::None, |p| Value::Text(p.display().to_string())))
            }
            "mountpoint" => {
                let at = self.found.info.mounted_at.as_ref();
                Ok(at.map_or(Value::None, |p| Value::Text(p.display().to_string())))
            }
            "origin" => {
                let origin = self.found.info.origin.as_ref();
                Ok(origin.map_or(Value::None, |origin| Value::Text(origin.to_string())))
            }
            key => match property::used_resource(key) {
                Some(resource) => self.used(resource),
                None => self.configured(key),
            },
        }
    }

    /// What the jail uses of a resource; none if it does not run, or this system does not count that.
    fn used(&self, resource: &str) -> Result<Value, Error> {
        let Some(running) = &self.running else { return Ok(Value::None) };
        let usage = match self.usage.get() {
            Some(usage) => usage,
            None => {
                let usage = self.limits.usage(running)?;
                self.usage.get_or_init(|| usage)
            }
        };
        let amount = usage.iter().find(|(name, _)| name == resource).map(|(_, amount)| *amount);
        Ok(amount.map_or(Value::None, |amount| Value::Int(i64::try_from(amount).unwrap_or(i64::MAX))))
    }

    fn configured(&self, key: &str) -> Result<Value, Error> {
        let facts = match &self.facts {
            Ok(facts) => facts,
            Err(error) => return Err(again(error, &self.reference)),
        };
        match key {
            "template" => Ok(Value::Bool(facts.is_template()?)),
            "config_format" => Ok(Value::Text(facts.config.format().to_string())),
            "legacy" => Ok(Value::Bool(facts.config.is_legacy())),
            _ => match property::find(key).map(|property| (property, property.facts().kind)) {
                Some((property, property::Kind::Dataset(_) | property::Kind::Computed)) => {
                    Ok(facts.dataset_value(property).unwrap_or(Value::None))
                }
                _ => facts.config.show(key).map(|setting| setting.value).map_err(|e| facts.wrong(e)),
            },
        }
    }

    /// Up or down; or locked: encrypted, and without its key none of its business can be known.
    fn state(&self) -> &'static str {
        match (&self.running, self.is_locked()) {
            (Some(_), _) => "up",
            (None, true) => "locked",
            (None, false) => "down",
        }
    }

    /// Tells whether it is encrypted and the key is not loaded; that is no fault of it.
    pub fn is_locked(&self) -> bool {
        self.found.locked
    }

    /// Tells whether it is a template; of one that cannot be read only its place says so.
    pub fn is_template(&self) -> bool {
        let configured = self.facts.as_ref().is_ok_and(|facts| facts.is_template().unwrap_or(false));
        self.found.among_templates || configured
    }

    /// `SOURCE/NAME` if there are several sources, else the name.
    pub fn full_name(&self) -> String {
        if self.several_sources { self.reference.to_string() } else { self.reference.name.to_string() }
    }

    /// Its place in the order of starting; 0 if it cannot be read.
    pub fn priority(&self) -> i64 {
        let facts = self.facts.as_ref().ok();
        facts.and_then(|facts| facts.get(&property::PRIORITY).ok()).map_or(0, i64::from)
    }

    /// All keys that `get all` shows.
    pub fn keys(&self) -> Vec<String> {
        let Ok(facts) = &self.facts else { return Vec::new() };
        let mut keys: Vec<String> = facts.config.keys().into_iter().map(str::to_owned).collect();
        keys.extend(["name", "source", "dataset", "path"].map(str::to_owned));
        // What iocage has among the properties of a jail and ZFS among those of its dataset.
        let of_dataset = property::all().filter(|row| matches!(row.facts().kind, property::Kind::Dataset(_)));
        keys.extend(of_dataset.map(|row| row.facts().name.to_owned()));
        keys.extend(["available", "compressratio", "mountpoint", "origin", "used"].map(str::to_owned));
        keys.sort();
        keys
    }
}

/// Why a jail cannot be read, once more.
fn again(error: &Error, jail: &JailRef) -> Error {
    match error {
        Error::NotMounted { jail, dataset, locked } => {
            Error::NotMounted { jail: jail.clone(), dataset: dataset.clone(), locked: *locked }
        }
        Error::Config { subject, problem } => {
            Error::Config { subject: subject.clone(), problem: problem.clone() }
        }
        error => {
            Error::Config { subject: format!("jail {}", jail.name), problem: crate::event::chain(error) }
        }
    }
}
