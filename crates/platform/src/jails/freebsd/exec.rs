//! Running a process in a jail to its end: capturing what it says, and ending it when its time is over.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, killpg, pthread_sigmask, signal};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, pipe2};

use super::account::{self, Account};
use super::spawn::{self, Failure, Place, Prepared, Stage};
use crate::command::{Finished, Status};
use crate::freebsd::child::above;
use crate::jails::{JailsError, Process, RunningJail, Stdio};

/// The most that is kept of each stream: its end.
const KEPT: usize = 64 << 10;

/// Runs `process` in `jail`.
pub(super) fn run(jail: &RunningJail, process: &Process) -> Result<Finished, JailsError> {
    let Process { argv, user, env, stdio, timeout, fib } = process;
    let program = argv.first().map(|arg| arg.to_string_lossy().into_owned()).unwrap_or_default();
    let account = account_of(jail, user.as_deref())?;
    let failed = |failure| explain(jail, &program, failure);
    let prepared = Prepared::new(jail.jid, *fib, account, argv, env)
        .map_err(|error| failed(Failure { stage: Stage::Program, error }))?;
    let started = Instant::now();
    let ended = match stdio {
        Stdio::Capture => captured(&prepared, *timeout),
        Stdio::Inherit => inherited(&prepared, *timeout),
    };
    let Ended { status, stdout, stderr } = ended.map_err(failed)?;
    match (status, timeout) {
        (Some(status), _) => Ok(Finished { status, stdout, stderr, duration: started.elapsed() }),
        (None, timeout) => Err(JailsError::TimedOut {
            name: jail.name.clone(),
            program,
            timeout: timeout.unwrap_or_default(),
        }),
    }
}

fn account_of(jail: &RunningJail, user: Option<&str>) -> Result<Account, JailsError> {
    let Some(user) = user else { return Ok(account::root(&jail.path)) };
    match account::named(&jail.path, user) {
        Ok(Some(account)) => Ok(account),
        Ok(None) => Err(JailsError::NoUser { name: jail.name.clone(), user: user.to_owned() }),
        Err(source) => Err(super::system("read the users", &jail.name, source)),
    }
}

fn explain(jail: &RunningJail, program: &str, failure: Failure) -> JailsError {
    let Failure { stage, error } = failure;
    match stage {
        Stage::Program => {
            JailsError::Program { name: jail.name.clone(), program: program.to_owned(), source: error }
        }
        // sys_jail_attach() in sys/kern/kern_jail.c: the jail went away in the meantime.
        Stage::Attach if error.raw_os_error() == Some(libc::EINVAL) => {
            JailsError::NotRunning { name: jail.name.clone() }
        }
        Stage::Attach => super::system("enter the jail", &jail.name, error),
        Stage::Fib => super::system("choose the routing table", &jail.name, error),
        Stage::Limits => super::system("set the limits of the login class", &jail.name, error),
        Stage::Credentials => super::system("become the user", &jail.name, error),
        Stage::Streams => super::system("start a process", &jail.name, error),
    }
}

/// How a process ended; without status if its time was over.
struct Ended {
    status: Option<Status>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Rust's runtime ignores SIGPIPE; a program expects the default.
const PIPE: (i32, libc::sighandler_t) = (libc::SIGPIPE, libc::SIG_DFL);

fn captured(prepared: &Prepared, timeout: Option<Duration>) -> Result<Ended, Failure> {
    let stdin = nix::fcntl::open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let (stdout, stdout_end) = pipe2(OFlag::O_CLOEXEC)?;
    let (stderr, stderr_end) = pipe2(OFlag::O_CLOEXEC)?;
    let place = Place::Apart([above(stdin, 10)?, above(stdout_end, 10)?, above(stderr_end, 10)?]);
    let child = spawn::spawn(prepared, &place, &[PIPE])?;
    drop(place);
    let mut streams = [Tail::new(stdout)?, Tail::new(stderr)?];
    let status = wait(child, timeout, &mut streams);
    let [stdout, stderr] = streams.map(|tail| tail.kept);
    Ok(Ended { status: status?, stdout, stderr })
}

fn inherited(prepared: &Prepared, timeout: Option<Duration>) -> Result<Ended, Failure> {
    let _quiet = Quiet::begin();
    let mut dispositions = Quiet::before();
    dispositions.push(PIPE);
    // With a time limit there is a group to kill. Without one the process stays in the group of the caller, so that
    // pipelines and job control of the caller's shell work as with any other program.
    let own_group = timeout.is_some();
    let child = spawn::spawn(prepared, &Place::Here(own_group), &dispositions)?;
    let status = wait(child, timeout, &mut []);
    if own_group {
        take_terminal_back(child);
    }
    Ok(Ended { status: status?, stdout: Vec::new(), stderr: Vec::new() })
}

/// Gives the terminal back to our process group if `child`'s has it.
fn take_terminal_back(child: Pid) {
    let stdin = std::io::stdin();
    if nix::unistd::tcgetpgrp(&stdin) != Ok(child) {
        return;
    }
    // A background group that changes the terminal is stopped by SIGTTOU unless the thread blocks it.
    let mut ttou = SigSet::empty();
    ttou.add(Signal::SIGTTOU);
    let mut before = SigSet::empty();
    if pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&ttou), Some(&mut before)).is_ok() {
        if let Err(errno) = nix::unistd::tcsetpgrp(&stdin, getpgrp()) {
            tracing::warn!(%errno, "the terminal stays with another process group");
        }
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    }
}

/// Waits for the end of `child`; after `timeout` kills its process group and returns no status.
///
/// The end counts, not the closing of the streams, which a daemon that it started may hold open.
fn wait(child: Pid, timeout: Option<Duration>, streams: &mut [Tail]) -> Result<Option<Status>, Failure> {
    let watched = watch(child, timeout, streams);
    if matches!(watched, Ok(true)) {
        return Ok(Some(reap(child)?));
    }
    // Its time is over, or we cannot watch it any more: it must not go on unseen.
    if let Err(errno) =
        killpg(child, Signal::SIGKILL).or_else(|_| nix::sys::signal::kill(child, Signal::SIGKILL))
    {
        tracing::debug!(%child, %errno, "cannot kill");
    }
    reap(child)?;
    for stream in streams {
        stream.drain()?;
    }
    watched.map(|_| None).map_err(Failure::from)
}

/// Reads the streams until the child ends; false if the time is over before.
fn watch(child: Pid, timeout: Option<Duration>, streams: &mut [Tail]) -> io::Result<bool> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let queue = Kqueue::new()?;
    let event =
        |ident: usize, filter, flags, data| KEvent::new(ident, filter, EvFlags::EV_ADD, flags, data, 0);
    let mut changes =
        vec![event(child.as_raw() as usize, EventFilter::EVFILT_PROC, FilterFlag::NOTE_EXIT, 0)];
    for stream in streams.iter() {
        changes.push(event(stream.fd.as_raw_fd() as usize, EventFilter::EVFILT_READ, FilterFlag::empty(), 0));
    }
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.map(|left| libc::timespec {
            tv_sec: left.as_secs().min(i32::MAX as u64) as libc::time_t,
            tv_nsec: left.subsec_nanos().into(),
        });
        let mut events = [event(0, EventFilter::EVFILT_PROC, FilterFlag::empty(), 0); 4];
        let count = match queue.kevent(&changes, &mut events, limit) {
            Ok(count) => count,
            Err(Errno::EINTR) => continue,
            // The child ended before it could be watched.
            Err(Errno::ESRCH) => return finish(streams),
            Err(errno) => return Err(errno.into()),
        };
        changes.clear();
        if count == 0 && left.is_some_and(|left| left.is_zero()) {
            return Ok(false);
        }
        let mut ended = false;
        for event in &events[..count] {
            match event.filter() {
                Ok(EventFilter::EVFILT_PROC) => ended = true,
                _ => {
                    for stream in streams.iter_mut().filter(|s| s.fd.as_raw_fd() as usize == event.ident()) {
                        if stream.drain()? {
                            changes.push(KEvent::new(
                                event.ident(),
                                EventFilter::EVFILT_READ,
                                EvFlags::EV_DELETE,
                                FilterFlag::empty(),
                                0,
                                0,
                            ));
                        }
                    }
                }
            }
        }
        if ended {
            return finish(streams);
        }
    }
}

/// Reads what is left in the pipes after the end of the process.
fn finish(streams: &mut [Tail]) -> io::Result<bool> {
    for stream in streams {
        stream.drain()?;
    }
    Ok(true)
}

/// Waits for a process that has ended, or is about to.
pub(super) fn reap(child: Pid) -> io::Result<Status> {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(Status::Exited(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Status::Signaled(signal as i32)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The end of what a stream says.
struct Tail {
    fd: OwnedFd,
    kept: Vec<u8>,
}

impl Tail {
    fn new(fd: OwnedFd) -> io::Result<Self> {
        fcntl(&fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Tail { fd, kept: Vec::new() })
    }

    /// Reads all there is now; true at the end of the stream.
    fn drain(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 << 10];
        loop {
            match nix::unistd::read(self.fd.as_fd(), &mut buffer) {
                Ok(0) => {
                    self.cut();
                    return Ok(true);
                }
                Ok(count) => {
                    self.kept.extend_from_slice(&buffer[..count]);
                    // Cut seldom, so that a talkative process costs linear time.
                    if self.kept.len() > 2 * KEPT {
                        self.cut();
                    }
                }
                Err(Errno::EAGAIN) => {
                    self.cut();
                    return Ok(false);
                }
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn cut(&mut self) {
        let extra = self.kept.len().saturating_sub(KEPT);
        self.kept.drain(..extra);
    }
}

/// While a process has our terminal, its keys are meant for it: SIGINT and SIGQUIT do not end us, as in system(3).
///
/// Dispositions belong to the whole process, so the first of several begins and the last one ends it.
struct Quiet;

/// The signals of the keyboard.
const KEYS: [Signal; 2] = [Signal::SIGINT, Signal::SIGQUIT];

#[derive(Default)]
struct Kept {
    users: usize,
    before: Vec<(i32, libc::sighandler_t)>,
}

static KEPT_DISPOSITIONS: Mutex<Kept> = Mutex::new(Kept { users: 0, before: Vec::new() });

fn kept() -> std::sync::MutexGuard<'static, Kept> {
    // Nothing panics while it is held; even if it did, the numbers are what they are.
    KEPT_DISPOSITIONS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Quiet {
    fn begin() -> Self {
        let mut kept = kept();
        if kept.users == 0 {
            kept.before = KEYS
                .iter()
                // SAFETY: ignoring a signal runs no code.
                .filter_map(|&key| {
                    unsafe { signal(key, SigHandler::SigIgn) }.ok().map(|before| (key, before))
                })
                .map(|(key, before)| (key as i32, number(before)))
                .collect();
        }
        kept.users += 1;
        Quiet
    }

    /// The dispositions for a child: ignored stays ignored, a handler of ours becomes the default.
    fn before() -> Vec<(i32, libc::sighandler_t)> {
        let for_child = |d| if d == libc::SIG_IGN { libc::SIG_IGN } else { libc::SIG_DFL };
        kept().before.iter().map(|&(signal, before)| (signal, for_child(before))).collect()
    }
}

fn number(handler: SigHandler) -> libc::sighandler_t {
    match handler {
        SigHandler::SigDfl => libc::SIG_DFL,
        SigHandler::SigIgn => libc::SIG_IGN,
        SigHandler::Handler(f) => f as *const () as libc::sighandler_t,
        SigHandler::SigAction(f) => f as *const () as libc::sighandler_t,
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let mut kept = kept();
        kept.users -= 1;
        if kept.users == 0 {
            for (signal, before) in std::mem::take(&mut kept.before) {
                // SAFETY: the disposition is the one that was there before.
                unsafe { libc::signal(signal, before) };
            }
        }
    }
}
