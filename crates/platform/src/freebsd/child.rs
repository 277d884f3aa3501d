//! Short-lived children: a few system calls in another working directory or another jail, and a report.
//!
//! The working directory and the jail belong to a whole process, so what must happen there happens in a child of
//! ours. Between fork(2) and the end the child may only make system calls: no memory from the heap, no locks.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, pthread_sigmask};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, pipe2};

/// The longest time that a child of this kind may take. A jail's root user could stop a child that has joined the
/// jail, which must not hold us for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// The child's end of the pipe, where it is in the child.
const REPORT_FD: RawFd = 3;

/// Length of a report in the pipe: less than PIPE_BUF, so it goes through in one piece.
const LENGTH: usize = 264;

/// What a child has to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// The error number, 0 for success.
    pub(crate) errno: i32,
    /// The step at which it failed, where there are several.
    pub(crate) step: u32,
    said: [u8; LENGTH - 8],
}

impl Report {
    const NEW: Report = Report { errno: 0, step: 0, said: [0; LENGTH - 8] };

    /// Notes a failure.
    pub(crate) fn fail(&mut self, errno: i32) {
        self.errno = errno;
    }

    /// Notes text about it, up to its NUL and as far as there is room.
    pub(crate) fn say(&mut self, text: &[u8]) {
        for (to, from) in self.said.iter_mut().zip(text) {
            *to = *from;
        }
    }

    /// The text.
    pub(crate) fn said(&self) -> String {
        let text = self.said.split(|&b| b == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    fn to_bytes(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..4].copy_from_slice(&self.errno.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.step.to_ne_bytes());
        bytes[8..].copy_from_slice(&self.said);
        bytes
    }

    fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        let mut report = Report::NEW;
        report.errno = i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        report.step = u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        report.said.copy_from_slice(&bytes[8..]);
        report
    }
}

/// Ends the child when it is dropped, so that not even a panic lets it run on as a second copy of this process.
pub(crate) struct End;

impl End {
    /// Ends the child.
    pub(crate) fn now(self) -> ! {
        // SAFETY: _exit(2) has no conditions.
        unsafe { libc::_exit(127) }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // SAFETY: _exit(2) has no conditions.
        unsafe { libc::_exit(127) }
    }
}

/// Runs `act` in a child with all descriptors closed but `keep`, which becomes descriptor 4, and returns its report.
///
/// # Safety
///
/// `act` must only make system calls and touch memory that exists already: other threads of this process may hold
/// any lock at the time of the fork.
pub(crate) unsafe fn report_of(
    keep: Option<RawFd>,
    act: impl FnOnce(&mut Report, RawFd),
) -> io::Result<Report> {
    let (reader, writer) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let writer = above(writer, 10)?;
    // No signal handler of this process may run in the child.
    let mut before = SigSet::empty();
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))?;
    // SAFETY: the child calls only async-signal-safe functions: ours here, and `act` by the contract above.
    let forked = unsafe { fork() };
    let child = match forked {
        Ok(ForkResult::Child) => {
            let end = End;
            let mut report = Report::NEW;
            match narrow(writer.as_raw_fd(), keep) {
                Ok(()) => act(&mut report, REPORT_FD + 1),
                Err(errno) => report.fail(errno as i32),
            }
            let bytes = report.to_bytes();
            // SAFETY: `bytes` is as long as said. They fit into an empty pipe.
            unsafe { libc::write(REPORT_FD, bytes.as_ptr().cast(), bytes.len()) };
            end.now()
        }
        Ok(ForkResult::Parent { child }) => Ok(child),
        Err(errno) => Err(errno),
    };
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None)?;
    let child = child?;
    drop(writer);
    let report = read_report(reader.as_fd());
    if report.is_err() {
        // It neither reported nor ended: nothing else makes it end. It may have ended by itself just now.
        let _ = kill(child, Signal::SIGKILL);
    }
    wait_for(child)?;
    report
}

/// Moves the two descriptors to their places and closes all others.
fn narrow(report: RawFd, keep: Option<RawFd>) -> Result<(), Errno> {
    if let Some(keep) = keep {
        place(keep, REPORT_FD + 1)?;
    }
    place(report, REPORT_FD)?;
    let first = REPORT_FD + 1 + i32::from(keep.is_some());
    // SAFETY: closing is what the child wants; nothing of Rust's owns the copies in the child any more.
    Errno::result(unsafe { libc::close_range(first as libc::c_uint, libc::c_uint::MAX, 0) })?;
    Ok(())
}

fn place(from: RawFd, to: RawFd) -> Result<(), Errno> {
    // SAFETY: both are numbers; what was open at `to` is wanted by nobody in the child.
    Errno::result(unsafe { libc::dup2(from, to) })?;
    Ok(())
}

/// A descriptor with a number of at least `lowest`, so that dup2(2) in the child overwrites nothing that is needed.
pub(crate) fn above(fd: OwnedFd, lowest: RawFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() >= lowest {
        return Ok(fd);
    }
    // SAFETY: F_DUPFD_CLOEXEC takes a number and returns a new descriptor.
    let new = Errno::result(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest) })?;
    // SAFETY: `new` was just made and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(new) })
}

fn read_report(reader: std::os::fd::BorrowedFd<'_>) -> io::Result<Report> {
    let deadline = Instant::now() + PATIENCE;
    let mut bytes = [0; LENGTH];
    let mut have = 0;
    while have < bytes.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left.as_millis()).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(reader, PollFlags::POLLIN)], timeout) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        match nix::unistd::read(reader, &mut bytes[have..]) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the child was killed")),
            Ok(count) => have += count,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(Report::from_bytes(bytes))
}

fn wait_for(child: Pid) -> io::Result<()> {
    loop {
        match waitpid(child, None) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
            Ok(_) => return Ok(()),
        }
    }
}

/// Joins a jail, in a child: nobody in the jail may trace this process or find a descriptor of the host in it.
///
/// Only system calls; the caller has closed what the jail must not see.
pub(crate) fn join_jail(jid: i32) -> Result<(), Errno> {
    let mut disable: libc::c_int = libc::PROC_TRACE_CTL_DISABLE;
    // The jail's processes run with its set of processors, so ours must not be narrower; best effort as in jexec(8).
    let mut set: libc::cpusetid_t = 0;
    // SAFETY: `set` is writable; -1 is this process.
    if unsafe { libc::cpuset_getid(libc::CPU_LEVEL_ROOT, libc::CPU_WHICH_PID, -1, &mut set) } == 0 {
        // SAFETY: plain numbers.
        unsafe { libc::cpuset_setid(libc::CPU_WHICH_PID, -1, set) };
    }
    // SAFETY: PROC_TRACE_CTL takes a pointer to an int, P_PID with 0 is this process; procctl(2).
    unsafe { libc::procctl(libc::P_PID, 0, libc::PROC_TRACE_CTL, (&raw mut disable).cast()) };
    // SAFETY: a plain number.
    Errno::result(unsafe { libc::jail_attach(jid) })?;
    // SAFETY: the path ends with NUL.
    Errno::result(unsafe { libc::chdir(c"/".as_ptr()) })?;
    Ok(())
}
