//! Configurations that are user properties of a dataset: `org.freebsd.iocage:KEY`.

use std::collections::BTreeMap;

use super::raw::{Raw, Style, encode};
use super::text::EditError;
use crate::property::Stored;

/// What the names of the properties begin with.
pub const PREFIX: &str = "org.freebsd.iocage:";

/// Longest name of a user property, in bytes; zfsprops(7).
const MOST_NAME: usize = 256;

/// A configuration of user properties, with what changed since it was read.
#[derive(Clone, Debug, Default)]
pub struct ZfsDocument {
    read: BTreeMap<String, String>,
    now: BTreeMap<String, String>,
}

/// A change of one user property, by its full name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZfsChange {
    /// `zfs set NAME=VALUE`.
    Set {
        /// The full name.
        name: String,
        /// The value.
        value: String,
    },
    /// `zfs inherit NAME`: the property goes.
    Inherit {
        /// The full name.
        name: String,
    },
}

impl ZfsDocument {
    /// Takes the properties of a dataset, by full name; those without the prefix are none of ours.
    pub fn new<'a>(properties: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let ours = properties.into_iter().filter_map(|(name, value)| {
            let key = name.strip_prefix(PREFIX).filter(|key| !key.is_empty())?;
            Some((key.to_owned(), value.to_owned()))
        });
        let read: BTreeMap<String, String> = ours.collect();
        ZfsDocument { now: read.clone(), read }
    }

    /// Tells whether the dataset has no such property.
    pub fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    /// All values, by key.
    pub fn entries(&self) -> BTreeMap<String, Raw> {
        self.now.iter().map(|(key, value)| (key.clone(), Raw::Text(value.clone()))).collect()
    }

    /// Sets `key`.
    pub fn set(&mut self, key: &str, stored: &Stored, style: Style) -> Result<(), EditError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:".contains(c);
        if key.is_empty() || PREFIX.len() + key.len() > MOST_NAME || !key.chars().all(allowed) {
            return Err(EditError::Key { key: key.to_owned() });
        }
        let old = self.now.get(key).map(|text| Raw::Text(text.clone()));
        let text = match encode(stored, old.as_ref(), style) {
            Raw::Text(text) | Raw::Number(text) => text,
            other => other.value().to_string(),
        };
        self.now.insert(key.to_owned(), text);
        Ok(())
    }

    /// Removes all keys that are `gone`; tells whether there was one.
    pub fn remove_all(&mut self, gone: &dyn Fn(&str) -> bool) -> bool {
        let before = self.now.len();
        self.now.retain(|key, _| !gone(key));
        self.now.len() < before
    }

    /// What `zfs` has to be told to make the dataset so.
    pub fn changes(&self) -> Vec<ZfsChange> {
        let name = |key: &str| format!("{PREFIX}{key}");
        let set = self.now.iter().filter(|(key, value)| self.read.get(*key) != Some(value));
        let set = set.map(|(key, value)| ZfsChange::Set { name: name(key), value: value.clone() });
        let gone = self.read.keys().filter(|key| !self.now.contains_key(*key));
        set.chain(gone.map(|key| ZfsChange::Inherit { name: name(key) })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::raw::BoolStyle;
    use crate::property::Dialect;

    #[test]
    fn only_what_differs_is_written() {
        let style = Style { dialect: Dialect::Iocage, bools: BoolStyle::OnOff };
        let mut document = ZfsDocument::new([
            ("org.freebsd.iocage:boot", "on"),
            ("org.freebsd.iocage:priority", "99"),
            ("org.freebsd.iocage:tag", "x"),
            ("org.freebsd.ioc:active", "yes"),
        ]);
        assert_eq!(document.entries().len(), 3);
        document.set("boot", &Stored::Bool(true), style).unwrap();
        document.set("priority", &Stored::Text("5".into()), style).unwrap();
        assert!(document.remove_all(&|key| key == "tag"));
        let name = |key| format!("{PREFIX}{key}");
        assert_eq!(
            document.changes(),
            [
                ZfsChange::Set { name: name("priority"), value: "5".into() },
                ZfsChange::Inherit { name: name("tag") },
            ]
        );
        assert!(document.set("user.A B", &Stored::Bool(true), style).is_err());
    }
}
