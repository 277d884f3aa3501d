//! Starting a process in a jail: everything is laid out before fork(2), the child only makes system calls.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};
use nix::unistd::{ForkResult, Pid, fork, pipe2};

use super::account::Account;
use crate::freebsd::child::{End, above, join_jail};

/// Where programs are looked for if the environment does not say.
const PATH: &str = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin";

/// Where the child has its end of the error pipe.
const ERROR_FD: RawFd = 3;

/// Everything that the child needs, as memory that it only reads.
pub(super) struct Prepared {
    jid: i32,
    fib: Option<u32>,
    account: Account,
    login: CString,
    argv: Vec<CString>,
    env: Vec<CString>,
    /// Paths to try, in order.
    programs: Vec<CString>,
}

/// The streams of the child and its place among the processes.
pub(super) enum Place {
    /// Streams and session of the caller; in a process group of its own if true, which then gets the terminal.
    Here(bool),
    /// A session of its own with these for input, output and error.
    Apart([OwnedFd; 3]),
}

/// What the child was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Streams,
    Fib,
    Attach,
    Limits,
    Credentials,
    Program,
}

impl Stage {
    fn from_number(number: u8) -> Self {
        match number {
            1 => Stage::Fib,
            2 => Stage::Attach,
            3 => Stage::Limits,
            4 => Stage::Credentials,
            5 => Stage::Program,
            _ => Stage::Streams,
        }
    }
}

/// Why there is no process.
pub(super) struct Failure {
    pub(super) stage: Stage,
    pub(super) error: io::Error,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure { stage: Stage::Streams, error }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        io::Error::from(errno).into()
    }
}

impl Prepared {
    /// Lays out arguments and environment; an argument with a NUL character or an empty program is refused.
    pub(super) fn new(
        jid: i32,
        fib: Option<u32>,
        account: Account,
        argv: &[OsString],
        env: &[(OsString, OsString)],
    ) -> io::Result<Self> {
        let program =
            argv.first().filter(|program| !program.is_empty()).ok_or(io::ErrorKind::InvalidInput)?;
        let env = environment(env, &account);
        let path = env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        let mut lines = Vec::new();
        for (name, value) in env {
            lines.push(text([name.as_bytes(), b"=", value.as_bytes()].concat())?);
        }
        Ok(Prepared {
            jid,
            fib,
            login: text(account.user.name.as_bytes().to_vec())?,
            account,
            argv: argv.iter().map(|arg| text(arg.as_bytes().to_vec())).collect::<io::Result<_>>()?,
            env: lines,
            programs: candidates(program, &path.unwrap_or_else(|| PATH.into()))?,
        })
    }
}

fn text(bytes: Vec<u8>) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidInput, "a NUL character in the arguments or the environment")
    })
}

/// The given environment with what is missing of the user's.
fn environment(env: &[(OsString, OsString)], account: &Account) -> Vec<(OsString, OsString)> {
    let mut env = env.to_vec();
    let user = &account.user;
    for (name, value) in
        [("HOME", &user.home), ("SHELL", &user.shell), ("USER", &user.name), ("LOGNAME", &user.name)]
    {
        if !env.iter().any(|(known, _)| known == name) {
            env.push((name.into(), value.into()));
        }
    }
    env
}

/// The paths at which the program may be; execvp(3).
fn candidates(program: &OsStr, path: &OsStr) -> io::Result<Vec<CString>> {
    let program = program.as_bytes();
    if program.contains(&b'/') {
        return Ok(vec![text(program.to_vec())?]);
    }
    // The working directory is the root, but an empty component stands for the working directory all the same.
    path.as_bytes()
        .split(|&b| b == b':')
        .map(|directory| if directory.is_empty() { b".".as_slice() } else { directory })
        .map(|directory| text([directory, b"/", program].concat()))
        .collect()
}

/// Starts the process and returns when its program runs, or the reason why it does not.
pub(super) fn spawn(
    prepared: &Prepared,
    place: &Place,
    dispositions: &[(i32, libc::sighandler_t)],
) -> Result<Pid, Failure> {
    let (reader, writer) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let writer = above(writer, 10)?;
    let argv = pointers(&prepared.argv);
    let env = pointers(&prepared.env);
    // sh(1) runs a script that has no interpreter line: sh, the script's path, its arguments.
    let shell = c"/bin/sh";
    let mut script = argv.clone();
    script.insert(0, shell.as_ptr());
    let mut before = SigSet::empty();
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))?;
    // SAFETY: the child calls `enter` and `run`, which only make system calls on memory laid out here, and ends.
    let forked = unsafe { fork() };
    let child = match forked {
        Ok(ForkResult::Child) => {
            let end = End;
            let (stage, errno) = match enter(prepared, place, writer.as_raw_fd(), dispositions, &before) {
                Ok(()) => (Stage::Program, run(prepared, &argv, &env, &mut script)),
                Err(failed) => failed,
            };
            let mut report = [0; 5];
            report[0] = stage as u8;
            report[1..].copy_from_slice(&(errno as i32).to_ne_bytes());
            // SAFETY: the buffer is as long as said. If even this fails, the parent sees the exit status.
            unsafe { libc::write(ERROR_FD, report.as_ptr().cast(), report.len()) };
            end.now()
        }
        Ok(ForkResult::Parent { child }) => Ok(child),
        Err(errno) => Err(errno),
    };
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None)?;
    let child = child?;
    drop(writer);
    match read_report(&reader)? {
        None => Ok(child),
        Some(failure) => {
            super::exec::reap(child)?;
            Err(failure)
        }
    }
}

fn pointers(texts: &[CString]) -> Vec<*const libc::c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

/// What the child reported; none once its program runs, because that closed the pipe.
fn read_report(reader: &OwnedFd) -> io::Result<Option<Failure>> {
    let mut report = [0; 5];
    let mut have = 0;
    while have < report.len() {
        match nix::unistd::read(reader, &mut report[have..]) {
            Ok(0) => return Ok(None),
            Ok(count) => have += count,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    let errno = i32::from_ne_bytes([report[1], report[2], report[3], report[4]]);
    Ok(Some(Failure { stage: Stage::from_number(report[0]), error: io::Error::from_raw_os_error(errno) }))
}

type Failed = (Stage, Errno);

/// Errors of a stage.
fn at(stage: Stage, result: libc::c_int) -> Result<libc::c_int, Failed> {
    Errno::result(result).map_err(|errno| (stage, errno))
}

/// In the child: takes its place, joins the jail, becomes the user.
fn enter(
    prepared: &Prepared,
    place: &Place,
    error_fd: RawFd,
    dispositions: &[(i32, libc::sighandler_t)],
    mask: &SigSet,
) -> Result<(), Failed> {
    for (signal, disposition) in dispositions {
        // SAFETY: the disposition is one that the system gave us, or the default.
        unsafe { libc::signal(*signal, *disposition) };
    }
    streams(prepared, place, error_fd)?;
    if let Some(fib) = prepared.fib {
        // SAFETY: a plain number.
        at(Stage::Fib, unsafe { setfib(fib as libc::c_int) })?;
    }
    join_jail(prepared.jid).map_err(|errno| (Stage::Attach, errno))?;
    become_user(prepared)?;
    // SAFETY: the set is initialised.
    at(Stage::Streams, unsafe { libc::sigprocmask(libc::SIG_SETMASK, mask.as_ref(), std::ptr::null_mut()) })?;
    Ok(())
}

fn streams(prepared: &Prepared, place: &Place, error_fd: RawFd) -> Result<(), Failed> {
    match place {
        Place::Apart(streams) => {
            // SAFETY: no conditions; the child is never a group leader.
            at(Stage::Streams, unsafe { libc::setsid() })?;
            // SAFETY: the name ends with NUL. It is the session's own, so nobody else's changes.
            at(Stage::Streams, unsafe { libc::setlogin(prepared.login.as_ptr()) })?;
            for (to, from) in streams.iter().enumerate() {
                // SAFETY: both are open descriptors or free numbers.
                at(Stage::Streams, unsafe { libc::dup2(from.as_raw_fd(), to as RawFd) })?;
            }
        }
        Place::Here(own_group) => {
            if *own_group {
                // SAFETY: plain numbers.
                at(Stage::Streams, unsafe { libc::setpgid(0, 0) })?;
                take_terminal();
            }
        }
    }
    // SAFETY: both are open descriptors or free numbers.
    at(Stage::Streams, unsafe { libc::dup2(error_fd, ERROR_FD) })?;
    // SAFETY: the descriptor is open.
    at(Stage::Streams, unsafe { libc::fcntl(ERROR_FD, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // What is open of the host must not be seen in the jail, not even for the moment before exec.
    let first = (ERROR_FD + 1) as libc::c_uint;
    // SAFETY: nothing of Rust's owns the copies in the child.
    at(Stage::Streams, unsafe { libc::close_range(first, libc::c_uint::MAX, 0) })?;
    Ok(())
}

/// Makes this process group the terminal's, if the terminal is that of its parent's group; signals are blocked.
fn take_terminal() {
    // SAFETY: plain numbers.
    let group = unsafe { libc::tcgetpgrp(0) };
    // SAFETY: plain numbers.
    let parents = unsafe { libc::getpgid(libc::getppid()) };
    if group >= 0 && group == parents {
        // SAFETY: plain numbers.
        unsafe { libc::tcsetpgrp(0, libc::getpid()) };
    }
}

fn become_user(prepared: &Prepared) -> Result<(), Failed> {
    let Account { user, groups, class } = &prepared.account;
    for limit in &class.limits {
        let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `now` is writable.
        if unsafe { libc::getrlimit(limit.resource, &mut now) } != 0 {
            continue; // This kernel does not have that limit.
        }
        now.rlim_cur = limit.current.unwrap_or(now.rlim_cur);
        now.rlim_max = limit.maximum.unwrap_or(now.rlim_max);
        // SAFETY: `now` is initialised.
        at(Stage::Limits, unsafe { libc::setrlimit(limit.resource, &now) })?;
    }
    if let Some(priority) = class.priority {
        // SAFETY: plain numbers; 0 is this process.
        at(Stage::Limits, unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, priority) })?;
    }
    if let Some(umask) = class.umask {
        // SAFETY: a plain number.
        unsafe { libc::umask(umask) };
    }
    // SAFETY: the pointer has as many numbers as said.
    at(Stage::Credentials, unsafe { libc::setgroups(groups.len() as libc::c_int, groups.as_ptr()) })?;
    // SAFETY: a plain number.
    at(Stage::Credentials, unsafe { libc::setgid(user.gid) })?;
    // SAFETY: a plain number.
    at(Stage::Credentials, unsafe { libc::setuid(user.uid) })?;
    Ok(())
}

/// In the child: becomes the program, or says why not; the search of execvp(3).
fn run(
    prepared: &Prepared,
    argv: &[*const libc::c_char],
    env: &[*const libc::c_char],
    script: &mut [*const libc::c_char],
) -> Errno {
    let mut worst = Errno::ENOENT;
    for program in &prepared.programs {
        // SAFETY: all three are lists of texts with NUL, closed by a null pointer.
        unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
        match Errno::last() {
            Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG => {}
            Errno::EACCES => worst = Errno::EACCES,
            Errno::ENOEXEC => {
                script[1] = program.as_ptr();
                // SAFETY: as above.
                unsafe { libc::execve(script[0], script.as_ptr(), env.as_ptr()) };
                return Errno::last();
            }
            errno => return errno,
        }
    }
    worst
}

unsafe extern "C" {
    /// setfib(2): the routing table of this process.
    fn setfib(fib: libc::c_int) -> libc::c_int;
}
