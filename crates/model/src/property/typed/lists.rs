//! Lists, which differ in what separates their items.

use super::{Dialect, Stored, Typed};
use crate::property::value::{Value, is_none};

/// A list whose items hold no blanks and no commas; either separates them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Words(pub Vec<String>);

impl Typed for Words {
    const NAME: &'static str = "list";
    const ACCEPTS: &'static str = "items separated by commas or blanks";
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace());
        // An item that spells none would make a list of one read as none.
        Ok(Words(words.filter(|word| !is_none(word)).map(str::to_owned).collect()))
    }

    fn value(&self) -> Value {
        Value::list(self.0.iter().cloned())
    }

    fn stored(&self, dialect: Dialect) -> Stored {
        let separator = match dialect {
            Dialect::Libioc => ",",
            Dialect::Iocage => " ",
        };
        Stored::Text(if self.0.is_empty() { "none".to_owned() } else { self.0.join(separator) })
    }
}

/// Dataset names, stored with blanks between them in either dialect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DatasetList(pub Vec<String>);

impl Typed for DatasetList {
    const NAME: &'static str = "list";
    const ACCEPTS: &'static str = "dataset names separated by blanks or commas";
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let Words(names) = Words::parse(text)?;
        match names.iter().find(|name| !is_dataset_path(name)) {
            Some(bad) => Err(format!("{bad:?} is not the name of a dataset")),
            None => Ok(DatasetList(names)),
        }
    }

    fn value(&self) -> Value {
        Value::list(self.0.iter().cloned())
    }

    fn stored(&self, _: Dialect) -> Stored {
        Stored::Text(if self.0.is_empty() { "none".to_owned() } else { self.0.join(" ") })
    }
}

/// A dataset, with its pool or (as iocage has it) without: such a name may begin with any legal character.
fn is_dataset_path(name: &str) -> bool {
    name.len() < 256
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c))
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// A comma separated list; a backslash keeps a comma, or a backslash, as part of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Items(pub Vec<String>);

impl Typed for Items {
    const NAME: &'static str = "list";
    const ACCEPTS: &'static str = "items separated by commas";
    const NULLABLE: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let mut items = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match (character, items.last_mut()) {
                (',', _) => items.push(String::new()),
                ('\\', Some(item)) => item.push(characters.next().unwrap_or('\\')),
                (other, Some(item)) => item.push(other),
                (_, None) => {}
            }
        }
        let mut seen = std::collections::HashSet::new();
        items.iter_mut().for_each(|item| *item = item.trim().to_owned());
        items.retain(|item| !is_none(item) && seen.insert(item.clone()));
        Ok(Items(items))
    }

    fn value(&self) -> Value {
        Value::list(self.0.iter().cloned())
    }

    fn stored(&self, _: Dialect) -> Stored {
        let items: Vec<String> =
            self.0.iter().map(|item| item.replace('\\', "\\\\").replace(',', "\\,")).collect();
        Stored::Text(if items.is_empty() { "none".to_owned() } else { items.join(",") })
    }
}

/// Arguments of a command, separated by blanks; there is no quoting.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arguments(pub Vec<String>);

impl Typed for Arguments {
    const NAME: &'static str = "arguments";
    const ACCEPTS: &'static str = "arguments separated by blanks";
    const NULLABLE: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Arguments(text.split_whitespace().map(str::to_owned).collect()))
    }

    fn value(&self) -> Value {
        Value::Text(self.0.join(" "))
    }
}
