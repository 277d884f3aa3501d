//! Carrying out plans: the only code that changes a host.
//!
//! [`run`] takes any plan, writes the journal, emits an event at begin and end of every step and, on failure, takes
//! back what was done, last first, going on past undo errors and reporting both. The step that failed is taken back too: an
//! error does not say that nothing happened. [`recover`] deals with the
//! journals of processes that died. Locks are taken before facts are gathered, hence by the caller; see
//! docs/decisions/locks-before-facts.md.

mod bridges;
mod delegated;
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
use crate::plan::{OnFailure, Plan, Recovery, Step};

pub use execute::StepError;
pub use journal::JournalError;
pub(crate) use lock::remove_abandoned as remove_abandoned_locks;
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
    let mut journal = match Journal::create(context.journals, plan) {
        Ok(journal) => journal,
        // What makes room must be possible where there is none, and can be asked for again if it is cut short.
        Err(error) if plan.recovery == Recovery::Finish && error.is_lack_of_space() => Journal::none(),
        Err(error) => return Err(error.into()),
    };
    let outcome = Run::new(plan, context, Strictness::Strict).forward(0..plan.steps.len(), &mut journal);
    journal.close()?;
    outcome
}

/// Tells whether there was no room for what was to be written.
fn is_lack_of_space(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
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

    /// Does these steps, and takes them back if one fails whose failure ends the plan.
    ///
    /// The journal is kept for the next command if something could not be taken back, or not be cleaned up.
    fn forward(
        &self,
        steps: impl Iterator<Item = usize>,
        journal: &mut Journal,
    ) -> Result<Applied, ApplyError> {
        let mut applied = Applied::default();
        let mut changed = Vec::new();
        let mut causes = Vec::new();
        for at in steps {
            let planned = &self.plan.steps[at];
            let outcome = match self.step(at, &planned.step, &changed) {
                Err(error) if self.finishes() => self.look_again(at, error, journal),
                outcome => outcome,
            };
            match (outcome, planned.on_failure) {
                (Ok(done), _) => {
                    applied.changed += usize::from(done.changed);
                    applied.command_status = done.command_status.or(applied.command_status);
                    if done.changed {
                        changed.push(at);
                    }
                    let noted = journal.finished(at, done.changed, planned.step.survives_reboot());
                    self.noted(noted, &changed, journal)?;
                }
                (Err(error), OnFailure::Abort) => {
                    let doubtful = (!error.is_refusal()).then_some(at);
                    causes.push(self.failed(at, error));
                    let left_behind = self.backward(doubtful, changed.iter().rev().copied(), journal);
                    return Err(Failed { causes, left_behind }.into());
                }
                (Err(error), on_failure) => {
                    if on_failure == OnFailure::GoOn {
                        causes.push(self.failed(at, error));
                    }
                    if self.finishes() && !planned.step.is_hook() {
                        journal.keep();
                    }
                    self.noted(journal.failed(at), &changed, journal)?;
                }
            }
        }
        if causes.is_empty() { Ok(applied) } else { Err(Failed { causes, left_behind: Vec::new() }.into()) }
    }

    /// Tells whether the plan only takes away what must go.
    fn finishes(&self) -> bool {
        self.plan.recovery == Recovery::Finish
    }

    /// Finds out whether a jail is gone although its removal failed: what it leaves must still be cleaned up, by the
    /// next command if that cannot be found out now.
    fn look_again(&self, at: usize, error: StepError, journal: &mut Journal) -> Result<Done, StepError> {
        if let Step::RemoveJail { jail, .. } = &self.plan.steps[at].step {
            match self.context.host.jails.find(jail) {
                Ok(None) => return Ok(execute::CHANGED),
                Ok(Some(_)) => {}
                Err(_) => journal.keep(),
            }
        }
        Err(error)
    }

    /// Deals with a journal that could not be written: what nobody could recover is not to be done.
    fn noted(
        &self,
        outcome: Result<(), JournalError>,
        changed: &[usize],
        journal: &mut Journal,
    ) -> Result<(), ApplyError> {
        let Err(error) = outcome else { return Ok(()) };
        if self.finishes() {
            // Recovery only does more of it again than it would have to.
            tracing::warn!(%error, "the journal falls behind");
            return Ok(());
        }
        let left_behind = self.backward(None, changed.iter().rev().copied(), journal);
        if left_behind.is_empty() {
            return Err(error.into());
        }
        let causes = vec![FailedStep { step: "write the journal".to_owned(), error: error.into() }];
        Err(Failed { causes, left_behind }.into())
    }

    /// Takes back the given steps in the given order, past failures; first the one that perhaps took place.
    fn backward(
        &self,
        doubtful: Option<usize>,
        steps: impl Iterator<Item = usize>,
        journal: &mut Journal,
    ) -> Vec<FailedStep> {
        let mut left_behind = Vec::new();
        for (at, in_doubt) in doubtful.map(|at| (at, true)).into_iter().chain(steps.map(|at| (at, false))) {
            let step = &self.plan.steps[at].step;
            let undo = step.undo();
            if undo.is_empty() || (in_doubt && execute::surely_not_done(step, self.context.host)) {
                continue;
            }
            let mut state = (!in_doubt).then_some(State::Undone);
            let before = left_behind.len();
            // Of several undo steps (a snapshot of many datasets) the last thing made goes first, too.
            for step in undo.iter().rev() {
                match execute::execute(step, self.context.host, Strictness::Tolerant, &|_| ()) {
                    Ok(done) if done.changed => drop(state.get_or_insert(State::Undone)),
                    Ok(_) => {}
                    Err(error) => {
                        state = Some(State::UndoFailed { reason: chain(&error) });
                        left_behind.push(FailedStep { step: step.to_string(), error });
                    }
                }
            }
            if left_behind.len() > before {
                journal.keep();
            } else if let Err(error) = journal.undone(at) {
                // It is taken back once more if it comes to that, which does no harm.
                tracing::warn!(%error, "the journal falls behind");
            }
            if let Some(state) = state {
                self.emit(at, state);
            }
        }
        left_behind
    }

    fn step(&self, at: usize, step: &Step, changed: &[usize]) -> Result<Done, StepError> {
        self.emit(at, State::Begin);
        let begin = Instant::now();
        // What must go is better gone than half gone.
        let begun = self.finishes() && changed.iter().any(|at| !self.plan.steps[*at].step.is_hook());
        let outcome = if self.context.cancelled.load(Ordering::Relaxed) && !begun {
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
