//! What the next command does with the journals of processes that died.

use std::path::Path;

use super::execute::Strictness;
use super::journal::{Orphan, orphans};
use super::{ApplyError, Context, Failed, Run};
use crate::plan::{Plan, Recovery};

/// A plan that a dead process left and this one brought to an end.
#[derive(Debug)]
pub struct Recovered {
    /// The operation: `create`, `stop`, ...
    pub operation: String,
    /// What it was done to.
    pub subject: String,
    /// Whether it was undone or finished.
    pub recovery: Recovery,
    /// What could not be done about it.
    pub failed: Option<Failed>,
}

/// Brings every plan in `journals` whose process is gone to an end.
///
/// A plan whose recovery fails is reported and not tried again: its journal is set aside as `ID.failed`.
pub fn recover(journals: &Path, context: Context<'_>) -> Result<Vec<Recovered>, ApplyError> {
    orphans(journals)?.into_iter().map(|orphan| recover_one(orphan, context)).collect()
}

fn recover_one(orphan: Orphan, context: Context<'_>) -> Result<Recovered, ApplyError> {
    let Orphan { mut journal, plan, finished } = orphan;
    let in_doubt = finished.last().map_or(0, |(at, _)| at + 1);
    let failed = match plan.recovery {
        Recovery::Undo => {
            let changed = finished.iter().filter(|(_, changed)| *changed).map(|(at, _)| *at);
            let left_behind = Run::new(&plan, context, Strictness::Tolerant)
                .backward(doubtful(&plan, in_doubt).chain(changed.rev()));
            if left_behind.is_empty() {
                None
            } else {
                Some(Failed { causes: left_behind, left_behind: vec![] })
            }
        }
        Recovery::Finish => {
            match Run::new(&plan, context, Strictness::Tolerant).forward(in_doubt, &mut journal) {
                Ok(_) => None,
                Err(ApplyError::Failed(failed)) => Some(failed),
                Err(other) => return Err(other),
            }
        }
    };
    if failed.is_some() {
        journal.set_aside()?
    } else {
        journal.close()?
    }
    Ok(Recovered { operation: plan.operation, subject: plan.subject, recovery: plan.recovery, failed })
}

/// The step that had perhaps begun, if there is one.
fn doubtful(plan: &Plan, at: usize) -> impl Iterator<Item = usize> + use<> {
    (at < plan.steps.len()).then_some(at).into_iter()
}
