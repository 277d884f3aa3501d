//! One layer of values: a document as ioc understands it, with what older programs meant by theirs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::document::{Document, style_of};
use super::iocage;
use super::raw::{Raw, Style};
use crate::property::{self, Dialect, Kind, is_none};

/// The values of one document, by the name of the property.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// The values; keys without property are there as well.
    values: BTreeMap<String, Raw>,
    /// How the document is written.
    pub(super) style: Style,
}

/// Keys that say which jail it is: the name of its dataset says that, and is right after a rename.
pub(super) const IDENTITY: [&str; 3] = ["id", "name", "uuid"];

impl Layer {
    /// The layer of a jail's own configuration.
    pub(super) fn own(document: &Document) -> Self {
        let entries = document.entries();
        let style = style_of(document.format(), &entries);
        let mut values = BTreeMap::new();
        for (key, raw) in &entries {
            if !IDENTITY.contains(&key.as_str()) && !is_elsewhere(key) {
                values.insert(key.clone(), meaning(key, raw, style.dialect).into_owned());
            }
        }
        add_kind(&entries, &mut values);
        add_tags(&mut values);
        Layer { values, style }
    }

    /// The layer of a source's defaults.
    ///
    /// Of a file that iocage wrote only what differs from its own defaults counts.
    pub(super) fn defaults(document: &Document) -> Self {
        let mut layer = Layer::own(document);
        // The kind of a jail and the host that made it are nothing to have a default for.
        for key in ["type", "hostid", "host_hostuuid", "last_started", "release", "cloned_release"] {
            layer.values.remove(key);
        }
        if layer.style.dialect == Dialect::Iocage {
            layer.values.retain(|key, raw| !raw.text().is_ok_and(|text| iocage::is_default(key, &text)));
        }
        layer
    }

    pub(super) fn get(&self, key: &str) -> Option<&Raw> {
        self.values.get(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}

/// Tells whether the value of `key` is not the file's to say: it is computed, or a property of the dataset.
fn is_elsewhere(key: &str) -> bool {
    property::find(key).is_some_and(|property| property.facts().kind != Kind::Config)
}

/// What the writer of the file meant, where that is not what the text says.
fn meaning<'a>(key: &str, raw: &'a Raw, dialect: Dialect) -> Cow<'a, Raw> {
    let Raw::Text(text) = raw else { return Cow::Borrowed(raw) };
    let replaced = match dialect {
        Dialect::Iocage => match key {
            // iocage copies the host's file then, where libioc leaves the jail's alone.
            "resolver" if is_none(text) => Some("/etc/resolv.conf"),
            // iocage never looked at it: each limit applies if it is set.
            "rlimits" => Some("none"),
            _ => None,
        },
        // libioc printed the numbers 1 and 0 as yes and no, and stored them so; for some properties as True and
        // False. An unset limit became text as well.
        Dialect::Libioc => match (property::find(key).map(|p| p.type_name()), text.as_str()) {
            (Some("number"), "yes" | "True") => Some("1"),
            (Some("number"), "no" | "False") => Some("0"),
            (Some("limit"), "None=None/None") => Some("none"),
            _ => None,
        },
    };
    replaced.map_or(Cow::Borrowed(raw), |text| Cow::Owned(Raw::Text(text.to_owned())))
}

/// Takes `type`, which said what kind of jail it is before there were flags for that.
fn add_kind(entries: &BTreeMap<String, Raw>, values: &mut BTreeMap<String, Raw>) {
    let kind = entries.get("type").and_then(|raw| raw.text().ok());
    let flag = match kind.as_deref() {
        Some("basejail") => "basejail",
        Some("clonejail") => "clonejail",
        Some("template") => "template",
        _ => return,
    };
    let is_set = values.get(flag).is_some_and(|raw| raw.text().is_ok_and(|text| !is_none(&text)));
    // Thick files have both, and `template: no` beside `type: template` was not a contradiction then.
    let is_no = |raw: &Raw| raw.text().is_ok_and(|text| property::parse_bool(&text) == Some(false));
    if !is_set || flag == "template" && values.get(flag).is_some_and(is_no) {
        values.insert(flag.to_owned(), Raw::Bool(true));
    }
}

/// Puts the one `tag` of older files before the other `tags`.
fn add_tags(values: &mut BTreeMap<String, Raw>) {
    let Some(tag) = values.remove("tag") else { return };
    let Ok(tag) = tag.text().map(Cow::into_owned) else { return };
    if is_none(&tag) {
        return;
    }
    let tags = match values.get("tags").map(|raw| raw.text().map(Cow::into_owned)) {
        Some(Ok(tags)) if !is_none(&tags) => format!("{tag},{tags}"),
        _ => tag,
    };
    values.insert("tags".to_owned(), Raw::Text(tags));
}

/// Keys of the document that a property is made of, besides the one of its name.
pub(super) fn older_keys(key: &str) -> &'static [&'static str] {
    match key {
        "tags" => &["tag"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::json::JsonDocument;

    fn own(json: &str) -> Layer {
        Layer::own(&Document::Json(JsonDocument::from_bytes(json.as_bytes()).unwrap()))
    }

    fn text(layer: &Layer, key: &str) -> Option<String> {
        layer.get(key).map(|raw| raw.text().unwrap().into_owned())
    }

    #[test]
    fn kinds_of_old() {
        assert_eq!(text(&own(r#"{"type": "basejail"}"#), "basejail").unwrap(), "yes");
        assert_eq!(text(&own(r#"{"type": "basejail", "basejail": "no"}"#), "basejail").unwrap(), "no");
        let template = r#"{"CONFIG_VERSION": "6", "type": "template", "template": "no"}"#;
        assert_eq!(text(&own(template), "template").unwrap(), "yes");
        assert_eq!(text(&own(r#"{"type": "jail"}"#), "template"), None);
    }

    #[test]
    fn identity_and_facts_of_the_dataset_are_not_taken_from_the_file() {
        let layer =
            own(r#"{"id": "x", "uuid": "y", "name": "z", "used": "readonly", "quota": "none", "odd": 1}"#);
        assert_eq!(layer.keys().collect::<Vec<_>>(), ["odd"]);
    }

    #[test]
    fn what_the_writers_meant() {
        let libioc =
            own(r#"{"id": "a", "priority": "yes", "stop_timeout": "True", "memoryuse": "None=None/None"}"#);
        assert_eq!(text(&libioc, "priority").unwrap(), "1");
        assert_eq!(text(&libioc, "stop_timeout").unwrap(), "1");
        assert_eq!(text(&libioc, "memoryuse").unwrap(), "none");
        let iocage = own(r#"{"CONFIG_VERSION": "29", "resolver": "none", "rlimits": "off"}"#);
        assert_eq!(text(&iocage, "resolver").unwrap(), "/etc/resolv.conf");
        assert_eq!(text(&iocage, "rlimits").unwrap(), "none");
        let ours = own(r#"{"id": "a", "resolver": "none", "rlimits": "off"}"#);
        assert_eq!(text(&ours, "resolver").unwrap(), "none");
        assert_eq!(text(&ours, "rlimits").unwrap(), "off");
    }

    #[test]
    fn one_tag_and_many() {
        assert_eq!(text(&own(r#"{"tag": "a"}"#), "tags").unwrap(), "a");
        assert_eq!(text(&own(r#"{"tag": "a", "tags": "b,c"}"#), "tags").unwrap(), "a,b,c");
        assert_eq!(text(&own(r#"{"tag": "none", "tags": "b"}"#), "tags").unwrap(), "b");
    }
}
