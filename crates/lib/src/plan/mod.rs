//! Plans: what an operation is going to do, as data.
//!
//! A planner (see [`crate::planner`]) makes a [`Plan`] out of a request and facts, without touching anything;
//! [`crate::apply`] is the only code that carries one out. In between a plan can be shown, compared and stored.

mod describe;
mod step;
mod undo;

use serde::{Deserialize, Serialize};

pub use step::{Content, Entry, EntryKind, Hook, Place, Remembered, Step, Variables};

/// An ordered list of steps and how to deal with failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The operation: `start`, `create`, ...
    pub operation: String,
    /// What it is done to: usually a jail's name.
    pub subject: String,
    /// What becomes of the plan if ioc dies in the middle.
    pub recovery: Recovery,
    /// The steps, in order.
    pub steps: Vec<Planned>,
    /// Things the user should know; no steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A step and what its failure means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// What its failure means.
    #[serde(default, skip_serializing_if = "OnFailure::is_abort")]
    pub on_failure: OnFailure,
}

/// What the failure of a step means for its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The plan ends here; what can be undone is undone.
    #[default]
    Abort,
    /// The error is kept, the next steps are done all the same, and the plan fails in the end.
    GoOn,
    /// The error is told as a note and forgotten (`--force`).
    Ignore,
}

impl OnFailure {
    fn is_abort(&self) -> bool {
        *self == OnFailure::Abort
    }
}

/// What the next command does with a plan whose process died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recovery {
    /// Takes back what was done: `create`, `start`, `clone`.
    Undo,
    /// Does the rest: `destroy`, `stop`.
    Finish,
}

impl Plan {
    /// Refuses a plan that could not be read from its journal again, or not be taken back. Its names are put together
    /// of lawful parts, but the whole of one may be longer than the store can have.
    pub fn check(&self) -> Result<(), serde_json::Error> {
        let steps = self.steps.iter().map(|planned| &planned.step);
        for step in steps.flat_map(|step| std::iter::once(step.clone()).chain(step.undo())) {
            serde_json::from_value::<Step>(serde_json::to_value(step)?)?;
        }
        Ok(())
    }

    /// An empty plan that is undone if it is interrupted.
    pub fn new(operation: &str, subject: impl ToString) -> Self {
        Plan {
            operation: operation.to_owned(),
            subject: subject.to_string(),
            recovery: Recovery::Undo,
            steps: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// An empty plan that is finished by the next command if it is interrupted.
    pub fn to_finish(operation: &str, subject: impl ToString) -> Self {
        Plan { recovery: Recovery::Finish, ..Plan::new(operation, subject) }
    }

    /// Adds a step whose failure ends the plan.
    pub fn push(&mut self, step: Step) {
        self.push_or(step, OnFailure::Abort);
    }

    /// Adds a step with another meaning of failure.
    pub fn push_or(&mut self, step: Step, on_failure: OnFailure) {
        self.steps.push(Planned { step, on_failure });
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
