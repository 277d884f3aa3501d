//! Reads UCL into statements that know where they stand in the text.

use std::ops::Range;

use crate::config::raw::Raw;
use crate::config::text::{Position, SyntaxError};

/// Deepest nesting that is read.
const MOST_DEPTH: usize = 16;
/// Longest key, in bytes.
pub(super) const MOST_KEY: usize = 256;

/// A key with a value.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// The key, dotted.
    pub(super) key: String,
    /// From the key to the separator after the value.
    pub(super) span: Range<usize>,
    /// The value, quotes included.
    pub(super) value: Range<usize>,
    pub(super) raw: Raw,
}

/// A text that was read.
pub(super) struct Parsed {
    /// All keys with values, in the order of the text.
    pub(super) statements: Vec<Statement>,
    /// Where a new key goes: the end of the text, or before the outer closing brace.
    pub(super) end: usize,
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Parsed, SyntaxError> {
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
    Ok(Parsed { statements: parser.statements, end })
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
        self.at += rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() && c != '\n').len();
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
        let after_key = self.at;
        self.spaces();
        if !self.take('=') {
            self.take(':');
        }
        self.spaces();
        if self.at == after_key && !matches!(self.peek(), Some('{' | '"' | '\'')) {
            return Err(self.error("expected a value"));
        }
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
