//! What the table says of a property, and the notation it is written in.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use super::typed::{Dialect, Stored, Typed};
use super::value::{Value, ValueError, is_none};

/// Where the value of a property lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In the configuration of the jail.
    Config,
    /// It is this ZFS property of the jail's dataset.
    Dataset(&'static str),
    /// It is found out, and cannot be set.
    Computed,
}

/// Whether a property has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// ioc does what it says.
    Full,
    /// ioc keeps and shows it, and does nothing with it.
    Kept,
}

/// Who had the property first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// libiocage, and mostly iocage as well.
    Libioc,
    /// iocage from this CONFIG_VERSION on.
    Iocage(u8),
    /// ioc.
    Ioc,
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Since::Libioc => f.write_str("libioc"),
            Since::Iocage(version) => write!(f, "iocage, version {version}"),
            Since::Ioc => f.write_str("ioc"),
        }
    }
}

/// The parameter of jail(8) that a property becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its name: `allow.raw_sockets`.
    pub parameter: &'static str,
    /// The FreeBSD that had it first, as far as is known, where that is later than 9.0; the kernel has the last word.
    pub since: Option<&'static str>,
}

/// What values a property takes, beyond its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All of its type; text is a single line.
    Any,
    /// Numbers from the first to the second.
    Range(i64, i64),
    /// These words.
    OneOf(&'static [&'static str]),
    /// Text of several lines too.
    Lines,
    /// Limits, of a resource that can be denied or slowed down, or cannot.
    Limit {
        /// Whether `deny` works; rctl(8) has it for all but times and rates.
        deny: bool,
        /// Whether `throttle` works; rctl(8) has it for rates of input and output only.
        throttle: bool,
    },
}

/// Everything that is known of a property but its type.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Its name.
    pub name: &'static str,
    /// Other names that mean it.
    pub aliases: &'static [&'static str],
    /// What it is for, in one line.
    pub help: &'static str,
    /// The value it has unless set, as one would write it; `-` for none.
    pub default: &'static str,
    /// What values it takes, beyond its type.
    pub rule: Rule,
    /// The parameter of jail(8) it becomes.
    pub kernel: Option<Kernel>,
    /// Where it lives.
    pub kind: Kind,
    /// Whether `set` changes a running jail as well.
    pub live: bool,
    /// Whether it has an effect.
    pub support: Support,
    /// Who had it first.
    pub since: Since,
}

/// A property, with the type its values have in code.
pub struct Property<T> {
    facts: Facts,
    value: PhantomData<fn() -> T>,
}

/// Longest text that is taken as a value, in bytes.
pub const MOST_TEXT: usize = 64 * 1024;

impl<T: Typed> Property<T> {
    /// A property that lives in the configuration, has an effect, and is not changed while the jail runs.
    pub(super) const fn new(help: &'static str, name: &'static str, default: &'static str) -> Self {
        let facts = Facts {
            name,
            aliases: &[],
            help: help.trim_ascii(),
            default,
            rule: Rule::Any,
            kernel: None,
            kind: Kind::Config,
            live: false,
            support: Support::Full,
            since: Since::Libioc,
        };
        Property { facts, value: PhantomData }
    }

    pub(super) const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.facts.aliases = aliases;
        self
    }

    pub(super) const fn range(mut self, least: i64, most: i64) -> Self {
        self.facts.rule = Rule::Range(least, most);
        self
    }

    pub(super) const fn one_of(mut self, words: &'static [&'static str]) -> Self {
        self.facts.rule = Rule::OneOf(words);
        self
    }

    pub(super) const fn limit(mut self, deny: bool, throttle: bool) -> Self {
        self.facts.rule = Rule::Limit { deny, throttle };
        self
    }

    pub(super) const fn lines(mut self) -> Self {
        self.facts.rule = Rule::Lines;
        self
    }

    pub(super) const fn kernel(mut self, parameter: &'static str) -> Self {
        self.facts.kernel = Some(Kernel { parameter, since: None });
        self
    }

    pub(super) const fn kernel_since(mut self, parameter: &'static str, since: &'static str) -> Self {
        self.facts.kernel = Some(Kernel { parameter, since: Some(since) });
        self
    }

    pub(super) const fn dataset(mut self, property: &'static str) -> Self {
        self.facts.kind = Kind::Dataset(property);
        self
    }

    pub(super) const fn computed(mut self) -> Self {
        self.facts.kind = Kind::Computed;
        self
    }

    pub(super) const fn live(mut self) -> Self {
        self.facts.live = true;
        self
    }

    pub(super) const fn kept(mut self) -> Self {
        self.facts.support = Support::Kept;
        self
    }

    pub(super) const fn since(mut self, since: Since) -> Self {
        self.facts.since = since;
        self
    }

    /// The name of the property.
    pub const fn name(&self) -> &'static str {
        self.facts.name
    }

    /// Reads `text` as a value of `key`, which is this property, or one of its family.
    ///
    /// `Ok(None)` means that the text is a spelling of none and the type has no such value: the property is then
    /// not set.
    pub fn parse_as(&self, key: &str, text: &str) -> Result<Option<T>, ValueError> {
        let refuse = |reason: String| ValueError {
            property: key.to_owned(),
            given: text.chars().take(80).collect(),
            reason,
            accepted: self.accepts().into_owned(),
        };
        if text.len() > MOST_TEXT {
            return Err(refuse(format!("longer than {MOST_TEXT} bytes")));
        }
        let may_break = |c: char| self.facts.rule == Rule::Lines && matches!(c, '\n' | '\t' | '\r');
        if let Some(bad) = text.trim().chars().find(|c| c.is_control() && !may_break(*c)) {
            return Err(refuse(format!("has the control character {bad:?}")));
        }
        let trimmed = text.trim();
        let value = match (is_none(trimmed), T::NULLABLE) {
            (true, false) => return Ok(None),
            (true, true) => T::parse(""),
            (false, _) => T::parse(trimmed),
        };
        let value = value.map_err(refuse)?;
        match (self.facts.rule, value.value()) {
            (Rule::Range(least, most), Value::Int(number)) if !(least..=most).contains(&number) => {
                Err(refuse("out of range".to_owned()))
            }
            (Rule::Limit { deny: false, .. }, Value::Text(limit)) if limit.starts_with("deny=") => {
                Err(refuse("rctl(8) cannot deny this resource, use log, devctl or a signal".to_owned()))
            }
            (Rule::Limit { throttle: false, .. }, Value::Text(limit)) if limit.starts_with("throttle=") => {
                Err(refuse("rctl(8) cannot throttle this resource".to_owned()))
            }
            (Rule::OneOf(words), Value::Text(word)) if !words.contains(&word.as_str()) => {
                Err(refuse("not one of the choices".to_owned()))
            }
            _ => Ok(Some(value)),
        }
    }

    /// The value that holds unless another is set.
    pub fn default(&self) -> T {
        let text = if is_none(self.facts.default) { "" } else { self.facts.default };
        T::parse(text).expect("the tests read the default of every property")
    }
}

/// A property whose type is not known in code: what tables, `get`, `set` and filters work with.
pub trait AnyProperty: Sync {
    /// What the table says.
    fn facts(&self) -> &Facts;

    /// Short name of the type: "bool".
    fn type_name(&self) -> &'static str;

    /// What is accepted as a value, for messages and help.
    fn accepts(&self) -> Cow<'static, str>;

    /// Whether `none` is a value of its own; else it means "not set".
    fn nullable(&self) -> bool;

    /// Reads `text` as a value of `key`; none where the text means that the property is not set.
    fn read(&self, key: &str, text: &str) -> Result<Option<Value>, ValueError>;

    /// Reads `text` as `read` does, and gives what a file of that dialect is to hold.
    fn store(&self, key: &str, text: &str, dialect: Dialect) -> Result<Option<Stored>, ValueError>;

    /// The value that holds unless another is set.
    fn default_value(&self) -> Value;
}

impl<T: Typed> AnyProperty for Property<T> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn type_name(&self) -> &'static str {
        T::NAME
    }

    fn accepts(&self) -> Cow<'static, str> {
        let none = if T::NULLABLE && T::ALSO_NONE.is_empty() { "; none" } else { "" };
        match self.facts.rule {
            Rule::Range(least, i64::MAX) => Cow::Owned(format!("a whole number, {least} or more{none}")),
            Rule::Range(least, most) => Cow::Owned(format!("a whole number from {least} to {most}{none}")),
            Rule::OneOf(words) => Cow::Owned(format!("{}{none}", words.join(", "))),
            Rule::Any | Rule::Lines | Rule::Limit { .. } if none.is_empty() => Cow::Borrowed(T::ACCEPTS),
            Rule::Any | Rule::Lines | Rule::Limit { .. } => Cow::Owned(format!("{}{none}", T::ACCEPTS)),
        }
    }

    fn nullable(&self) -> bool {
        T::NULLABLE
    }

    fn read(&self, key: &str, text: &str) -> Result<Option<Value>, ValueError> {
        Ok(self.parse_as(key, text)?.map(|value| value.value()))
    }

    fn store(&self, key: &str, text: &str, dialect: Dialect) -> Result<Option<Stored>, ValueError> {
        Ok(self.parse_as(key, text)?.map(|value| value.stored(dialect)))
    }

    fn default_value(&self) -> Value {
        self.default().value()
    }
}

/// Defines the properties of one subject, and `ALL`, the list of them.
///
/// The line of documentation above a property is its help text as well; the rest is its type, name and default,
/// and what differs from a plain property of the configuration.
macro_rules! properties {
    ($($(#[doc = $help:literal])+ $constant:ident: $type:ty = ($name:literal, $default:literal)
        $(.$method:ident($($argument:expr),*))*;)*) => {
        $(
            $(#[doc = $help])+
            pub static $constant: $crate::property::Property<$type> =
                $crate::property::Property::new(concat!($($help),+), $name, $default)$(.$method($($argument),*))*;
        )*

        /// The properties of this subject.
        pub(super) static ALL: &[&dyn $crate::property::AnyProperty] = &[$(&$constant),*];
    };
}
pub(super) use properties;
