//! Patterns with `*`, `+` and `?`, matched without regular expressions.

use std::fmt;

/// Longest pattern, in characters; keeps matching linear in the length of the text.
pub(super) const MOST_PATTERN: usize = 512;

/// A pattern: `*` is any run of characters, `+` any but the empty one, `?` one character; the whole text must match.
///
/// A backslash takes the special meaning from what follows. All other characters, brackets and braces among them,
/// stand for themselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Glob {
    /// What stands between the stars; never empty. None is one character of any kind.
    segments: Vec<Vec<Option<char>>>,
}

impl Glob {
    /// Reads a pattern; none if it is too long.
    pub fn new(source: &str) -> Option<Self> {
        let mut segments = vec![Vec::new()];
        let mut characters = source.chars();
        let mut count = 0;
        while let Some(character) = characters.next() {
            count += 1;
            if count > MOST_PATTERN {
                return None;
            }
            let last = segments.len() - 1;
            match character {
                '*' => segments.push(Vec::new()),
                '+' => {
                    segments[last].push(None);
                    segments.push(Vec::new());
                }
                '?' => segments[last].push(None),
                '\\' => segments[last].push(Some(characters.next().unwrap_or('\\'))),
                other => segments[last].push(Some(other)),
            }
        }
        Some(Glob { segments })
    }

    /// The text that the pattern stands for, if it has no wildcard.
    pub fn literal(&self) -> Option<String> {
        match self.segments.as_slice() {
            [only] => only.iter().copied().collect(),
            _ => None,
        }
    }

    /// Tells whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (first, rest) = match self.segments.split_first() {
            Some((only, [])) => return only.len() == text.len() && fits(only, &text),
            Some(split) => split,
            None => return text.is_empty(),
        };
        let (last, middle) = match rest.split_last() {
            Some(split) => split,
            None => return false,
        };
        if text.len() < first.len() + last.len() || !fits(first, &text) {
            return false;
        }
        let (mut from, end) = (first.len(), text.len() - last.len());
        for segment in middle {
            let found = (from..=end).find(|at| at + segment.len() <= end && fits(segment, &text[*at..]));
            match found {
                Some(at) => from = at + segment.len(),
                None => return false,
            }
        }
        fits(last, &text[end..])
    }

    /// The characters that stand for themselves.
    pub(super) fn literals(&self) -> impl Iterator<Item = char> {
        self.segments.iter().flatten().filter_map(|character| *character)
    }
}

impl fmt::Display for Glob {
    /// Prints the pattern so that it reads back, alone or among others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, segment) in self.segments.iter().enumerate() {
            // One character of any kind and then any run is `+`.
            let is_last = n + 1 == self.segments.len();
            let (segment, end) = match segment.split_last() {
                _ if is_last => (segment.as_slice(), ""),
                Some((None, before)) => (before, "+"),
                _ => (segment.as_slice(), "*"),
            };
            for character in segment {
                match character {
                    None => f.write_str("?")?,
                    Some(c) if matches!(c, '*' | '+' | '?' | '\\' | ',') || c.is_whitespace() => {
                        write!(f, "\\{c}")?
                    }
                    Some(c) => write!(f, "{c}")?,
                }
            }
            f.write_str(end)?;
        }
        Ok(())
    }
}

/// Tells whether `text` begins with `segment`.
fn fits(segment: &[Option<char>], text: &[char]) -> bool {
    text.len() >= segment.len()
        && segment.iter().zip(text).all(|(want, is)| want.is_none_or(|want| want == *is))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(pattern: &str, text: &str) -> bool {
        Glob::new(pattern).unwrap().matches(text)
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("+", "", false),
            ("+", "x", true),
            ("?", "ä", true),
            ("?", "", false),
            ("web*", "web", true),
            ("web+", "web", false),
            ("*b*b", "bb", true),
            ("*b*b", "b", false),
            ("a*a", "a", false),
            ("a*b*c", "axxbxxc", true),
            ("a*b*c", "axxcxxb", false),
            ("a{2}b", "a{2}b", true),
            ("a{2}b", "aab", false),
            ("a[b]", "ab", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\", "a\\", true),
            ("12*", "12.0-RELEASE", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn printed_patterns_are_the_same_patterns() {
        for pattern in ["", "web*", "w+b", "a?*", "a\\*b", "*", "+", "?", "\\\\", "a\\,b", "a\\ b", "*?+"] {
            let glob = Glob::new(pattern).unwrap();
            assert_eq!(Glob::new(&glob.to_string()).unwrap(), glob, "{pattern}");
        }
        assert_eq!(Glob::new("w+b*").unwrap().to_string(), "w+b*");
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let text = "a".repeat(64 * 1024);
        let pattern = "a*".repeat(200) + "b";
        assert!(!glob(&pattern, &text));
        assert!(Glob::new(&"*".repeat(MOST_PATTERN + 1)).is_none());
    }

    /// The plain recursive definition, too slow for anything but short texts.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|at| by_definition(rest, &text[at..])),
            Some(('+', rest)) => (1..=text.len()).any(|at| by_definition(rest, &text[at..])),
            Some(('?', rest)) => !text.is_empty() && by_definition(rest, &text[1..]),
            Some((character, rest)) => text.first() == Some(character) && by_definition(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn as_defined(pattern in "[ab*+?]{0,8}", text in "[ab]{0,8}") {
            let definition =
                by_definition(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(glob(&pattern, &text), definition);
        }
    }
}
