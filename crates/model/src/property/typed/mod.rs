//! The types that properties have in code, and how each is read, shown and stored.

mod choices;
mod lists;
mod values;

pub use choices::{BasejailKind, CpuList, Mtu, Ruleset, Sharing};
pub use lists::{Arguments, DatasetList, Items, Words};

use super::value::{Value, parse_bool};

/// Whose notation a configuration is written in, where the programs differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// libiocage and ioc: commas between items, `none` for no value.
    Libioc,
    /// iocage: blanks between items of some lists, `off` for no limit.
    Iocage,
}

/// A value as a configuration file holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Yes or no, in whatever notation the file has for it.
    Bool(bool),
    /// Text.
    Text(String),
}

/// A type that a property can have.
pub trait Typed: Sized + 'static {
    /// Short name for tables: "bool".
    const NAME: &'static str;
    /// What is accepted, for messages and help: "yes or no".
    const ACCEPTS: &'static str;
    /// Whether `none` is a value, which `parse("")` then makes; else `none` means "not set, use the default".
    const NULLABLE: bool;
    /// Further spellings of `none`; iocage's files get the first.
    const ALSO_NONE: &'static [&'static str] = &[];

    /// Reads trimmed text that is no spelling of none; the error says what is wrong with it.
    fn parse(text: &str) -> Result<Self, String>;

    /// The value as it is shown and compared.
    fn value(&self) -> Value;

    /// The value as a file holds it.
    fn stored(&self, dialect: Dialect) -> Stored {
        match self.value() {
            Value::None => none_in(dialect, Self::ALSO_NONE),
            Value::Bool(yes) => Stored::Bool(yes),
            other => Stored::Text(other.to_string()),
        }
    }
}

impl Typed for bool {
    const NAME: &'static str = "bool";
    const ACCEPTS: &'static str = "yes or no (also on/off, true/false, 1/0)";
    const NULLABLE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        parse_bool(text).ok_or_else(|| "neither yes nor no".to_owned())
    }

    fn value(&self) -> Value {
        Value::Bool(*self)
    }
}

macro_rules! integers {
    ($($number:ty),*) => {$(
        impl Typed for $number {
            const NAME: &'static str = "number";
            const ACCEPTS: &'static str = "a whole number";
            const NULLABLE: bool = false;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| match text.parse::<f64>() {
                    Ok(_) => "not a whole number in range".to_owned(),
                    Err(_) => "not a number".to_owned(),
                })
            }

            fn value(&self) -> Value {
                Value::Int((*self).into())
            }
        }
    )*};
}
integers!(u16, u32, i32, i64);

impl Typed for String {
    const NAME: &'static str = "text";
    const ACCEPTS: &'static str = "text";
    const NULLABLE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl<T: Typed> Typed for Option<T> {
    const NAME: &'static str = T::NAME;
    const ACCEPTS: &'static str = T::ACCEPTS;
    const NULLABLE: bool = true;
    const ALSO_NONE: &'static [&'static str] = T::ALSO_NONE;

    fn parse(text: &str) -> Result<Self, String> {
        let is_none = |text: &str| T::ALSO_NONE.iter().any(|word| text.eq_ignore_ascii_case(word));
        if text.is_empty() || is_none(text) {
            return Ok(None);
        }
        // 0G is as good a spelling as 0.
        let value = T::parse(text)?;
        Ok(Some(value).filter(|value| !is_none(&value.value().as_text())))
    }

    fn value(&self) -> Value {
        self.as_ref().map_or(Value::None, T::value)
    }

    fn stored(&self, dialect: Dialect) -> Stored {
        match self {
            Some(value) => value.stored(dialect),
            None => none_in(dialect, T::ALSO_NONE),
        }
    }
}

fn none_in(dialect: Dialect, also: &[&str]) -> Stored {
    let word = match (dialect, also) {
        (Dialect::Iocage, [word, ..]) => word,
        _ => "none",
    };
    Stored::Text(word.to_owned())
}
