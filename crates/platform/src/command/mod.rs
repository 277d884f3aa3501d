//! The one narrow door to other programs.
//!
//! A closed list of programs with absolute paths, an argument vector and never a shell (but for hooks, which are
//! shell text by definition), a cleared environment, `LC_ALL=C`. Any status but 0 is an error unless the call
//! accepts it. Every run is recorded.

mod door;
mod process;
#[cfg(test)]
pub(crate) mod script;

pub use door::{Door, Record, Recorder};

use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::time::Duration;

/// The programs that ioc may run on the host. Nothing else is ever spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Program {
    /// zfs(8)
    Zfs,
    /// zpool(8)
    Zpool,
    /// sh(1), for hooks and for the editor that somebody prefers
    Sh,
    /// ifconfig(8); FreeBSD
    Ifconfig,
    /// route(8); FreeBSD
    Route,
    /// ipfw(8); FreeBSD
    Ipfw,
    /// devfs(8); FreeBSD
    Devfs,
    /// kldload(8); FreeBSD
    Kldload,
    /// pwd_mkdb(8); FreeBSD
    PwdMkdb,
}

impl Program {
    /// Absolute paths at which the program may be, the usual one first.
    pub fn paths(self) -> &'static [&'static str] {
        match self {
            Program::Zfs => &["/sbin/zfs", "/usr/sbin/zfs", "/usr/local/sbin/zfs"],
            Program::Zpool => &["/sbin/zpool", "/usr/sbin/zpool", "/usr/local/sbin/zpool"],
            Program::Sh => &["/bin/sh"],
            Program::Ifconfig => &["/sbin/ifconfig"],
            Program::Route => &["/sbin/route"],
            Program::Ipfw => &["/sbin/ipfw"],
            Program::Devfs => &["/sbin/devfs"],
            Program::Kldload => &["/sbin/kldload"],
            Program::PwdMkdb => &["/usr/sbin/pwd_mkdb"],
        }
    }
}

/// One run of a program, not yet started.
#[derive(Clone, Debug)]
pub struct Cmd {
    /// The program.
    pub program: Program,
    /// Its arguments, without the program's own name.
    pub args: Vec<OsString>,
    /// The whole environment besides `LC_ALL=C` and a fixed `PATH`.
    pub env: Vec<(OsString, OsString)>,
    /// Statuses that are no error besides 0.
    pub accepted: Vec<i32>,
    /// No status is an error, nor death by a signal: the caller looks at it.
    pub accepts_any: bool,
    /// After this time the program is killed; none: it may take as long as it wants.
    pub timeout: Option<Duration>,
}

impl Cmd {
    /// A run of `program` without arguments.
    pub fn new(program: Program) -> Self {
        Cmd {
            program,
            args: Vec::new(),
            env: Vec::new(),
            accepted: Vec::new(),
            accepts_any: false,
            timeout: None,
        }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Takes `status` for success.
    pub fn accept(mut self, status: i32) -> Self {
        self.accepted.push(status);
        self
    }

    /// Leaves the judgement of the status to the caller.
    pub fn accept_any(mut self) -> Self {
        self.accepts_any = true;
        self
    }

    /// Kills the program after `timeout`.
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }
}

impl fmt::Display for Cmd {
    /// The command as one would type it, for logs and errors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program.paths()[0])?;
        for arg in &self.args {
            let arg = arg.to_string_lossy();
            let plain = !arg.is_empty()
                && arg.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=@,+%".contains(&b));
            if plain {
                write!(f, " {arg}")?;
            } else {
                write!(f, " '{}'", arg.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it.
    Signaled(i32),
}

impl Status {
    /// Tells whether the process exited with 0.
    pub fn success(self) -> bool {
        self == Status::Exited(0)
    }

    /// The status a shell would give: the code, or 128 plus the signal's number.
    pub fn code(self) -> i32 {
        match self {
            Status::Exited(code) => code,
            Status::Signaled(signal) => 128 + signal,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Exited(code) => write!(f, "exit status {code}"),
            Status::Signaled(signal) => write!(f, "killed by signal {signal}"),
        }
    }
}

/// A process that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: Status,
    /// What it wrote to its standard output, if that was captured.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error, if that was captured.
    pub stderr: Vec<u8>,
    /// Wall time from start to end.
    pub duration: Duration,
}

/// Says why a program of the host could not be run, or that it failed.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// None of the program's paths exists.
    #[error("{} is not installed (looked for {})", .program.paths()[0], .program.paths().join(", "))]
    Missing {
        /// The program.
        program: Program,
    },
    /// The program could not be started, or talking to it failed.
    #[error("cannot run {command}")]
    Io {
        /// The command as typed.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The program ended with a status that was not accepted.
    #[error("{command}: {status}{}", said(.stderr))]
    Failed {
        /// The command as typed.
        command: String,
        /// How it ended.
        status: Status,
        /// What it said, trimmed.
        stderr: String,
    },
    /// The program was killed because it took too long.
    #[error("{command}: killed after {} s", .timeout.as_secs())]
    TimedOut {
        /// The command as typed.
        command: String,
        /// The time that was given.
        timeout: Duration,
    },
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

/// The door. Implemented by `Door` for real, and by scripts in tests.
pub trait Commands: Send + Sync + fmt::Debug {
    /// Runs `cmd` to its end with standard input closed, and captures both outputs.
    fn run(&self, cmd: &Cmd) -> Result<Finished, ExecError>;

    /// Starts `cmd` and returns its standard output as a stream.
    ///
    /// End of stream is reported only after the program ended well; a failure is an error of the last read.
    fn read(&self, cmd: &Cmd) -> Result<Box<dyn Read + Send>, ExecError>;

    /// Runs `cmd` with `input` as its standard input.
    fn write(&self, cmd: &Cmd, input: &mut dyn Read) -> Result<Finished, ExecError>;

    /// Runs both, the output of the first into the input of the second; both must succeed. Tells now and then how many
    /// bytes have passed.
    fn pipe(&self, from: &Cmd, to: &Cmd, progress: &(dyn Fn(u64) + Sync)) -> Result<(), ExecError>;

    /// Runs `cmd` with our own standard streams, for somebody at the terminal to talk to, such as an editor. Its
    /// status is the caller's to judge; a timeout is not looked at.
    fn converse(&self, cmd: &Cmd) -> Result<Status, ExecError>;
}
