//! Walking and removing trees that a jail may have written, without following a link or leaving the file system.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use nix::dir::Dir;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{Mode, SFlag, fstatat};

/// How to open a directory that may not be a link.
pub(super) const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Deepest tree that is handled, in levels. PATH_MAX allows no more than half of it to be reached by a path, but a
/// jail can build deeper ones by relative names.
pub(super) const MOST_LEVELS: usize = 4096;

/// Refuses a tree in which something is mounted, as [`io::ErrorKind::ResourceBusy`].
pub(super) fn check_one_file_system(path: &Path) -> io::Result<()> {
    let device = fs::symlink_metadata(path)?.dev();
    check(Dir::open(path, DIRECTORY, Mode::empty())?, device, 0)
}

fn check(mut directory: Dir, device: u64, level: usize) -> io::Result<()> {
    if level > MOST_LEVELS {
        return Err(io::Error::from(io::ErrorKind::InvalidFilename));
    }
    for name in directories(&mut directory)? {
        let stat = fstatat(directory.as_fd(), name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if stat.st_dev != device {
            return Err(io::Error::from(io::ErrorKind::ResourceBusy));
        }
        if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR {
            check(
                Dir::openat(directory.as_fd(), name.as_c_str(), DIRECTORY, Mode::empty())?,
                device,
                level + 1,
            )?;
        }
    }
    Ok(())
}

/// The names in a directory that are, or may be, directories.
fn directories(directory: &mut Dir) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in directory.iter() {
        let entry = entry?;
        let name = entry.file_name();
        let is_directory = entry.file_type().is_none_or(|kind| kind == nix::dir::Type::Directory);
        if is_directory && !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Removes a tree, once nothing is mounted in it. Links in it are removed, never followed.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    check_one_file_system(path)?;
    // Goes by descriptors and does not follow links, std::fs::remove_dir_all.
    fs::remove_dir_all(path)
}

/// Gives a directory the present time: snapshots are dated by it.
pub(super) fn touch(path: &Path) -> io::Result<()> {
    File::open(path)?.set_modified(SystemTime::now())
}

/// Makes the files directly in `target` those of `source`; directories stay as they are.
pub(super) fn replace_files(source: &Path, target: &Path) -> io::Result<()> {
    for entry in fs::read_dir(target)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() && fs::symlink_metadata(source.join(entry.file_name())).is_err() {
            fs::remove_file(entry.path())?;
        }
    }
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let new = target.join(format!(".{}.copying", entry.file_name().to_string_lossy()));
        fs::copy(entry.path(), &new)?;
        fs::rename(&new, target.join(entry.file_name()))?;
    }
    Ok(())
}
