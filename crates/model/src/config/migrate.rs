//! From the formats of older programs to the current one.

use super::document::Document;
use super::json::JsonDocument;
use super::layer::IDENTITY;
use super::raw::{BoolStyle, Raw, Style};
use super::text::EditError;
use super::view::{JailConfig, Origin, PropertyError};
use crate::name::JailName;
use crate::property::{self, Dialect, Stored};

/// Why a configuration cannot be brought to the current format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MigrateError {
    /// A property that decides what the jail is made of cannot be read.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// A key cannot be written in the current format.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Keys by which iocage knows what it wrote.
const FORMAT_MARKS: [&str; 2] = ["CONFIG_VERSION", "CONFIG_TYPE"];

impl JailConfig {
    /// The configuration of this jail in the current format and notation, whatever it was found in.
    ///
    /// Nothing is lost: keys that no property has, and values that cannot be read, are taken over as their text. What
    /// iocage implied is spelled out, so that the jail stays the same: the base it hangs on, the network of a VNET jail.
    pub fn migrated(&self, name: &JailName) -> Result<Document, MigrateError> {
        let style = Style { dialect: Dialect::Libioc, bools: BoolStyle::YesNo };
        let mut new = vec![("id".to_owned(), Stored::Text(name.to_string()))];
        let mut set = |key: &str, stored: Stored| new.push((key.to_owned(), stored));
        let entries = self.document.entries();
        let elsewhere =
            entries.iter().filter(|(key, _)| self.own.get(key).is_none() && key.as_str() != "tag");
        let own = self.own.keys().filter_map(|key| Some((key, self.own.get(key)?)));
        for (key, raw) in own.chain(elsewhere.map(|(key, raw)| (key.as_str(), raw))) {
            // The name is there already, and of the old format nothing is left to mark.
            if IDENTITY.contains(&key) || FORMAT_MARKS.contains(&key) {
                continue;
            }
            set(key, stored(key, raw));
        }
        if self.dialect() == Dialect::Iocage {
            if let Some(base) = self.base()? {
                set("cloned_release", Stored::Text(base.to_string()));
            }
            if self.value(&property::VNET)? {
                for key in ["interfaces", "defaultrouter", "defaultrouter6"] {
                    let setting = self.show(key)?;
                    if setting.origin == Origin::Iocage {
                        set(key, Stored::Text(setting.value.to_string()));
                    }
                }
            }
        }
        Ok(Document::Json(JsonDocument::of(new, style)?))
    }
}

/// A value in our notation if it can be read as its property, else as it is.
fn stored(key: &str, raw: &Raw) -> Stored {
    let text = raw.text().unwrap_or_default();
    let read = property::find(key).and_then(|property| property.store(key, &text, Dialect::Libioc).ok());
    match (read, raw) {
        (Some(Some(stored)), _) => stored,
        (Some(None), _) => Stored::Text("none".to_owned()),
        (None, Raw::Bool(yes)) => Stored::Bool(*yes),
        (None, _) => Stored::Text(text.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Format, ZfsDocument};

    fn migrated(config: &JailConfig) -> JailConfig {
        let document = config.migrated(&"a".parse().unwrap()).unwrap();
        let text = document.text().unwrap().to_owned();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok() && text.ends_with("}\n"));
        JailConfig::new(document, None)
    }

    /// Everything that was set has the value it had.
    fn is_same(old: &JailConfig, new: &JailConfig) {
        assert_eq!((new.format(), new.dialect()), (Format::Json, Dialect::Libioc));
        for key in old.set_keys().into_iter().filter(|key| !FORMAT_MARKS.contains(key)) {
            let value = |config: &JailConfig| config.show(key).map(|setting| setting.value);
            let (Ok(before), Ok(after)) = (value(old), value(new)) else { panic!("{key} was lost") };
            assert_eq!(before.as_text(), after.as_text(), "{key}");
        }
        assert_eq!(old.base().unwrap(), new.base().unwrap());
        assert_eq!(old.basejail().unwrap(), new.basejail().unwrap());
    }

    #[test]
    fn every_format_keeps_its_meaning() {
        let read = |format, text: &str| {
            JailConfig::new(Document::read(format, text.as_bytes()).unwrap().unwrap(), None)
        };
        let properties = include_str!("../../fixtures/zfs.properties");
        let zfs = ZfsDocument::new(properties.lines().filter_map(|line| line.split_once('\t')));
        for old in [
            read(Format::Ucl, include_str!("../../fixtures/legacy.ucl")),
            JailConfig::new(Document::Zfs(zfs), None),
            read(Format::Json, include_str!("../../fixtures/iocage-thin.json")),
            read(Format::Json, include_str!("../../fixtures/iocage-thick-v6.json")),
            read(Format::Json, include_str!("../../fixtures/iocage-thick-v15.json")),
            read(Format::Json, include_str!("../../fixtures/libioc.json")),
        ] {
            let new = migrated(&old);
            is_same(&old, &new);
            assert_eq!(new.problems(), []);
        }
    }

    #[test]
    fn keys_that_json_cannot_have_are_refused() {
        for key in ["a\0b".to_owned(), "a".repeat(300), "a.".repeat(40) + "a", "a..b".to_owned()] {
            let zfs = ZfsDocument::new([(format!("org.freebsd.iocage:{key}").as_str(), "x")]);
            let old = JailConfig::new(Document::Zfs(zfs), None);
            let error = old.migrated(&"a".parse().unwrap()).unwrap_err();
            assert_eq!(error, MigrateError::Edit(EditError::Key { key }));
        }
        let zfs = ZfsDocument::new([("org.freebsd.iocage:a", "x"), ("org.freebsd.iocage:a.b", "y")]);
        let error = JailConfig::new(Document::Zfs(zfs), None).migrated(&"a".parse().unwrap()).unwrap_err();
        assert!(matches!(error, MigrateError::Edit(EditError::Shape { .. })), "{error}");
    }

    #[test]
    fn many_keys_take_no_longer_each() {
        let text: String = (0..20_000).map(|n| format!("user.k{n} = v;\n")).collect();
        let old = JailConfig::new(Document::read(Format::Ucl, text.as_bytes()).unwrap().unwrap(), None);
        let begin = std::time::Instant::now();
        assert_eq!(migrated(&old).set_keys().len(), 20_000);
        let took = begin.elapsed();
        assert!(took < std::time::Duration::from_secs(20), "{took:?}");
    }

    #[test]
    fn what_iocage_implied_is_spelled_out() {
        let text = br#"{"vnet": 1, "boot": 1, "release": "13.2-RELEASE-p4", "odd": "x", "priority": "high"}"#;
        let old = JailConfig::new(Document::read(Format::Json, text).unwrap().unwrap(), None);
        let new = migrated(&old);
        assert_eq!(new.show("interfaces").unwrap().value.to_string(), "vnet0:bridge0");
        assert_eq!(new.show("odd").unwrap().value.to_string(), "x");
        assert_eq!(new.base().unwrap().unwrap().to_string(), "13.2-RELEASE");
        // A bad value stays, and stays bad.
        assert_eq!(new.problems().len(), 1);
    }
}
