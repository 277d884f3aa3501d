//! What the readers of text formats share.

use std::fmt;

/// Largest file that is read, in bytes: a thick configuration of iocage has 4 KiB.
pub const MOST_FILE: usize = 1024 * 1024;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Position {
    /// The place of the byte `at`.
    pub(super) fn of(text: &str, at: usize) -> Self {
        let mut end = at.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text is not of its format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {what}")]
pub struct SyntaxError {
    /// Where.
    pub position: Position,
    /// What is wrong there.
    pub what: &'static str,
}

/// Why the bytes of a file are not a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// More than [`MOST_FILE`] bytes.
    #[error("the file is larger than {MOST_FILE} bytes")]
    TooLarge,
    /// Bytes that are no UTF-8.
    #[error("the file is not UTF-8 at byte {at}")]
    NotText {
        /// The first of them, from 0.
        at: usize,
    },
    /// A NUL.
    #[error("the file has a NUL at byte {at}")]
    Nul {
        /// The first one, from 0.
        at: usize,
    },
    /// Text of another format, or of none.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
}

/// The bytes of a file as text.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, DocumentError> {
    if bytes.len() > MOST_FILE {
        return Err(DocumentError::TooLarge);
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(DocumentError::Nul { at });
    }
    std::str::from_utf8(bytes).map_err(|error| DocumentError::NotText { at: error.valid_up_to() })
}

/// Why a key cannot be changed where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The key, or one it is below, holds the other sort of thing.
    #[error("cannot set {key}: {at} holds {holds} in the file")]
    Shape {
        /// The key that was to be set.
        key: String,
        /// The key that is in the way.
        at: String,
        /// "keys of its own", or "a value".
        holds: &'static str,
    },
    /// The name cannot be written in this format.
    #[error("{key:?} cannot be a key in this format")]
    Key {
        /// The key.
        key: String,
    },
}

/// The text without some parts of it, which do not overlap.
pub(super) fn without(text: &str, mut parts: Vec<std::ops::Range<usize>>) -> String {
    parts.sort_by_key(|part| part.start);
    let mut left = String::with_capacity(text.len());
    let mut from = 0;
    for part in parts {
        left.push_str(&text[from..part.start]);
        from = part.end;
    }
    left.push_str(&text[from..]);
    left
}
