//! Reads filters.

use super::Filter;
use super::glob::{Glob, MOST_PATTERN};
use super::term::{NamePattern, Operator, Term};
use crate::property;

/// Why a text is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// There is no property of that name.
    #[error("no property is called {key:?}, in the term {term:?}")]
    UnknownProperty {
        /// The name.
        key: String,
        /// The term.
        term: String,
    },
    /// A name has a character that no jail's name has.
    #[error("{name:?} is not the name of a jail: it may not have {character:?}")]
    Character {
        /// The name.
        name: String,
        /// The offending character.
        character: char,
    },
    /// The source of a name is none.
    #[error("{name:?} names no source before the slash")]
    Source {
        /// The name, with its source.
        name: String,
    },
    /// An empty name.
    #[error("{term:?} has an empty name")]
    EmptyName {
        /// The term.
        term: String,
    },
    /// Longer than any name or value can be.
    #[error("a pattern is longer than {MOST_PATTERN} characters")]
    TooLong,
    /// A comparison with several values or with wildcards.
    #[error("{term:?} compares with more than one value")]
    NotOneValue {
        /// The term.
        term: String,
    },
    /// More terms than a filter can have.
    #[error("a filter has at most {MOST_TERMS} terms and names")]
    TooMany,
}

/// Most names and terms of a filter.
const MOST_TERMS: usize = 4096;

/// Longest name of a property that is looked up at each `<` and `>` of a word, in bytes: `user.` and 255 more.
const MOST_KEY: usize = 260;

/// Adds the terms of one word of the command line.
pub(super) fn add_word(filter: &mut Filter, word: &str) -> Result<(), FilterError> {
    let terms = split_unescaped(word, char::is_whitespace);
    let mut any = false;
    for term in terms.into_iter().filter(|term| !term.is_empty()) {
        any = true;
        add_term(filter, term)?;
        if filter.names.len() + filter.terms.len() > MOST_TERMS {
            return Err(FilterError::TooMany);
        }
    }
    // Nothing at all would be all jails: `ioc destroy "$JAIL"` is not to mean them where the variable is unset.
    if any { Ok(()) } else { Err(FilterError::EmptyName { term: shown(word) }) }
}

fn add_term(filter: &mut Filter, term: &str) -> Result<(), FilterError> {
    let Some((key, operator, values)) = split_operator(term) else {
        return add_names(filter, term, term);
    };
    if property::canonical(key) == property::NAME.name() && operator == Operator::Is {
        return add_names(filter, term, values);
    }
    if property::find(key).is_none() {
        return Err(FilterError::UnknownProperty { key: shown(key), term: shown(term) });
    }
    let alternatives = split_unescaped(values, |c| c == ',');
    let alternatives = alternatives.into_iter().map(|value| Glob::new(value).ok_or(FilterError::TooLong));
    let alternatives: Vec<Glob> = alternatives.collect::<Result<_, _>>()?;
    let orders = !matches!(operator, Operator::Is | Operator::IsNot);
    if orders && !matches!(alternatives.as_slice(), [one] if one.literal().is_some()) {
        return Err(FilterError::NotOneValue { term: shown(term) });
    }
    filter.terms.push(Term { key: property::canonical(key).to_owned(), operator, alternatives });
    Ok(())
}

fn add_names(filter: &mut Filter, term: &str, names: &str) -> Result<(), FilterError> {
    let names = split_unescaped(names, |c| c == ',');
    for name in names {
        // `a, b` is read as `a,` and `b`; the empty name at the end is a separator and no more.
        if name.is_empty() {
            continue;
        }
        filter.names.push(parse_name(name)?);
    }
    if filter.names.is_empty() { Err(FilterError::EmptyName { term: shown(term) }) } else { Ok(()) }
}

fn parse_name(text: &str) -> Result<NamePattern, FilterError> {
    let (source, name) = match text.split_once('/') {
        Some((source, name)) => {
            let source = source.parse().map_err(|_| FilterError::Source { name: shown(text) })?;
            (Some(source), name)
        }
        None => (None, text),
    };
    if name.is_empty() {
        return Err(FilterError::EmptyName { term: shown(text) });
    }
    let name = Glob::new(name).ok_or(FilterError::TooLong)?;
    // Every character of a pattern is checked on its own: which runs of them make a name depends on the wildcards.
    let bad = name.literals().find(|c| format!("a{c}a").parse::<crate::name::JailName>().is_err());
    match bad {
        Some(character) => Err(FilterError::Character { name: shown(text), character }),
        None => Ok(NamePattern { source, name }),
    }
}

/// Finds the operator of a term; a term without one is a name.
///
/// `<`, `>` and `!` may stand in names, so that they are operators only after the name of a property.
fn split_operator(term: &str) -> Option<(&str, Operator, &str)> {
    let mut escaped = false;
    for (at, character) in term.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        let (key, rest) = term.split_at(at);
        let known = || key.len() <= MOST_KEY && property::find(key).is_some();
        match character {
            '\\' => escaped = true,
            '=' => return Some((key, Operator::Is, &rest[1..])),
            '!' if rest.starts_with("!=") => return Some((key, Operator::IsNot, &rest[2..])),
            '<' if rest.starts_with("<=") => return Some((key, Operator::AtMost, &rest[2..])),
            '>' if rest.starts_with(">=") => return Some((key, Operator::AtLeast, &rest[2..])),
            '<' if known() => return Some((key, Operator::Less, &rest[1..])),
            '>' if known() => return Some((key, Operator::More, &rest[1..])),
            _ => {}
        }
    }
    None
}

/// Splits at separators that no backslash precedes; the parts keep their escapes.
fn split_unescaped(text: &str, separator: impl Fn(char) -> bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, character) in text.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        if character == '\\' {
            escaped = true;
        } else if separator(character) {
            parts.push(&text[start..at]);
            start = at + character.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(words: &[&str]) -> Filter {
        Filter::parse(words.iter().copied()).unwrap()
    }

    fn names(words: &[&str]) -> Vec<String> {
        filter(words).names.iter().map(NamePattern::to_string).collect()
    }

    #[test]
    fn names_are_alternatives_however_they_are_separated() {
        assert_eq!(names(&["a", "b"]), ["a", "b"]);
        assert_eq!(names(&["a,b c"]), ["a", "b", "c"]);
        assert_eq!(names(&["a, b"]), ["a", "b"]);
        assert_eq!(names(&["name=a,b"]), ["a", "b"]);
        assert_eq!(names(&["id=a"]), ["a"]);
        assert_eq!(names(&["ioc/a,tank/*"]), ["ioc/a", "tank/*"]);
    }

    #[test]
    fn operators_and_names_with_the_same_characters() {
        assert_eq!(names(&["jail>ioc"]), ["jail>ioc"]);
        assert_eq!(names(&["ioc!jail"]), ["ioc!jail"]);
        let filter = filter(&["priority>5", "boot!=yes", "user.role=web"]);
        let shown: Vec<String> = filter.terms.iter().map(Term::to_string).collect();
        assert_eq!(shown, ["priority>5", "boot!=yes", "user.role=web"]);
        assert_eq!(names(&["priority\\>5"]), ["priority\\>5"]);
        assert_eq!(self::filter(&["notes>\\=w"]).to_string(), "notes>\\=w");
    }

    #[test]
    fn escapes() {
        let filter = filter(&["notes=a\\ b\\,c", "x"]);
        assert_eq!(filter.terms[0].alternatives[0].literal().unwrap(), "a b,c");
        assert!(filter.names[0].literal().is_some());
        assert_eq!(names(&["a\\,b"]), ["a\\,b"]);
    }

    #[test]
    fn refusals() {
        for bad in [
            "",
            " ",
            "prio=5",
            "a@b",
            "a/b/c",
            "/a",
            "ioc/",
            "-x/a",
            "priority>1,2",
            "priority>*",
            ",",
            "name=",
        ] {
            assert!(Filter::parse([bad]).is_err(), "{bad}");
        }
        assert!(Filter::parse([]).unwrap().is_empty());
    }

    #[test]
    fn a_million_names_are_judged_in_linear_time() {
        let long = "a".repeat(1_000_000);
        assert_eq!(Filter::parse([long.as_str()]), Err(FilterError::TooLong));
        let many = "a ".repeat(1_000_000);
        assert_eq!(Filter::parse([many.as_str()]), Err(FilterError::TooMany));
    }

    proptest! {
        #[test]
        fn printed_filters_read_back(text in "[ab,*+?\\\\=<>! ]{0,16}|[a-z]{1,4}[<>!=]{1,2}[a-z0-9,]{1,4}") {
            if let Ok(filter) = Filter::parse([text.as_str()]) {
                prop_assert_eq!(Filter::parse([filter.to_string().as_str()]), Ok(filter));
            }
        }

        #[test]
        fn any_text_is_judged(text: String) {
            let _ = Filter::parse([text.as_str()]);
        }
    }
}
