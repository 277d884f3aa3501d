//! What a member of an archive asks for.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use nix::sys::time::TimeSpec;
use tar_core::parse::ParsedEntry;
use tar_core::{EntryType, SparseEntry};

use super::{attributes, pax};
use crate::files::walk::MOST_DEPTH;

/// A member, without its content.
#[derive(Debug)]
pub(super) struct Member {
    /// The name as it stands in the archive.
    pub(super) name: Vec<u8>,
    pub(super) what: What,
    /// Permission and set-ID bits.
    pub(super) mode: u32,
    pub(super) user: u64,
    pub(super) group: u64,
    pub(super) modified: TimeSpec,
    /// Extended attributes that are to be set.
    pub(super) attributes: Vec<(OsString, Vec<u8>)>,
    /// Bytes of content that follow in the stream.
    pub(super) size: u64,
}

/// What a member is.
#[derive(Debug)]
pub(super) enum What {
    Directory,
    Entry(Entry),
    /// The label of a volume: nothing is to be made.
    Label,
    /// Something that is not made, and why, as the end of a sentence.
    Refused(String),
}

/// What is to be made in a directory.
#[derive(Debug)]
pub(super) enum Entry {
    /// A regular file of this size, of which these parts are in the stream; the rest are holes.
    File(Vec<Part>, u64),
    /// A symbolic link with this text.
    Symlink(OsString),
    /// Another name for the file with this name.
    HardLink(Vec<u8>),
}

/// A part of a file that is not a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Member {
    /// Reads the headers of a member; the error tells what in them is damaged.
    pub(super) fn new(
        entry: &ParsedEntry<'_>,
        sparse: Option<(Vec<SparseEntry>, u64)>,
    ) -> Result<Self, String> {
        let mut modified = TimeSpec::new(entry.mtime.cast_signed(), 0);
        for (key, value) in pax::records(entry.pax.unwrap_or_default())? {
            let sound = match key {
                "mtime" => time(value).map(|time| modified = time).is_some(),
                "size" | "uid" | "gid" => number(value).is_some(),
                "GNU.sparse.map" => value.iter().all(|b| b.is_ascii_digit() || *b == b','),
                "GNU.sparse.name" => true,
                _ if key.starts_with("GNU.sparse.") => number(value).is_some(),
                _ => true,
            };
            if !sound {
                return Err(format!("{key:?} has the value {:?}", String::from_utf8_lossy(value)));
            }
        }
        let attributes = entry.xattrs.iter().filter(|(name, _)| attributes::are_kept(name));
        Ok(Member {
            name: entry.path.to_vec(),
            what: what(entry, sparse),
            mode: entry.mode & 0o7777,
            user: entry.uid,
            group: entry.gid,
            modified,
            attributes: attributes.map(|(n, v)| (OsStr::from_bytes(n).to_owned(), v.to_vec())).collect(),
            size: entry.size,
        })
    }
}

fn what(entry: &ParsedEntry<'_>, sparse: Option<(Vec<SparseEntry>, u64)>) -> What {
    let refused = |why: &str| What::Refused(why.to_owned());
    let is_file = entry.is_file() || (entry.entry_type == EntryType::GnuSparse && sparse.is_some());
    // The oldest kind of tar has no directories but by the end of their names.
    if is_file && !entry.path.ends_with(b"/") {
        let size = sparse.as_ref().map_or(entry.size, |(_, size)| *size);
        let map = sparse.map_or_else(|| vec![SparseEntry { offset: 0, length: size }], |(map, _)| map);
        return match parts(&map, size, entry.size) {
            Some(parts) => What::Entry(Entry::File(parts, size)),
            None => refused("has a damaged map of holes"),
        };
    }
    let text = || entry.link_target.as_deref().unwrap_or_default();
    let what = match entry.entry_type {
        EntryType::Regular | EntryType::Directory => What::Directory,
        EntryType::Symlink if text().is_empty() => refused("is a link to nothing"),
        EntryType::Symlink if text().contains(&0) => refused("is a link with a NUL in its text"),
        EntryType::Symlink => What::Entry(Entry::Symlink(OsStr::from_bytes(text()).to_owned())),
        EntryType::Link => What::Entry(Entry::HardLink(text().to_vec())),
        EntryType::Char | EntryType::Block => refused("is a device node"),
        EntryType::Fifo => refused("is a FIFO"),
        EntryType::Other(b'V') => return What::Label,
        EntryType::Other(kind) => What::Refused(format!("is of the unknown kind {:?}", char::from(kind))),
        other => What::Refused(format!("is of a kind that may not stand here ({other:?})")),
    };
    // Tools do not agree on whether the content of such a member is in the stream.
    let is_empty = (entry.size == 0 && sparse.is_none()) || matches!(what, What::Refused(_));
    if is_empty { what } else { refused("has content, although it is no file") }
}

/// The parts, if they are in order, do not overlap, end within the file and are what the stream has.
fn parts(map: &[SparseEntry], size: u64, stored: u64) -> Option<Vec<Part>> {
    let (mut end, mut sum) = (0_u64, 0_u64);
    for part in map {
        if part.offset < end {
            return None;
        }
        end = part.offset.checked_add(part.length)?;
        sum = sum.checked_add(part.length)?;
    }
    let parts = map.iter().map(|part| Part { offset: part.offset, length: part.length });
    (end <= size && sum == stored).then(|| parts.collect())
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Reads seconds since 1970, maybe negative, maybe with a fraction, of which nanoseconds are kept.
fn time(value: &[u8]) -> Option<TimeSpec> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanoseconds: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(match whole.starts_with('-') && nanoseconds > 0 {
        true => TimeSpec::new(seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds),
        false => TimeSpec::new(seconds, nanoseconds),
    })
}

/// The components of a member's name, or why it is none, as the end of a sentence. `.` and a slash at the end are
/// dropped; the root itself has no components.
pub(super) fn components(name: &[u8]) -> Result<Vec<&OsStr>, &'static str> {
    if name.starts_with(b"/") {
        return Err("has an absolute name");
    }
    if name.contains(&0) {
        return Err("has a NUL in its name");
    }
    let components: Vec<&OsStr> =
        name.split(|b| *b == b'/').filter(|c| !matches!(*c, b"" | b".")).map(OsStr::from_bytes).collect();
    if name.is_empty() {
        return Err("has no name");
    }
    if components.iter().any(|c| *c == "..") {
        return Err("has .. in its name");
    }
    if components.len() > MOST_DEPTH {
        return Err("lies below too many directories");
    }
    Ok(components)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_lead_upwards() {
        assert_eq!(components(b"./usr//bin/.").unwrap(), ["usr", "bin"]);
        assert_eq!(components(b"./").unwrap(), [""; 0]);
        assert_eq!(components(b"a/..b/...").unwrap(), ["a", "..b", "..."]);
        for bad in [&b""[..], b"/", b"/etc", b"..", b"a/..", b"../a", b"a/../b", b"a\0b"] {
            assert!(components(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(components(&b"a/".repeat(MOST_DEPTH)).is_ok());
        assert!(components(&b"a/".repeat(MOST_DEPTH + 1)).is_err());
    }

    #[test]
    fn times_before_1970_and_fractions() {
        assert_eq!(time(b"12"), Some(TimeSpec::new(12, 0)));
        assert_eq!(time(b"12.5"), Some(TimeSpec::new(12, 500_000_000)));
        assert_eq!(time(b"12.1234567899"), Some(TimeSpec::new(12, 123_456_789)));
        assert_eq!(time(b"-1.25"), Some(TimeSpec::new(-2, 750_000_000)));
        assert_eq!(time(b"-0.25"), Some(TimeSpec::new(-1, 750_000_000)));
        for bad in [&b""[..], b".5", b"1.-5", b"a", b"1.\xff", b"99999999999999999999"] {
            assert_eq!(time(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn maps_of_holes_are_checked() {
        let map = |parts: &[(u64, u64)]| -> Vec<SparseEntry> {
            parts.iter().map(|&(offset, length)| SparseEntry { offset, length }).collect()
        };
        assert!(parts(&map(&[(0, 5), (10, 5), (100, 0)]), 100, 10).is_some());
        assert!(parts(&map(&[(0, 5), (4, 5)]), 100, 10).is_none(), "overlap");
        assert!(parts(&map(&[(96, 5)]), 100, 5).is_none(), "beyond the end");
        assert!(parts(&map(&[(0, 5)]), 100, 6).is_none(), "more in the stream");
        assert!(parts(&map(&[(5, u64::MAX)]), u64::MAX, 5).is_none(), "overflow");
    }
}
