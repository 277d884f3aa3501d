//! What new jails are called: by a word, by an option as iocage has it, or by a random UUID.

use libioc::Error;
use libioc::model::name::JailName;
use libioc::model::uuid::Uuid;

use crate::ui::Failure;

/// Ways to call a jail other than by the word NAME.
#[derive(Debug, clap::Args)]
pub(super) struct NameOptions {
    /// Name of the new jail, instead of the word NAME
    #[arg(short, long = "name", id = "called", value_name = "[SOURCE/]NAME", conflicts_with_all = ["uuid", "short"])]
    name: Option<String>,

    /// Call the jail by this UUID
    #[arg(short, long, value_name = "UUID")]
    uuid: Option<Uuid>,

    /// Call the jail by the first 8 characters of the UUID only, of -u or a random one
    #[arg(short, long)]
    short: bool,
}

/// How many jails to make.
#[derive(Debug, clap::Args)]
pub(super) struct CountOption {
    /// Make so many jails, called NAME_1, NAME_2 and so on; or each by a random UUID
    #[arg(
        short,
        long,
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u16).range(1..),
        conflicts_with = "uuid"
    )]
    pub(super) count: Option<u16>,
}

/// What is written of a new jail: a word or option that names it, or none and the words that are then properties.
pub(super) struct Written<'a> {
    /// `[SOURCE/]NAME`.
    pub(super) name: Option<&'a str>,
    /// The word where NAME may stand, if it is a property.
    pub(super) property: Option<&'a str>,
}

impl NameOptions {
    /// Takes the word in the place of NAME for a name or, as no name has a `=`, for a property.
    pub(super) fn written<'a>(&'a self, word: Option<&'a str>) -> Result<Written<'a>, Failure> {
        let (word, property) = match word {
            Some(word) if word.contains('=') => (None, Some(word)),
            word => (word, None),
        };
        let name = match (word, self.name.as_deref()) {
            (Some(word), None) if self.by_uuid() => {
                return Err(Failure::Usage(format!(
                    "the jail is called {word}, so it is not called by a UUID"
                )));
            }
            (Some(word), Some(name)) => {
                return Err(Failure::Usage(format!("the jail is called {word}, and {name} besides")));
            }
            (word, name) => word.or(name),
        };
        Ok(Written { name, property })
    }

    /// What -n says.
    pub(super) fn called(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Tells whether an option asks for a UUID.
    pub(super) fn by_uuid(&self) -> bool {
        self.uuid.is_some() || self.short
    }

    /// The names of the new jails; `name` is without a source, and without one they are called by UUIDs.
    pub(super) fn names(&self, name: Option<&str>, count: &CountOption) -> Result<Vec<JailName>, Failure> {
        let names = match (name, self.uuid, count.count) {
            (Some(name), _, None) => vec![name.to_owned()],
            (Some(name), _, Some(count)) => (1..=count).map(|number| format!("{name}_{number}")).collect(),
            (None, Some(uuid), _) => vec![self.text_of(uuid)],
            (None, None, count) => {
                (0..count.unwrap_or(1)).map(|_| self.random()).collect::<Result<_, _>>()?
            }
        };
        let names: Result<_, _> = names.iter().map(|name| JailName::new(name)).collect();
        Ok(names.map_err(Error::from)?)
    }

    fn text_of(&self, uuid: Uuid) -> String {
        let mut text = uuid.to_string();
        if self.short {
            text.truncate(8);
        }
        text
    }

    /// A random name. One in 40 short ones is all digits, which is no name.
    fn random(&self) -> Result<String, Failure> {
        loop {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).map_err(|error| Failure::System {
                what: "get random numbers".to_owned(),
                source: error.into(),
            })?;
            let name = self.text_of(Uuid::random(bytes));
            if JailName::new(&name).is_ok() {
                return Ok(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0f6c2b1a-77de-4e0c-8a5b-2f9d1c3e4b5a";

    fn options(name: Option<&str>, uuid: Option<&str>, short: bool) -> NameOptions {
        NameOptions { name: name.map(str::to_owned), uuid: uuid.map(|uuid| uuid.parse().unwrap()), short }
    }

    fn names(options: &NameOptions, name: Option<&str>, count: Option<u16>) -> Vec<String> {
        let names = options.names(name, &CountOption { count }).unwrap();
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_word_with_an_equals_sign_is_a_property() {
        let none = options(None, None, false);
        let Written { name, property } = none.written(Some("boot=yes")).unwrap();
        assert_eq!((name, property), (None, Some("boot=yes")));
        let Written { name, property } = none.written(Some("s/web")).unwrap();
        assert_eq!((name, property), (Some("s/web"), None));
    }

    #[test]
    fn a_jail_has_one_name() {
        let named = options(Some("web"), None, false);
        assert_eq!(named.written(Some("boot=yes")).unwrap().name, Some("web"));
        assert!(named.written(Some("web")).is_err());
        assert!(options(None, None, true).written(Some("web")).is_err());
        assert!(options(None, Some(UUID), false).written(Some("web")).is_err());
    }

    #[test]
    fn named_by_a_uuid() {
        assert_eq!(names(&options(None, Some(UUID), false), None, None), [UUID]);
        assert_eq!(names(&options(None, Some(UUID), true), None, None), [&UUID[..8]]);
        let digits = options(None, Some("12345678-77de-4e0c-8a5b-2f9d1c3e4b5a"), true);
        assert!(digits.names(None, &CountOption { count: None }).is_err());
    }

    #[test]
    fn random_names_differ() {
        let random = names(&options(None, None, false), None, Some(2));
        assert!(random[0] != random[1] && random.iter().all(|name| name.len() == 36), "{random:?}");
        for name in names(&options(None, None, true), None, Some(200)) {
            assert!(name.len() == 8 && name.bytes().any(|byte| !byte.is_ascii_digit()), "{name}");
        }
    }

    #[test]
    fn numbered_names() {
        assert_eq!(names(&options(None, None, false), Some("n"), Some(2)), ["n_1", "n_2"]);
    }
}
