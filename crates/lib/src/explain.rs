//! Why a jail is as it is: where each value comes from, what it becomes, and what is in the way of a start.
//!
//! What is told is the plan of the start and the errors of the start themselves; see
//! [`operation`](crate::operation).

use std::collections::BTreeSet;

use ioc_model::config::{Format, Origin};
use ioc_model::name::JailRef;
use ioc_model::property::{self, AnyProperty, Kind, Support, Value};
use ioc_platform::jails::RunningJail;

use crate::error::Error;
use crate::facts::config;
use crate::facts::jail::JailFacts;
use crate::facts::world::{JailView, World};
use crate::ioc::Ioc;
use crate::operation::{dependencies, start_order, start_plan};
use crate::planner::effects::Effects;

/// Everything about one jail.
#[derive(Debug)]
pub struct Explanation {
    /// The jail.
    pub jail: JailRef,
    /// It, running.
    pub running: Option<RunningJail>,
    /// What is in the way of its start; empty of a jail that runs.
    pub obstacles: Vec<Obstacle>,
    /// What a start tells besides.
    pub notes: Vec<String>,
    /// Its properties, by name; none if its configuration cannot be read.
    pub settings: Vec<Explained>,
}

/// Something that keeps a jail from being started.
#[derive(Debug)]
pub struct Obstacle {
    /// The jail that it is about, if that is another one which this one depends on.
    pub dependency: Option<JailRef>,
    /// What it is.
    pub error: Error,
}

/// A property of a jail.
#[derive(Debug)]
pub struct Explained {
    /// Its name.
    pub key: String,
    /// Its value, or why it has none that could be used.
    pub value: Result<Value, Error>,
    /// Which layer the value comes from.
    pub origin: Origin,
    /// The file or dataset that says so, if one does.
    pub place: Option<String>,
    /// Whether ioc does something with it; else it is kept and shown.
    pub implemented: bool,
    /// What becomes of it when the jail is started, in words.
    pub becomes: Vec<String>,
}

impl Ioc {
    /// Explains a jail. Changes nothing.
    pub fn explain(&self, jail: &JailRef) -> Result<Explanation, Error> {
        let view = JailView::gather(self, jail)?;
        let mut told = Explanation {
            jail: jail.clone(),
            running: view.running,
            obstacles: Vec::new(),
            notes: Vec::new(),
            settings: Vec::new(),
        };
        let facts = match view.facts.and_then(|_| JailFacts::gather(self, jail)) {
            Ok(facts) => facts,
            Err(error) => {
                told.obstacles.push(Obstacle { dependency: None, error });
                return Ok(told);
            }
        };
        let (plan, wrong) = start_plan(self, &facts);
        told.obstacles.extend(wrong.into_iter().map(|error| Obstacle { dependency: None, error }));
        told.notes.clone_from(&plan.notes);
        let mut effects = Effects::of(&facts, &plan);
        self.dependencies_of(&facts, &mut told.obstacles, &mut effects);
        if told.running.is_some() {
            told.obstacles.clear();
        }
        told.settings = settings(&facts, &effects);
        Ok(told)
    }

    /// What keeps the jails from being started that this one depends on.
    fn dependencies_of(&self, jail: &JailFacts, obstacles: &mut Vec<Obstacle>, effects: &mut Effects) {
        let mut add = |dependency: Option<JailRef>, error: Error| {
            if !obstacles.iter().any(|known| known.error.to_string() == error.to_string()) {
                obstacles.push(Obstacle { dependency, error });
            }
        };
        // Without dependencies no other jail is looked at.
        match jail.get(&property::DEPENDS) {
            Ok(filter) if filter.is_empty() => return,
            Ok(_) => {}
            Err(error) => return add(None, error),
        }
        let world = match World::gather(self) {
            Ok(world) => world,
            Err(error) => return add(None, error),
        };
        match dependencies(&world, &jail.reference) {
            Ok(direct) => {
                for other in &direct {
                    effects.add(property::DEPENDS.name(), format!("{} is started before it", other.name));
                }
            }
            Err(error) => return add(None, error),
        }
        let order: BTreeSet<JailRef> = match start_order(&world, &jail.reference) {
            Ok(order) => order.nodes().iter().map(|node| node.jail.clone()).collect(),
            Err(error) => return add(None, error),
        };
        for view in world.jails.into_iter().filter(|view| order.contains(&view.reference)) {
            if view.reference == jail.reference || view.running.is_some() {
                continue;
            }
            let wrong = match view.facts.and_then(|_| JailFacts::gather(self, &view.reference)) {
                Ok(facts) => start_plan(self, &facts).1,
                Err(error) => vec![error],
            };
            wrong.into_iter().for_each(|error| add(Some(view.reference.clone()), error));
        }
    }
}

fn settings(jail: &JailFacts, effects: &Effects) -> Vec<Explained> {
    let of_dataset = property::all().filter(|row| matches!(row.facts().kind, Kind::Dataset(_)));
    let of_dataset: Vec<Explained> = of_dataset.filter_map(|row| of_dataset_property(jail, row)).collect();
    let of_config = jail.config.keys().into_iter().map(|key| {
        let (value, origin) = match jail.config.show(key) {
            Ok(setting) => (Ok(setting.value), setting.origin),
            Err(error) => {
                let origin = match &error {
                    ioc_model::config::PropertyError::Invalid { origin, .. } => *origin,
                    ioc_model::config::PropertyError::Unknown { .. } => Origin::Local,
                };
                (Err(jail.wrong(error)), origin)
            }
        };
        let implemented = property::find(key).is_some_and(|row| row.facts().support == Support::Full);
        Explained {
            key: key.to_owned(),
            value,
            origin,
            place: jail.place_of(origin),
            implemented,
            becomes: effects.of_property(key).to_vec(),
        }
    });
    let mut settings: Vec<Explained> = of_config.chain(of_dataset).collect();
    settings.sort_by(|a, b| a.key.cmp(&b.key));
    settings
}

/// A property of the jail's dataset, unless it has none.
fn of_dataset_property(jail: &JailFacts, row: &'static dyn AnyProperty) -> Option<Explained> {
    let Kind::Dataset(native) = row.facts().kind else { return None };
    let local = jail.info.properties.get(native)?.local;
    let value = jail.dataset_value(row).unwrap_or(Value::None);
    let becomes = match &value {
        Value::None => Vec::new(),
        value => vec![format!("ZFS property {native}={value} of {}", jail.dataset)],
    };
    Some(Explained {
        key: row.facts().name.to_owned(),
        value: Ok(value),
        origin: if local { Origin::Local } else { Origin::BuiltIn },
        place: local.then(|| jail.dataset.to_string()),
        implemented: true,
        becomes,
    })
}

/// Which layer a value comes from, in a word, and where that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// `local`, `defaults`, `iocage`, `built-in`; of a dataset's property also `inherited`; `computed`.
    pub origin: String,
    /// The file or dataset, if it is in one.
    pub place: Option<String>,
}

impl Provenance {
    fn computed() -> Self {
        Provenance { origin: "computed".to_owned(), place: None }
    }
}

impl JailFacts {
    /// Where the value of a property comes from; none if it has no value that could be used.
    pub fn provenance(&self, key: &str) -> Option<Provenance> {
        let key = property::canonical(key);
        match property::find(key).map(|row| row.facts().kind) {
            Some(Kind::Computed) => Some(Provenance::computed()),
            Some(Kind::Dataset(native)) => {
                let local = self.info.properties.get(native).is_some_and(|found| found.local);
                let origin = if local { "local" } else { "inherited" }.to_owned();
                Some(Provenance { origin, place: local.then(|| self.dataset.to_string()) })
            }
            Some(Kind::Config) | None => {
                let origin = self.config.show(key).ok()?.origin;
                Some(Provenance { origin: origin.to_string(), place: self.place_of(origin) })
            }
        }
    }

    /// The file or dataset that a layer of the configuration is in; none for what is in none.
    pub fn place_of(&self, origin: Origin) -> Option<String> {
        match origin {
            Origin::Local => Some(match self.config.format().file() {
                Some(file) => self.directory.join(file).display().to_string(),
                None => self.dataset.to_string(),
            }),
            Origin::SourceDefaults => {
                let format = self.config.defaults_format().unwrap_or(Format::Json);
                let (root, directory) =
                    (self.dataset.parent()?.parent()?, self.directory.ancestors().nth(2)?);
                Some(config::defaults_place(&root, directory, format))
            }
            Origin::Override | Origin::Iocage | Origin::BuiltIn => None,
        }
    }
}
