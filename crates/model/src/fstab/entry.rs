//! One mount.

use std::fmt;

use super::FstabError;
use super::line::encode;

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
            kind: "nullfs".to_owned(),
            options: "ro".to_owned(),
            freq: 0,
            passno: 0,
            comment: None,
        }
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
