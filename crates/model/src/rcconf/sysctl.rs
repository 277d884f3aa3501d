//! Lines of sysctl.conf(5): `name=value`, with comments.

use super::{Assignment, Scan};

/// Tells whether these bytes are the name of a sysctl: components joined by dots.
pub(super) fn is_name(name: &[u8]) -> bool {
    let is_character = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-%".contains(byte);
    !name.is_empty()
        && name.len() <= 255
        && name.iter().all(is_character)
        && name[0] != b'.'
        && name[0] != b'-'
}

/// Finds the assignments of a file.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    let mut scan = Scan { assignments: Vec::new(), is_complete: true };
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some(assignment) = read_line(line, start) {
            scan.assignments.push(assignment);
        }
        start += line.len();
    }
    scan
}

fn read_line(line: &[u8], start: usize) -> Option<Assignment> {
    let end = line.iter().position(|byte| matches!(byte, b'#' | b'\n')).unwrap_or(line.len());
    let text = &line[..end];
    let equals = text.iter().position(|byte| *byte == b'=')?;
    let name = text[..equals].trim_ascii();
    let value = text[equals + 1..].trim_ascii();
    if !is_name(name) {
        return None;
    }
    let blanks = text[equals + 1..].len() - text[equals + 1..].trim_ascii_start().len();
    let at = start + equals + 1 + blanks;
    let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value);
    let indent = text.len() - text.trim_ascii_start().len();
    Some(Assignment {
        name: String::from_utf8(name.to_vec()).ok()?,
        value: String::from_utf8(unquoted.to_vec()).ok(),
        value_span: at..at + value.len(),
        span: start + indent..start + end,
        remains: "",
        always: true,
    })
}
