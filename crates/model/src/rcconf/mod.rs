//! rc.conf, sysctl.conf and periodic.conf: read and edited line by line.
//!
//! These files belong to the administrator, or to the jail: rc.conf(5) is a shell script. What is not an assignment
//! that always takes place is left alone, and never discarded, whatever it is: comments, conditions, functions, bytes
//! that are no text.

mod shell;
mod sysctl;

use std::ops::Range;

/// How a file assigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// As sh(1) does: rc.conf, periodic.conf, the host file with its `ioc_dataset_NAME="..."`.
    Shell,
    /// As sysctl(8) reads it with `-f`: `name=value`, no quoting to speak of.
    Sysctl,
}

/// What is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigned<'a> {
    /// This text.
    Constant(&'a str),
    /// Whatever the shell makes of it: `$name`, `$(command)`.
    Computed,
}

impl<'a> Assigned<'a> {
    /// The text, if it is constant.
    pub fn constant(self) -> Option<&'a str> {
        match self {
            Assigned::Constant(text) => Some(text),
            Assigned::Computed => None,
        }
    }
}

/// Why a file cannot be read or changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RcError {
    /// The file is larger than any of its kind.
    #[error("the file is larger than {MOST_BYTES} bytes")]
    TooLarge,
    /// Not a name that can be assigned to.
    #[error("{name:?} cannot be assigned to in this file")]
    Name {
        /// The name.
        name: String,
    },
    /// A value with a line end or another control character.
    #[error("the value of {name} has a control character, or more than its line can hold")]
    Value {
        /// The name.
        name: String,
    },
    /// The file ends within a quote, a here document or a condition, so that nothing can be added to it.
    #[error("the file ends within a quote or a compound command, so that {name} cannot be added")]
    Unfinished {
        /// The name.
        name: String,
    },
}

/// Largest file that is read, in bytes.
pub const MOST_BYTES: usize = 1024 * 1024;

/// An assignment, as the readers of both syntaxes find it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Assignment {
    name: String,
    /// The text; none if it is computed.
    value: Option<String>,
    /// Where the value stands, quotes included.
    value_span: Range<usize>,
    /// What to cut to remove it: with `export` and `;` around it.
    span: Range<usize>,
    /// What has to stand there instead.
    remains: &'static str,
    /// Whether it takes place whenever the file is read: not within a condition or a function.
    always: bool,
}

/// What a reader makes of a file.
#[derive(Clone, Debug, Default)]
struct Scan {
    assignments: Vec<Assignment>,
    /// Whether a line can be added at the end.
    is_complete: bool,
}

/// A file of assignments.
#[derive(Clone, Debug)]
pub struct RcConf {
    bytes: Vec<u8>,
    syntax: Syntax,
    scan: Scan,
}

impl RcConf {
    /// Reads the bytes of a file; there are none that it cannot read.
    pub fn from_bytes(bytes: &[u8], syntax: Syntax) -> Result<Self, RcError> {
        if bytes.len() > MOST_BYTES {
            return Err(RcError::TooLarge);
        }
        Ok(RcConf { bytes: bytes.to_vec(), syntax, scan: scan(bytes, syntax) })
    }

    /// The bytes to be written.
    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What `name` has after the file is read, as far as that can be told: assignments within conditions do not count.
    pub fn get(&self, name: &str) -> Option<Assigned<'_>> {
        let last =
            self.scan.assignments.iter().rfind(|assignment| assignment.always && assignment.name == name)?;
        Some(assigned(last))
    }

    /// All names and what they have, in the order of their last assignments.
    pub fn assignments(&self) -> impl Iterator<Item = (&str, Assigned<'_>)> {
        let mut last = std::collections::HashMap::new();
        let always = || self.scan.assignments.iter().enumerate().filter(|(_, assignment)| assignment.always);
        for (at, assignment) in always() {
            last.insert(assignment.name.as_str(), at);
        }
        always()
            .filter(move |(at, assignment)| last.get(assignment.name.as_str()) == Some(at))
            .map(|(_, assignment)| (assignment.name.as_str(), assigned(assignment)))
    }

    /// The assignments whose names begin with `prefix`: the rest of the name, and the text.
    ///
    /// For `ioc_dataset_NAME="pool/path"` of the host file; what is computed cannot be told, and is not there.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.assignments()
            .filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.constant()?)))
    }

    /// Assigns `value` to `name`, as sysrc(8) does: in the place of the last assignment, else on a new last line.
    /// Tells whether that changed anything.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, RcError> {
        if !is_name(name, self.syntax) {
            return Err(RcError::Name { name: name.chars().take(80).collect() });
        }
        let plain = !value.chars().any(char::is_control);
        let fits = self.syntax == Syntax::Shell || value.trim() == value && !value.contains(['#', '"']);
        if !plain || !fits {
            return Err(RcError::Value { name: name.to_owned() });
        }
        if self.get(name) == Some(Assigned::Constant(value)) && !self.is_assigned_later(name) {
            return Ok(false);
        }
        let new = match self.syntax {
            Syntax::Shell => shell::quoted(value),
            Syntax::Sysctl => value.to_owned(),
        };
        let last = self.scan.assignments.iter().rfind(|a| a.always && a.name == name);
        match last {
            Some(last) if !self.is_assigned_later(name) => {
                let span = last.value_span.clone();
                self.replace(span, new.as_bytes());
            }
            _ if !self.scan.is_complete => return Err(RcError::Unfinished { name: name.to_owned() }),
            _ => {
                let line = format!("{}{name}={new}\n", self.line_ends_to_add());
                let end = self.bytes.len();
                self.replace(end..end, line.as_bytes());
            }
        }
        Ok(true)
    }

    /// Removes every assignment to `name` that always takes place; tells whether there was one.
    pub fn unset(&mut self, name: &str) -> bool {
        let gone = self.scan.assignments.iter().filter(|a| a.always && a.name == name);
        let cuts = gone.map(|gone| match gone.remains {
            "" => (self.whole_line(gone.span.clone()), ""),
            remains => (gone.span.clone(), remains),
        });
        let cuts: Vec<(Range<usize>, &str)> = cuts.collect();
        let any = !cuts.is_empty();
        let mut left = Vec::with_capacity(self.bytes.len());
        let mut from = 0;
        for (cut, remains) in cuts {
            // Of several assignments in one command, the first took the others with it.
            if cut.start < from {
                continue;
            }
            left.extend_from_slice(&self.bytes[from..cut.start]);
            left.extend_from_slice(remains.as_bytes());
            // What stood apart must not become one operator.
            let is_operator = |byte: Option<&u8>| byte.is_some_and(|byte| b"&|;".contains(byte));
            if is_operator(left.last()) && is_operator(self.bytes.get(cut.end)) {
                left.push(b' ');
            }
            from = cut.end;
        }
        left.extend_from_slice(&self.bytes[from..]);
        self.scan = scan(&left, self.syntax);
        self.bytes = left;
        any
    }

    /// Tells whether a condition, after the assignment that counts, may assign again.
    fn is_assigned_later(&self, name: &str) -> bool {
        let mut all = self.scan.assignments.iter().filter(|assignment| assignment.name == name);
        all.next_back().is_some_and(|last| !last.always)
    }

    /// The span with the blanks before it and its line end, if nothing else is on its lines.
    fn whole_line(&self, span: Range<usize>) -> Range<usize> {
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r');
        let before = self.bytes[..span.start].iter().rev().take_while(is_blank).count();
        let after = self.bytes[span.end..].iter().take_while(is_blank).count();
        let start = span.start - before;
        // A line that a backslash joins to the one before ends that one.
        let line_end = self.bytes[..start].strip_suffix(b"\n");
        let starts_line = start == 0 || line_end.is_some_and(|before| !before.ends_with(b"\\"));
        match self.bytes.get(span.end + after) {
            Some(b'\n') if starts_line => start..span.end + after + 1,
            None if starts_line => start..self.bytes.len(),
            _ => span,
        }
    }

    /// What makes the end of the file the start of a line; a backslash at the very end would join the next one.
    fn line_ends_to_add(&self) -> &'static str {
        let last = self.bytes.strip_suffix(b"\n");
        let line = last.unwrap_or(&self.bytes);
        let is_joined = line.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        match (last.is_some() || self.bytes.is_empty(), is_joined) {
            (true, false) => "",
            (false, true) => "\n\n",
            _ => "\n",
        }
    }

    fn replace(&mut self, span: Range<usize>, new: &[u8]) {
        self.bytes.splice(span, new.iter().copied());
        self.scan = scan(&self.bytes, self.syntax);
    }
}

fn scan(bytes: &[u8], syntax: Syntax) -> Scan {
    match syntax {
        Syntax::Shell => shell::scan(bytes),
        Syntax::Sysctl => sysctl::scan(bytes),
    }
}

fn assigned(assignment: &Assignment) -> Assigned<'_> {
    assignment.value.as_deref().map_or(Assigned::Computed, Assigned::Constant)
}

fn is_name(name: &str, syntax: Syntax) -> bool {
    let bytes = name.as_bytes();
    match syntax {
        Syntax::Shell => shell::name_length(bytes) == bytes.len() && !bytes.is_empty(),
        Syntax::Sysctl => sysctl::is_name(bytes),
    }
}

#[cfg(test)]
mod tests;
