//! Resolving a path below a root without ever letting the kernel follow a link.
//!
//! Each component is opened by itself, relative to the directory before it, with `O_NOFOLLOW`; the text of a link is
//! read and walked by us. The directories passed stay open, so `..` in a link is the directory we came from and
//! never a lookup. Whatever is swapped in between, every step begins at a directory that was below the root.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::libc;
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};

use super::{FilesError, Kind};

/// Links that may be followed for one path; Linux has the same limit.
const MOST_LINKS: usize = 40;
/// Directories below each other, each of which is held open.
pub(super) const MOST_DEPTH: usize = 128;

/// The path an operation is about, for its errors.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) root: &'a Path,
    pub(super) path: &'a [u8],
}

impl Target<'_> {
    pub(super) fn name(&self) -> String {
        format!("/{}", String::from_utf8_lossy(self.path))
    }

    pub(super) fn io(&self, action: &'static str, source: impl Into<std::io::Error>) -> FilesError {
        FilesError::Io { action, root: self.root.to_owned(), path: self.name(), source: source.into() }
    }

    pub(super) fn not_a(&self, wanted: &'static str) -> FilesError {
        FilesError::Kind { root: self.root.to_owned(), path: self.name(), wanted }
    }

    pub(super) fn link(&self) -> FilesError {
        FilesError::Link { root: self.root.to_owned(), path: self.name() }
    }
}

/// An open directory at or below a root. Names given to its methods are single components.
#[derive(Debug)]
pub(super) struct Directory(OwnedFd);

const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

impl Directory {
    /// Opens a root, which is a path of the host: links on the way to it are followed.
    pub(super) fn root(path: &Path) -> Result<Self, Errno> {
        open(path, DIRECTORY, Mode::empty()).map(Directory)
    }

    /// Opens a directory in this one. What is no directory gives one of the errors of [`is_no_directory`].
    pub(super) fn child(&self, name: &OsStr) -> Result<Self, Errno> {
        let child = openat(&self.0, name, DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty())?;
        if shows_descriptors(child.as_fd())? {
            return Err(Errno::EOPNOTSUPP);
        }
        Ok(Directory(child))
    }

    /// The text of a link in this directory; none if it is something else.
    pub(super) fn link_text(&self, name: &OsStr) -> Result<Option<OsString>, Errno> {
        match readlinkat(&self.0, name) {
            Ok(text) => Ok(Some(text)),
            Err(Errno::EINVAL) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the system knows about a name in this directory, a link's own data for a link; none if it is absent.
    pub(super) fn stat(&self, name: &OsStr) -> Result<Option<FileStat>, Errno> {
        match fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn into_fd(self) -> OwnedFd {
        self.0
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Tells whether this error of [`Directory::child`] means that there is something else, maybe a link.
/// For a link Linux says ENOTDIR, and FreeBSD EMLINK, see open(2).
pub(super) fn is_no_directory(error: Errno) -> bool {
    matches!(error, Errno::ENOTDIR | Errno::ELOOP | Errno::EMLINK)
}

/// The kind of file that was looked at.
pub(super) fn kind(stat: &FileStat) -> Kind {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFLNK => Kind::Link,
        _ => Kind::Other,
    }
}

/// Permission and set-ID bits from a number.
pub(super) fn mode_bits(mode: u32) -> Mode {
    Mode::from_bits_truncate((mode & 0o7777) as libc::mode_t)
}

/// What to do with links.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// Follow them everywhere.
    Follow,
    /// Follow them on the way, not as the last component.
    KeepLast,
    /// Refuse them on the way; the last component is not looked at.
    Refuse,
}

/// Where a path ends: a name in an open directory, or the directory itself.
pub(super) struct Place {
    pub(super) directory: Directory,
    /// Not a link at the time of looking, if links were to be followed everywhere.
    pub(super) name: Option<OsString>,
}

/// Resolves a path; none if a directory on the way does not exist.
pub(super) fn resolve(target: Target<'_>, links: Links) -> Result<Option<Place>, FilesError> {
    const ACTION: &str = "look up";
    let mut passed = Vec::new();
    let mut current = Directory::root(target.root).map_err(|e| target.io("open", e))?;
    let mut ahead: Vec<OsString> = Vec::new();
    push(&mut ahead, target.path);
    let mut followed = 0;
    while let Some(name) = ahead.pop() {
        if name == ".." {
            if let Some(above) = passed.pop() {
                current = above;
            }
            continue;
        }
        let text = if ahead.is_empty() {
            if links != Links::Follow {
                return Ok(Some(Place { directory: current, name: Some(name) }));
            }
            match current.link_text(&name) {
                Ok(Some(text)) => text,
                Ok(None) | Err(Errno::ENOENT) => {
                    return Ok(Some(Place { directory: current, name: Some(name) }));
                }
                Err(error) => return Err(target.io(ACTION, error)),
            }
        } else {
            match current.child(&name) {
                Ok(child) => {
                    if passed.len() == MOST_DEPTH {
                        return Err(target.io(ACTION, Errno::ENAMETOOLONG));
                    }
                    passed.push(std::mem::replace(&mut current, child));
                    continue;
                }
                Err(Errno::ENOENT) => return Ok(None),
                Err(error) if is_no_directory(error) => match current.link_text(&name) {
                    Ok(Some(_)) if links == Links::Refuse => return Err(target.link()),
                    Ok(Some(text)) => text,
                    Ok(None) => return Err(target.not_a("directory")),
                    Err(Errno::ENOENT) => return Ok(None),
                    Err(error) => return Err(target.io(ACTION, error)),
                },
                Err(error) => return Err(target.io(ACTION, error)),
            }
        };
        followed += 1;
        if followed > MOST_LINKS {
            return Err(target.io(ACTION, Errno::ELOOP));
        }
        if text.as_bytes().starts_with(b"/")
            && let Some(root) = passed.drain(..).next()
        {
            current = root;
        }
        push(&mut ahead, text.as_bytes());
    }
    Ok(Some(Place { directory: current, name: None }))
}

/// Puts the components of a path on the stack of those still to walk, the first one on top.
fn push(ahead: &mut Vec<OsString>, path: &[u8]) {
    let components = path.split(|b| *b == b'/').filter(|c| !matches!(*c, b"" | b"."));
    ahead.extend(components.rev().map(|c| OsStr::from_bytes(c).to_owned()));
}

/// Tells whether a directory lists the descriptors of whoever looks: opening one there gives a file of ours, with
/// the option `nodup` even a directory of the host, see fdescfs(4).
#[cfg(target_os = "freebsd")]
fn shows_descriptors(directory: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(nix::sys::statfs::fstatfs(directory)?.filesystem_type_name() == "fdescfs")
}

/// On Linux such entries are links, and links are never followed by the kernel here.
#[cfg(target_os = "linux")]
fn shows_descriptors(_: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(false)
}

/// Tells whether an open file is a view of processes, whose content depends on who reads: through a link the jail
/// could have us copy our own environment or memory.
#[cfg(target_os = "freebsd")]
pub(super) fn shows_processes(file: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(matches!(nix::sys::statfs::fstatfs(file)?.filesystem_type_name(), "procfs" | "linprocfs"))
}

/// Tells whether an open file is a view of processes, whose content depends on who reads: through a link the jail
/// could have us copy our own environment or memory.
#[cfg(target_os = "linux")]
pub(super) fn shows_processes(file: BorrowedFd<'_>) -> Result<bool, Errno> {
    use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
    Ok(fstatfs(file)?.filesystem_type() == PROC_SUPER_MAGIC)
}
