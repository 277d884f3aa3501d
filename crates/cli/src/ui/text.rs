//! Text from outside, made fit to be shown.

use std::borrow::Cow;

/// Makes characters visible that would act on a terminal or break a line: control characters, and those that turn
/// the direction of writing. Names and values may come from archives and files of anybody.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// As [`visible`], but keeps the ends of lines.
pub(crate) fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

/// As [`visible`], but keeps the ends of lines and tabs: for a file that is shown as it is.
pub(crate) fn visible_file(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let acts = |c: char| (c.is_control() || is_bidirectional(c)) && !keep(c);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if acts(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_acts_is_escaped() {
        assert!(matches!(visible("Grönke, 監獄"), Cow::Borrowed(_)));
        assert_eq!(visible("a\tb\nc\x1b[31m"), "a\\tb\\nc\\u{1b}[31m");
        assert_eq!(visible("\u{202e}x"), "\\u{202e}x");
        assert_eq!(visible_lines("a\nb\r"), "a\nb\\r");
    }
}
