//! The fstab of a jail, as fstab(5) has it.
//!
//! A line that is not changed keeps its bytes: comments, blank lines and lines that make no sense among them.
//!
//! - Fields are separated by blanks. fstab(5) decodes them by strunvis(3); `\040` is a blank. libioc wrote a backslash
//!   and a blank for that, which is read as well.
//! - `#` begins a comment at the start of a field only, so that a path may hold one.
//! - The last two fields may be missing; anything after them is ignored, as getfsent(3) does.

use std::fmt;
use std::ops::Range;

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
    fn check(&self) -> Result<(), FstabError> {
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

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    /// The bytes, without the end of the line.
    bytes: Vec<u8>,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Mount(Box<Mount>),
    /// A comment or nothing.
    Blank,
    /// Kept, and mounted by nobody.
    Malformed(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    entry: Entry,
    source: Range<usize>,
    destination: Range<usize>,
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

impl Line {
    fn of(entry: Entry) -> Line {
        Line::read(entry.to_string().as_bytes())
    }

    fn read(bytes: &[u8]) -> Line {
        let content = match std::str::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Content::Malformed("has a NUL"),
            Ok(text) => read_line(text),
            Err(_) => Content::Malformed("is not UTF-8"),
        };
        Line { bytes: bytes.to_vec(), content }
    }
}

fn read_line(line: &str) -> Content {
    let (fields, comment) = split(line);
    if fields.is_empty() {
        return Content::Blank;
    }
    let [source, destination, kind, options, rest @ ..] = fields.as_slice() else {
        return Content::Malformed("has fewer than four fields");
    };
    let number = |field: Option<&Range<usize>>| field.map_or(0, |span| leading_number(&line[span.clone()]));
    let text = |span: &Range<usize>| decode(&line[span.clone()]);
    match (text(source), text(destination), text(kind), text(options)) {
        (Some(from), Some(to), Some(kind), Some(options)) => {
            let entry = Entry {
                source: from,
                destination: to,
                kind,
                options,
                freq: number(rest.first()),
                passno: number(rest.get(1)),
                comment: comment.map(str::to_owned),
            };
            Content::Mount(Box::new(Mount {
                entry,
                source: source.clone(),
                destination: destination.clone(),
            }))
        }
        _ => Content::Malformed("has an escape that is no character"),
    }
}

/// Finds the fields of a line, and the text of its comment.
fn split(line: &str) -> (Vec<Range<usize>>, Option<&str>) {
    let bytes = line.as_bytes();
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r');
    let (mut fields, mut at) = (Vec::new(), 0);
    loop {
        while bytes.get(at).is_some_and(|byte| is_blank(*byte)) {
            at += 1;
        }
        match bytes.get(at) {
            None => return (fields, None),
            Some(b'#') => {
                let comment = line[at..].trim_start_matches('#').trim();
                return (fields, Some(comment).filter(|comment| !comment.is_empty()));
            }
            Some(_) => {}
        }
        let start = at;
        while bytes.get(at).is_some_and(|byte| !is_blank(*byte)) {
            // A backslash before a blank is what libioc wrote.
            at += if bytes[at] == b'\\' && at + 1 < bytes.len() { 2 } else { 1 };
        }
        fields.push(start..at);
    }
}

/// As atoi(3), which getfsent(3) uses.
fn leading_number(text: &str) -> u32 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}

/// Decodes a field: octal escapes, those of C, and a backslash before a blank.
fn decode(field: &str) -> Option<String> {
    if !field.contains('\\') {
        return Some(field.to_owned());
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let digits = after.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        if digits > 0 {
            let value =
                after[..digits].iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            bytes.push(u8::try_from(value).ok().filter(|value| *value != 0)?);
            rest = &after[digits..];
            continue;
        }
        let Some((escaped, after)) = after.split_first() else {
            bytes.push(b'\\');
            break;
        };
        match escaped {
            b's' => bytes.push(b' '),
            b't' => bytes.push(b'\t'),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b' ' | b'\t' | b'\\' => bytes.push(*escaped),
            // No escape of strunvis(3) that a path would be written with: it stands for itself.
            other => bytes.extend_from_slice(&[b'\\', *other]),
        }
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Encodes a field so that it is one field for fstab(5) and every program that reads it.
fn encode(field: &str) -> String {
    let mut encoded = String::with_capacity(field.len());
    for (at, character) in field.char_indices() {
        if character.is_ascii_control() || matches!(character, ' ' | '\\') || character == '#' && at == 0 {
            encoded.push_str(&format!("\\{:03o}", u32::from(character)));
        } else {
            encoded.push(character);
        }
    }
    encoded
}

/// Tells whether two paths are the same, up to repeated and final slashes; other words are compared as they are.
fn same_path(a: &str, b: &str) -> bool {
    a == b || a.starts_with('/') && b.starts_with('/') && components(a).eq(components(b))
}

/// What follows `ancestor` in `path`: empty for itself, none if it is not at or below it.
///
/// Both have to be absolute; components are compared as text, without looking at any file system.
pub fn below<'a>(path: &'a str, ancestor: &str) -> Option<&'a str> {
    if !path.starts_with('/') || !ancestor.starts_with('/') {
        return None;
    }
    let mut rest = path;
    for wanted in components(ancestor) {
        rest = rest.trim_start_matches('/').strip_prefix(wanted)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
    }
    Some(rest.trim_matches('/'))
}

fn moved(path: &str, from: &str, to: &str) -> Option<String> {
    let rest = below(path, from)?;
    let to = to.trim_end_matches('/');
    Some(if rest.is_empty() { to.to_owned() } else { format!("{to}/{rest}") })
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|component| !component.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &str = "\
# mounts of web

/data\t/iocage/jails/web/root/mnt/data\tnullfs\trw\t0\t0 # shared
/my\\040files  /iocage/jails/web/root/my\\ files nullfs ro,noatime 0 0 # Added by iocage on 2023-11-02
tmpfs /iocage/jails/web/root/tmp tmpfs rw,size=1g,mode=1777
linprocfs /iocage/jails/web/root/compat/linux/proc linprocfs rw 0 0
/a#b /iocage/jails/web/root/a#b nullfs ro 0 0
host:/export /iocage/jails/web/root/n nfs rw 0 0
this is wrong
/bin /iocage/jails/web/root/bin nullfs ro 0 0 # iocage-auto
";

    fn fstab(text: &str) -> Fstab {
        Fstab::from_bytes(text.as_bytes()).unwrap()
    }

    fn text(fstab: &Fstab) -> String {
        String::from_utf8(fstab.to_bytes()).unwrap()
    }

    #[test]
    fn lines_are_read_and_kept() {
        let fstab = fstab(SAMPLE);
        assert_eq!(text(&fstab), SAMPLE);
        let entries: Vec<&Entry> = fstab.entries().collect();
        assert_eq!(entries.len(), 7);
        assert_eq!(entries[0].comment.as_deref(), Some("shared"));
        assert_eq!(
            (entries[1].source.as_str(), entries[1].destination.as_str()),
            ("/my files", "/iocage/jails/web/root/my files")
        );
        let options: Vec<_> = entries[2].options().collect();
        assert_eq!(options, [("rw", None), ("size", Some("1g")), ("mode", Some("1777"))]);
        assert_eq!(entries[4].source, "/a#b");
        assert_eq!(entries[5].source, "host:/export");
        assert!(entries[6].is_generated());
        assert_eq!(fstab.problems().collect::<Vec<_>>(), [(9, "has fewer than four fields")]);
    }

    #[test]
    fn changes_leave_other_lines_alone() {
        let mut changed = fstab(SAMPLE);
        changed.add(Entry::nullfs("/opt/my tools", "/iocage/jails/web/root/opt")).unwrap();
        let line = "/opt/my\\040tools\t/iocage/jails/web/root/opt\tnullfs\tro\t0\t0\n";
        assert_eq!(text(&changed), format!("{SAMPLE}{line}"));
        assert_eq!(changed.remove(7).unwrap().source, "/opt/my tools");
        assert_eq!(text(&changed), SAMPLE);
        let old = changed.replace(0, Entry::nullfs("/data2", "/iocage/jails/web/root/mnt/data/")).unwrap();
        assert_eq!(old.source, "/data");
        assert_eq!(changed.remove(99), Err(FstabError::NoLine { index: 99 }));
        let taken = Entry::nullfs("/x", "/iocage/jails//web/root/tmp/");
        assert!(matches!(changed.add(taken), Err(FstabError::DestinationExists { .. })));
        assert!(changed.add(Entry::nullfs("", "/x")).is_err());
        assert!(changed.add(Entry::nullfs("/x", "x")).is_err());
        assert!(changed.add(Entry { comment: Some("a\nb".into()), ..Entry::nullfs("/x", "/y") }).is_err());
    }

    #[test]
    fn lines_are_found_by_path() {
        let fstab = fstab(SAMPLE);
        assert_eq!(fstab.find(&Which::Source("/my files/".into())), [1]);
        assert_eq!(fstab.find(&Which::Destination("/iocage/jails/web/root/tmp".into())), [2]);
        assert_eq!(fstab.find(&Which::Source("tmpfs".into())), [2]);
        assert!(fstab.find(&Which::Source("/dat".into())).is_empty());
        assert_eq!(fstab.find(&Which::Index(3)), [3]);
    }

    #[test]
    fn paths_move_by_component() {
        let mut fstab = fstab("/a/b\t/a/bc # odd\n/a/b/c  /x/a/b nullfs ro\n/a/bc /a/b/ nullfs ro # keep\n");
        assert_eq!(fstab.move_paths("/a/b", "/n ew/"), 2);
        assert_eq!(
            text(&fstab),
            "/a/b\t/a/bc # odd\n/n\\040ew/c  /x/a/b nullfs ro\n/a/bc /n\\040ew nullfs ro # keep\n"
        );
        assert_eq!(below("/a/bc", "/a/b"), None);
        assert_eq!(below("/a//b/c/", "/a/b/"), Some("c"));
        assert_eq!(below("tmpfs", "/"), None);
        assert_eq!(below("/a", "/"), Some("a"));
    }

    #[test]
    fn the_last_line_may_lack_its_end() {
        assert_eq!(text(&fstab("/a /b nullfs ro")), "/a /b nullfs ro\n");
        assert_eq!(text(&fstab("")), "");
        assert_eq!(text(&fstab("\n")), "\n");
    }

    #[test]
    fn hostile_lines() {
        let bytes =
            b"/a\xff /b nullfs ro\n/\\000 /b nullfs ro\n/\\377 /b nullfs ro\n/\\777 /c nullfs ro\n/x \\";
        let fstab = Fstab::from_bytes(bytes).unwrap();
        assert_eq!(fstab.entries().count(), 0);
        assert_eq!(fstab.problems().count(), 5);
        assert_eq!(fstab.to_bytes(), [bytes.as_slice(), b"\n"].concat());
        assert_eq!(Fstab::from_bytes(&vec![b'\n'; MOST_BYTES + 1]), Err(FstabError::TooLarge));
    }

    proptest! {
        #[test]
        fn written_lines_read_back(
            source in "[ -~äµ\t]{1,16}", destination in "/[ -~ä#\\\\]{0,16}",
            options in "[a-z=,0-9]{1,8}", comment in proptest::option::of("[!-\"$-~]{1,8}"), freq in 0_u32..10,
        ) {
            let entry = Entry { source, destination, options, comment, freq, ..Entry::nullfs("", "") };
            let mut fstab = Fstab::default();
            fstab.add(entry.clone()).unwrap();
            let read = Fstab::from_bytes(&fstab.to_bytes()).unwrap();
            prop_assert_eq!(read.entries().collect::<Vec<_>>(), [&entry]);
        }

        #[test]
        fn unchanged_bytes_are_kept(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let fstab = Fstab::from_bytes(&bytes).unwrap();
            let mut expected = bytes.clone();
            if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                expected.push(b'\n');
            }
            prop_assert_eq!(fstab.to_bytes(), expected);
        }
    }
}
