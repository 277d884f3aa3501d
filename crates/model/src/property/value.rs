//! Values of properties, as they are printed, compared and written as JSON.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use crate::size::Size;

/// A value of any property.
///
/// `Display` is what `ioc get` prints and what a filter compares: `yes`, `no`, `-` for none, a number, text, the
/// items of a list joined by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// No value, or an empty list.
    None,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An amount of bytes.
    Size(Size),
    /// Anything that has no better form.
    Text(String),
    /// Several values, in order; never empty.
    List(Vec<String>),
}

impl Value {
    /// A list of `items`; none if there are none.
    pub fn list(items: impl IntoIterator<Item = String>) -> Self {
        let items: Vec<String> = items.into_iter().collect();
        if items.is_empty() { Value::None } else { Value::List(items) }
    }

    /// Text, or none.
    pub fn text(text: Option<&str>) -> Self {
        text.map_or(Value::None, |text| Value::Text(text.to_owned()))
    }

    /// The value as JSON: null, a boolean, a number (sizes in bytes), text, or a list of texts.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::None => serde_json::Value::Null,
            Value::Bool(yes) => (*yes).into(),
            Value::Int(number) => (*number).into(),
            Value::Size(size) => size.as_bytes().into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.clone().into(),
        }
    }

    /// The text that is printed, without a copy where there is one already.
    pub fn as_text(&self) -> Cow<'_, str> {
        match self {
            Value::None => Cow::Borrowed("-"),
            Value::Bool(true) => Cow::Borrowed("yes"),
            Value::Bool(false) => Cow::Borrowed("no"),
            Value::Int(number) => Cow::Owned(number.to_string()),
            Value::Size(size) => Cow::Owned(size.to_string()),
            Value::Text(text) => Cow::Borrowed(text),
            Value::List(items) => Cow::Owned(items.join(",")),
        }
    }

    /// Compares values as people sort them: numbers and sizes by amount, text by character, none first.
    ///
    /// Values of different types compare by type, so that this is an order over all values.
    pub fn order(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Size(a), Value::Size(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::List(a), Value::List(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::None => 0,
            Value::Bool(_) => 1,
            Value::Int(_) => 2,
            Value::Size(_) => 3,
            Value::Text(_) => 4,
            Value::List(_) => 5,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.as_text())
    }
}

/// Tells whether `text` is one of the spellings of "no value": `none`, `-`, nothing, in any case.
pub fn is_none(text: &str) -> bool {
    matches!(text, "" | "-") || text.eq_ignore_ascii_case("none")
}

/// Reads one of the spellings of yes and no: `yes on true 1`, `no off false 0`, in any case.
pub fn parse_bool(text: &str) -> Option<bool> {
    const YES: [&str; 4] = ["yes", "on", "true", "1"];
    const NO: [&str; 4] = ["no", "off", "false", "0"];
    if YES.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some(true)
    } else if NO.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some(false)
    } else {
        None
    }
}

/// Says why a text is not a value of a property.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a value of {property}: {reason}; accepted: {accepted}")]
pub struct ValueError {
    /// The property.
    pub property: String,
    /// What was given, cut to a length that can be shown.
    pub given: String,
    /// What is wrong with it.
    pub reason: String,
    /// What would be right.
    pub accepted: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_prints_and_becomes_json() {
        for (value, shown, json) in [
            (Value::None, "-", "null"),
            (Value::Bool(true), "yes", "true"),
            (Value::Int(1), "1", "1"),
            (Value::Size(Size::bytes(2048)), "2K", "2048"),
            (Value::Text("1".into()), "1", "\"1\""),
            (Value::list(["a".to_owned(), "b".to_owned()]), "a,b", "[\"a\",\"b\"]"),
            (Value::list([]), "-", "null"),
        ] {
            assert_eq!(value.to_string(), shown);
            assert_eq!(value.to_json().to_string(), json);
        }
    }

    #[test]
    fn numbers_sort_by_amount() {
        assert_eq!(Value::Int(9).order(&Value::Int(10)), Ordering::Less);
        assert_eq!(Value::None.order(&Value::Int(-1)), Ordering::Less);
    }

    #[test]
    fn spellings() {
        assert_eq!(parse_bool("YES"), Some(true));
        assert_eq!(parse_bool("Off"), Some(false));
        assert_eq!(parse_bool("y"), None);
        assert!(is_none("NONE") && is_none("") && is_none("-") && !is_none("null"));
    }
}
