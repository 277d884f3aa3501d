//! A configuration in whatever format it was found.

use std::collections::BTreeMap;
use std::fmt;

use super::json::JsonDocument;
use super::raw::{BoolStyle, Raw, Style};
use super::text::{DocumentError, EditError};
use super::ucl::UclDocument;
use super::zfs::{ZfsChange, ZfsDocument};
use crate::property::{self, Dialect, Stored};

/// Where configurations are kept, in the order they are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `config.json`, `defaults.json`.
    Json,
    /// `config`, `defaults` (iocage-legacy).
    Ucl,
    /// User properties `org.freebsd.iocage:*` of the dataset.
    Zfs,
}

impl Format {
    /// The formats in the order they are looked for: the first that is there is the configuration.
    pub const ORDER: [Format; 3] = [Format::Json, Format::Ucl, Format::Zfs];

    /// The file of a jail or release, if the format has one; it lies beside the `root` of the jail.
    pub fn file(self) -> Option<&'static str> {
        match self {
            Format::Json => Some("config.json"),
            Format::Ucl => Some("config"),
            Format::Zfs => None,
        }
    }

    /// The file of a source's defaults, if the format has one; with [`Format::Zfs`] they are properties of the
    /// dataset `.defaults`.
    pub fn defaults_file(self) -> Option<&'static str> {
        match self {
            Format::Json => Some("defaults.json"),
            Format::Ucl => Some("defaults"),
            Format::Zfs => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Json => "json",
            Format::Ucl => "ucl",
            Format::Zfs => "zfs",
        })
    }
}

/// Whose configuration is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// That of a jail, template or release.
    Jail,
    /// The defaults of a source.
    Defaults,
}

/// A configuration: read from one of the formats, and written in the same.
#[derive(Clone, Debug)]
pub enum Document {
    /// A JSON file.
    Json(JsonDocument),
    /// A UCL file.
    Ucl(UclDocument),
    /// User properties.
    Zfs(ZfsDocument),
}

impl Document {
    /// A new configuration without keys, in the current format.
    pub fn new() -> Self {
        Document::Json(JsonDocument::new())
    }

    /// Finds a configuration: the first format that is there counts, whatever else is there; none if nothing is.
    ///
    /// `file` reads a file by name, and tells if there is none; `properties` reads the user properties of the dataset,
    /// and is asked only if there is no file.
    pub fn detect<E: From<DocumentError>>(
        place: Place,
        mut file: impl FnMut(&'static str) -> Result<Option<Vec<u8>>, E>,
        properties: impl FnOnce() -> Result<Vec<(String, String)>, E>,
    ) -> Result<Option<Document>, E> {
        for format in Format::ORDER {
            let name = match place {
                Place::Jail => format.file(),
                Place::Defaults => format.defaults_file(),
            };
            let Some(name) = name else { continue };
            if let Some(bytes) = file(name)? {
                return Ok(Document::read(format, &bytes)?);
            }
        }
        let properties = properties()?;
        let document =
            ZfsDocument::new(properties.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Ok((!document.is_empty()).then_some(Document::Zfs(document)))
    }

    /// Reads the bytes of a file of this format; none for user properties, which are in no file.
    pub fn read(format: Format, bytes: &[u8]) -> Result<Option<Self>, DocumentError> {
        match format {
            Format::Json => Ok(Some(Document::Json(JsonDocument::from_bytes(bytes)?))),
            Format::Ucl => Ok(Some(Document::Ucl(UclDocument::from_bytes(bytes)?))),
            Format::Zfs => Ok(None),
        }
    }

    /// The format it was found in.
    pub fn format(&self) -> Format {
        match self {
            Document::Json(_) => Format::Json,
            Document::Ucl(_) => Format::Ucl,
            Document::Zfs(_) => Format::Zfs,
        }
    }

    /// All values as they are written, by dotted key.
    pub fn entries(&self) -> BTreeMap<String, Raw> {
        match self {
            Document::Json(document) => document.entries(),
            Document::Ucl(document) => document.entries(),
            Document::Zfs(document) => document.entries(),
        }
    }

    /// Sets one key, in the style that the document has.
    pub fn set(&mut self, key: &str, stored: &Stored, style: Style) -> Result<(), EditError> {
        match self {
            Document::Json(document) => document.set(key, stored, style),
            Document::Ucl(document) => document.set(key, stored, style),
            Document::Zfs(document) => document.set(key, stored, style),
        }
    }

    /// Removes one key; tells whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        self.remove_all(&|other| other == key)
    }

    /// Removes all keys that are `gone`; tells whether there was one.
    pub fn remove_all(&mut self, gone: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Document::Json(document) => document.remove_all(gone),
            Document::Ucl(document) => document.remove_all(gone),
            Document::Zfs(document) => document.remove_all(gone),
        }
    }

    /// The text to be written to the file; none for user properties.
    pub fn text(&self) -> Option<&str> {
        match self {
            Document::Json(document) => Some(document.text()),
            Document::Ucl(document) => Some(document.text()),
            Document::Zfs(_) => None,
        }
    }

    /// What `zfs` has to be told; nothing for files.
    pub fn zfs_changes(&self) -> Vec<ZfsChange> {
        match self {
            Document::Zfs(document) => document.changes(),
            Document::Json(_) | Document::Ucl(_) => Vec::new(),
        }
    }
}

impl Default for Document {
    fn default() -> Self {
        Document::new()
    }
}

/// Finds out whose notation a document has, and how it spells yes and no.
pub(super) fn style_of(format: Format, entries: &BTreeMap<String, Raw>) -> Style {
    if format != Format::Json {
        return Style { dialect: Dialect::Iocage, bools: BoolStyle::OnOff };
    }
    let bools = booleans(entries);
    let has = |key: &str| entries.contains_key(key);
    // libioc and ioc note the name so; no iocage does, whatever else it may have added to such a file.
    let is_iocage = !has("id")
        && (has("CONFIG_VERSION")
            || has("CONFIG_TYPE")
            || has("last_started")
            || has("source_template")
            || bools == Some(BoolStyle::Number)
            || has("cloned_release") && has("host_hostuuid"));
    if !is_iocage {
        return Style { dialect: Dialect::Libioc, bools: bools.unwrap_or(BoolStyle::YesNo) };
    }
    let version = entries.get("CONFIG_VERSION").and_then(|raw| raw.text().ok()?.parse::<f32>().ok());
    // Thin files, which have no version, are of the time when booleans had become numbers.
    let by_version = if version.is_none_or(|v| v >= 24.0) { BoolStyle::Number } else { BoolStyle::OnOff };
    Style { dialect: Dialect::Iocage, bools: bools.unwrap_or(by_version) }
}

/// How most of the boolean properties are spelled.
fn booleans(entries: &BTreeMap<String, Raw>) -> Option<BoolStyle> {
    const STYLES: [BoolStyle; 4] =
        [BoolStyle::Number, BoolStyle::YesNo, BoolStyle::OnOff, BoolStyle::TrueFalse];
    let is_bool = |key: &str| property::find(key).is_some_and(|property| property.type_name() == "bool");
    let bools = entries.iter().filter(|(key, _)| is_bool(key));
    let styles: Vec<BoolStyle> = bools.filter_map(|(_, raw)| BoolStyle::of_json(raw)).collect();
    let count = |style: BoolStyle| styles.iter().filter(|other| **other == style).count();
    STYLES.into_iter().rev().max_by_key(|style| count(*style)).filter(|style| count(*style) > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(json: &str) -> Style {
        let document = JsonDocument::from_bytes(json.as_bytes()).unwrap();
        style_of(Format::Json, &document.entries())
    }

    #[test]
    fn the_first_format_that_is_there_counts() {
        let found = |files: &[(&str, &str)], properties: &[(&str, &str)]| {
            let file = |name: &str| {
                let file = files.iter().find(|(file, _)| *file == name);
                Ok::<_, DocumentError>(file.map(|(_, text)| text.as_bytes().to_vec()))
            };
            let properties = properties.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            Document::detect(Place::Jail, file, || Ok(properties))
                .map(|found| found.map(|found| found.format()))
        };
        let zfs = [("org.freebsd.iocage:boot", "on"), ("org.freebsd.ioc:active", "yes")];
        assert_eq!(found(&[("config", "a=1"), ("config.json", "{}")], &zfs), Ok(Some(Format::Json)));
        assert_eq!(found(&[("config", "a=1")], &zfs), Ok(Some(Format::Ucl)));
        assert_eq!(found(&[("defaults.json", "{}")], &zfs), Ok(Some(Format::Zfs)));
        assert_eq!(found(&[], &zfs[1..]), Ok(None));
        // A broken file is the configuration all the same.
        assert!(found(&[("config.json", "{"), ("config", "a=1")], &zfs).is_err());
    }

    #[test]
    fn the_writer_is_recognised() {
        let libioc = style(r#"{"id": "a", "boot": "yes", "vnet": "on", "basejail": "yes"}"#);
        assert_eq!(libioc, Style { dialect: Dialect::Libioc, bools: BoolStyle::YesNo });
        assert_eq!(style("{}").dialect, Dialect::Libioc);
        assert_eq!(style(r#"{"id": "a", "last_started": "x", "boot": 1}"#).dialect, Dialect::Libioc);
        let thin =
            style(r#"{"cloned_release": "13.2-RELEASE", "host_hostuuid": "a", "release": "13.2-RELEASE"}"#);
        assert_eq!(thin, Style { dialect: Dialect::Iocage, bools: BoolStyle::Number });
        assert_eq!(style(r#"{"boot": 1, "host_hostuuid": "a"}"#).dialect, Dialect::Iocage);
        let thick = style(r#"{"CONFIG_VERSION": "6", "boot": "on", "vnet": "off", "basejail": "no"}"#);
        assert_eq!(thick, Style { dialect: Dialect::Iocage, bools: BoolStyle::OnOff });
        assert_eq!(style(r#"{"CONFIG_VERSION": "15"}"#).bools, BoolStyle::OnOff);
        assert_eq!(style(r#"{"CONFIG_VERSION": "29"}"#).bools, BoolStyle::Number);
    }
}
