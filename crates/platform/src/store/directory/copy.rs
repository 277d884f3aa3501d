//! Copying a tree that a jail may have written: by descriptors, never through a link.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, copy_file_range, open, openat, readlinkat};
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmod, fchmodat, fstat, fstatat, futimens,
    mkdirat, mknodat, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, LinkatFlags, Uid, Whence, fchown, fchownat, ftruncate, linkat, lseek, symlinkat};
use xattr::FileExt;

use super::flags;
use super::mounted::mount_of;
use super::tree::{DEEPEST, DIRECTORY, is_self_or_parent};
use crate::store::Progress;

/// How much of a dataset is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything: the file system of a jail or release.
    All,
    /// The files that are directly in it; its directories are datasets of their own.
    FilesOnly,
}

/// Copies `source` to `target`, which must not exist: owners, modes, times, extended attributes, hard links within
/// the tree, links as they are, holes, devices, pipes; on FreeBSD file flags. Sockets are left out, as nobody
/// listens to a copy. Access control lists of NFSv4 style are not copied.
///
/// The directories `without` are made, but what is in them is left out. So is what is mounted in the tree: an empty
/// directory or file stands in its place.
pub(super) fn copy(
    source: &Path,
    target: &Path,
    without: &[&Path],
    scope: Scope,
    progress: Progress<'_>,
) -> io::Result<()> {
    let from = open(source, DIRECTORY, Mode::empty())?;
    let stat = fstat(&from)?;
    DirBuilder::new().mode(0o700).create(target)?;
    let to = open(target, DIRECTORY, Mode::empty())?;
    let target = to.try_clone()?;
    let mount = mount_of(&from)?;
    let mut copier = Copier { mount, without, scope, progress, bytes: 0, links: HashMap::new(), target };
    copier.directory(&from, &to, Path::new(""), 0)?;
    finish(&from.into(), &to.into(), &stat)?;
    // The names must be on disk before the whole is renamed into place.
    File::from(copier.target).sync_all()
}

struct Copier<'a> {
    /// What is on another mount is left out.
    mount: u64,
    without: &'a [&'a Path],
    scope: Scope,
    progress: Progress<'a>,
    bytes: u64,
    /// Files with several names: where their first copy is, relative to the target, and how many names are to come.
    links: HashMap<u64, (PathBuf, u64)>,
    target: OwnedFd,
}

/// An entry of a directory of the source, which is to be made in a directory of the target.
#[derive(Clone, Copy)]
struct Item<'a> {
    from: &'a OwnedFd,
    to: &'a OwnedFd,
    name: &'a CStr,
    stat: &'a FileStat,
}

impl Copier<'_> {
    fn directory(&mut self, from: &OwnedFd, to: &OwnedFd, path: &Path, level: usize) -> io::Result<()> {
        if level > DEEPEST {
            let problem = format!("{} is more than {DEEPEST} directories deep", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, problem));
        }
        let mut entries = Dir::from_fd(from.try_clone()?)?;
        for entry in entries.iter() {
            let entry = entry?;
            let name: CString = entry.file_name().to_owned();
            if is_self_or_parent(&name) {
                continue;
            }
            let stat = match fstatat(from, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Gone since, as happens where the jail runs.
                Err(Errno::ENOENT) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let path = path.join(OsStr::from_bytes(name.to_bytes()));
            self.entry(Item { from, to, name: &name, stat: &stat }, &path, level)?;
        }
        Ok(())
    }

    fn entry(&mut self, item: Item<'_>, path: &Path, level: usize) -> io::Result<()> {
        let kind = kind_of(item.stat);
        if kind == SFlag::S_IFDIR {
            return self.subdirectory(item, path, level);
        }
        if kind == SFlag::S_IFSOCK || (item.stat.st_nlink > 1 && self.is_linked(item, path)?) {
            return Ok(());
        }
        match kind {
            SFlag::S_IFREG => self.file(item),
            SFlag::S_IFLNK => link(item),
            _ => special(item, kind),
        }
    }

    /// Makes one more name for a file that has been copied already, if it has.
    fn is_linked(&mut self, item: Item<'_>, path: &Path) -> io::Result<bool> {
        let Some((first, names)) = self.links.get_mut(&item.stat.st_ino) else {
            self.links.insert(item.stat.st_ino, (path.to_owned(), item.stat.st_nlink - 1));
            return Ok(false);
        };
        let linked = linkat(&self.target, first.as_path(), item.to, item.name, LinkatFlags::empty());
        *names -= 1;
        if *names == 0 {
            self.links.remove(&item.stat.st_ino);
        }
        match linked {
            Ok(()) => Ok(true),
            // Then as a file of its own.
            Err(Errno::ENAMETOOLONG | Errno::EMLINK) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn subdirectory(&mut self, item: Item<'_>, path: &Path, level: usize) -> io::Result<()> {
        if self.scope == Scope::FilesOnly {
            return Ok(());
        }
        let Item { from, to, name, stat } = item;
        let source = openat(from, name, DIRECTORY, Mode::empty())?;
        mkdirat(to, name, Mode::S_IRWXU)?;
        let made = openat(to, name, DIRECTORY, Mode::empty())?;
        // Taken from what was opened: the name may lead elsewhere by now.
        if mount_of(&source)? == self.mount && !self.without.contains(&path) {
            self.directory(&source, &made, path, level + 1)?;
        }
        finish(&source.into(), &made.into(), stat)
    }

    fn file(&mut self, Item { from, to, name, stat }: Item<'_>) -> io::Result<()> {
        let read = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let source = File::from(openat(from, name, read, Mode::empty())?);
        let now = fstat(&source)?;
        if kind_of(&now) != SFlag::S_IFREG {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let write = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let target = File::from(openat(to, name, write, Mode::S_IRUSR | Mode::S_IWUSR)?);
        if mount_of(&source)? == self.mount {
            self.contents(&source, &target, &now)?;
        }
        finish(&source, &target, stat)
    }

    /// Copies the bytes; the kernel shares the blocks where the file system can.
    fn contents(&mut self, source: &File, target: &File, stat: &FileStat) -> io::Result<()> {
        const BLOCK: i64 = 512; // stat(2)
        if stat.st_blocks.saturating_mul(BLOCK) >= stat.st_size {
            return self.range(source, target, u64::MAX);
        }
        // There are holes, perhaps larger than the disk.
        let mut at = 0;
        loop {
            let data = match lseek(source, at, Whence::SeekData) {
                Ok(data) => data,
                Err(Errno::ENXIO) => return Ok(ftruncate(target, stat.st_size)?),
                // It cannot tell where they are.
                Err(Errno::EINVAL) => return self.range(source, target, u64::MAX),
                Err(errno) => return Err(errno.into()),
            };
            let hole = lseek(source, data, Whence::SeekHole)?;
            lseek(source, data, Whence::SeekSet)?;
            lseek(target, data, Whence::SeekSet)?;
            self.range(source, target, u64::try_from(hole - data).unwrap_or_default())?;
            at = hole;
        }
    }

    /// Copies `length` bytes, or up to the end, from where both files stand.
    fn range(&mut self, source: &File, target: &File, length: u64) -> io::Result<()> {
        const PIECE: u64 = 64 << 20;
        let mut left = length;
        while left > 0 {
            let copied = match copy_file_range(source, None, target, None, left.min(PIECE) as usize) {
                Ok(copied) => copied as u64,
                Err(Errno::EINTR) => continue,
                // Not between these two file systems, or not at all: the ordinary way, from where it stopped.
                Err(Errno::EXDEV | Errno::ENOSYS | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::EPERM) => {
                    io::copy(&mut io::Read::take(source, left.min(PIECE)), &mut { target })?
                }
                Err(errno) => return Err(errno.into()),
            };
            if copied == 0 {
                break;
            }
            left -= copied;
            self.bytes += copied;
            (self.progress)(self.bytes);
        }
        Ok(())
    }
}

fn kind_of(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// Copies extended attributes. A file system that has none, or does not take one, is no failure: tar(1) does so too.
fn attributes(source: &File, target: &File) -> io::Result<()> {
    let Ok(names) = source.list_xattr() else { return Ok(()) };
    for name in names {
        if let Some(value) = source.get_xattr(&name)?
            && let Err(error) = target.set_xattr(&name, &value)
        {
            tracing::debug!(name = %name.display(), %error, "extended attribute not copied");
        }
    }
    Ok(())
}

fn link(item @ Item { from, to, name, stat }: Item<'_>) -> io::Result<()> {
    let text = readlinkat(from, name)?;
    symlinkat(text.as_os_str(), to, name)?;
    own(item)?;
    let (accessed, modified) = times(stat);
    Ok(utimensat(to, name, &accessed, &modified, UtimensatFlags::NoFollowSymlink)?)
}

/// A pipe or a device. The mode comes after the owner, whose change takes setuid away, and is not subject to umask.
fn special(item @ Item { to, name, stat, .. }: Item<'_>, kind: SFlag) -> io::Result<()> {
    mknodat(to, name, kind, Mode::S_IRUSR | Mode::S_IWUSR, stat.st_rdev)?;
    own(item)?;
    // Nobody else can reach the copy yet, so that it cannot have become a link.
    fchmodat(to, name, Mode::from_bits_truncate(stat.st_mode), FchmodatFlags::FollowSymlink)?;
    let (accessed, modified) = times(stat);
    Ok(utimensat(to, name, &accessed, &modified, UtimensatFlags::NoFollowSymlink)?)
}

fn own(Item { to, name, stat, .. }: Item<'_>) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    Ok(fchownat(to, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)?)
}

/// Owner, attributes, mode, times and flags: in this order, as a change of owner takes setuid and capabilities away,
/// and flags may forbid every other change.
fn finish(source: &File, target: &File, stat: &FileStat) -> io::Result<()> {
    fchown(target, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    attributes(source, target)?;
    fchmod(target, Mode::from_bits_truncate(stat.st_mode))?;
    let (accessed, modified) = times(stat);
    futimens(target, &accessed, &modified)?;
    flags::copy(target.as_fd(), stat)
}

fn times(stat: &FileStat) -> (TimeSpec, TimeSpec) {
    (TimeSpec::new(stat.st_atime, stat.st_atime_nsec), TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec))
}
