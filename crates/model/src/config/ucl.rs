//! The `config` files of iocage-legacy: the part of UCL that it wrote, and what people may have typed into it.
//!
//! Read are `key = value;`, `key: value`, `key value` and `key { ... }`, quoted or not, separated by `;`, `,` or the
//! end of the line; comments with `#` and `/* */`; an outer pair of braces. Macros, variables, units, here documents
//! and lists are not part of that: a file with them is refused, or such a value is kept as text.

use std::collections::BTreeMap;
use std::ops::Range;

use super::raw::{Raw, Style, encode};
use super::text::{DocumentError, EditError, Position, SyntaxError, decode, without};
use crate::property::Stored;

/// Deepest nesting that is read.
const MOST_DEPTH: usize = 16;
/// Longest key, in bytes.
const MOST_KEY: usize = 256;

/// A UCL configuration, as text: what is not set or removed keeps its bytes.
#[derive(Clone, Debug)]
pub struct UclDocument {
    text: String,
    statements: Vec<Statement>,
    /// Where a new key goes: the end of the text, or before the outer closing brace.
    end: usize,
}

/// A key with a value.
#[derive(Clone, Debug)]
struct Statement {
    /// The key, dotted.
    key: String,
    /// From the key to the separator after the value.
    span: Range<usize>,
    /// The value, quotes included.
    value: Range<usize>,
    raw: Raw,
}

impl UclDocument {
    /// Reads the bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DocumentError> {
        Ok(UclDocument::parse(decode(bytes)?)?)
    }

    fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut parser = Parser { text, at: 0, is_json: false, statements: Vec::new() };
        parser.blanks()?;
        let outer = parser.take('{');
        parser.is_json = outer;
        parser.statements("", usize::from(outer))?;
        let end = parser.at;
        if outer {
            if !parser.take('}') {
                return Err(parser.error("expected a closing brace"));
            }
            parser.blanks()?;
        }
        if parser.at < text.len() {
            return Err(parser.error("a closing brace without its opening brace"));
        }
        Ok(UclDocument { text: text.to_owned(), statements: parser.statements, end })
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
        if key.is_empty() || !key.chars().all(is_key) {
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

    /// Removes `key`, each time it is there; tells whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        let gone = self.statements.iter().filter(|statement| statement.key == key);
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

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Whether commas separate, as between the members of an object.
    is_json: bool,
    statements: Vec<Statement>,
}

impl Parser<'_> {
    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { position: Position::of(self.text, self.at), what }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, character: char) -> bool {
        let there = self.peek() == Some(character);
        if there {
            self.at += character.len_utf8();
        }
        there
    }

    /// Skips blanks, ends of lines, separators and comments.
    fn blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let Some(end) = rest.find("*/") else { return Err(self.error("comment without end")) };
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    /// Skips blanks of one line.
    fn spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// Reads up to the end of the text, or to a closing brace.
    fn statements(&mut self, prefix: &str, depth: usize) -> Result<(), SyntaxError> {
        if depth > MOST_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        loop {
            self.blanks()?;
            if self.take(';') || self.take(',') {
                continue;
            }
            match self.peek() {
                None | Some('}') => return Ok(()),
                Some(_) => self.statement(prefix, depth)?,
            }
        }
    }

    fn statement(&mut self, prefix: &str, depth: usize) -> Result<(), SyntaxError> {
        let start = self.at;
        let name = self.key()?;
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        if key.len() > MOST_KEY {
            self.at = start;
            return Err(self.error("the key is too long"));
        }
        self.spaces();
        if !self.take('=') {
            self.take(':');
        }
        self.spaces();
        if self.take('{') {
            self.statements(&key, depth + 1)?;
            if !self.take('}') {
                return Err(self.error("expected a closing brace"));
            }
            return Ok(());
        }
        let value_start = self.at;
        let raw = self.value()?;
        let value = value_start..self.at;
        self.spaces();
        if !self.take(';') {
            self.take(',');
        }
        self.statements.push(Statement { key, span: start..self.at, value, raw });
        Ok(())
    }

    fn key(&mut self) -> Result<String, SyntaxError> {
        if matches!(self.peek(), Some('"' | '\'')) {
            let start = self.at;
            return match self.quoted()? {
                Raw::Text(key) if !key.is_empty() => Ok(key),
                _ => {
                    self.at = start;
                    Err(self.error("expected a key"))
                }
            };
        }
        let ends = |c: char| c.is_whitespace() || "=:{};,\"'#[]()".contains(c);
        let length = self.rest().find(ends).unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.error("expected a key"));
        }
        let key = self.rest()[..length].to_owned();
        self.at += length;
        Ok(key)
    }

    fn value(&mut self) -> Result<Raw, SyntaxError> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return self.quoted();
        }
        // A value without quotes holds commas and blanks: addresses and commands were written so.
        let rest = self.rest();
        let ends = |c: char| matches!(c, '\n' | ';' | '}') || self.is_json && c == ',';
        let line = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let line = match line.char_indices().find(|&(at, c)| c == '#' && line[..at].ends_with([' ', '\t'])) {
            Some((at, _)) => &line[..at],
            None => line,
        };
        let value = line.trim_end();
        if value.is_empty() {
            return Err(self.error("expected a value"));
        }
        let value = value.to_owned();
        self.at += value.len();
        Ok(Raw::Text(value))
    }

    /// Reads text in quotes: with JSON's escapes in double ones, with `\'` only in single ones.
    fn quoted(&mut self) -> Result<Raw, SyntaxError> {
        let start = self.at;
        let quote = self.text.as_bytes()[start];
        let mut at = start + 1;
        loop {
            match self.text.as_bytes().get(at) {
                Some(b'\\') => at += 2,
                Some(byte) if *byte == quote => break,
                Some(_) => at += 1,
                None => return Err(self.error("text without end")),
            }
        }
        self.at = at + 1;
        let inner = &self.text[start + 1..at];
        if quote == b'\'' {
            return Ok(Raw::Text(inner.replace("\\'", "'")));
        }
        // Line ends may stand in double quotes; JSON wants them escaped.
        let escaped: String = inner
            .chars()
            .map(|c| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() })
            .collect();
        match serde_json::from_str::<String>(&format!("\"{escaped}\"")) {
            Ok(text) if text.contains('\0') => Ok(Raw::Unreadable("has a NUL")),
            Ok(text) => Ok(Raw::Text(text)),
            Err(_) => Ok(Raw::Unreadable("has an escape that is no character")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::raw::BoolStyle;
    use crate::property::Dialect;
    use proptest::prelude::*;

    const STYLE: Style = Style { dialect: Dialect::Iocage, bools: BoolStyle::OnOff };

    fn document(text: &str) -> UclDocument {
        UclDocument::from_bytes(text.as_bytes()).unwrap()
    }

    fn text_of(document: &UclDocument, key: &str) -> String {
        document.entries().get(key).map(|raw| raw.text().unwrap().into_owned()).unwrap_or_default()
    }

    const SAMPLE: &str = "\
# made by iocage
boot = \"off\";
ip4_addr: em0|10.0.0.2/24,em0|10.0.0.3/24
tag my jail   # a comment
exec_start = '/bin/sh /etc/rc';
user { role = web; sub { x: 1 } }
";

    #[test]
    fn notations() {
        let document = document(SAMPLE);
        assert_eq!(text_of(&document, "boot"), "off");
        assert_eq!(text_of(&document, "ip4_addr"), "em0|10.0.0.2/24,em0|10.0.0.3/24");
        assert_eq!(text_of(&document, "tag"), "my jail");
        assert_eq!(text_of(&document, "exec_start"), "/bin/sh /etc/rc");
        assert_eq!(text_of(&document, "user.role"), "web");
        assert_eq!(text_of(&document, "user.sub.x"), "1");
    }

    #[test]
    fn json_is_ucl() {
        let document = document("{\n  \"boot\": \"on\", \"priority\": 5,\n  \"user\": {\"a\": \"b\"}\n}\n");
        assert_eq!(text_of(&document, "boot"), "on");
        assert_eq!(text_of(&document, "priority"), "5");
        assert_eq!(text_of(&document, "user.a"), "b");
    }

    #[test]
    fn edits_change_one_key() {
        let mut changed = document(SAMPLE);
        changed.set("boot", &Stored::Bool(true), STYLE).unwrap();
        assert_eq!(changed.text(), SAMPLE.replace("\"off\"", "\"on\""));
        changed.set("user.sub.x", &Stored::Text("a b".into()), STYLE).unwrap();
        assert_eq!(text_of(&changed, "user.sub.x"), "a b");
        let mut more = document(SAMPLE);
        more.set("priority", &Stored::Text("5".into()), STYLE).unwrap();
        assert_eq!(more.text(), format!("{SAMPLE}priority = \"5\";\n"));
        assert!(more.remove("priority") && !more.remove("priority"));
        assert_eq!(more.text(), SAMPLE);
        assert!(more.remove("user.role"));
        assert_eq!(text_of(&more, "user.sub.x"), "1");
        more.set("ip4_addr", &Stored::Text(":x".into()), STYLE).unwrap();
        assert!(more.text().contains("ip4_addr: \":x\""));
        assert!(more.set("user", &Stored::Text("x".into()), STYLE).is_err());
        assert!(more.set("boot.x", &Stored::Text("x".into()), STYLE).is_err());
    }

    #[test]
    fn errors_tell_the_place() {
        for (text, message) in [
            ("a = ", "line 1, column 5: expected a value"),
            ("a = 1\n= 2", "line 2, column 1: expected a key"),
            ("a { b = 1", "line 1, column 10: expected a closing brace"),
            ("a = 1\n}", "line 2, column 1: a closing brace without its opening brace"),
            ("a = \"x", "line 1, column 5: text without end"),
            ("/* x", "line 1, column 1: comment without end"),
        ] {
            assert_eq!(UclDocument::parse(text).unwrap_err().to_string(), message, "{text}");
        }
        let deep = "a {".repeat(100_000);
        assert_eq!(UclDocument::parse(&deep).unwrap_err().what, "nested too deeply");
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in "[a-c={};:,#/*\"'\\\\ \n]{0,24}") {
            let _ = UclDocument::parse(&text);
        }

        #[test]
        fn what_is_set_reads_back(
            text in "([a-c] ?[=: ] ?[a-z0-9]{1,3};?\n){0,4}", key in "[a-d](\\.[a-d])?", value in "[ -~]{1,8}",
        ) {
            let mut document = document(&text);
            let mut expected = document.entries();
            if document.set(&key, &Stored::Text(value.clone()), STYLE).is_ok() {
                expected.insert(key.clone(), Raw::Text(value));
                prop_assert_eq!(document.entries(), expected.clone());
                prop_assert!(document.remove(&key));
                expected.remove(&key);
                prop_assert_eq!(document.entries(), expected);
            }
        }
    }
}
