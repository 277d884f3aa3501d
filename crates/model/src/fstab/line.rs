//! One line: its fields, their escapes, and the paths in them.

use std::ops::Range;

use super::entry::Entry;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The bytes, without the end of the line.
    pub(super) bytes: Vec<u8>,
    pub(super) content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Mount(Box<Mount>),
    /// A comment or nothing.
    Blank,
    /// Kept, and mounted by nobody.
    Malformed(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) entry: Entry,
    pub(super) source: Range<usize>,
    pub(super) destination: Range<usize>,
}

impl Line {
    pub(super) fn of(entry: Entry) -> Line {
        Line::read(entry.to_string().as_bytes())
    }

    pub(super) fn read(bytes: &[u8]) -> Line {
        let content = match std::str::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Content::Malformed("has a NUL"),
            Ok(text) => read_line(text),
            Err(_) => Content::Malformed("is not UTF-8"),
        };
        Line { bytes: bytes.to_vec(), content }
    }
}

fn read_line(line: &str) -> Content {
    let (fields, comment) = split(line);
    if fields.is_empty() {
        return Content::Blank;
    }
    let [source, destination, kind, options, rest @ ..] = fields.as_slice() else {
        return Content::Malformed("has fewer than four fields");
    };
    let number = |field: Option<&Range<usize>>| field.map_or(0, |span| leading_number(&line[span.clone()]));
    let text = |span: &Range<usize>| decode(&line[span.clone()]);
    match (text(source), text(destination), text(kind), text(options)) {
        (Some(from), Some(to), Some(kind), Some(options)) => {
            let entry = Entry {
                source: from,
                destination: to,
                kind,
                options,
                freq: number(rest.first()),
                passno: number(rest.get(1)),
                comment: comment.map(str::to_owned),
            };
            Content::Mount(Box::new(Mount {
                entry,
                source: source.clone(),
                destination: destination.clone(),
            }))
        }
        _ => Content::Malformed("has an escape that is no character"),
    }
}

/// Finds the fields of a line, and the text of its comment.
fn split(line: &str) -> (Vec<Range<usize>>, Option<&str>) {
    let bytes = line.as_bytes();
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r');
    let (mut fields, mut at) = (Vec::new(), 0);
    loop {
        while bytes.get(at).is_some_and(|byte| is_blank(*byte)) {
            at += 1;
        }
        match bytes.get(at) {
            None => return (fields, None),
            Some(b'#') => {
                let comment = line[at..].trim_start_matches('#').trim();
                return (fields, Some(comment).filter(|comment| !comment.is_empty()));
            }
            Some(_) => {}
        }
        let start = at;
        while bytes.get(at).is_some_and(|byte| !is_blank(*byte)) {
            // A backslash before a blank is what libioc wrote.
            at += if bytes[at] == b'\\' && at + 1 < bytes.len() { 2 } else { 1 };
        }
        fields.push(start..at);
    }
}

/// The fields of a line, decoded; none if one of them has an escape that is no character.
pub(super) fn fields(line: &str) -> Option<Vec<String>> {
    split(line).0.into_iter().map(|span| decode(&line[span])).collect()
}

/// As atoi(3), which getfsent(3) uses.
fn leading_number(text: &str) -> u32 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}

/// Decodes a field: octal escapes, those of C, and a backslash before a blank.
fn decode(field: &str) -> Option<String> {
    if !field.contains('\\') {
        return Some(field.to_owned());
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let digits = after.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        if digits > 0 {
            let value =
                after[..digits].iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            bytes.push(u8::try_from(value).ok().filter(|value| *value != 0)?);
            rest = &after[digits..];
            continue;
        }
        let Some((escaped, after)) = after.split_first() else {
            bytes.push(b'\\');
            break;
        };
        match escaped {
            b's' => bytes.push(b' '),
            b't' => bytes.push(b'\t'),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b' ' | b'\t' | b'\\' => bytes.push(*escaped),
            // No escape of strunvis(3) that a path would be written with: it stands for itself.
            other => bytes.extend_from_slice(&[b'\\', *other]),
        }
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Encodes a field so that it is one field for fstab(5) and every program that reads it.
pub(super) fn encode(field: &str) -> String {
    let mut encoded = String::with_capacity(field.len());
    for (at, character) in field.char_indices() {
        if character.is_ascii_control() || matches!(character, ' ' | '\\') || character == '#' && at == 0 {
            encoded.push_str(&format!("\\{:03o}", u32::from(character)));
        } else {
            encoded.push(character);
        }
    }
    encoded
}

/// Tells whether two paths are the same, up to repeated and final slashes; other words are compared as they are.
pub(super) fn same_path(a: &str, b: &str) -> bool {
    a == b || a.starts_with('/') && b.starts_with('/') && components(a).eq(components(b))
}

/// What follows `ancestor` in `path`: empty for itself, none if it is not at or below it.
///
/// Both have to be absolute; components are compared as text, without looking at any file system.
pub fn below<'a>(path: &'a str, ancestor: &str) -> Option<&'a str> {
    if !path.starts_with('/') || !ancestor.starts_with('/') {
        return None;
    }
    let mut rest = path;
    for wanted in components(ancestor) {
        rest = rest.trim_start_matches('/').strip_prefix(wanted)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
    }
    Some(rest.trim_matches('/'))
}

pub(super) fn moved(path: &str, from: &str, to: &str) -> Option<String> {
    let rest = below(path, from)?;
    let to = to.trim_end_matches('/');
    Some(if rest.is_empty() { to.to_owned() } else { format!("{to}/{rest}") })
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|component| !component.is_empty())
}
