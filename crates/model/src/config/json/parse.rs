//! Reads JSON into a tree that knows where everything stands in the text.
//!
//! serde_json cannot tell that, and an edit of one key must leave the rest of the text as it is.

use std::ops::Range;

use crate::config::text::{Position, SyntaxError};

/// Deepest nesting that is read.
pub(super) const MOST_DEPTH: usize = 32;
/// Longest key, in bytes; with the depth this bounds the length of a dotted key.
pub(super) const MOST_KEY: usize = 256;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it stands in the text.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) kind: NodeKind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    Null,
    Bool(bool),
    /// A number, as its text.
    Number,
    /// Text; an error for escapes that make no text, such as half of a surrogate pair.
    Text(Result<String, &'static str>),
    Object(Vec<Member>),
    Array(Vec<Node>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// The key.
    pub(super) key: String,
    /// Where the key stands, quotes included.
    pub(super) key_span: Range<usize>,
    /// The value.
    pub(super) value: Node,
}

/// Reads a text that is one object.
pub(super) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser { text, at: 0 };
    parser.blanks();
    if parser.peek() != Some(b'{') {
        return Err(parser.error("expected an object"));
    }
    let node = parser.value(0)?;
    parser.blanks();
    if parser.at < text.len() { Err(parser.error("text after the object")) } else { Ok(node) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { position: Position::of(self.text, self.at), what }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        if depth > MOST_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => NodeKind::Object(self.object(depth)?),
            Some(b'[') => NodeKind::Array(self.array(depth)?),
            Some(b'"') => NodeKind::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn word(&mut self) -> Result<NodeKind, SyntaxError> {
        for (word, kind) in
            [("null", NodeKind::Null), ("true", NodeKind::Bool(true)), ("false", NodeKind::Bool(false))]
        {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(kind);
            }
        }
        Err(self.error("expected a value"))
    }

    fn number(&mut self) -> Result<NodeKind, SyntaxError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'+' | b'-' | b'.' | b'0'..=b'9' | b'e' | b'E')) {
            self.at += 1;
        }
        // serde_json knows the grammar of numbers; with arbitrary precision it takes any length.
        match serde_json::from_str::<serde_json::Number>(&self.text[start..self.at]) {
            Ok(_) => Ok(NodeKind::Number),
            Err(_) => {
                self.at = start;
                Err(self.error("not a number"))
            }
        }
    }

    /// Reads text, past its closing quote.
    fn string(&mut self) -> Result<Result<String, &'static str>, SyntaxError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(0..=0x1f) => return Err(self.error("control character in text")),
                Some(_) => self.at += 1,
                None => {
                    self.at = start;
                    return Err(self.error("text without end"));
                }
            }
        }
        self.at += 1;
        let quoted = &self.text[start..self.at];
        if !quoted.contains('\\') {
            return Ok(Ok(quoted[1..quoted.len() - 1].to_owned()));
        }
        match serde_json::from_str::<String>(quoted) {
            Ok(text) if text.contains('\0') => Ok(Err("has a NUL")),
            Ok(text) => Ok(Ok(text)),
            Err(_) if quoted.contains("\\u") => Ok(Err("has an escape that is no character")),
            Err(_) => {
                self.at = start;
                Err(self.error("text with an unknown escape"))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Vec<Member>, SyntaxError> {
        let mut members = Vec::new();
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(members);
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a key"));
            }
            let start = self.at;
            let key = self.string()?;
            let key_span = start..self.at;
            let key = key.ok().filter(|key| key.len() <= MOST_KEY).ok_or_else(|| {
                let position = Position::of(self.text, start);
                SyntaxError { position, what: "a key that is too long, or has characters that are none" }
            })?;
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.error("expected a colon"));
            }
            self.at += 1;
            self.blanks();
            let value = self.value(depth + 1)?;
            members.push(Member { key, key_span, value });
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(members);
                }
                _ => return Err(self.error("expected a comma or the end of the object")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Node>, SyntaxError> {
        let mut items = Vec::new();
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(items);
        }
        loop {
            self.blanks();
            items.push(self.value(depth + 1)?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(items);
                }
                _ => return Err(self.error("expected a comma or the end of the list")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn errors_tell_the_place() {
        for (text, message) in [
            ("", "line 1, column 1: expected an object"),
            ("[]", "line 1, column 1: expected an object"),
            ("{\n  \"a\": }", "line 2, column 8: expected a value"),
            ("{\"a\": 1} x", "line 1, column 10: text after the object"),
            ("{\"a\": 01}", "line 1, column 7: not a number"),
            ("{\"a\": \"x", "line 1, column 7: text without end"),
            ("{\"a\": \"x\\", "line 1, column 7: text without end"),
            ("{\"a\": \"\\x\"}", "line 1, column 7: text with an unknown escape"),
            ("{\"a\" 1}", "line 1, column 6: expected a colon"),
            ("{\"a\": 1,}", "line 1, column 9: expected a key"),
            ("{\"a\": \"x\ny\"}", "line 1, column 9: control character in text"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn depth_is_bounded() {
        for opening in ["[", "{\"a\":"] {
            let text = format!("{{\"a\":{}", opening.repeat(1_000_000));
            assert_eq!(parse(&text).unwrap_err().what, "nested too deeply");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_on_what_is_json(text in "[{}\\[\\]\":,0-9a-c \\\\untrue\\-.]{0,24}") {
            let ours = parse(&text).is_ok();
            let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text).is_ok();
            // Half surrogates and NULs are let through here, and make only their own value unreadable.
            prop_assert!(ours == theirs || (ours && text.contains("\\u")), "{}", text);
        }

        #[test]
        fn any_text_is_judged(text: String) {
            let _ = parse(&format!("{{\"a\":{text}}}"));
        }
    }
}
