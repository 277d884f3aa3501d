//! What an operation tells while it works.

use std::time::Duration;

use serde::Serialize;

/// One thing that happened. Serialises to one line of the event stream (`--events=json`), see docs/json.md.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The operation: `start`, `create`, ...
    pub operation: String,
    /// What it is done to: usually a jail's name.
    pub subject: String,
    /// The step of the plan, if the event is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<StepNumber>,
    /// What happened.
    #[serde(flatten)]
    pub state: State,
}

/// A step's place in its plan and what it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepNumber {
    /// Counted from 1.
    pub number: usize,
    /// How many the plan has.
    pub of: usize,
    /// The step's kind, as in the plan's JSON.
    pub kind: &'static str,
    /// The step in words.
    pub text: String,
}

/// What happened to an operation or step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum State {
    /// It begins.
    Begin,
    /// Something long goes on: bytes done so far.
    Progress {
        /// Bytes.
        bytes: u64,
    },
    /// It is done.
    Done {
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// There was nothing to do, and why.
    Skipped {
        /// The reason.
        reason: String,
    },
    /// It failed.
    Failed {
        /// The whole chain of causes in one line.
        reason: String,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// Its effect was taken back, after a later failure or a crash.
    Undone,
    /// Its effect could not be taken back.
    UndoFailed {
        /// The whole chain of causes in one line.
        reason: String,
    },
    /// Something worth knowing that is no failure.
    Note {
        /// The text.
        text: String,
    },
}

impl State {
    pub(crate) fn done(took: Duration) -> Self {
        State::Done { seconds: took.as_secs_f64() }
    }
}

/// Hears the events of an operation; called from several threads when jails are handled in parallel.
pub trait Observer: Sync {
    /// Called once per event, in order for one subject.
    fn event(&self, event: &Event);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event) {}
}

/// An error and its causes as one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
