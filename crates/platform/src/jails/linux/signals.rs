//! Signals of the caller while a process of a jail has its terminal or streams.
//!
//! The process is in a session of its own, so what the caller's terminal or parent sends reaches the caller only.
//! While at least one such process runs, handlers note the signals in pipes, one for each process; afterwards the
//! caller's own settings are back.
#![expect(unsafe_code, reason = "signal handlers; one call per block")]

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

/// Signals that are passed on. A change of the window's size is noted too.
const PASSED_ON: [c_int; 5] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGWINCH];

/// A pipe for one process. Once made it is never closed, as a handler may be about to write into it.
struct Slot {
    used: AtomicBool,
    pipe: OnceLock<(OwnedFd, OwnedFd)>,
}

static SLOTS: [Slot; 32] = [const { Slot { used: AtomicBool::new(false), pipe: OnceLock::new() } }; 32];

/// What the caller had set for the signals, while handlers are in their place.
static REPLACED: Mutex<Replaced> = Mutex::new(Replaced { users: 0, actions: [None; PASSED_ON.len()] });

struct Replaced {
    users: usize,
    actions: [Option<libc::sigaction>; PASSED_ON.len()],
}

extern "C" fn note(signal: c_int) {
    // SAFETY: errno is this thread's own.
    let errno = unsafe { *libc::__errno_location() };
    for slot in &SLOTS {
        if let (true, Some((_, writer))) = (slot.used.load(Ordering::Relaxed), slot.pipe.get()) {
            let byte = signal.to_ne_bytes()[if cfg!(target_endian = "big") { 3 } else { 0 }];
            // A full pipe holds enough signals.
            // SAFETY: one byte of a local variable.
            unsafe { libc::write(writer.as_raw_fd(), (&raw const byte).cast(), 1) };
        }
    }
    // SAFETY: errno is this thread's own.
    unsafe { *libc::__errno_location() = errno };
}

/// Signals of the caller are noted as long as this lives.
pub(super) struct Noted {
    slot: &'static Slot,
}

impl Noted {
    /// Begins to note signals; an error if that many others do so already.
    pub(super) fn begin() -> io::Result<Self> {
        let free = |slot: &&Slot| {
            slot.used.compare_exchange(false, true, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        let slot = SLOTS.iter().find(free).ok_or(Errno::AGAIN)?;
        let noted = Noted { slot };
        if slot.pipe.get().is_none() {
            let pipe = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
            // Only the holder of a slot sets its pipe, so it is not set yet.
            let _ = slot.pipe.set(pipe);
        }
        noted.read();
        let mut replaced = REPLACED.lock().unwrap_or_else(PoisonError::into_inner);
        replaced.users += 1;
        if replaced.users == 1 {
            replaced.actions = PASSED_ON.map(install);
        }
        Ok(noted)
    }

    /// Readable when a signal was noted.
    pub(super) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.slot.pipe.get().map(|(reader, _)| reader.as_fd())
    }

    /// The signals since the last call.
    pub(super) fn read(&self) -> Vec<c_int> {
        let mut signals = [0; 64];
        let length = self.pipe().and_then(|pipe| rustix::io::read(pipe, &mut signals).ok()).unwrap_or(0);
        signals[..length].iter().map(|&signal| signal.into()).collect()
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let mut replaced = REPLACED.lock().unwrap_or_else(PoisonError::into_inner);
        replaced.users = replaced.users.saturating_sub(1);
        if replaced.users == 0 {
            for (signal, action) in PASSED_ON.into_iter().zip(replaced.actions) {
                if let Some(action) = action {
                    // SAFETY: the action was filled in by sigaction itself; the old one is not asked for.
                    unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
                }
            }
        }
        self.slot.used.store(false, Ordering::Relaxed);
    }
}

/// Puts our handler in place; returns what was there. A signal that the caller ignores stays ignored: nohup(1).
fn install(signal: c_int) -> Option<libc::sigaction> {
    // SAFETY: an all-zero sigaction is a value.
    let mut old: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: asks for the present action only, which lives through the call.
    unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut old) };
    if old.sa_sigaction == libc::SIG_IGN {
        return None;
    }
    // SAFETY: an all-zero sigaction is a value: no flags, empty mask.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(c_int) = note;
    new.sa_sigaction = handler as usize;
    new.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler only writes into pipes that stay open, which it may at any time, and keeps errno.
    let result = unsafe { libc::sigaction(signal, &raw const new, std::ptr::null_mut()) };
    (result == 0).then_some(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(signal: c_int) -> libc::sighandler_t {
        // SAFETY: an all-zero sigaction is a value.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: asks only.
        unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
        action.sa_sigaction
    }

    #[test]
    fn each_one_hears_and_afterwards_all_is_as_before() {
        let before = action(libc::SIGWINCH);
        let (first, second) = (Noted::begin().unwrap(), Noted::begin().unwrap());
        assert!(first.read().is_empty());
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::WINCH).unwrap();
        for noted in [&first, &second] {
            let mut heard = Vec::new();
            while heard.is_empty() {
                heard = noted.read();
            }
            assert_eq!(heard, [libc::SIGWINCH]);
        }
        drop(first);
        assert_ne!(action(libc::SIGWINCH), before);
        drop(second);
        assert_eq!(action(libc::SIGWINCH), before);
    }
}
