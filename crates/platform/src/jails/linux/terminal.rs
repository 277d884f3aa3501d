//! A terminal of the jail's own for a process that is used from the caller's terminal.
//!
//! The process never gets the caller's terminal, into which it could push input. It gets a pseudo terminal of the
//! jail, and what passes between the two is copied here, with the caller's terminal in raw mode.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Gid, Mode, OFlags, Uid, fchown, fstat, major, minor, open};
use rustix::io::{Errno, read, retry_on_intr, write};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{
    OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr, tcsetwinsize,
};

/// Output is copied in pieces of at most this many bytes.
pub(super) const PIECE: usize = 16 << 10;

/// Tells whether the caller's terminal is to be used: its input and output are one, and it is not in the background.
pub(super) fn is_wanted() -> bool {
    isatty(stdin()) && isatty(stdout()) && is_foreground()
}

/// Tells whether this process may read from the terminal that its standard input is.
pub(super) fn is_foreground() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// A pseudo terminal: the end that we keep, and the end for the process.
pub(super) struct Pair {
    pub(super) ours: OwnedFd,
    pub(super) theirs: OwnedFd,
}

impl Pair {
    /// Makes a pair with the settings and size of the caller's terminal, from the multiplexer that this thread sees.
    /// That must be a real one: in a jail, anything may be in its place.
    pub(super) fn make() -> io::Result<Self> {
        // Documentation/admin-guide/devices.txt of Linux
        const MULTIPLEXER: (u32, u32) = (5, 2);
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let ours = open("/dev/ptmx", flags, Mode::empty())?;
        let stat = fstat(&ours)?;
        let is_device = FileType::from_raw_mode(stat.st_mode).is_char_device();
        if !is_device || (major(stat.st_rdev), minor(stat.st_rdev)) != MULTIPLEXER {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "/dev/ptmx is not what it should be"));
        }
        unlockpt(&ours)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let theirs = ioctl_tiocgptpeer(&ours, flags)?;
        tcsetattr(&theirs, OptionalActions::Now, &tcgetattr(stdin())?)?;
        tcsetwinsize(&theirs, tcgetwinsize(stdin())?)?;
        Ok(Pair { ours, theirs })
    }

    /// Lets a user of the jail open the process's end by its name.
    pub(super) fn give_to(&self, owner: Uid) -> io::Result<()> {
        Ok(fchown(&self.theirs, Some(owner), None::<Gid>)?)
    }
}

/// Copies between the caller's terminal and that of a process, as long as it lives; then the caller's is as before.
pub(super) struct Relay {
    ours: OwnedFd,
    settings: Termios,
    /// Input that the process's terminal had no room for yet.
    pending: Vec<u8>,
    caller_open: bool,
    open: bool,
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(stdin(), OptionalActions::Drain, &self.settings) {
            tracing::debug!(%error, "cannot restore the terminal");
        }
    }
}

impl Relay {
    /// Joins the caller's terminal and our end of a pair, which does not block.
    pub(super) fn begin(ours: OwnedFd) -> io::Result<Self> {
        let settings = tcgetattr(stdin())?;
        let relay = Relay { ours, settings, pending: Vec::new(), caller_open: true, open: true };
        relay.copy_size();
        let mut raw = relay.settings.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Drain, &raw)?;
        Ok(relay)
    }

    /// The caller's terminal, if input is wanted from it.
    pub(super) fn input(&self) -> Option<BorrowedFd<'static>> {
        (self.caller_open && self.pending.is_empty()).then(stdin)
    }

    /// The process's terminal as long as someone uses it, and whether we wait to write to it too.
    pub(super) fn output(&self) -> Option<(BorrowedFd<'_>, bool)> {
        self.open.then(|| (self.ours.as_fd(), !self.pending.is_empty()))
    }

    /// Takes input that is there from the caller's terminal. Must only be called when it is readable.
    pub(super) fn take_input(&mut self) {
        let mut bytes = [0; 4096];
        match read(stdin(), &mut bytes) {
            Ok(0) => self.caller_open = false,
            Ok(length) => self.pending.extend_from_slice(&bytes[..length]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.caller_open = false,
        }
    }

    /// Copies what is there, in both directions, without waiting for more. Tells whether there was output.
    pub(super) fn copy(&mut self) -> io::Result<bool> {
        if !self.pending.is_empty()
            && let Ok(written) = write(&self.ours, &self.pending)
        {
            self.pending.drain(..written);
        }
        let mut bytes = [0; PIECE];
        match retry_on_intr(|| read(&self.ours, &mut bytes)) {
            Ok(length) if length > 0 => {
                write_all(stdout(), &bytes[..length])?;
                Ok(true)
            }
            Err(Errno::AGAIN) => Ok(false),
            // Nobody has the other end open any more.
            Ok(_) | Err(_) => {
                self.open = false;
                Ok(false)
            }
        }
    }

    /// Makes the process's terminal as large as the caller's.
    pub(super) fn copy_size(&self) {
        let result = tcgetwinsize(stdin()).and_then(|size| tcsetwinsize(&self.ours, size));
        if let Err(error) = result {
            tracing::debug!(%error, "cannot set the size of a terminal");
        }
    }
}

fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write(to, bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut ready = [rustix::event::PollFd::from_borrowed_fd(to, rustix::event::PollFlags::OUT)];
                retry_on_intr(|| rustix::event::poll(&mut ready, None))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
