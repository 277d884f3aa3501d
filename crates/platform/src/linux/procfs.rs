//! What the kernel tells of a process: `stat`, `status` and `cgroup` below `/proc/PID`; proc(5).

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

/// Reads a file of at most `most` bytes; longer is an error.
pub(crate) fn read_bounded(path: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
    read_all(File::open(path)?, most)
}

/// Reads the rest of `file`, at most `most` bytes; longer is an error.
pub(crate) fn read_all(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    Ok(content)
}

/// The parts of `/proc/PID/stat` that we use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The process has ended, though its parent may not know yet.
    pub(crate) ended: bool,
    /// The process is on its way out.
    pub(crate) exiting: bool,
    /// CPU time used by it, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Number of threads.
    pub(crate) threads: u64,
    /// When it started, in clock ticks after boot. With the pid this names a process uniquely.
    pub(crate) start: u64,
    /// Size of its address space in bytes.
    pub(crate) address_space: u64,
    /// Number of its pages that are in memory.
    pub(crate) resident_pages: u64,
}

/// Flag of a process that is exiting; include/linux/sched.h.
const PF_EXITING: u64 = 4;

impl Stat {
    /// Reads the file of the process; none if there is no such process.
    pub(crate) fn of(pid: i32) -> io::Result<Option<Stat>> {
        Stat::read(format!("/proc/{pid}/stat"))
    }

    /// Reads such a file; none if it, or the process by now, is not there.
    pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Option<Stat>> {
        let content = match read_bounded(path, 4096) {
            Ok(content) => content,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "a stat file of /proc is malformed");
        Stat::parse(&String::from_utf8_lossy(&content)).map(Some).ok_or_else(malformed)
    }

    fn parse(line: &str) -> Option<Stat> {
        // The second field is the name in parentheses, which may hold anything, parentheses too.
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // Fields are counted from 1 in proc(5), and the first one here is number 3.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Stat {
            ended: matches!(*fields.first()?, "Z" | "X" | "x"),
            exiting: number(9)? & PF_EXITING != 0,
            cpu_ticks: number(14)?.saturating_add(number(15)?),
            threads: number(20)?,
            start: number(22)?,
            address_space: number(23)?,
            resident_pages: number(24)?,
        })
    }
}

/// Tells whether an error of a file below `/proc/PID` means that the process is gone.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// Where this process has the command line that `ps` shows.
pub(crate) fn own_command_line() -> io::Result<Range<usize>> {
    let line = read_bounded("/proc/self/stat", 4096)?;
    let line = String::from_utf8_lossy(&line);
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "a stat file of /proc is malformed");
    let (_, rest) = line.rsplit_once(')').ok_or_else(malformed)?;
    let mut fields = rest.split_ascii_whitespace().skip(48 - 3).map(str::parse);
    match (fields.next(), fields.next()) {
        (Some(Ok(start)), Some(Ok(end))) => Ok(start..end),
        _ => Err(malformed()),
    }
}

/// The capabilities that the process and its children can ever have; `CapBnd` of `/proc/PID/status`.
pub(crate) fn bounding_set(pid: i32) -> io::Result<u64> {
    let status = read_bounded(format!("/proc/{pid}/status"), 1 << 16)?;
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "a status file of /proc is malformed");
    String::from_utf8_lossy(&status)
        .lines()
        .find_map(|line| u64::from_str_radix(line.strip_prefix("CapBnd:")?.trim(), 16).ok())
        .ok_or_else(malformed)
}

/// Process ids of the host whose process is in the same pid namespace as `pid`, itself included.
pub(crate) fn same_pid_namespace(pid: i32) -> io::Result<Vec<i32>> {
    let wanted = std::fs::read_link(format!("/proc/{pid}/ns/pid"))?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(candidate) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        match std::fs::read_link(format!("/proc/{candidate}/ns/pid")) {
            Ok(namespace) if namespace == wanted => found.push(candidate),
            Ok(_) => {}
            Err(error) if is_gone(&error) => {}
            // It may do more than we may, so it is none of a jail that we could enter.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From a Debian 12 host, Linux 6.1; the name is changed to one that a jail might choose.
    const LINE: &str = "4711 (x) Z (y) S 1 4711 4711 0 -1 4194560 1103 0 4 0 12 30 0 0 20 0 3 0 88123 8433664 1042 \
        18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

    #[test]
    fn a_name_cannot_forge_fields() {
        let stat = Stat::parse(LINE).unwrap();
        assert!(!stat.ended && !stat.exiting);
        assert_eq!((stat.start, stat.threads, stat.cpu_ticks), (88123, 3, 42));
        assert_eq!((stat.address_space, stat.resident_pages), (8_433_664, 1042));
    }

    #[test]
    fn of_ourselves_and_of_nobody() {
        let own = Stat::of(i32::try_from(std::process::id()).unwrap()).unwrap().unwrap();
        assert!(own.threads >= 1 && own.start > 0 && !own.ended);
        assert_eq!(Stat::of(i32::MAX).unwrap(), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_the_parser_panic(line in ".*") {
            let _ = Stat::parse(&line);
        }
    }
}
