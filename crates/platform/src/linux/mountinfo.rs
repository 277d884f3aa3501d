//! The mount table of this process: `/proc/self/mountinfo`; proc_pid_mountinfo(5).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::procfs::read_bounded;

/// The longest table that is read. At a few hundred bytes a line that is a hundred thousand mounts.
const MOST: u64 = 32 << 20;

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Its number, unique as long as it is mounted.
    pub(crate) id: u64,
    /// Number of the mount it is mounted on.
    pub(crate) parent: u64,
    /// Which directory of the file system is seen.
    pub(crate) root: PathBuf,
    /// Where it is seen.
    pub(crate) target: PathBuf,
    /// Its own flags, separated by commas.
    pub(crate) flags: String,
    /// Type of the file system.
    pub(crate) fstype: String,
    /// What was given as its source.
    pub(crate) source: String,
    /// Flags of the file system, separated by commas.
    pub(crate) super_flags: String,
}

impl Mount {
    /// Tells whether a flag is set on the mount or its file system.
    pub(crate) fn has_flag(&self, flag: &str) -> bool {
        [&self.flags, &self.super_flags].into_iter().any(|flags| flags.split(',').any(|f| f == flag))
    }
}

/// Reads the table, in the order in which the file systems were mounted.
pub(crate) fn read() -> io::Result<Vec<Mount>> {
    let mounts = parse(&read_bounded("/proc/self/mountinfo", MOST)?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/self/mountinfo is malformed"))?;
    Ok(parents_first(mounts))
}

/// The mount that one sees at `target`, if something is mounted exactly there.
pub(crate) fn topmost<'a>(mounts: &'a [Mount], target: &Path) -> Option<&'a Mount> {
    mounts.iter().rfind(|mount| mount.target == target)
}

fn parse(table: &[u8]) -> Option<Vec<Mount>> {
    table.split(|&b| b == b'\n').filter(|line| !line.is_empty()).map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let text = |field: &[u8]| String::from_utf8_lossy(&unescape(field)).into_owned();
    let path = |field: &[u8]| PathBuf::from(OsString::from_vec(unescape(field)));
    let mut fields = line.split(|&b| b == b' ');
    let id = text(fields.next()?).parse().ok()?;
    let parent = text(fields.next()?).parse().ok()?;
    let root = path(fields.nth(1)?);
    let target = path(fields.next()?);
    let flags = text(fields.next()?);
    // Optional fields follow, ended by a hyphen.
    fields.find(|field| *field == b"-")?;
    Some(Mount {
        id,
        parent,
        root,
        target,
        flags,
        fstype: text(fields.next()?),
        source: text(fields.next()?),
        super_flags: text(fields.next()?),
    })
}

/// Undoes the kernel's octal escapes (`\040` is a space).
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let octal = match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if first == b'\\' => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        plain.push(octal.unwrap_or(first));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    plain
}

/// Puts each mount behind the one it is mounted on, otherwise keeping the kernel's order.
///
/// The kernel lists in mounting order, but for mounts that were moved.
fn parents_first(mounts: Vec<Mount>) -> Vec<Mount> {
    let mut waiting: BTreeMap<u64, Vec<Mount>> = BTreeMap::new();
    let mut missing: std::collections::BTreeSet<u64> = mounts.iter().map(|mount| mount.id).collect();
    let mut ordered = Vec::with_capacity(mounts.len());
    for mount in mounts {
        if missing.contains(&mount.parent) && mount.parent != mount.id {
            waiting.entry(mount.parent).or_default().push(mount);
            continue;
        }
        let mut ready = vec![mount];
        while let Some(mount) = ready.pop() {
            missing.remove(&mount.id);
            ready.extend(waiting.remove(&mount.id).into_iter().flatten().rev());
            ordered.push(mount);
        }
    }
    // What is left hangs on itself in a circle, which the kernel does not write.
    ordered.extend(waiting.into_values().flatten());
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_optional_fields_and_order() {
        let table =
            b"31 30 0:30 / /a/b\\040c\\134d ro,nosuid shared:5 master:1 - tmpfs my\\040source rw,size=4k\n\
            30 1 8:1 / /a rw - ext4 /dev/sda1 ro\n";
        let mounts = parents_first(parse(table).unwrap());
        assert_eq!(mounts.iter().map(|m| m.id).collect::<Vec<_>>(), [30, 31]);
        assert_eq!(mounts[1].target, Path::new("/a/b c\\d"));
        assert_eq!((mounts[1].fstype.as_str(), mounts[1].source.as_str()), ("tmpfs", "my source"));
        assert!(mounts[1].has_flag("ro") && mounts[0].has_flag("ro") && !mounts[0].has_flag("r"));
    }

    #[test]
    fn the_last_of_a_stack_is_on_top() {
        let table = b"5 1 0:1 / /x rw - tmpfs a rw\n6 5 0:2 / /x rw - tmpfs b rw\n";
        let mounts = parents_first(parse(table).unwrap());
        assert_eq!(topmost(&mounts, Path::new("/x")).unwrap().source, "b");
        assert_eq!(topmost(&mounts, Path::new("/")), None);
    }

    #[test]
    fn our_own_table() {
        assert!(read().unwrap().iter().any(|mount| mount.fstype == "proc"));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_panics(lines in proptest::collection::vec((0..9_u64, 0..9_u64), 0..9)) {
            let table: String =
                lines.iter().map(|(id, parent)| format!("{id} {parent} 0:1 / /x rw - t s rw\n")).collect();
            prop_assert_eq!(parents_first(parse(table.as_bytes()).unwrap()).len(), lines.len());
        }

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn escapes_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            let escaped: Vec<u8> = bytes.iter().flat_map(|b| format!("\\{b:03o}").into_bytes()).collect();
            prop_assert_eq!(unescape(&escaped), bytes);
        }
    }
}
