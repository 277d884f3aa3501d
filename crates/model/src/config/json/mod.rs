//! `config.json`: read, and edited in place.

mod parse;

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Map;
use serde_json::ser::PrettyFormatter;

use super::raw::{Raw, Style, encode};
use super::text::{DocumentError, EditError, SyntaxError, decode, without};
use crate::property::Stored;
use parse::{MOST_DEPTH, MOST_KEY, Member, Node, NodeKind};

/// A JSON configuration, as text: what is not set or removed keeps its bytes.
///
/// Keys are dotted, however they are nested in the text. Of a key that is there twice the last one counts, as it
/// does for the programs that wrote these files.
#[derive(Clone, Debug)]
pub struct JsonDocument {
    text: String,
    root: Node,
}

/// Indentation of the files that libioc, iocage and ioc write.
const INDENT: &str = "    ";

impl JsonDocument {
    /// A configuration without keys.
    pub fn new() -> Self {
        JsonDocument::parse("{}\n").expect("an empty object is JSON")
    }

    /// A configuration with these entries, of which a later one wins, in the order of their keys.
    ///
    /// Written once, where setting one after the other reads the text again for each.
    pub fn of(entries: impl IntoIterator<Item = (String, Stored)>, style: Style) -> Result<Self, EditError> {
        let entries: BTreeMap<String, Stored> = entries.into_iter().collect();
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|(a, _), (b, _)| a.split('.').cmp(b.split('.')));
        let mut root = Map::new();
        for (key, stored) in &entries {
            check_key(key)?;
            let mut object = &mut root;
            let mut at = 0;
            while let Some(dot) = key[at..].find('.') {
                let inner = object.entry(&key[at..at + dot]).or_insert_with(|| Map::new().into());
                at += dot + 1;
                object = inner.as_object_mut().ok_or_else(|| EditError::Shape {
                    key: key.clone(),
                    at: key[..at - 1].to_owned(),
                    holds: "a value",
                })?;
            }
            object.insert(key[at..].to_owned(), json(encode(stored, None, style)));
        }
        let mut text = Vec::new();
        let indented = PrettyFormatter::with_indent(INDENT.as_bytes());
        let mut writer = serde_json::Serializer::with_formatter(&mut text, indented);
        serde::Serialize::serialize(&root, &mut writer).expect("texts and numbers are written to memory");
        let text = String::from_utf8(text).expect("JSON is UTF-8");
        Ok(JsonDocument::parse(&(text + "\n")).expect("what is written is JSON"))
    }

    /// Reads the bytes of a file; an empty file has no keys.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DocumentError> {
        let text = decode(bytes)?;
        if text.trim().is_empty() {
            return Ok(JsonDocument::new());
        }
        Ok(JsonDocument::parse(text)?)
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        Ok(JsonDocument { root: parse::parse(text)?, text: text.to_owned() })
    }

    /// The text as it is to be written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All values, by dotted key.
    pub fn entries(&self) -> BTreeMap<String, Raw> {
        let mut entries = BTreeMap::new();
        self.leaves(&mut |key, node| {
            entries.insert(key.to_owned(), self.raw(node));
        });
        entries
    }

    /// Sets `key`: in its place if it is there, else among its neighbours, in order if they are in order.
    pub fn set(&mut self, key: &str, stored: &Stored, style: Style) -> Result<(), EditError> {
        let mut old = None;
        self.leaves(&mut |at, node| {
            if at == key {
                old = Some((node.span.clone(), self.raw(node)));
            }
        });
        if let Some((span, raw)) = old {
            let new = literal(encode(stored, Some(&raw), style));
            self.replace(span, &new);
            return Ok(());
        }
        self.insert(key, &literal(encode(stored, None, style)))
    }

    /// Removes all keys that are `gone`, each time they are there, and objects that have no keys after that; tells
    /// whether there was one.
    pub fn remove_all(&mut self, gone: &dyn Fn(&str) -> bool) -> bool {
        let mut cuts = Vec::new();
        find_cuts(&self.text, members(&self.root), "", gone, &mut cuts);
        if cuts.is_empty() {
            return false;
        }
        let text = without(&self.text, cuts);
        *self = JsonDocument::parse(&text).expect("members are cut with their commas");
        true
    }

    /// Visits every value that is no object, in the order of the text.
    fn leaves<'a>(&'a self, visit: &mut impl FnMut(&str, &'a Node)) {
        fn walk<'a>(prefix: &str, node: &'a Node, visit: &mut impl FnMut(&str, &'a Node)) {
            for member in members(node) {
                let key = joined(prefix, &member.key);
                match member.value.kind {
                    NodeKind::Object(_) => walk(&key, &member.value, visit),
                    _ => visit(&key, &member.value),
                }
            }
        }
        walk("", &self.root, visit);
    }

    fn raw(&self, node: &Node) -> Raw {
        match &node.kind {
            NodeKind::Null => Raw::Null,
            NodeKind::Bool(yes) => Raw::Bool(*yes),
            NodeKind::Number => Raw::Number(self.text[node.span.clone()].to_owned()),
            NodeKind::Text(Ok(text)) => Raw::Text(text.clone()),
            NodeKind::Text(Err(why)) => Raw::Unreadable(why),
            NodeKind::Object(_) => Raw::Unreadable("an object"),
            NodeKind::Array(items) => {
                let texts = items.iter().map(|item| self.raw(item));
                let texts = texts.map(|raw| match raw {
                    Raw::Text(text) | Raw::Number(text) => Some(text),
                    Raw::Bool(yes) => Some(yes.to_string()),
                    _ => None,
                });
                texts.collect::<Option<_>>().map_or(Raw::Unreadable("a list of more than texts"), Raw::List)
            }
        }
    }

    /// Replaces a part of the text, and reads it again.
    fn replace(&mut self, span: Range<usize>, new: &str) {
        self.text.replace_range(span, new);
        self.root = parse::parse(&self.text).expect("an edit puts JSON in the place of JSON");
    }

    fn insert(&mut self, key: &str, value: &str) -> Result<(), EditError> {
        check_key(key)?;
        let (mut object, mut rest, mut depth) = (&self.root, key, 1);
        while let Some((first, below)) = rest.split_once('.') {
            let Some(member) = members(object).iter().rfind(|member| member.key == first) else { break };
            if !matches!(member.value.kind, NodeKind::Object(_)) {
                let at = key[..key.len() - below.len() - 1].to_owned();
                return Err(EditError::Shape { key: key.to_owned(), at, holds: "a value" });
            }
            (object, rest, depth) = (&member.value, below, depth + 1);
        }
        // Reached by an exact name there is no value, or it would have been replaced: it is an object.
        let holds_keys = |member: &Member| member.key == rest && !members(&member.value).is_empty();
        if members(object).iter().any(holds_keys) {
            return Err(EditError::Shape {
                key: key.to_owned(),
                at: key.to_owned(),
                holds: "keys of its own",
            });
        }
        let (at, new) = self.insertion(object, rest, value, depth);
        self.replace(at..at, &new);
        Ok(())
    }

    /// Where a member goes in an object, and its text with the separators it needs there.
    fn insertion(&self, object: &Node, key: &str, value: &str, depth: usize) -> (usize, String) {
        let members = members(object);
        let (first, last) = match members {
            [] => {
                // Between the braces there is nothing but blanks; they become the new lines.
                let outer = INDENT.repeat(depth - 1);
                let inner = INDENT.repeat(depth);
                let member = nested(key, value, &format!("\n{inner}"), ": ");
                let open = object.span.start + 1;
                let at_end = self.text[open..object.span.end - 1].ends_with('\n');
                let close = if at_end { String::new() } else { format!("\n{outer}") };
                return (open, format!("\n{inner}{member}{close}"));
            }
            [first, .., last] => (first, last),
            [only] => (only, only),
        };
        let separator = self.separator(object, members);
        let colon = &self.text[first.key_span.end..first.value.span.start];
        let member = nested(key, value, &separator, colon);
        let sorted = members.is_sorted_by(|a, b| a.key <= b.key);
        let first_key = key.split('.').next().unwrap_or(key);
        match members.iter().rfind(|member| member.key.as_str() <= first_key) {
            Some(before) if sorted => (before.value.span.end, format!(",{separator}{member}")),
            None if sorted => (first.key_span.start, format!("{member},{separator}")),
            _ => (last.value.span.end, format!(",{separator}{member}")),
        }
    }

    /// The blanks between a comma, or the opening brace, and a key.
    fn separator(&self, object: &Node, members: &[Member]) -> String {
        let between = match members {
            [first, second, ..] => &self.text[first.value.span.end..second.key_span.start],
            [first] => &self.text[object.span.start..first.key_span.start],
            [] => "",
        };
        let blanks: String = between.chars().filter(|c| c.is_whitespace()).collect();
        if blanks.is_empty() && members.len() == 1 { " ".to_owned() } else { blanks }
    }
}

impl Default for JsonDocument {
    fn default() -> Self {
        JsonDocument::new()
    }
}

/// Refuses a key that would not be read again.
fn check_key(key: &str) -> Result<(), EditError> {
    let is_key = |part: &str| !part.is_empty() && part.len() <= MOST_KEY && !part.contains('\0');
    match key.split('.').all(is_key) && key.split('.').count() <= MOST_DEPTH {
        true => Ok(()),
        false => Err(EditError::Key { key: key.to_owned() }),
    }
}

fn members(node: &Node) -> &[Member] {
    match &node.kind {
        NodeKind::Object(members) => members,
        _ => &[],
    }
}

fn joined(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// The text of a member; a dotted key becomes nested objects. `separator` is what stands before this member.
fn nested(key: &str, value: &str, separator: &str, colon: &str) -> String {
    let Some((first, rest)) = key.split_once('.') else {
        return format!("{}{colon}{value}", quoted(key));
    };
    let has_lines = separator.contains('\n');
    let inner = if has_lines { format!("{separator}{INDENT}") } else { String::new() };
    let close = if has_lines { separator } else { "" };
    format!("{}{colon}{{{inner}{}{close}}}", quoted(first), nested(rest, value, &inner, colon))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn literal(raw: Raw) -> String {
    json(raw).to_string()
}

fn json(raw: Raw) -> serde_json::Value {
    match raw {
        Raw::Bool(yes) => yes.into(),
        Raw::Number(digits) => serde_json::from_str(&digits).unwrap_or(digits.into()),
        Raw::Text(text) => text.into(),
        Raw::Null | Raw::List(_) | Raw::Unreadable(_) => serde_json::Value::Null,
    }
}

/// Finds what to cut for all members that are to go, and for objects that hold nothing else; returns how many members
/// are left.
fn find_cuts(
    text: &str,
    members: &[Member],
    prefix: &str,
    goes: &dyn Fn(&str) -> bool,
    cuts: &mut Vec<Range<usize>>,
) -> usize {
    let is_gone = |member: &Member, cuts: &mut Vec<Range<usize>>| {
        let at = joined(prefix, &member.key);
        let NodeKind::Object(inner) = &member.value.kind else { return goes(&at) };
        let mut inner_cuts = Vec::new();
        let left = find_cuts(text, inner, &at, goes, &mut inner_cuts);
        let is_emptied = left == 0 && !inner_cuts.is_empty();
        if !is_emptied {
            cuts.append(&mut inner_cuts);
        }
        is_emptied
    };
    let gone: Vec<bool> = members.iter().map(|member| is_gone(member, cuts)).collect();
    let Some(first_left) = gone.iter().position(|gone| !gone) else {
        if let [first, .., last] | [first @ last] = members {
            let before = text[..first.key_span.start].trim_end().len();
            let after = text.len() - text[last.value.span.end..].trim_start().len();
            cuts.push(before..after);
        }
        return 0;
    };
    for (n, _) in gone.iter().enumerate().filter(|(_, gone)| **gone) {
        // With the comma behind it before the first that is left, with the comma before it after that.
        cuts.push(if n < first_left {
            members[n].key_span.start..members[n + 1].key_span.start
        } else {
            members[n - 1].value.span.end..members[n].value.span.end
        });
    }
    gone.iter().filter(|gone| !**gone).count()
}

#[cfg(test)]
mod tests;
