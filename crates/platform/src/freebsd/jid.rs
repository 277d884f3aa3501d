//! The JID of a living jail by its name, for mechanisms that act in a jail.

use std::io;

use ioc_model::name::KernelName;
use nix::libc;

use super::arguments::Arguments;

/// The JID; none if no jail of that name lives.
pub(crate) fn of(name: &KernelName) -> io::Result<Option<i32>> {
    let mut arguments = Arguments::default();
    arguments.text("name", name.as_str())?;
    let mut call = arguments.call();
    let (iovecs, count) = call.parts();
    // SAFETY: every element of the list points to memory of its length that lives in `call`.
    let jid = unsafe { libc::jail_get(iovecs, count, 0) };
    if jid >= 0 {
        return Ok(Some(jid));
    }
    let error = call.error();
    if error.error.raw_os_error() == Some(libc::ENOENT) { Ok(None) } else { Err(error.into()) }
}
