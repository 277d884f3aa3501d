//! Properties as they are written on the command line, and whose they are.

use libioc::operation::Target;

use crate::session::Session;
use crate::ui::Failure;

/// The words that stand for the defaults of a source where a jail is expected; iocage has the short one.
const DEFAULTS: [&str; 2] = ["defaults", "default"];

/// What `[SOURCE/]JAIL` or `[SOURCE/]defaults` means.
pub(super) fn target(session: &Session, text: &str) -> Result<Target, Failure> {
    let name = text.split_once('/').map_or(text, |(_, name)| name);
    if !DEFAULTS.contains(&name) {
        return Ok(Target::Jail(session.ioc.jail(text)?));
    }
    let (source, _) = session.place(text)?;
    Ok(Target::Defaults(source.name.clone()))
}

/// `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    /// The property.
    pub(super) key: String,
    /// Its value.
    pub(super) value: String,
}

impl std::str::FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Change::from_str(text)? {
            Change { key, value: Some(value) } => Ok(Assignment { key, value }),
            Change { key, value: None } => Err(format!("no value; write {key}=VALUE")),
        }
    }
}

/// `KEY=VALUE`, or `KEY` alone to go back to the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The property.
    pub(super) key: String,
    /// Its value; none: the default.
    pub(super) value: Option<String>,
}

impl std::str::FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        match key.is_empty() {
            true => Err("no property in front of =".to_owned()),
            false => Ok(Change { key: key.to_owned(), value }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_equals_sign_separates() {
        let assignment: Assignment = "ip4_addr=em0|10.0.0.2/24".parse().unwrap();
        assert_eq!((assignment.key.as_str(), assignment.value.as_str()), ("ip4_addr", "em0|10.0.0.2/24"));
        let assignment: Assignment = "exec_start=A=b sh".parse().unwrap();
        assert_eq!((assignment.key.as_str(), assignment.value.as_str()), ("exec_start", "A=b sh"));
        assert_eq!("notes=".parse::<Assignment>().unwrap().value, "");
        assert!("boot".parse::<Assignment>().is_err());
        assert!("=yes".parse::<Assignment>().is_err());
        assert_eq!("boot".parse(), Ok(Change { key: "boot".into(), value: None }));
        assert!("".parse::<Change>().is_err());
    }
}
