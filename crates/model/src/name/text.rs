//! What all names share: they are immutable text, printed and stored as that text.

use super::NameError;

/// Gives a newtype over `String` its conversions; parsing is its own `FromStr`.
macro_rules! text_name {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::name::NameError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}
pub(super) use text_name;

/// Longest text that an error repeats, in characters.
const SHOWN: usize = 64;

/// Cuts hostile text to what an error message can carry.
pub(super) fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(SHOWN).collect();
    cut.push('…');
    cut
}

/// Checks the length of `text` in characters.
pub(super) fn check_length(kind: &'static str, text: &str, most: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { kind });
    }
    if text.chars().nth(most).is_some() {
        return Err(NameError::TooLong { kind, text: shown(text), most });
    }
    Ok(())
}

/// Finds the first character of `text` that `allowed` refuses.
pub(super) fn check_characters(
    kind: &'static str,
    text: &str,
    allowed: impl Fn(char) -> bool,
) -> Result<(), NameError> {
    match text.chars().enumerate().find(|&(_, c)| !allowed(c)) {
        Some((at, character)) => {
            Err(NameError::Character { kind, text: shown(text), character, position: at + 1 })
        }
        None => Ok(()),
    }
}

/// Checks that runs accepted by `inner` are joined by single characters accepted by `joint`.
///
/// One pass: unlike the pattern of the reference this takes linear time.
pub(super) fn check_joined(
    kind: &'static str,
    text: &str,
    inner: impl Fn(char) -> bool,
    joint: impl Fn(char) -> bool,
) -> Result<(), NameError> {
    let mut after_joint = true;
    let mut last = (0, ' ');
    for (at, character) in text.chars().enumerate() {
        let is_joint = joint(character);
        if !(inner(character) || is_joint && !after_joint) {
            return Err(NameError::Character { kind, text: shown(text), character, position: at + 1 });
        }
        after_joint = is_joint;
        last = (at, character);
    }
    if after_joint {
        let (at, character) = last;
        return Err(NameError::Character { kind, text: shown(text), character, position: at + 1 });
    }
    Ok(())
}

/// Tells whether `text` is a UUID in its 8-4-4-4-12 form, hexadecimal digits in any case.
pub(super) fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.len() == 5
        && groups
            .iter()
            .zip([8, 4, 4, 4, 12])
            .all(|(group, length)| group.len() == length && group.bytes().all(|b| b.is_ascii_hexdigit()))
}
