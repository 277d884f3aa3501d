//! Threads that live in other namespaces.
//!
//! Namespaces belong to threads. What has to happen in another one runs on a thread of its own, which ends there,
//! so that the caller's never change, whatever fails.

use std::io;
use std::os::fd::AsFd;

use rustix::thread::{ThreadNameSpaceType, UnshareFlags, move_into_thread_name_spaces};

use super::syscalls;

/// Runs `work` on a thread of its own, with its own idea of root and working directory and all signals blocked.
pub(crate) fn on_own_thread<T: Send, E: From<io::Error> + Send>(
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, || {
            syscalls::block_signals();
            syscalls::unshare(UnshareFlags::FS).map_err(io::Error::from)?;
            work()
        });
        match thread?.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Runs `work` on a thread in the network namespace of the process.
pub(crate) fn in_network_of<T: Send, E: From<io::Error> + Send>(
    process: impl AsFd + Sync,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    on_own_thread(|| {
        move_into_thread_name_spaces(process.as_fd(), ThreadNameSpaceType::NETWORK)
            .map_err(io::Error::from)?;
        work()
    })
}
