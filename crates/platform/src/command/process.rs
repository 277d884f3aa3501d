//! One child process: how it is started, captured, waited for and killed.
//!
//! Outputs are captured in anonymous files rather than through pipes: a hook may leave a daemon behind that keeps
//! its outputs open, and then a pipe has no end although the hook has ended.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::{Cmd, ExecError, Status};

/// Where programs look for other programs.
const PATH: &str = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin";

/// How long a program may take to end after SIGTERM, before SIGKILL.
const GRACE: Duration = Duration::from_secs(1);

/// Most bytes of standard output that are taken into memory.
const MOST_STDOUT: u64 = 256 << 20;

/// Most bytes of standard error that are kept: half from its begin, half from its end.
const MOST_STDERR: u64 = 64 << 10;

/// An anonymous file that collects an output.
pub(super) struct Capture(File);

impl Capture {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Capture(memfd_create(c"ioc-output", MFdFlags::MFD_CLOEXEC)?.into()))
    }

    fn stdio(&self) -> io::Result<Stdio> {
        Ok(self.0.try_clone()?.into())
    }

    /// Everything that has been written so far.
    pub(super) fn all(&self) -> io::Result<Vec<u8>> {
        let length = self.0.metadata()?.len();
        if length > MOST_STDOUT {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the program wrote too much"));
        }
        self.part(0, length)
    }

    /// The begin and the end of what has been written so far.
    pub(super) fn ends(&self) -> io::Result<Vec<u8>> {
        let length = self.0.metadata()?.len();
        if length <= MOST_STDERR {
            return self.part(0, length);
        }
        let mut text = self.part(0, MOST_STDERR / 2)?;
        text.extend_from_slice(b"\n[...]\n");
        text.extend(self.part(length - MOST_STDERR / 2, MOST_STDERR / 2)?);
        Ok(text)
    }

    fn part(&self, from: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.0.read_exact_at(&mut bytes, from)?;
        Ok(bytes)
    }
}

/// A child that runs in a process group of its own, so that it can be killed with all it started.
///
/// Dropped before [`Process::finish`], it is killed.
pub(super) struct Process {
    pub(super) child: Child,
    stderr: Capture,
    started: Instant,
    deadline: Option<Instant>,
    reaped: bool,
}

/// How a process ended, with what it said.
pub(super) struct Ended {
    pub(super) status: Status,
    pub(super) timed_out: bool,
    pub(super) stderr: Vec<u8>,
    pub(super) duration: Duration,
}

impl Process {
    /// Starts `cmd` with these standard streams; its standard error is captured.
    pub(super) fn start(cmd: &Cmd, stdin: Stdio, stdout: Stdio) -> Result<Self, ExecError> {
        let failed = |source| ExecError::Io { command: cmd.to_string(), source };
        let stderr = Capture::new().map_err(failed)?;
        let mut command = command(cmd)?;
        command.process_group(0).stdin(stdin).stdout(stdout).stderr(stderr.stdio().map_err(failed)?);
        let started = Instant::now();
        let child = command.spawn().map_err(failed)?;
        let deadline = cmd.timeout.map(|timeout| started + timeout);
        Ok(Process { child, stderr, started, deadline, reaped: false })
    }

    /// Starts `cmd` with its standard output captured.
    pub(super) fn start_captured(cmd: &Cmd, stdin: Stdio) -> Result<(Self, Capture), ExecError> {
        let failed = |source| ExecError::Io { command: cmd.to_string(), source };
        let stdout = Capture::new().map_err(failed)?;
        let process = Process::start(cmd, stdin, stdout.stdio().map_err(failed)?)?;
        Ok((process, stdout))
    }

    /// Time left until the deadline, if there is one.
    pub(super) fn left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Waits for the end; at the deadline, kills the process and its group.
    pub(super) fn finish(mut self) -> io::Result<Ended> {
        let timed_out = self.wait_or_kill()?;
        let status = self.child.wait()?;
        self.reaped = true;
        Ok(Ended {
            status: status_of(status),
            timed_out,
            stderr: self.stderr.ends()?,
            duration: self.started.elapsed(),
        })
    }

    /// Waits until the process is a zombie, which keeps its id from being taken by another.
    fn wait_or_kill(&self) -> io::Result<bool> {
        let Some(left) = self.left() else { return Ok(false) };
        let pid = pid_of(&self.child);
        thread::scope(|scope| {
            let (ended, is_ended) = mpsc::channel();
            scope.spawn(move || {
                let wait = || waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
                while wait() == Err(Errno::EINTR) {}
                // The receiver is there until the scope ends.
                let _ = ended.send(());
            });
            if is_ended.recv_timeout(left).is_ok() {
                return Ok(false);
            }
            self.signal(Signal::SIGTERM);
            let _ = is_ended.recv_timeout(GRACE);
            self.signal(Signal::SIGKILL);
            Ok(true)
        })
    }

    /// Kills the process with its group, at once, and waits for it.
    pub(super) fn kill(self) -> io::Result<Ended> {
        self.signal(Signal::SIGKILL);
        self.finish()
    }

    fn signal(&self, signal: Signal) {
        // ESRCH: the group is gone already, which is what we want.
        let _ = killpg(pid_of(&self.child), signal);
    }
}

/// The command of the system that `cmd` is, with its streams still to be said.
fn command(cmd: &Cmd) -> Result<Command, ExecError> {
    let program = cmd.program.paths().iter().find(|path| Path::new(path).exists());
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    let mut command = Command::new(program.ok_or(ExecError::Missing { program: cmd.program })?);
    command
        .args(&cmd.args)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", PATH)
        .envs(cmd.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/");
    Ok(command)
}

/// Runs `cmd` on our own standard streams. It stays in our process group, which is the one that the terminal listens
/// to.
pub(super) fn converse(cmd: &Cmd) -> Result<(Status, Duration), ExecError> {
    let started = Instant::now();
    let status = command(cmd)?.status();
    let status = status.map_err(|source| ExecError::Io { command: cmd.to_string(), source })?;
    Ok((status_of(status), started.elapsed()))
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal(Signal::SIGKILL);
            // It was ours and is not reaped: there is nothing that could fail.
            let _ = self.child.wait();
        }
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id is a pid_t"))
}

fn status_of(status: ExitStatus) -> Status {
    match (status.code(), status.signal()) {
        (Some(code), _) => Status::Exited(code),
        (None, Some(signal)) => Status::Signaled(signal),
        (None, None) => Status::Exited(status.into_raw()),
    }
}
