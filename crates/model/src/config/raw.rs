//! Values as files hold them, before they are read as properties.

use std::borrow::Cow;

use crate::property::{Dialect, Stored, Value, parse_bool};

/// A value as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// JSON's null.
    Null,
    /// JSON's true and false.
    Bool(bool),
    /// A number, as its text.
    Number(String),
    /// Text.
    Text(String),
    /// A list of values, as texts.
    List(Vec<String>),
    /// Something that no property can have, and why.
    Unreadable(&'static str),
}

impl Raw {
    /// The text that a property reads; an error for what is none.
    pub fn text(&self) -> Result<Cow<'_, str>, &'static str> {
        Ok(match self {
            Raw::Null => Cow::Borrowed("none"),
            Raw::Bool(true) => Cow::Borrowed("yes"),
            Raw::Bool(false) => Cow::Borrowed("no"),
            // 5.0 is what some writers make of a whole number.
            Raw::Number(digits) => Cow::Borrowed(digits.strip_suffix(".0").unwrap_or(digits)),
            Raw::Text(text) => Cow::Borrowed(text),
            Raw::List(items) => Cow::Owned(items.join(",")),
            Raw::Unreadable(why) => return Err(why),
        })
    }

    /// The value as it is shown where no property says more.
    pub fn value(&self) -> Value {
        match self {
            Raw::Null => Value::None,
            Raw::Bool(yes) => Value::Bool(*yes),
            Raw::Number(digits) => digits.parse().map_or_else(|_| Value::Text(digits.clone()), Value::Int),
            Raw::Text(text) => Value::Text(text.clone()),
            Raw::List(items) => Value::list(items.iter().cloned()),
            Raw::Unreadable(why) => Value::Text(format!("({why})")),
        }
    }
}

/// How a file spells yes and no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoolStyle {
    /// `yes`, `no`.
    YesNo,
    /// `on`, `off`.
    OnOff,
    /// `true`, `false`.
    TrueFalse,
    /// `1`, `0`, as numbers where the format has them.
    Number,
}

impl BoolStyle {
    /// The style of one value, if it is a yes or no.
    fn of(raw: &Raw) -> Option<BoolStyle> {
        match raw {
            Raw::Bool(_) => Some(BoolStyle::TrueFalse),
            Raw::Number(digits) => matches!(digits.as_str(), "0" | "1").then_some(BoolStyle::Number),
            Raw::Text(text) => {
                parse_bool(text)?;
                Some(match text.to_ascii_lowercase().as_str() {
                    "yes" | "no" => BoolStyle::YesNo,
                    "on" | "off" => BoolStyle::OnOff,
                    "true" | "false" => BoolStyle::TrueFalse,
                    _ => BoolStyle::Number,
                })
            }
            Raw::Null | Raw::List(_) | Raw::Unreadable(_) => None,
        }
    }

    /// The style of one value of a JSON file; the texts `0` and `1` are numbers gone by, and no style.
    pub(super) fn of_json(raw: &Raw) -> Option<BoolStyle> {
        let is_digit = matches!(raw, Raw::Text(text) if matches!(text.as_str(), "0" | "1"));
        if is_digit { None } else { BoolStyle::of(raw) }
    }

    fn word(self, yes: bool) -> &'static str {
        match (self, yes) {
            (BoolStyle::YesNo, true) => "yes",
            (BoolStyle::YesNo, false) => "no",
            (BoolStyle::OnOff, true) => "on",
            (BoolStyle::OnOff, false) => "off",
            (BoolStyle::TrueFalse, true) => "true",
            (BoolStyle::TrueFalse, false) => "false",
            (BoolStyle::Number, true) => "1",
            (BoolStyle::Number, false) => "0",
        }
    }
}

/// How a file is written: what new values should look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whose notation it has.
    pub dialect: Dialect,
    /// How it spells yes and no, where the value it replaces does not tell.
    pub bools: BoolStyle,
}

/// Makes the value to be written in place of `old`, in the notation of `old`, else in that of the file.
pub(super) fn encode(stored: &Stored, old: Option<&Raw>, style: Style) -> Raw {
    match stored {
        Stored::Text(text) => match old {
            Some(Raw::Number(_)) if is_number(text) => Raw::Number(text.clone()),
            _ => Raw::Text(text.clone()),
        },
        Stored::Bool(yes) => match (old, old.and_then(BoolStyle::of)) {
            (Some(Raw::Bool(_)), _) => Raw::Bool(*yes),
            (Some(Raw::Number(_)), _) => Raw::Number(BoolStyle::Number.word(*yes).to_owned()),
            (_, Some(own)) => Raw::Text(own.word(*yes).to_owned()),
            (_, None) if style.bools == BoolStyle::Number => Raw::Number(style.bools.word(*yes).to_owned()),
            (_, None) => Raw::Text(style.bools.word(*yes).to_owned()),
        },
    }
}

/// Tells whether JSON has `text` as a number.
fn is_number(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_of_the_old_value_wins() {
        let style = Style { dialect: Dialect::Libioc, bools: BoolStyle::YesNo };
        let yes = |old: Option<Raw>| encode(&Stored::Bool(true), old.as_ref(), style);
        assert_eq!(yes(None), Raw::Text("yes".into()));
        assert_eq!(yes(Some(Raw::Null)), Raw::Text("yes".into()));
        assert_eq!(yes(Some(Raw::Text("OFF".into()))), Raw::Text("on".into()));
        assert_eq!(yes(Some(Raw::Text("0".into()))), Raw::Text("1".into()));
        assert_eq!(yes(Some(Raw::Number("0".into()))), Raw::Number("1".into()));
        assert_eq!(yes(Some(Raw::Bool(false))), Raw::Bool(true));
        let numbers = Style { bools: BoolStyle::Number, ..style };
        assert_eq!(encode(&Stored::Bool(false), None, numbers), Raw::Number("0".into()));
        let five = Stored::Text("5".into());
        assert_eq!(encode(&five, Some(&Raw::Number("99".into())), style), Raw::Number("5".into()));
        assert_eq!(encode(&five, Some(&Raw::Text("99".into())), style), Raw::Text("5".into()));
    }
}
