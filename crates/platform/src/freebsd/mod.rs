//! Calls of the FreeBSD kernel that more than one mechanism needs.
//!
//! The lists of names and values of jail_set(2) and nmount(2), sysctl(3), and short-lived children that do a few
//! system calls in another place (a directory, a jail) and report.

#![expect(unsafe_code, reason = "system calls that no crate wraps")]

pub(crate) mod arguments;
pub(crate) mod child;
pub(crate) mod jid;
pub(crate) mod kld;
pub(crate) mod sysctl;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("the layouts of FreeBSD's ioctl(2) arguments are known for 64 bit systems only");
