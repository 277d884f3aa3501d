//! Copying a tree that a jail may have written: by descriptors, never through a link.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::fcntl::{AtFlags, OFlag, copy_file_range, openat, readlinkat};
use nix::sys::stat::{
    FileStat, Mode, SFlag, UtimensatFlags, fchmod, fstat, fstatat, futimens, mkdirat, mknodat, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, LinkatFlags, Uid, fchown, fchownat, linkat, symlinkat};
use xattr::FileExt;

use super::tree::{DIRECTORY, MOST_LEVELS};
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
/// the tree, links as they are, devices, pipes. Sockets are left out, as nobody listens to a copy.
///
/// The directories `without` are made, but what is in them is left out.
pub(super) fn copy(
    source: &Path,
    target: &Path,
    without: &[&Path],
    scope: Scope,
    progress: Progress<'_>,
) -> io::Result<()> {
    let from = Dir::open(source, DIRECTORY, Mode::empty())?;
    let stat = fstat(from.as_fd())?;
    DirBuilder::new().mode(0o700).create(target)?;
    let to = Dir::open(target, DIRECTORY, Mode::empty())?;
    let mut copier = Copier {
        device: stat.st_dev,
        without,
        scope,
        progress,
        bytes: 0,
        links: HashMap::new(),
        target: Dir::open(target, DIRECTORY, Mode::empty())?,
    };
    copier.directory(from, &to, Path::new(""), 0)?;
    finish_directory(&to, &stat)?;
    // The names must be on disk before the whole is renamed into place.
    fs::File::open(target)?.sync_all()
}

struct Copier<'a> {
    device: u64,
    without: &'a [&'a Path],
    scope: Scope,
    progress: Progress<'a>,
    bytes: u64,
    /// Files with several names: where their first copy is, relative to the target.
    links: HashMap<u64, PathBuf>,
    target: Dir,
}

impl Copier<'_> {
    fn directory(&mut self, mut from: Dir, to: &Dir, path: &Path, level: usize) -> io::Result<()> {
        if level > MOST_LEVELS {
            return Err(io::Error::from(io::ErrorKind::InvalidFilename));
        }
        let mut names = Vec::new();
        for entry in from.iter() {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        for name in names {
            let stat = fstatat(from.as_fd(), name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
            let path = path.join(OsStr::from_bytes(name.to_bytes()));
            self.entry(&from, to, &name, &stat, &path, level)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        from: &Dir,
        to: &Dir,
        name: &CString,
        stat: &FileStat,
        path: &Path,
        level: usize,
    ) -> io::Result<()> {
        let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
        if kind == SFlag::S_IFDIR {
            return self.subdirectory(from, to, name, stat, path, level);
        }
        if kind == SFlag::S_IFSOCK {
            return Ok(());
        }
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&stat.st_ino) {
                linkat(
                    self.target.as_fd(),
                    first.as_path(),
                    to.as_fd(),
                    name.as_c_str(),
                    LinkatFlags::empty(),
                )?;
                return Ok(());
            }
            self.links.insert(stat.st_ino, path.to_owned());
        }
        match kind {
            SFlag::S_IFREG => self.file(from, to, name, stat),
            SFlag::S_IFLNK => link(from, to, name, stat),
            _ => special(to, name, stat, kind),
        }
    }

    fn subdirectory(
        &mut self,
        from: &Dir,
        to: &Dir,
        name: &CString,
        stat: &FileStat,
        path: &Path,
        level: usize,
    ) -> io::Result<()> {
        if self.scope == Scope::FilesOnly {
            return Ok(());
        }
        let source = Dir::openat(from.as_fd(), name.as_c_str(), DIRECTORY, Mode::empty())?;
        // Taken from what was opened: the name may lead elsewhere by now.
        if fstat(source.as_fd())?.st_dev != self.device {
            return Err(io::Error::from(io::ErrorKind::ResourceBusy));
        }
        mkdirat(to.as_fd(), name.as_c_str(), Mode::S_IRWXU)?;
        let made = Dir::openat(to.as_fd(), name.as_c_str(), DIRECTORY, Mode::empty())?;
        if !self.without.contains(&path) {
            self.directory(source, &made, path, level + 1)?;
        }
        finish_directory(&made, stat)
    }

    fn file(&mut self, from: &Dir, to: &Dir, name: &CStr, stat: &FileStat) -> io::Result<()> {
        let read = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let source = File::from(openat(from.as_fd(), name, read, Mode::empty())?);
        let now = fstat(source.as_fd())?;
        if SFlag::from_bits_truncate(now.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        let write = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let target = File::from(openat(to.as_fd(), name, write, Mode::S_IRUSR | Mode::S_IWUSR)?);
        self.bytes += contents(&source, &target)?;
        attributes(&source, &target)?;
        finish(target.as_fd(), stat)?;
        (self.progress)(self.bytes);
        Ok(())
    }
}

/// Copies the bytes; the kernel shares the blocks where the file system can.
fn contents(source: &File, target: &File) -> io::Result<u64> {
    let mut copied = 0;
    loop {
        match copy_file_range(source, None, target, None, 1 << 30) {
            Ok(0) => return Ok(copied),
            Ok(length) => copied += length as u64,
            Err(nix::errno::Errno::EINTR) => {}
            // Not between these two file systems, or not at all: the ordinary way, from where it stopped.
            Err(_) => {
                let (mut source, mut target) = (source, target);
                return Ok(copied + io::copy(&mut source, &mut target)?);
            }
        }
    }
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

fn link(from: &Dir, to: &Dir, name: &CStr, stat: &FileStat) -> io::Result<()> {
    let text = readlinkat(from.as_fd(), name)?;
    symlinkat(text.as_os_str(), to.as_fd(), name)?;
    own(to, name, stat)?;
    let (accessed, modified) = times(stat);
    Ok(utimensat(to.as_fd(), name, &accessed, &modified, UtimensatFlags::NoFollowSymlink)?)
}

fn special(to: &Dir, name: &CStr, stat: &FileStat, kind: SFlag) -> io::Result<()> {
    let mode = Mode::from_bits_truncate(stat.st_mode);
    mknodat(to.as_fd(), name, kind, mode, stat.st_rdev)?;
    own(to, name, stat)
}

fn own(to: &Dir, name: &CStr, stat: &FileStat) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    Ok(fchownat(to.as_fd(), name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)?)
}

fn finish_directory(directory: &Dir, stat: &FileStat) -> io::Result<()> {
    finish(directory.as_fd(), stat)
}

/// Owner, mode and times: in this order, as a change of owner takes setuid away.
fn finish(file: BorrowedFd<'_>, stat: &FileStat) -> io::Result<()> {
    fchown(file, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    fchmod(file, Mode::from_bits_truncate(stat.st_mode))?;
    let (accessed, modified) = times(stat);
    Ok(futimens(file, &accessed, &modified)?)
}

fn times(stat: &FileStat) -> (TimeSpec, TimeSpec) {
    (TimeSpec::new(stat.st_atime, stat.st_atime_nsec), TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec))
}
