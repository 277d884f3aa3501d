//! The `config` files of iocage-legacy: the part of UCL that it wrote, and what people may have typed into it.
//!
//! Read are `key = value;`, `key: value`, `key value` and `key { ... }`, quoted or not, separated by `;`, `,` or the
//! end of the line; comments with `#` and `/* */`; an outer pair of braces. Macros, variables, units, here documents
//! and lists are not part of that: a file with them is refused, or such a value is kept as text.

mod parse;

use std::collections::BTreeMap;
use std::ops::Range;

use super::raw::{Raw, Style, encode};
use super::text::{DocumentError, EditError, SyntaxError, decode, without};
use crate::property::Stored;
use parse::{MOST_KEY, Parsed, Statement};

/// A UCL configuration, as text: what is not set or removed keeps its bytes.
#[derive(Clone, Debug)]
pub struct UclDocument {
    text: String,
    statements: Vec<Statement>,
    /// Where a new key goes: the end of the text, or before the outer closing brace.
    end: usize,
}

impl UclDocument {
    /// Reads the bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DocumentError> {
        Ok(UclDocument::parse(decode(bytes)?)?)
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        let Parsed { statements, end } = parse::parse(text)?;
        Ok(UclDocument { text: text.to_owned(), statements, end })
    }

    /// The text as it is to be written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All values, by dotted key; of a key that is there twice the last one counts.
    pub fn entries(&self) -> BTreeMap<String, Raw> {
        self.statements.iter().map(|statement| (statement.key.clone(), statement.raw.clone())).collect()
    }

    /// Sets `key`: in its place if it is there, else on a line of its own at the end.
    pub fn set(&mut self, key: &str, stored: &Stored, style: Style) -> Result<(), EditError> {
        if let Some(old) = self.statements.iter().rfind(|statement| statement.key == key) {
            let bare = !self.text[old.value.clone()].starts_with(['"', '\'']);
            let new = literal(&encode(stored, Some(&old.raw), style), bare);
            let span = old.value.clone();
            self.replace(span, &new);
            return Ok(());
        }
        let in_the_way = |other: &&Statement| below(&other.key, key) || below(key, &other.key);
        if let Some(other) = self.statements.iter().find(in_the_way) {
            let (at, holds) = if below(&other.key, key) {
                (key.to_owned(), "keys of its own")
            } else {
                (other.key.clone(), "a value")
            };
            return Err(EditError::Shape { key: key.to_owned(), at, holds });
        }
        let is_key = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if key.is_empty() || key.len() > MOST_KEY || !key.chars().all(is_key) {
            return Err(EditError::Key { key: key.to_owned() });
        }
        let value = literal(&encode(stored, None, style), false);
        let line_start = if self.text[..self.end].is_empty() || self.text[..self.end].ends_with('\n') {
            ""
        } else {
            // A last line without separator would take the new one for its value's end, as libucl does.
            "\n"
        };
        let line = format!("{line_start}{key} = {value};\n");
        self.replace(self.end..self.end, &line);
        Ok(())
    }

    /// Removes all keys that are `gone`, each time they are there; tells whether there was one.
    pub fn remove_all(&mut self, gone: &dyn Fn(&str) -> bool) -> bool {
        let gone = self.statements.iter().filter(|statement| gone(&statement.key));
        let cuts: Vec<Range<usize>> = gone.map(|statement| self.whole_line(statement.span.clone())).collect();
        if cuts.is_empty() {
            return false;
        }
        let text = without(&self.text, cuts);
        *self = UclDocument::parse(&text).expect("statements are cut with their ends");
        true
    }

    /// The span with the blanks before it and the end of its line, if nothing else is on the line.
    fn whole_line(&self, span: Range<usize>) -> Range<usize> {
        let start = self.text[..span.start].trim_end_matches([' ', '\t']).len();
        let after = &self.text[span.end..];
        let blanks = after.len() - after.trim_start_matches([' ', '\t', '\r']).len();
        let alone_before = start == 0 || self.text[..start].ends_with('\n');
        match after[blanks..].chars().next() {
            Some('\n') if alone_before => start..span.end + blanks + 1,
            None if alone_before => start..self.text.len(),
            _ => span,
        }
    }

    fn replace(&mut self, span: Range<usize>, new: &str) {
        self.text.replace_range(span, new);
        *self = UclDocument::parse(&self.text).expect("an edit puts UCL in the place of UCL");
    }
}

/// Tells whether `key` is below `parent`.
fn below(key: &str, parent: &str) -> bool {
    key.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.'))
}

/// Tells whether a value needs no quotes: its characters mean nothing else anywhere in UCL.
fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-/|:@%".contains(c))
}

fn literal(raw: &Raw, bare: bool) -> String {
    let text = match raw {
        Raw::Text(text) | Raw::Number(text) => text.as_str(),
        Raw::Bool(yes) => return yes.to_string(),
        Raw::Null | Raw::List(_) | Raw::Unreadable(_) => "none",
    };
    if bare && is_plain(text) { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests;
