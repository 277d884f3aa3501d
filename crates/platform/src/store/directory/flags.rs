//! File flags of FreeBSD; chflags(2). The base system sets `schg` on some of its files and directories, which then
//! can be neither removed nor changed. Other systems have none.

#[cfg(target_os = "freebsd")]
mod freebsd {
    #![expect(unsafe_code, reason = "chflags(2) on descriptors, which no crate wraps")]

    use std::ffi::CStr;
    use std::io;
    use std::os::fd::{AsFd, AsRawFd};

    use nix::errno::Errno;
    use nix::libc;
    use nix::sys::stat::FileStat;

    /// Gives an open file the flags that `stat` tells.
    pub(in super::super) fn copy(file: impl AsFd, stat: &FileStat) -> io::Result<()> {
        if stat.st_flags == 0 {
            return Ok(());
        }
        set(file, stat.st_flags.into())
    }

    /// Takes the flags off an open directory, so that its entries can be removed.
    pub(in super::super) fn clear(directory: impl AsFd) -> io::Result<()> {
        if nix::sys::stat::fstat(&directory)?.st_flags == 0 { Ok(()) } else { set(directory, 0) }
    }

    /// Takes the flags off an entry of a directory, not following a link.
    pub(in super::super) fn clear_entry(directory: impl AsFd, name: &CStr) -> io::Result<()> {
        let directory = directory.as_fd().as_raw_fd();
        // SAFETY: the descriptor is open and the name ends with NUL.
        let result = unsafe { libc::chflagsat(directory, name.as_ptr(), 0, libc::AT_SYMLINK_NOFOLLOW) };
        Ok(Errno::result(result).map(drop)?)
    }

    fn set(file: impl AsFd, flags: libc::c_ulong) -> io::Result<()> {
        // SAFETY: the descriptor is open.
        let result = unsafe { libc::fchflags(file.as_fd().as_raw_fd(), flags) };
        Ok(Errno::result(result).map(drop)?)
    }
}

#[cfg(target_os = "freebsd")]
pub(super) use freebsd::{clear, clear_entry, copy};

#[cfg(not(target_os = "freebsd"))]
mod none {
    use std::ffi::CStr;
    use std::io;
    use std::os::fd::AsFd;

    use nix::sys::stat::FileStat;

    pub(in super::super) fn copy(_: impl AsFd, _: &FileStat) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) fn clear(_: impl AsFd) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) fn clear_entry(_: impl AsFd, _: &CStr) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(not(target_os = "freebsd"))]
pub(super) use none::{clear, clear_entry, copy};
