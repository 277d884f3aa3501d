//! Carrying out plans: the only code that changes a host.
//!
//! [`run`] takes any plan, writes the journal, emits an event at begin and end of every step and, on failure, takes
//! back what was done, last first, going on past undo errors and reporting both. [`recover`] deals with the
//! journals of processes that died. Locks are taken before facts are gathered, hence by the caller; see
//! docs/decisions/locks-before-facts.md.

mod execute;
mod journal;
mod lock;
mod recover;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use ioc_platform::command::Status;
use ioc_platform::host::Host;

use crate::event::{Event, Observer, State, StepNumber, chain};
use crate::plan::{OnFailure, Plan, Step};

pub use execute::StepError;
pub use journal::JournalError;
pub use lock::{LockError, LockName, Locks};
pub use recover::{Recovered, recover};

use execute::{Done, Strictness};
use journal::Journal;

/// What carrying out a plan needs besides the plan.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The machine.
    pub host: &'a Host,
    /// Where journals are kept; made if missing.
    pub journals: &'a Path,
    /// Hears the events.
    pub observer: &'a dyn Observer,
    /// Becomes true when the user wants to stop; checked before every step.
    pub cancelled: &'a AtomicBool,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("journals", &self.journals).finish_non_exhaustive()
    }
}

/// What a plan did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// How many steps changed something.
    pub changed: usize,
    /// The status of the plan's `RunCommand` step, if it has one.
    pub command_status: Option<Status>,
}

/// Says at which steps a plan failed, and what could not be taken back.
#[derive(Debug)]
pub struct Failed {
    /// The steps that failed and why, in order; never empty.
    pub causes: Vec<FailedStep>,
    /// What was done and could not be taken back, and why.
    pub left_behind: Vec<FailedStep>,
}

/// A step that failed.
#[derive(Debug)]
pub struct FailedStep {
    /// The step in words.
    pub step: String,
    /// Why.
    pub error: StepError,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.causes.as_slice() {
            [] => Ok(()),
            [only] => write!(f, "could not {}", only.step),
            [first, rest @ ..] => write!(f, "could not {} (and {} more)", first.step, rest.len()),
        }
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.causes.first().map(|f| &f.error as _)
    }
}

/// Says why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Steps failed.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// The journal could not be written; nothing was done, or what was done was taken back.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Carries out `plan`.
///
/// On success everything in it was done. On failure everything that can be undone was, unless the plan said to go
/// on; what could not be taken back is in the error.
pub fn run(plan: &Plan, context: Context<'_>) -> Result<Applied, ApplyError> {
    if plan.is_empty() {
        return Ok(Applied::default());
    }
    let mut journal = Journal::create(context.journals, plan)?;
    let outcome = Run::new(plan, context, Strictness::Strict).forward(0, &mut journal);
    journal.close()?;
    outcome
}

/// One run of a plan, forwards or backwards.
struct Run<'a> {
    plan: &'a Plan,
    context: Context<'a>,
    strictness: Strictness,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, context: Context<'a>, strictness: Strictness) -> Self {
        Run { plan, context, strictness }
    }

    /// Does the steps from number `from` on, and undoes them if one fails.
    fn forward(&self, from: usize, journal: &mut Journal) -> Result<Applied, ApplyError> {
        let mut applied = Applied::default();
        let mut changed = Vec::new();
        let mut causes = Vec::new();
        for (at, planned) in self.plan.steps.iter().enumerate().skip(from) {
            let outcome = self.step(at, &planned.step);
            match (outcome, planned.on_failure) {
                (Ok(done), _) => {
                    applied.changed += usize::from(done.changed);
                    applied.command_status = done.command_status.or(applied.command_status);
                    if done.changed {
                        changed.push(at);
                    }
                    if let Err(error) = journal.finished(at, done.changed, planned.step.survives_reboot()) {
                        self.backward(changed.iter().rev().copied());
                        return Err(error.into());
                    }
                }
                (Err(_), OnFailure::Ignore) => {}
                (Err(error), OnFailure::GoOn) => causes.push(self.failed(at, error)),
                (Err(error), OnFailure::Abort) => {
                    causes.push(self.failed(at, error));
                    let left_behind = self.backward(changed.iter().rev().copied());
                    return Err(Failed { causes, left_behind }.into());
                }
            }
        }
        if causes.is_empty() { Ok(applied) } else { Err(Failed { causes, left_behind: Vec::new() }.into()) }
    }

    /// Takes back the given steps in the given order, past failures.
    fn backward(&self, steps: impl Iterator<Item = usize>) -> Vec<FailedStep> {
        let mut left_behind = Vec::new();
        for at in steps {
            let undo = self.plan.steps[at].step.undo();
            if undo.is_empty() {
                continue;
            }
            let mut state = State::Undone;
            // Of several undo steps (a snapshot of many datasets) the last thing made goes first, too.
            for step in undo.iter().rev() {
                if let Err(error) = execute::execute(step, self.context.host, Strictness::Tolerant, &|_| ()) {
                    state = State::UndoFailed { reason: chain(&error) };
                    left_behind.push(FailedStep { step: step.to_string(), error });
                }
            }
            self.emit(at, state);
        }
        left_behind
    }

    fn step(&self, at: usize, step: &Step) -> Result<Done, StepError> {
        self.emit(at, State::Begin);
        let begin = Instant::now();
        let outcome = if self.context.cancelled.load(Ordering::Relaxed) {
            Err(StepError::Cancelled)
        } else {
            let progress = |bytes| self.emit(at, State::Progress { bytes });
            execute::execute(step, self.context.host, self.strictness, &progress)
        };
        let took = begin.elapsed();
        self.emit(
            at,
            match &outcome {
                Ok(done) if done.changed => State::done(took),
                Ok(_) => State::Skipped { reason: "nothing to do".to_owned() },
                Err(error) => State::Failed { reason: chain(error), seconds: took.as_secs_f64() },
            },
        );
        outcome
    }

    fn failed(&self, at: usize, error: StepError) -> FailedStep {
        FailedStep { step: self.plan.steps[at].step.to_string(), error }
    }

    fn emit(&self, at: usize, state: State) {
        let step = &self.plan.steps[at].step;
        self.context.observer.event(&Event {
            operation: self.plan.operation.clone(),
            subject: self.plan.subject.clone(),
            step: Some(StepNumber {
                number: at + 1,
                of: self.plan.steps.len(),
                kind: step.kind(),
                text: step.to_string(),
            }),
            state,
        });
    }
}
