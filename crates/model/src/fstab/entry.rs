//! One mount.

use std::fmt;

use super::FstabError;
use super::line::{encode, fields};

/// The type that a line has unless it says another.
pub const NULLFS: &str = "nullfs";

/// The options of a mount of this type for which none are given: nobody writes to a directory of the host unasked.
pub fn default_options(kind: &str) -> &'static str {
    if kind == NULLFS { "ro" } else { "rw" }
}

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// What is mounted: a directory, a device, a word such as `tmpfs`.
    pub source: String,
    /// Where: in the fstab of a jail, a path of the host.
    pub destination: String,
    /// Type of the file system: `nullfs`.
    pub kind: String,
    /// Options as they are written, separated by commas: `ro,nosuid`, `size=1g`.
    pub options: String,
    /// For dump(8).
    pub freq: u32,
    /// For fsck(8).
    pub passno: u32,
    /// What follows the fields after `#`.
    pub comment: Option<String>,
}

impl Entry {
    /// A read-only nullfs mount of a directory.
    pub fn nullfs(source: impl Into<String>, destination: impl Into<String>) -> Self {
        Entry {
            source: source.into(),
            destination: destination.into(),
            kind: NULLFS.to_owned(),
            options: "ro".to_owned(),
            freq: 0,
            passno: 0,
            comment: None,
        }
    }

    /// Reads a line that may lack fields at its end, as iocage takes it: destination as the source, type nullfs,
    /// options ro (rw for other types), numbers 0.
    pub fn read(text: &str) -> Result<Self, FstabError> {
        let wrong = |problem| FstabError::Line { text: text.chars().take(120).collect(), problem };
        if text.contains(['\n', '\0']) {
            return Err(wrong("has more than one line"));
        }
        let [source, rest @ ..] =
            &fields(text).ok_or_else(|| wrong("has an escape that is no character"))?[..]
        else {
            return Err(wrong("is empty"));
        };
        if rest.len() > 5 {
            return Err(wrong("has more than six fields"));
        }
        let mut number = rest.iter().skip(3).map(|field| field.parse::<u8>().ok().filter(|n| *n < 10));
        let mut digit =
            || number.next().unwrap_or(Some(0)).ok_or_else(|| wrong("ends in something else than a digit"));
        let kind = rest.get(1).map_or(NULLFS, String::as_str);
        let entry = Entry {
            source: source.clone(),
            destination: rest.first().unwrap_or(source).clone(),
            kind: kind.to_owned(),
            options: rest.get(2).map_or(default_options(kind), String::as_str).to_owned(),
            freq: digit()?.into(),
            passno: digit()?.into(),
            comment: None,
        };
        Ok(entry)
    }

    /// The options one by one, with their values.
    pub fn options(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.options
            .split(',')
            .filter(|option| !option.is_empty())
            .map(|option| option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value))))
    }

    /// Tells whether the line is there to be ignored: option `xx`, getfsent(3).
    pub fn is_ignored(&self) -> bool {
        self.options().any(|(name, _)| name == "xx")
    }

    /// Tells whether an older libioc made the line for the base of a basejail.
    pub fn is_generated(&self) -> bool {
        self.comment.as_deref() == Some("iocage-auto")
    }

    /// Checks what a new line has to be: fields that are not empty, and text that fits on a line.
    pub(super) fn check(&self) -> Result<(), FstabError> {
        for (field, text) in [
            ("source", &self.source),
            ("destination", &self.destination),
            ("type", &self.kind),
            ("options", &self.options),
        ] {
            if text.is_empty() || text.contains('\0') {
                return Err(FstabError::Field { field });
            }
        }
        let odd = |text: &str| text.chars().any(|c| c.is_control() || c.is_whitespace());
        if odd(&self.kind) || odd(&self.options) {
            let field = if odd(&self.kind) { "type" } else { "options" };
            return Err(FstabError::Field { field });
        }
        if !self.destination.starts_with('/') && self.destination != "none" {
            return Err(FstabError::Field { field: "destination" });
        }
        match &self.comment {
            Some(comment) if comment.chars().any(char::is_control) => {
                Err(FstabError::Field { field: "comment" })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Entry {
    /// Prints the line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { source, destination, kind, options, freq, passno, comment } = self;
        let fields = [source, destination, kind, options].map(|field| encode(field));
        write!(f, "{}\t{freq}\t{passno}", fields.join("\t"))?;
        match comment {
            Some(comment) => write!(f, " # {comment}"),
            None => Ok(()),
        }
    }
}
