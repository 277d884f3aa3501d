//! Opening a path below a root without following links; openat2(2).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, openat, openat2, statx};

/// Opens the directory `root` itself as a place to start from. Links on the way to it are followed: the host's
/// administrator made them.
pub(crate) fn root(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens `path` below `root` as a place (`O_PATH`). No component may be a link, and mounts are crossed.
pub(crate) fn place(root: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    Ok(openat2(root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)?)
}

/// Opens an absolute path of the host, of which no component may be a link.
pub(crate) fn absolute(path: &Path) -> io::Result<OwnedFd> {
    place(root(Path::new("/"))?, path.strip_prefix("/").map_err(io::Error::other)?)
}

/// The number of the mount that a place is on.
pub(crate) fn mount_id(place: impl AsFd) -> io::Result<u64> {
    let stat = statx(place, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    if stat.stx_mask & StatxFlags::MNT_ID.bits() == 0 {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this kernel does not tell mounts apart"));
    }
    Ok(stat.stx_mnt_id)
}

/// Tells whether a place is a directory.
pub(crate) fn is_directory(place: impl AsFd) -> io::Result<bool> {
    let stat = rustix::fs::fstat(place)?;
    Ok(rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir())
}
