//! Where one mount ends and another begins.
//!
//! A base directory that is mounted in a jail's root is the base directory of every other jail too: nothing that
//! removes or copies a tree may step into it. Device numbers do not tell, as a bind mount has that of its source.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// The number of the mount through which an open file is seen.
#[cfg(target_os = "linux")]
pub(super) fn mount_of(file: impl AsFd) -> io::Result<u64> {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    let status = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    if !StatxFlags::from_bits_retain(status.stx_mask).contains(StatxFlags::MNT_ID) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the kernel does not number its mounts"));
    }
    Ok(status.stx_mnt_id)
}

/// The device of an open file: every mount of FreeBSD has its own, those of nullfs(5) too.
#[cfg(target_os = "freebsd")]
pub(super) fn mount_of(file: impl AsFd) -> io::Result<u64> {
    Ok(nix::sys::stat::fstat(file)?.st_dev)
}

/// Refuses a tree at or in which something is mounted, as [`io::ErrorKind::ResourceBusy`].
#[cfg(target_os = "linux")]
pub(super) fn refuse_mounts(path: &Path) -> io::Result<()> {
    let path = path.canonicalize()?;
    if crate::linux::mountinfo::read()?.iter().any(|mount| mount.target.starts_with(&path)) {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    Ok(())
}

/// Refuses a tree at or in which something is mounted, as [`io::ErrorKind::ResourceBusy`].
///
/// Looks no deeper than any honest tree goes; whoever removes the tree checks every directory again.
#[cfg(target_os = "freebsd")]
pub(super) fn refuse_mounts(path: &Path) -> io::Result<()> {
    use super::tree::{DEEPEST, DIRECTORY, is_directory, is_self_or_parent};
    use nix::dir::Dir;
    use nix::sys::stat::Mode;

    fn check(mut directory: Dir, mount: u64, level: usize) -> io::Result<()> {
        if mount_of(directory.as_fd())? != mount {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        if level == DEEPEST {
            return Ok(());
        }
        let base = directory.as_fd().try_clone_to_owned()?;
        for entry in directory.iter() {
            let entry = entry?;
            if !is_self_or_parent(entry.file_name()) && is_directory(&base, &entry)? {
                check(Dir::openat(&base, entry.file_name(), DIRECTORY, Mode::empty())?, mount, level + 1)?;
            }
        }
        Ok(())
    }

    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mount = mount_of(std::fs::File::open(parent)?)?;
    check(Dir::open(path, DIRECTORY, Mode::empty())?, mount, 0)
}
