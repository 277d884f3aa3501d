//! Removing trees that a jail may have written, without following a link or leaving the mount.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::SystemTime;

use nix::dir::{Dir, Entry, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, renameat};
use nix::sys::stat::{Mode, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::flags;
use super::mounted::{mount_of, refuse_mounts};

/// How to open a directory that may not be a link.
pub(super) const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Levels of directories that are held open at once at the most: each takes three descriptors, and a process has
/// 1024 unless it was given more.
pub(super) const DEEPEST: usize = 200;

/// Names that are read from a directory before they are removed.
const BATCH: usize = 1024;

/// Removes a tree, once nothing is mounted in it. Links in it are removed, never followed.
///
/// A jail can make a tree deeper than there are descriptors or bytes in a path. So no directory is entered more
/// than one level below the top: those further down are moved up first. That takes constant memory.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    refuse_mounts(path)?;
    remove_unmounted(path)
}

/// Removes a tree in which nothing should be mounted; what is all the same is not entered, and ends it.
pub(super) fn remove_unmounted(path: &Path) -> io::Result<()> {
    let mut top = Dir::open(path, DIRECTORY, Mode::empty())?;
    let base = top.as_fd().try_clone_to_owned()?;
    flags::clear(&base)?;
    let mut remover = Remover { mount: mount_of(&base)?, top: base, moved: 0 };
    loop {
        let names = batch(&mut top, &remover.top)?;
        if names.is_empty() {
            return fs::remove_dir(path);
        }
        for (name, is_directory) in names {
            match is_directory {
                true => remover.directory(&name)?,
                false => unlink(&remover.top, &name, UnlinkatFlags::NoRemoveDir)?,
            }
        }
    }
}

struct Remover {
    top: OwnedFd,
    mount: u64,
    /// How many directories were moved up, for their names there.
    moved: u64,
}

impl Remover {
    /// Removes a directory of the top, after moving up what directories it has.
    fn directory(&mut self, name: &CStr) -> io::Result<()> {
        let mut directory = Dir::openat(&self.top, name, DIRECTORY, Mode::empty())?;
        let base = directory.as_fd().try_clone_to_owned()?;
        if mount_of(&base)? != self.mount {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        flags::clear(&base)?;
        loop {
            let names = batch(&mut directory, &base)?;
            if names.is_empty() {
                return unlink(&self.top, name, UnlinkatFlags::RemoveDir);
            }
            for (name, is_directory) in names {
                match is_directory {
                    true => self.subdirectory(&base, &name)?,
                    false => unlink(&base, &name, UnlinkatFlags::NoRemoveDir)?,
                }
            }
        }
    }

    fn subdirectory(&mut self, parent: &OwnedFd, name: &CStr) -> io::Result<()> {
        match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
            Ok(()) => return Ok(()),
            Err(Errno::EPERM) => flags::clear_entry(parent, name)?,
            Err(_) => {} // most likely it is not empty; if not, moving it will fail too
        }
        loop {
            let above = format!(".{}", self.moved);
            self.moved += 1;
            match renameat(parent, name, &self.top, above.as_str()) {
                Ok(()) => return Ok(()),
                // The jail has something of that name, by chance or by spite.
                Err(Errno::EEXIST | Errno::ENOTEMPTY | Errno::ENOTDIR | Errno::EISDIR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

fn unlink(directory: &OwnedFd, name: &CStr, kind: UnlinkatFlags) -> io::Result<()> {
    match unlinkat(directory, name, kind) {
        Err(Errno::EPERM) => {
            flags::clear_entry(directory, name)?;
            Ok(unlinkat(directory, name, kind)?)
        }
        // Somebody else clears the same leftovers.
        Err(Errno::ENOENT) => Ok(()),
        result => Ok(result?),
    }
}

/// Some names in a directory, and whether each is a directory itself.
fn batch(directory: &mut Dir, base: &OwnedFd) -> io::Result<Vec<(CString, bool)>> {
    let mut names = Vec::new();
    for entry in directory.iter() {
        let entry = entry?;
        if !is_self_or_parent(entry.file_name()) {
            names.push((entry.file_name().to_owned(), is_directory(base, &entry)?));
        }
        if names.len() == BATCH {
            break;
        }
    }
    Ok(names)
}

pub(super) fn is_self_or_parent(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

/// Asks the file system only where the directory does not tell.
pub(super) fn is_directory(directory: &OwnedFd, entry: &Entry) -> io::Result<bool> {
    match entry.file_type() {
        Some(kind) => Ok(kind == Type::Directory),
        None => {
            let stat = fstatat(directory, entry.file_name(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
            Ok(SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR)
        }
    }
}

/// Gives a directory the present time: snapshots are dated by it.
pub(super) fn touch(path: &Path) -> io::Result<()> {
    File::open(path)?.set_modified(SystemTime::now())
}

/// Makes the files directly in `target` those of the copy `source`, which is used up; directories stay as they are.
pub(super) fn replace_files(source: &Path, target: &Path) -> io::Result<()> {
    for entry in fs::read_dir(target)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() && fs::symlink_metadata(source.join(entry.file_name())).is_err() {
            fs::remove_file(entry.path())?;
        }
    }
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        fs::rename(entry.path(), target.join(entry.file_name()))?;
    }
    remove(source)
}
