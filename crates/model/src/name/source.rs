//! Names of sources: `ioc_dataset_NAME=` in the host file, `SOURCE/JAIL` on the command line.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{NameError, text};

/// Name of a source: letters and digits, with single `-` or `_` between them, 31 at most.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceName(String);

text::text_name!(SourceName);

impl SourceName {
    /// The name of a source that was found without being named: an active pool, the default directory.
    pub fn ioc() -> Self {
        SourceName("ioc".to_owned())
    }
}

impl FromStr for SourceName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        const KIND: &str = "source name";
        text::check_length(KIND, text, 31)?;
        text::check_joined(KIND, text, |c| c.is_ascii_alphanumeric(), |c| matches!(c, '-' | '_'))?;
        Ok(SourceName(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_joints_between_letters_and_digits() {
        for good in ["ioc", "a-b_c", "7"] {
            assert!(good.parse::<SourceName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "a/b", "ä", "a b"] {
            assert!(bad.parse::<SourceName>().is_err(), "{bad}");
        }
    }
}
