//! Extended attributes of files and directories.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use nix::libc;
use xattr::FileExt;

/// Tells whether attributes of this name are set. Those left out belong to the machine the archive was made on
/// (labels, ACLs with its numbers, `trusted.*`). FreeBSD has neither capabilities of files nor these names.
pub(super) fn are_kept(name: &[u8]) -> bool {
    cfg!(target_os = "linux") && (name == b"security.capability" || name.starts_with(b"user."))
}

/// Sets attributes. On a file system that has none `user.*` is left out, but a program that would lose its
/// capabilities is an error.
pub(super) fn set(file: BorrowedFd<'_>, attributes: &[(OsString, Vec<u8>)]) -> io::Result<()> {
    if attributes.is_empty() {
        return Ok(());
    }
    let file = File::from(file.try_clone_to_owned()?);
    for (name, value) in attributes {
        match file.set_xattr(name, value) {
            Err(error)
                if error.raw_os_error() == Some(libc::EOPNOTSUPP)
                    && name.as_bytes().starts_with(b"user.") => {}
            result => result?,
        }
    }
    Ok(())
}
