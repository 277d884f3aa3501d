//! A jail's configuration as planners see it: values with their types, and where each came from.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::document::{Document, Format};
use super::iocage;
use super::layer::Layer;
use super::raw::Raw;
use crate::property::{self, AnyProperty, Dialect, Kind, Property, Typed, Value, ValueError};

/// Where a value comes from; earlier ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Given for this run only (`start -o`).
    Override,
    /// The jail's own configuration.
    Local,
    /// The defaults of the jail's source.
    SourceDefaults,
    /// A default of iocage, which wrote the jail's configuration and relies on it.
    Iocage,
    /// The table of properties.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Origin::Override => "override",
            Origin::Local => "local",
            Origin::SourceDefaults => "defaults",
            Origin::Iocage => "iocage",
            Origin::BuiltIn => "built-in",
        })
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

/// Why a property has no value that could be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// What is set is no value of the property; others stay usable.
    #[error("{origin} configuration: {error}")]
    Invalid {
        /// Where it is set.
        origin: Origin,
        /// What is wrong with it, and what is accepted.
        error: ValueError,
    },
    /// Neither the table nor the configuration has it.
    #[error("no property is called {key:?}{}", .near.map(|near| format!(", did you mean {near}?")).unwrap_or_default())]
    Unknown {
        /// The name.
        key: String,
        /// A name that is like it.
        near: Option<&'static str>,
    },
}

/// The defaults of a source, shared by its jails.
#[derive(Clone, Debug)]
pub struct SourceDefaults {
    pub(super) document: Document,
    pub(super) layer: Layer,
}

impl SourceDefaults {
    /// Takes the document of a source's defaults.
    pub fn new(document: Document) -> Self {
        SourceDefaults { layer: Layer::defaults(&document), document }
    }

    /// The document, to be written.
    pub fn document(&self) -> &Document {
        &self.document
    }
}

/// The configuration of a jail.
///
/// Values are read when they are asked for, so that a bad one harms nothing but itself; [`JailConfig::problems`]
/// lists them all. Properties that are computed or live on the dataset are not here: their owner adds them.
#[derive(Clone, Debug)]
pub struct JailConfig {
    pub(super) document: Document,
    pub(super) own: Layer,
    pub(super) defaults: Option<Arc<SourceDefaults>>,
    /// Values for this run; none hides the one below.
    pub(super) overrides: BTreeMap<String, Option<String>>,
}

impl JailConfig {
    /// A configuration with the defaults of its source, if the source has any.
    pub fn new(document: Document, defaults: Option<Arc<SourceDefaults>>) -> Self {
        JailConfig { own: Layer::own(&document), document, defaults, overrides: BTreeMap::new() }
    }

    /// The defaults of a source on their own, as `ioc get PROPERTY defaults` shows them.
    pub fn of_defaults(defaults: &SourceDefaults) -> Self {
        JailConfig {
            document: defaults.document.clone(),
            own: defaults.layer.clone(),
            defaults: None,
            overrides: BTreeMap::new(),
        }
    }

    /// The document, to be written.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The format that the jail's configuration was found in.
    pub fn format(&self) -> Format {
        self.document.format()
    }

    /// The format that the defaults of its source were found in.
    pub fn defaults_format(&self) -> Option<Format> {
        self.defaults.as_ref().map(|defaults| defaults.document.format())
    }

    /// How the jail's configuration is written.
    pub fn style(&self) -> super::raw::Style {
        self.own.style
    }

    /// Whose notation the jail's configuration has.
    pub fn dialect(&self) -> Dialect {
        self.own.style.dialect
    }

    /// Tells whether only older programs wrote the format.
    pub fn is_legacy(&self) -> bool {
        self.format() != Format::Json
    }

    /// The value of a property.
    ///
    /// ```
    /// # use ioc_model::config::{Document, JailConfig, Origin};
    /// # use ioc_model::property;
    /// let config = JailConfig::new(Document::new(), None);
    /// let priority = config.get(&property::PRIORITY)?;
    /// assert_eq!((priority.value, priority.origin), (0, Origin::BuiltIn));
    /// # Ok::<(), ioc_model::config::PropertyError>(())
    /// ```
    pub fn get<T: Typed>(&self, property: &Property<T>) -> Result<Setting<T>, PropertyError> {
        self.get_as(property, property.name())
    }

    /// The value of one member of a family: `config.get_as(&property::NIC_MAC, "vnet0_mac")`.
    pub fn get_as<T: Typed>(&self, property: &Property<T>, key: &str) -> Result<Setting<T>, PropertyError> {
        let found =
            self.lookup(key, |text| property.parse_as(key, text), |raw| unreadable(property, key, raw))?;
        Ok(found.unwrap_or_else(|| Setting { value: property.default(), origin: Origin::BuiltIn }))
    }

    /// The value of a property whose default or whose origin does not matter.
    pub fn value<T: Typed>(&self, property: &Property<T>) -> Result<T, PropertyError> {
        self.get(property).map(|setting| setting.value)
    }

    /// The value of any key, as it is shown: of a property, or of a key that no property has.
    pub fn show(&self, key: &str) -> Result<Setting<Value>, PropertyError> {
        let key = property::canonical(key);
        let Some(property) = property::find(key) else {
            return self.show_unknown(key);
        };
        let read = |text: &str| property.read(key, text);
        let found = self.lookup(key, read, |raw| unreadable(property, key, raw))?;
        Ok(found.unwrap_or_else(|| Setting { value: property.default_value(), origin: Origin::BuiltIn }))
    }

    fn show_unknown(&self, key: &str) -> Result<Setting<Value>, PropertyError> {
        let mut found = self.given(key);
        let (origin, given) = found.next().ok_or_else(|| PropertyError::Unknown {
            key: key.chars().take(80).collect(),
            near: property::similar(key),
        })?;
        let value = match given {
            Given::Raw(raw) => raw.value(),
            Given::Text(text) => Value::Text(text.to_owned()),
        };
        Ok(Setting { value, origin })
    }

    /// All keys there are: those of the table, and those of the configuration and the defaults.
    pub fn keys(&self) -> BTreeSet<&str> {
        let is_row = |property: &&dyn AnyProperty| {
            property.facts().kind == Kind::Config && !property::is_family(*property)
        };
        let table = property::all().filter(is_row).map(|property| property.facts().name);
        table.chain(self.set_keys()).collect()
    }

    /// The keys that are set somewhere: for this run, in the jail's configuration, or in the defaults.
    pub fn set_keys(&self) -> BTreeSet<&str> {
        let defaults = self.defaults.iter().flat_map(|defaults| defaults.layer.keys());
        self.overrides.keys().map(String::as_str).chain(self.own.keys()).chain(defaults).collect()
    }

    /// The keys that no property has; they are kept and shown.
    pub fn unknown_keys(&self) -> Vec<&str> {
        self.set_keys().into_iter().filter(|key| property::find(key).is_none()).collect()
    }

    /// Every value that is set and cannot be used.
    pub fn problems(&self) -> Vec<PropertyError> {
        self.set_keys().into_iter().filter_map(|key| self.show(key).err()).collect()
    }

    /// What the layers hold for a key, the one that wins first.
    fn given<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (Origin, Given<'a>)> {
        let over = self.overrides.get(key);
        let hidden = matches!(over, Some(None));
        let over = over.and_then(Option::as_deref).map(|text| (Origin::Override, Given::Text(text)));
        let own = self.own.get(key).filter(|_| !hidden).map(|raw| (Origin::Local, Given::Raw(raw)));
        let defaults = self.defaults.as_ref().and_then(|defaults| defaults.layer.get(key));
        let defaults = defaults.map(|raw| (Origin::SourceDefaults, Given::Raw(raw)));
        let implied = iocage::implied(key).filter(|_| self.dialect() == Dialect::Iocage);
        let implied = implied.map(|text| (Origin::Iocage, Given::Text(text)));
        over.into_iter().chain(own).chain(defaults).chain(implied)
    }

    fn lookup<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<Option<T>, ValueError>,
        unreadable: impl Fn(&'static str) -> ValueError,
    ) -> Result<Option<Setting<T>>, PropertyError> {
        for (origin, given) in self.given(key) {
            let text = match given {
                Given::Text(text) => Ok(Cow::Borrowed(text)),
                Given::Raw(raw) => raw.text(),
            };
            let value = text.map_err(&unreadable).and_then(|text| read(&text));
            match value {
                Ok(Some(value)) => return Ok(Some(Setting { value, origin })),
                // None, where the type has no such value, leaves the word to the next layer.
                Ok(None) => {}
                Err(error) => return Err(PropertyError::Invalid { origin, error }),
            }
        }
        Ok(None)
    }
}

/// A value before it is read.
enum Given<'a> {
    Text(&'a str),
    Raw(&'a Raw),
}

fn unreadable(property: &dyn AnyProperty, key: &str, why: &'static str) -> ValueError {
    ValueError {
        property: key.to_owned(),
        given: "...".to_owned(),
        reason: why.to_owned(),
        accepted: property.accepts().into_owned(),
    }
}
