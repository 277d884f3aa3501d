//! The door itself: starts programs, captures what they say, records every run.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::process::{self, Ended, Process};
use super::{Cmd, Commands, ExecError, Finished, Program, Status};

/// One run of a program, after it ended.
#[derive(Clone, Debug)]
pub struct Record {
    /// The program.
    pub program: Program,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// How it ended.
    pub status: Status,
    /// It was killed because it took too long.
    pub timed_out: bool,
    /// Wall time from start to end.
    pub duration: Duration,
    /// What it wrote to its standard error; of more than 64 KiB the begin and the end.
    pub stderr: Vec<u8>,
}

/// Takes every record, from whatever thread ran the program; it should be quick.
pub type Recorder = Arc<dyn Fn(&Record) + Send + Sync>;

/// The real [`Commands`].
///
/// Every child runs in `/` and in a process group of its own, with a cleared environment; at its timeout the whole
/// group gets SIGTERM, and SIGKILL a second later. `run` and `write` return when the program ends, even if
/// something it started still holds its outputs. `read` and `pipe` pass data on, so they last until the last
/// writer has closed the stream.
///
/// Each run is logged by `tracing` at debug level and given to the recorder, if there is one.
#[derive(Clone, Default)]
pub struct Door(Arc<Shared>);

#[derive(Default)]
struct Shared {
    spawned: AtomicU64,
    recorder: Option<Recorder>,
}

impl Door {
    /// A door without recorder.
    pub fn new() -> Self {
        Door::default()
    }

    /// A door that gives every record to `recorder`.
    pub fn with_recorder(recorder: Recorder) -> Self {
        Door(Arc::new(Shared { spawned: AtomicU64::new(0), recorder: Some(recorder) }))
    }

    /// How many processes were started through this door and its clones.
    pub fn spawned(&self) -> u64 {
        self.0.spawned.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.0.spawned.fetch_add(1, Ordering::Relaxed);
    }

    fn record(&self, cmd: &Cmd, ended: &Ended) {
        let Ended { status, timed_out, ref stderr, duration } = *ended;
        tracing::debug!(command = %cmd, %status, ms = duration.as_millis() as u64, "ran");
        if let Some(recorder) = &self.0.recorder {
            recorder(&Record {
                program: cmd.program,
                args: cmd.args.clone(),
                status,
                timed_out,
                duration,
                stderr: stderr.clone(),
            });
        }
    }

    /// Waits for the end, records the run and decides whether it was a success.
    fn finish(&self, cmd: &Cmd, process: Process) -> Result<Ended, ExecError> {
        let ended = process.finish().map_err(|source| io_error(cmd, source))?;
        self.record(cmd, &ended);
        let Ended { status, timed_out, ref stderr, .. } = ended;
        if let (true, Some(timeout)) = (timed_out, cmd.timeout) {
            return Err(ExecError::TimedOut { command: cmd.to_string(), timeout });
        }
        let accepted = match status {
            Status::Exited(code) => code == 0 || cmd.accepted.contains(&code),
            Status::Signaled(_) => false,
        };
        if accepted || cmd.accepts_any {
            return Ok(ended);
        }
        Err(ExecError::Failed { command: cmd.to_string(), status, stderr: text(stderr) })
    }

    /// Ends a run whose data could not be passed on for the reason `source`.
    fn give_up(&self, cmd: &Cmd, process: Process, source: io::Error) -> ExecError {
        if let Ok(ended) = process.kill() {
            self.record(cmd, &ended);
        }
        io_error(cmd, source)
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("spawned", &self.spawned()).finish_non_exhaustive()
    }
}

impl Commands for Door {
    fn run(&self, cmd: &Cmd) -> Result<Finished, ExecError> {
        let (process, stdout) = Process::start_captured(cmd, Stdio::null())?;
        self.count();
        let ended = self.finish(cmd, process)?;
        finished(ended, stdout.all().map_err(|source| io_error(cmd, source))?)
    }

    fn read(&self, cmd: &Cmd) -> Result<Box<dyn Read + Send>, ExecError> {
        let mut process = Process::start(cmd, Stdio::null(), Stdio::piped())?;
        self.count();
        let stdout = process.child.stdout.take().expect("standard output was asked to be a pipe");
        Ok(Box::new(Output { door: self.clone(), cmd: cmd.clone(), running: Some((process, stdout)) }))
    }

    fn write(&self, cmd: &Cmd, input: &mut dyn Read) -> Result<Finished, ExecError> {
        let (mut process, stdout) = Process::start_captured(cmd, Stdio::piped())?;
        self.count();
        let mut stdin = process.child.stdin.take().expect("standard input was asked to be a pipe");
        let mut buffer = vec![0; 128 << 10];
        loop {
            let length = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    // Killed before its input is closed: it must not take a part for the whole.
                    return Err(self.give_up(cmd, process, source));
                }
            };
            match write_all(&mut stdin, &buffer[..length], &process) {
                Ok(()) => {}
                // It has read enough, or failed: its status tells. Or its time is over, then `finish` ends it.
                Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::TimedOut) => {
                    break;
                }
                Err(source) => return Err(self.give_up(cmd, process, source)),
            }
        }
        if process.left() != Some(Duration::ZERO) {
            drop(stdin);
        }
        let ended = self.finish(cmd, process)?;
        finished(ended, stdout.all().map_err(|source| io_error(cmd, source))?)
    }

    fn pipe(&self, from: &Cmd, to: &Cmd, progress: &(dyn Fn(u64) + Sync)) -> Result<(), ExecError> {
        let mut sender = Process::start(from, Stdio::null(), Stdio::piped())?;
        self.count();
        let stream = sender.child.stdout.take().expect("standard output was asked to be a pipe");
        let (mut receiver, _output) = Process::start_captured(to, Stdio::piped())?;
        self.count();
        let sink = receiver.child.stdin.take().expect("standard input was asked to be a pipe");
        // A receiver that dies takes the sender with it by SIGPIPE; a sender that dies ends the receiver's input.
        let (sent, passed, received) = thread::scope(|scope| {
            let sending = scope.spawn(|| self.finish(from, sender));
            let receiving = scope.spawn(|| self.finish(to, receiver));
            let passed = pass_on(stream, sink, progress);
            let ended = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().expect("waiting for a process does not panic")
            };
            (ended(sending), passed, ended(receiving))
        });
        match (sent, received) {
            (Ok(_), Ok(_)) => passed.map_err(|source| io_error(to, source)),
            (Ok(_), Err(error)) | (Err(error), Ok(_)) => Err(error),
            (Err(sent), Err(received)) => Err(both_failed(sent, received)),
        }
    }

    fn converse(&self, cmd: &Cmd) -> Result<Status, ExecError> {
        let (status, duration) = process::converse(cmd)?;
        self.count();
        let ended = Ended { status, timed_out: false, stderr: Vec::new(), duration };
        self.record(cmd, &ended);
        Ok(status)
    }
}

/// Passes a stream on to its end, or until nobody reads it any more, and closes both.
fn pass_on(mut stream: impl Read, mut sink: impl Write, progress: &(dyn Fn(u64) + Sync)) -> io::Result<()> {
    /// How many bytes pass between two words about it.
    const STRIDE: u64 = 1 << 20;
    let mut buffer = vec![0; 128 << 10];
    let (mut passed, mut told) = (0, 0);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => match sink.write_all(&buffer[..length]) {
                Ok(()) => passed += length as u64,
                // It has read enough, or failed: its status tells.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
                Err(error) => return Err(error),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if passed - told >= STRIDE {
            told = passed;
            progress(passed);
        }
    }
    if passed > told {
        progress(passed);
    }
    Ok(())
}

/// The error of a pipe whose ends both failed: that of the sender, with what both said; but of the receiver if
/// the sender only died of its end.
fn both_failed(sent: ExecError, received: ExecError) -> ExecError {
    match (sent, received) {
        (ExecError::Failed { status: Status::Signaled(signal), .. }, received)
            if signal == Signal::SIGPIPE as i32 =>
        {
            received
        }
        (ExecError::Failed { command, status, stderr }, ExecError::Failed { stderr: other, .. }) => {
            let stderr = [stderr, other].join("\n").trim().to_owned();
            ExecError::Failed { command, status, stderr }
        }
        (sent, _) => sent,
    }
}

/// The standard output of a running program.
struct Output {
    door: Door,
    cmd: Cmd,
    /// None once the end was reported.
    running: Option<(Process, ChildStdout)>,
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((process, _stdout)) = self.running.take()
            && let Ok(ended) = process.kill()
        {
            self.door.record(&self.cmd, &ended);
        }
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((process, stdout)) = &mut self.running else { return Ok(0) };
        if buffer.is_empty() {
            return Ok(0);
        }
        let length = match wait_for(&*stdout, PollFlags::POLLIN, process) {
            Ok(()) => stdout.read(buffer)?,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => 0,
            Err(error) => return Err(error),
        };
        if length == 0 {
            let (process, _stdout) = self.running.take().expect("it was there a moment ago");
            self.door.finish(&self.cmd, process).map_err(io::Error::other)?;
        }
        Ok(length)
    }
}

/// Waits until `stream` is ready, but not beyond the deadline of `process`; then it is `TimedOut`.
fn wait_for(stream: impl AsFd, flags: PollFlags, process: &Process) -> io::Result<()> {
    loop {
        let Some(left) = process.left() else { return Ok(()) };
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // Rounded up, so as not to spin in the last millisecond.
        let millis = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(stream.as_fd(), flags)], millis) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Writes in pieces that a pipe takes without blocking once it is ready (PIPE_BUF), if there is a deadline.
fn write_all(stdin: &mut (impl Write + AsFd), bytes: &[u8], process: &Process) -> io::Result<()> {
    const PIPE_BUF: usize = 512; // the least that POSIX demands
    if process.left().is_none() {
        return stdin.write_all(bytes);
    }
    for piece in bytes.chunks(PIPE_BUF) {
        wait_for(&*stdin, PollFlags::POLLOUT, process)?;
        stdin.write_all(piece)?;
    }
    Ok(())
}

fn finished(ended: Ended, stdout: Vec<u8>) -> Result<Finished, ExecError> {
    let Ended { status, stderr, duration, .. } = ended;
    Ok(Finished { status, stdout, stderr, duration })
}

fn text(stderr: &[u8]) -> String {
    String::from_utf8_lossy(stderr).trim().to_owned()
}

fn io_error(cmd: &Cmd, source: io::Error) -> ExecError {
    ExecError::Io { command: cmd.to_string(), source }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;

    fn sh(script: &str) -> Cmd {
        Cmd::new(Program::Sh).args(["-c", script])
    }

    fn failure(result: Result<impl Sized, ExecError>) -> (Status, String) {
        match result.err().expect("it should have failed") {
            ExecError::Failed { status, stderr, .. } => (status, stderr),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_environment_is_ours() {
        let out = Door::new().run(&sh("echo $LC_ALL $HOME $X $PWD; cat; env | wc -l").env("X", "x")).unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let (first, count) = text.trim().split_once('\n').unwrap();
        assert_eq!(first, "C x /");
        assert!(count.trim().parse::<u32>().unwrap() <= 6, "{count}");
    }

    #[test]
    fn statuses() {
        let door = Door::new();
        assert_eq!(failure(door.run(&sh("echo so >&2; exit 3"))), (Status::Exited(3), "so".into()));
        assert_eq!(failure(door.run(&sh("kill -9 $$"))).0, Status::Signaled(9));
        assert_eq!(door.run(&sh("exit 3").accept(3)).unwrap().status, Status::Exited(3));
        assert_eq!(door.run(&sh("kill -9 $$").accept_any()).unwrap().status.code(), 137);
        assert_eq!(door.spawned(), 4);
    }

    #[test]
    fn a_daemon_that_keeps_the_outputs_open_is_not_waited_for() {
        let start = Instant::now();
        let out = Door::new().run(&sh("sleep 5 & echo begun")).unwrap();
        assert_eq!(out.stdout, b"begun\n");
        assert!(start.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn much_output_on_both_streams() {
        let script = "yes out | head -c 300000; yes err | head -c 300000 >&2; echo end >&2";
        let out = Door::new().run(&sh(script)).unwrap();
        assert_eq!(out.stdout.len(), 300_000);
        assert!(out.stderr.len() < 70_000);
        assert!(out.stderr.starts_with(b"err\n") && out.stderr.ends_with(b"end\n"));
    }

    #[test]
    fn a_timeout_kills_the_whole_group() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let script = format!("trap '' TERM; (sleep 3; echo alive >{}) & wait; wait", file.path().display());
        let start = Instant::now();
        let cmd = sh(&script).timeout(Some(Duration::from_millis(100)));
        assert!(matches!(Door::new().run(&cmd), Err(ExecError::TimedOut { .. })));
        assert!(start.elapsed() < Duration::from_millis(2500));
        thread::sleep(Duration::from_secs(3).saturating_sub(start.elapsed()) + Duration::from_millis(300));
        assert_eq!(std::fs::read(file.path()).unwrap(), b"");
    }

    #[test]
    fn every_run_is_recorded() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let door = Door::with_recorder(Arc::new(move |record| sink.lock().unwrap().push(record.clone())));
        door.run(&sh("exit 1")).unwrap_err();
        door.pipe(&sh("echo a"), &sh("cat >/dev/null; echo b >&2"), &|_| ()).unwrap();
        drop(door.read(&sh("sleep 9")).unwrap());
        let seen = seen.lock().unwrap();
        let statuses: Vec<_> = seen.iter().map(|record| record.status).collect();
        assert_eq!(statuses, [Status::Exited(1), Status::Exited(0), Status::Exited(0), Status::Signaled(9)]);
        assert!(seen.iter().any(|record| record.stderr == b"b\n"));
    }

    #[test]
    fn a_stream_ends_with_the_judgement() {
        let door = Door::new();
        let mut text = String::new();
        door.read(&sh("echo x")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "x\n");
        let mut stream = door.read(&sh("echo y; echo why >&2; exit 2")).unwrap();
        let error = stream.read_to_string(&mut text).unwrap_err();
        assert_eq!(text, "x\ny\n");
        assert!(error.to_string().contains("why"), "{error}");
        assert_eq!(stream.read(&mut [0; 9]).unwrap(), 0);
    }

    #[test]
    fn a_stream_has_a_deadline() {
        let cmd = sh("echo x; sleep 9").timeout(Some(Duration::from_millis(200)));
        let mut text = String::new();
        let error = Door::new().read(&cmd).unwrap().read_to_string(&mut text).unwrap_err();
        assert!(error.to_string().contains("killed"), "{error}");
    }

    #[test]
    fn input_arrives() {
        let input = vec![7; 1_000_000];
        let out = Door::new().write(&sh("wc -c"), &mut &*input).unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "1000000");
        let in_time = sh("wc -c").timeout(Some(Duration::from_secs(60)));
        let out = Door::new().write(&in_time, &mut &input[..100_000]).unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "100000");
    }

    #[test]
    fn input_that_nobody_wants() {
        let input = vec![7; 1_000_000];
        let door = Door::new();
        assert!(door.write(&sh("exit 0"), &mut &*input).is_ok());
        assert_eq!(failure(door.write(&sh("echo no >&2; exit 1"), &mut &*input)).1, "no");
        let never_reads = sh("sleep 9").timeout(Some(Duration::from_millis(200)));
        assert!(matches!(door.write(&never_reads, &mut &*input), Err(ExecError::TimedOut { .. })));
    }

    #[test]
    fn input_that_breaks_off_is_not_taken_for_whole() {
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("the network is gone"));
                }
                buffer[0] = b'x';
                Ok(1)
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let whole = dir.path().join("whole");
        let script = format!("cat >/dev/null; echo >{}", whole.display());
        let error = Door::new().write(&sh(&script), &mut Broken(false)).unwrap_err();
        assert!(matches!(error, ExecError::Io { source, .. } if source.to_string().contains("network")));
        assert!(!whole.exists());
    }

    #[test]
    fn both_ends_of_a_pipe_must_succeed() {
        let door = Door::new();
        let told = Mutex::new(Vec::new());
        let tell = |bytes| told.lock().unwrap().push(bytes);
        door.pipe(&sh("head -c 5000000 /dev/zero"), &sh("test $(wc -c) = 5000000"), &tell).unwrap();
        let told = told.into_inner().unwrap();
        assert!(told.len() > 2 && told.is_sorted() && told.last() == Some(&5_000_000), "{told:?}");
        let (status, said) =
            failure(door.pipe(&sh("echo s >&2; exit 3"), &sh("cat; echo r >&2; exit 4"), &|_| ()));
        assert_eq!((status, said.as_str()), (Status::Exited(3), "s\nr"));
        assert_eq!(failure(door.pipe(&sh("echo s >&2; exit 3"), &sh("cat"), &|_| ())).1, "s");
        // The sender dies of SIGPIPE; that the receiver failed is the news.
        assert_eq!(failure(door.pipe(&sh("exec yes"), &sh("echo full >&2; exit 1"), &|_| ())).1, "full");
    }

    #[test]
    fn a_deadline_of_either_end_ends_a_pipe() {
        let door = Door::new();
        let slow = || sh("sleep 9").timeout(Some(Duration::from_millis(100)));
        assert!(matches!(door.pipe(&slow(), &sh("cat"), &|_| ()), Err(ExecError::TimedOut { .. })));
        assert!(matches!(door.pipe(&sh("exec yes"), &slow(), &|_| ()), Err(ExecError::TimedOut { .. })));
    }
}
