//! A door for tests that expects exactly these commands, in this order, and answers what it was told.

use std::collections::VecDeque;
use std::io::{Cursor, Read};
use std::sync::Mutex;
use std::time::Duration;

use super::{Cmd, Commands, ExecError, Finished, Status};

/// Expected command lines, as one would type them, with their answers.
#[derive(Debug, Default)]
pub(crate) struct Script(Mutex<VecDeque<Line>>);

#[derive(Debug)]
struct Line {
    command: String,
    status: i32,
    stdout: Vec<u8>,
    stderr: String,
}

/// Stands in an expected command for a word that is chosen anew each time; in the answer it stands for that word.
pub(crate) const ANY: &str = "0123456789abcdef";

impl Script {
    /// The next command ends with 0 after printing this.
    pub(crate) fn then(self, command: &str, stdout: impl Into<Vec<u8>>) -> Self {
        self.line(command, 0, stdout.into(), "")
    }

    /// The next command ends with 1 after saying this.
    pub(crate) fn fails(self, command: &str, stderr: &str) -> Self {
        self.line(command, 1, Vec::new(), stderr)
    }

    /// The next command ends with 0 although it says this.
    pub(crate) fn grumbles(self, command: &str, stderr: &str) -> Self {
        self.line(command, 0, Vec::new(), stderr)
    }

    /// The next command prints one thing, says another, and ends with 1, which its caller has to accept.
    pub(crate) fn halves(self, command: &str, stdout: impl Into<Vec<u8>>, stderr: &str) -> Self {
        self.line(command, 1, stdout.into(), stderr)
    }

    fn line(self, command: &str, status: i32, stdout: Vec<u8>, stderr: &str) -> Self {
        let (command, stderr) = (command.to_owned(), stderr.to_owned());
        self.0.lock().unwrap().push_back(Line { command, status, stdout, stderr });
        self
    }

    fn next(&self, typed: &str, accepted: &[i32]) -> Result<Finished, ExecError> {
        let line = self.0.lock().unwrap().pop_front();
        let line = line.unwrap_or_else(|| panic!("nothing was to follow, but: {typed}"));
        let mut stdout = line.stdout;
        match line.command.split_once(ANY) {
            Some((before, after)) => {
                let word = typed.get(before.len()..before.len() + ANY.len()).unwrap_or_default();
                assert_eq!(typed, format!("{before}{word}{after}"));
                stdout = String::from_utf8(stdout).unwrap().replace(ANY, word).into_bytes();
            }
            None => assert_eq!(typed, line.command),
        }
        let (status, duration) = (Status::Exited(line.status), Duration::ZERO);
        if line.status != 0 && !accepted.contains(&line.status) {
            return Err(ExecError::Failed { command: typed.to_owned(), status, stderr: line.stderr });
        }
        Ok(Finished { status, stdout, stderr: line.stderr.into_bytes(), duration })
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let left = self.0.get_mut().unwrap();
        assert!(left.is_empty() || std::thread::panicking(), "these were not run: {left:?}");
    }
}

impl Commands for Script {
    fn run(&self, cmd: &Cmd) -> Result<Finished, ExecError> {
        self.next(&cmd.to_string(), &cmd.accepted)
    }

    fn read(&self, cmd: &Cmd) -> Result<Box<dyn Read + Send>, ExecError> {
        Ok(Box::new(Cursor::new(self.next(&cmd.to_string(), &[])?.stdout)))
    }

    fn write(&self, cmd: &Cmd, input: &mut dyn Read) -> Result<Finished, ExecError> {
        let mut sink = Vec::new();
        let failed = |source| ExecError::Io { command: cmd.to_string(), source };
        input.read_to_end(&mut sink).map_err(failed)?;
        self.next(&format!("{cmd} <{} bytes", sink.len()), &[])
    }

    fn pipe(&self, from: &Cmd, to: &Cmd, progress: &(dyn Fn(u64) + Sync)) -> Result<(), ExecError> {
        // What the first printed.
        let passed = self.next(&format!("{from} | {to}"), &[])?.stdout;
        progress(passed.len() as u64);
        Ok(())
    }

    fn converse(&self, cmd: &Cmd) -> Result<Status, ExecError> {
        Ok(self.next(&cmd.to_string(), &[])?.status)
    }
}
