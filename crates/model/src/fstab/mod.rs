//! The fstab of a jail, as fstab(5) has it.
//!
//! A line that is not changed keeps its bytes: comments, blank lines and lines that make no sense among them.
//!
//! - Fields are separated by blanks. fstab(5) decodes them by strunvis(3); `\040` is a blank. libioc wrote a backslash
//!   and a blank for that, which is read as well.
//! - `#` begins a comment at the start of a field only, so that a path may hold one.
//! - The last two fields may be missing; anything after them is ignored, as getfsent(3) does.

mod entry;
mod line;

pub use entry::{Entry, NULLFS, default_options};
pub use line::below;

use line::{Content, Line, Mount, encode, moved, same_path};

/// Why an fstab cannot be read or changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FstabError {
    /// The file is larger than any fstab.
    #[error("the fstab is larger than {MOST_BYTES} bytes")]
    TooLarge,
    /// A field of a new line cannot be written.
    #[error("the {field} is empty, or no {field} of a mount")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// A text is no line of an fstab.
    #[error("{text:?} is no line of an fstab: it {problem}")]
    Line {
        /// The text, cut to a length that can be shown.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is a mount at the destination already.
    #[error("{destination} is the destination of another line already")]
    DestinationExists {
        /// The destination.
        destination: String,
    },
    /// No line has this number.
    #[error("there is no line {index}")]
    NoLine {
        /// The number, from 0.
        index: usize,
    },
}

/// Largest file that is read, in bytes.
pub const MOST_BYTES: usize = 1024 * 1024;

/// Which line is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The line with this number among the mounts, from 0.
    Index(usize),
    /// Lines with this source.
    Source(String),
    /// Lines with this destination.
    Destination(String),
}

/// An fstab, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fstab {
    lines: Vec<Line>,
}

impl Fstab {
    /// Reads the bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FstabError> {
        if bytes.len() > MOST_BYTES {
            return Err(FstabError::TooLarge);
        }
        let mut lines: Vec<Line> = bytes.split(|byte| *byte == b'\n').map(Line::read).collect();
        // What follows the last newline is a line only if there is something.
        if lines.last().is_some_and(|line| line.bytes.is_empty()) {
            lines.pop();
        }
        Ok(Fstab { lines })
    }

    /// The bytes to be written; every line has its end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in &self.lines {
            bytes.extend_from_slice(&line.bytes);
            bytes.push(b'\n');
        }
        bytes
    }

    /// The mounts, in order; their place is the index that other methods take.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.mounts().map(|mount| &mount.entry)
    }

    /// Lines that are neither mounts nor comments: their number, from 1, and what is wrong.
    pub fn problems(&self) -> impl Iterator<Item = (usize, &'static str)> {
        self.lines.iter().enumerate().filter_map(|(n, line)| match line.content {
            Content::Malformed(why) => Some((n + 1, why)),
            Content::Mount(_) | Content::Blank => None,
        })
    }

    /// The indexes of the lines that are meant.
    pub fn find(&self, which: &Which) -> Vec<usize> {
        let is_meant = |&(n, entry): &(usize, &Entry)| match which {
            Which::Index(index) => n == *index,
            Which::Source(source) => same_path(&entry.source, source),
            Which::Destination(destination) => same_path(&entry.destination, destination),
        };
        self.entries().enumerate().filter(is_meant).map(|(n, _)| n).collect()
    }

    /// Adds a line at the end.
    pub fn add(&mut self, entry: Entry) -> Result<(), FstabError> {
        self.check(&entry, None)?;
        self.lines.push(Line::of(entry));
        Ok(())
    }

    /// Puts a line in the place of another, and returns that one.
    pub fn replace(&mut self, index: usize, entry: Entry) -> Result<Entry, FstabError> {
        self.check(&entry, Some(index))?;
        let at = self.line_of(index)?;
        match std::mem::replace(&mut self.lines[at], Line::of(entry)).content {
            Content::Mount(mount) => Ok(mount.entry),
            Content::Blank | Content::Malformed(_) => Err(FstabError::NoLine { index }),
        }
    }

    /// Removes a line, and returns it.
    pub fn remove(&mut self, index: usize) -> Result<Entry, FstabError> {
        let at = self.line_of(index)?;
        match self.lines.remove(at).content {
            Content::Mount(mount) => Ok(mount.entry),
            Content::Blank | Content::Malformed(_) => Err(FstabError::NoLine { index }),
        }
    }

    /// Replaces the path `from` by `to` in every source and destination that is it or lies below it; returns how many
    /// lines that changed. The rest of those lines keeps its bytes.
    pub fn move_paths(&mut self, from: &str, to: &str) -> usize {
        let mut changed = 0;
        for line in &mut self.lines {
            let Content::Mount(mount) = &line.content else { continue };
            let mut bytes = line.bytes.clone();
            // From the end, so that the first span stays where it is.
            for (path, span) in
                [(&mount.entry.destination, &mount.destination), (&mount.entry.source, &mount.source)]
            {
                if let Some(moved) = moved(path, from, to) {
                    bytes.splice(span.clone(), encode(&moved).into_bytes());
                }
            }
            if bytes != line.bytes {
                *line = Line::read(&bytes);
                changed += 1;
            }
        }
        changed
    }

    fn mounts(&self) -> impl DoubleEndedIterator<Item = &Mount> {
        self.lines.iter().filter_map(|line| match &line.content {
            Content::Mount(mount) => Some(mount.as_ref()),
            Content::Blank | Content::Malformed(_) => None,
        })
    }

    fn check(&self, entry: &Entry, replaced: Option<usize>) -> Result<(), FstabError> {
        entry.check()?;
        let taken = self.find(&Which::Destination(entry.destination.clone()));
        if entry.destination != "none" && taken.iter().any(|index| Some(*index) != replaced) {
            return Err(FstabError::DestinationExists { destination: entry.destination.clone() });
        }
        Ok(())
    }

    fn line_of(&self, index: usize) -> Result<usize, FstabError> {
        let mounts =
            self.lines.iter().enumerate().filter(|(_, line)| matches!(line.content, Content::Mount(_)));
        mounts.map(|(at, _)| at).nth(index).ok_or(FstabError::NoLine { index })
    }
}

#[cfg(test)]
mod tests;
