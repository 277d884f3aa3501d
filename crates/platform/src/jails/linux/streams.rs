//! The standard streams of a process in a jail, and what the caller keeps of them.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, Uid, open};
use rustix::io::Errno;
use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::isatty;

use super::output::Captured;
use super::signals::Noted;
use super::terminal::{self, Pair};
use crate::jails::Stdio;

/// Streams that are made, but not yet given to a process.
pub(super) enum Streams {
    /// Pipes to us.
    Captured { theirs: [OwnedFd; 3], output: Captured, errors: Captured },
    /// The caller's own.
    Direct { theirs: [OwnedFd; 3], signals: Noted },
    /// A terminal of the jail's own.
    Terminal {
        /// Standard error, if that is something else.
        errors: Option<OwnedFd>,
        /// A terminal of the host, for a jail that can have none of its own.
        spare: Pair,
        signals: Noted,
    },
}

/// What the caller keeps.
pub(super) enum Link {
    /// Captured output and errors.
    Captured(Captured, Captured),
    /// Signals that are to be passed on.
    Direct(Noted),
    /// Our end of a terminal, and signals.
    Terminal(OwnedFd, Noted),
}

/// What the process gets.
pub(super) struct Ends {
    /// Standard input, output and error.
    pub(super) streams: [OwnedFd; 3],
    /// They are to be its controlling terminal.
    pub(super) terminal: bool,
}

impl Streams {
    /// Makes streams. To be called outside of the jail.
    pub(super) fn new(stdio: Stdio) -> io::Result<Self> {
        match stdio {
            Stdio::Capture => {
                let ((output, stdout), (errors, stderr)) = (Captured::new()?, Captured::new()?);
                Ok(Streams::Captured { theirs: [null()?, stdout, stderr], output, errors })
            }
            Stdio::Inherit if terminal::is_wanted() => Ok(Streams::Terminal {
                errors: if isatty(stderr()) { None } else { Some(copy(stderr())?) },
                spare: Pair::make()?,
                signals: Noted::begin()?,
            }),
            Stdio::Inherit => {
                // In the background, reading would take input from whoever is in the foreground.
                let takes_input = !isatty(stdin()) || terminal::is_foreground();
                let stdin = if takes_input { copy(stdin())? } else { null()? };
                let theirs = [stdin, write_only(stdout())?, write_only(stderr())?];
                Ok(Streams::Direct { theirs, signals: Noted::begin()? })
            }
        }
    }

    /// Parts the two sides. To be called in the jail, for a process of this user.
    pub(super) fn part(self, user: Uid) -> io::Result<(Link, Ends)> {
        match self {
            Streams::Captured { theirs, output, errors } => {
                Ok((Link::Captured(output, errors), Ends { streams: theirs, terminal: false }))
            }
            Streams::Direct { theirs, signals } => {
                Ok((Link::Direct(signals), Ends { streams: theirs, terminal: false }))
            }
            Streams::Terminal { errors, spare, signals } => {
                let pair = Pair::make().unwrap_or_else(|error| {
                    tracing::debug!(%error, "the jail has no terminals, so one of the host is used");
                    spare
                });
                pair.give_to(user)?;
                let errors = errors.map_or_else(|| pair.theirs.try_clone(), Ok)?;
                let streams = [pair.theirs.try_clone()?, pair.theirs, errors];
                Ok((Link::Terminal(pair.ours, signals), Ends { streams, terminal: true }))
            }
        }
    }
}

fn null() -> io::Result<OwnedFd> {
    Ok(File::options().read(true).write(true).open("/dev/null")?.into())
}

/// A copy of one of our streams; `/dev/null` if it is closed.
fn copy(stream: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    match stream.try_clone_to_owned() {
        Err(error) if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) => null(),
        copy => copy,
    }
}

/// A copy of one of our streams that, if it is a terminal, cannot be read from: a terminal is open for both.
fn write_only(stream: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let copied = copy(stream)?;
    if !isatty(&copied) {
        return Ok(copied);
    }
    let path = format!("/proc/self/fd/{}", copied.as_fd().as_raw_fd());
    Ok(open(path, OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?)
}
