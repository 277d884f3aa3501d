//! Changing a configuration: all of a batch, or nothing.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::layer::{Layer, older_keys};
use super::text::EditError;
use super::view::{JailConfig, SourceDefaults};
use crate::property::{self, Kind, Value, ValueError};

/// One wish: `KEY=VALUE` sets, `KEY` makes the default apply again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The property.
    pub key: String,
    /// Its new value, as written; none to remove it.
    pub value: Option<String>,
}

impl Change {
    /// Sets `key` to `value`.
    pub fn set(key: impl Into<String>, value: impl Into<String>) -> Self {
        Change { key: key.into(), value: Some(value.into()) }
    }

    /// Removes `key`.
    pub fn unset(key: impl Into<String>) -> Self {
        Change { key: key.into(), value: None }
    }
}

impl FromStr for Change {
    type Err = std::convert::Infallible;

    /// Reads a word of the command line; whether there is such a property is asked later.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word.split_once('=') {
            Some((key, value)) => Change::set(key.trim(), value),
            None => Change::unset(word.trim()),
        })
    }
}

/// A property that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The property.
    pub key: String,
    /// What was set before; none if nothing was, or nothing that could be read.
    pub old: Option<Value>,
    /// What is set now.
    pub new: Option<Value>,
}

/// A change of a property of the dataset, which the store makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetChange {
    /// The ZFS property.
    pub property: &'static str,
    /// Its new value; none to inherit it.
    pub value: Option<Value>,
}

/// What a batch does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Properties of the configuration that changed, by name; those that had the value already are not here.
    pub config: Vec<Changed>,
    /// Properties of the dataset that are to be changed.
    pub dataset: Vec<DatasetChange>,
}

/// Why a batch was refused; nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// The text is no value of the property.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// There is no such property.
    #[error("no property is called {key:?}{}", .near.map(|near| format!(", did you mean {near}?")).unwrap_or_default())]
    Unknown {
        /// The name.
        key: String,
        /// A name that is like it.
        near: Option<&'static str>,
    },
    /// The property is found out, not set.
    #[error("{key} cannot be set")]
    ReadOnly {
        /// The property.
        key: String,
    },
    /// A MAC address or MTU of an interface that the jail does not have.
    #[error("{key} is of no interface that `interfaces` lists")]
    NoInterface {
        /// The property.
        key: String,
    },
    /// The file has something else in its place.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// A change that is known to be good.
struct Checked {
    key: String,
    value: Option<String>,
}

impl JailConfig {
    /// Makes all changes of a batch, or none: the first bad one is the error.
    ///
    /// Later changes of one key win. A value that is there already, however spelled, is left as it stands.
    pub fn set(&mut self, changes: &[Change]) -> Result<Changes, SetError> {
        let mut done = Changes::default();
        let mut next = self.clone();
        for (_, change) in check(changes, self)? {
            let property = property::find(&change.key);
            if let Some(Kind::Dataset(name)) = property.map(|property| property.facts().kind) {
                let value = match (&change.value, property) {
                    (Some(text), Some(property)) => property.read(&change.key, text)?,
                    _ => None,
                };
                done.dataset.push(DatasetChange { property: name, value });
                continue;
            }
            if let Some(changed) = next.change_one(&change)? {
                done.config.push(changed);
            }
        }
        next.own = Layer::own(&next.document);
        next.check_interfaces(&done)?;
        *self = next;
        Ok(done)
    }

    /// This configuration with values for one run only; they are not written.
    pub fn with_overrides(&self, changes: &[Change]) -> Result<JailConfig, SetError> {
        let mut with = self.clone();
        for (_, change) in check(changes, self)? {
            with.overrides.insert(change.key, change.value);
        }
        Ok(with)
    }

    fn change_one(&mut self, change: &Checked) -> Result<Option<Changed>, SetError> {
        let key = change.key.as_str();
        let property = property::find(key);
        let read = |text: &str| property.map_or(Ok(None), |property| property.read(key, text));
        let before = self.own.get(key).map(|raw| raw.text().map_err(|_| ()).map(|text| read(&text)));
        let old = match &before {
            Some(Ok(Ok(value))) => value.clone(),
            _ => None,
        };
        let stored = match (&change.value, property) {
            (Some(text), Some(property)) => property.store(key, text, self.own.style.dialect)?,
            _ => None,
        };
        let new = match &change.value {
            Some(text) => read(text)?,
            None => None,
        };
        let same = matches!(&before, Some(Ok(Ok(Some(value)))) if new.as_ref() == Some(value));
        if same || before.is_none() && stored.is_none() {
            return Ok(None);
        }
        let mut changed = false;
        for older in older_keys(key) {
            changed |= self.document.remove(older);
        }
        match stored {
            Some(stored) => {
                self.document.set(key, &stored, self.own.style)?;
                changed = true;
            }
            None => changed |= self.document.remove(key),
        }
        Ok(changed.then(|| Changed { key: key.to_owned(), old, new }))
    }

    /// Checks that what was just set for an interface is for one there is.
    fn check_interfaces(&self, changes: &Changes) -> Result<(), SetError> {
        for changed in changes.config.iter().filter(|changed| changed.new.is_some()) {
            let Some(nic) = property::interface_of(&changed.key) else { continue };
            let links = self.value(&property::INTERFACES).unwrap_or_default();
            if links.of(&nic).is_none() {
                return Err(SetError::NoInterface { key: changed.key.clone() });
            }
        }
        Ok(())
    }
}

impl SourceDefaults {
    /// Changes the defaults of a source, as [`JailConfig::set`] does a jail's configuration.
    pub fn set(&mut self, changes: &[Change]) -> Result<Changes, SetError> {
        let mut config = JailConfig::of_defaults(self);
        let done = config.set(changes)?;
        *self = SourceDefaults::new(config.document);
        Ok(done)
    }
}

/// Checks every change of a batch; by key, so that the order of arguments does not matter.
fn check(changes: &[Change], config: &JailConfig) -> Result<BTreeMap<String, Checked>, SetError> {
    let mut checked = BTreeMap::new();
    for change in changes {
        let key = property::canonical(&change.key);
        let property = property::find(key);
        match (property, &change.value) {
            (Some(property), _) if property.facts().kind == Kind::Computed => {
                return Err(SetError::ReadOnly { key: key.to_owned() });
            }
            (Some(property), Some(text)) => {
                property.read(key, text)?;
            }
            (Some(_), None) => {}
            // What ioc does not know can go, if it is there.
            (None, None) if config.own.get(key).is_some() => {}
            (None, _) => return Err(unknown(key)),
        }
        checked.insert(key.to_owned(), Checked { key: key.to_owned(), value: change.value.clone() });
    }
    Ok(checked)
}

fn unknown(key: &str) -> SetError {
    SetError::Unknown { key: key.chars().take(80).collect(), near: property::similar(key) }
}
