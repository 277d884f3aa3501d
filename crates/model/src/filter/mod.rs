//! Which jails a command is for: names and property terms.
//!
//! | written | means |
//! |---|---|
//! | `web`, `web,db` | a jail called web; one called web or db |
//! | `web db` | one called web or db: names are alternatives |
//! | `SOURCE/web` | the one in that source |
//! | `web*`, `web+`, `web?` | any run, any but the empty run, one character |
//! | `boot=yes`, `release=13*,14*` | the property has this value, or one of these |
//! | `release!=13*` | the property has none of these values |
//! | `priority>=10`, `quota<5G` | compared as the property's type; an unset property is neither |
//! | `boot=yes vnet=yes` | all terms hold, and one of the names if there are any |
//!
//! Terms are separated by blanks; a backslash makes any character stand for itself.

mod glob;
mod parse;
mod select;
mod term;

pub use glob::Glob;
pub use parse::FilterError;
pub use select::{Resolution, Selection};
pub use term::{NamePattern, Operator, Term};

use std::fmt;

use crate::name::JailRef;
use crate::property::{Dialect, Stored, Typed, Value};

/// A filter; the empty one holds for every jail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Names, of which one must match if there are any.
    pub names: Vec<NamePattern>,
    /// Terms, of which all must hold.
    pub terms: Vec<Term>,
}

impl Filter {
    /// Reads the words of a command line: each holds one or more terms.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Filter, FilterError> {
        let mut filter = Filter::default();
        for word in words {
            parse::add_word(&mut filter, word)?;
        }
        Ok(filter)
    }

    /// Tells whether the filter holds for every jail.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.terms.is_empty()
    }

    /// Tells whether one of the names matches, or there are none.
    ///
    /// Cheap: it is asked before the configuration of a jail is read. Prefixes of names are not tried here, as they
    /// depend on what other jails there are: see [`Filter::select`].
    pub fn matches_name(&self, jail: &JailRef) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| name.matches(jail))
    }

    /// Tells whether all terms hold; `value_of` gives the value of a property, computed ones included. Of a value that
    /// cannot be told no term holds, not even that it is not something.
    pub fn matches_values<E>(&self, value_of: impl Fn(&str) -> Result<Value, E>) -> Result<bool, E> {
        for term in &self.terms {
            if !term.holds(&value_of(&term.key)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names.iter().map(NamePattern::to_string);
        let words: Vec<String> = names.chain(self.terms.iter().map(Term::to_string)).collect();
        f.write_str(&words.join(" "))
    }
}

/// A filter as value of `depends`.
impl Typed for Filter {
    const NAME: &'static str = "filter";
    const ACCEPTS: &'static str = "names of jails, separated by blanks or commas, and filter terms";
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        // On the command line nothing at all is a mistake; here it is no dependency.
        let words = Some(text).filter(|text| !text.is_empty());
        Filter::parse(words).map_err(|error| error.to_string())
    }

    fn value(&self) -> Value {
        let names = self.names.iter().map(NamePattern::to_string);
        Value::list(names.chain(self.terms.iter().map(Term::to_string)))
    }

    /// Both programs take names only, each with its separator. Terms need blanks, for both of them.
    fn stored(&self, dialect: Dialect) -> Stored {
        let names: Vec<String> = self.names.iter().map(NamePattern::to_string).collect();
        let names = names.join(if dialect == Dialect::Libioc { "," } else { " " });
        let terms = self.terms.iter().map(Term::to_string);
        let words: Vec<String> =
            std::iter::once(names).filter(|names| !names.is_empty()).chain(terms).collect();
        Stored::Text(if words.is_empty() { "none".to_owned() } else { words.join(" ") })
    }
}
