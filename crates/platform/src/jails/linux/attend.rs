//! Attending to a process of a jail until it ends.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process_group, pidfd_open, waitpid};

use super::output::Captured;
use super::signals::Noted;
use super::streams::Link;
use super::terminal::Relay;
use crate::command::{Finished, Status};

/// How much output is still taken after the end of the process, as others may go on writing.
const REST: usize = 1 << 20;

/// A child of ours, leader of a session and process group of its own.
pub(super) struct Child {
    pid: Pid,
    started: Instant,
}

/// What passes between the caller and the process while it runs.
enum Traffic {
    Captured(Captured, Captured),
    Direct(Noted),
    Terminal(Relay, Noted),
}

impl Child {
    pub(super) fn new(pid: Pid) -> Self {
        Child { pid, started: Instant::now() }
    }

    /// Waits for the end of a child that did not get to execute its program.
    pub(super) fn reap(self) -> io::Result<Status> {
        let waited = rustix::io::retry_on_intr(|| waitpid(Some(self.pid), WaitOptions::empty()))?;
        let (_, status) = waited.ok_or(Errno::CHILD)?;
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Ok(Status::Exited(code)),
            (None, Some(signal)) => Ok(Status::Signaled(signal)),
            (None, None) => Err(Errno::CHILD.into()),
        }
    }

    fn kill(&self, signal: Signal) {
        // Gone already: then its end is noticed next.
        if let Err(error) = kill_process_group(self.pid, signal) {
            tracing::debug!(%error, "cannot signal a process");
        }
    }

    /// Attends to the process until it ends; none if it was killed after `timeout`.
    pub(super) fn attend(self, link: Link, timeout: Option<Duration>) -> io::Result<Option<Finished>> {
        let result = self.attend_to(link, timeout);
        if !matches!(result, Ok(Some(_))) {
            self.kill(Signal::KILL);
        }
        let status = self.reap()?;
        Ok(result?.map(|finished| Finished { status, ..finished }))
    }

    /// As [`Child::attend`], but leaves the process to be reaped: its number stays taken.
    fn attend_to(&self, link: Link, timeout: Option<Duration>) -> io::Result<Option<Finished>> {
        let process = pidfd_open(self.pid, PidfdFlags::empty())?;
        let mut traffic = match link {
            Link::Captured(output, errors) => Traffic::Captured(output, errors),
            Link::Direct(signals) => Traffic::Direct(signals),
            Link::Terminal(ours, signals) => Traffic::Terminal(Relay::begin(ours)?, signals),
        };
        let deadline = timeout.and_then(|timeout| self.started.checked_add(timeout));
        while !self.wait(&process, &mut traffic, deadline)? {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(None);
            }
        }
        let (stdout, stderr) = traffic.end()?;
        let duration = self.started.elapsed();
        // The status is known only after it was reaped.
        Ok(Some(Finished { status: Status::Exited(0), stdout, stderr, duration }))
    }

    /// Waits for something to happen and deals with it; tells whether the process has ended.
    fn wait(&self, process: &OwnedFd, traffic: &mut Traffic, deadline: Option<Instant>) -> io::Result<bool> {
        let mut watched = vec![PollFd::new(process, PollFlags::IN)];
        let takes_input = matches!(traffic, Traffic::Terminal(relay, _) if relay.input().is_some());
        let sources = traffic.sources();
        watched.extend(sources.iter().map(|(source, flags)| PollFd::from_borrowed_fd(*source, *flags)));
        let timeout = match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                Some(Timespec::try_from(left).map_err(io::Error::other)?)
            }
            None => None,
        };
        match poll(&mut watched, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ended = !watched[0].revents().is_empty();
        let input = takes_input && watched.get(1).is_some_and(|input| !input.revents().is_empty());
        traffic.serve(input, |signal| self.kill(signal))?;
        Ok(ended)
    }
}

impl Traffic {
    /// What to wait for. The caller's terminal, if it is among them, is first.
    fn sources(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut sources = Vec::new();
        match self {
            Traffic::Captured(output, errors) => {
                let pipes = [output.pipe(), errors.pipe()].into_iter().flatten();
                sources.extend(pipes.map(|pipe| (pipe, PollFlags::IN)));
            }
            Traffic::Direct(signals) => sources.extend(signals.pipe().map(|pipe| (pipe, PollFlags::IN))),
            Traffic::Terminal(relay, signals) => {
                sources.extend(relay.input().map(|input| (input, PollFlags::IN)));
                sources.extend(relay.output().map(|(output, writes)| {
                    (output, if writes { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN })
                }));
                sources.extend(signals.pipe().map(|pipe| (pipe, PollFlags::IN)));
            }
        }
        sources
    }

    /// Deals with what is there, without waiting; `input` tells whether the caller's terminal has some.
    fn serve(&mut self, input: bool, kill: impl Fn(Signal)) -> io::Result<()> {
        match self {
            Traffic::Captured(output, errors) => {
                output.read(REST);
                errors.read(REST);
            }
            Traffic::Direct(signals) => {
                let passed_on = signals.read().into_iter().filter_map(Signal::from_named_raw);
                passed_on.filter(|&signal| signal != Signal::WINCH).for_each(kill);
            }
            Traffic::Terminal(relay, signals) => {
                if input {
                    relay.take_input();
                }
                relay.copy()?;
                for signal in signals.read().into_iter().filter_map(Signal::from_named_raw) {
                    if signal == Signal::WINCH { relay.copy_size() } else { kill(signal) }
                }
            }
        }
        Ok(())
    }

    /// Takes what is left after the end of the process.
    fn end(self) -> io::Result<(Vec<u8>, Vec<u8>)> {
        match self {
            Traffic::Captured(mut output, mut errors) => {
                output.read(REST);
                errors.read(REST);
                Ok((output.into_bytes(), errors.into_bytes()))
            }
            Traffic::Direct(_) => Ok((Vec::new(), Vec::new())),
            Traffic::Terminal(mut relay, _) => {
                let mut rest = REST / super::terminal::PIECE;
                while rest > 0 && relay.copy()? {
                    rest -= 1;
                }
                Ok((Vec::new(), Vec::new()))
            }
        }
    }
}
