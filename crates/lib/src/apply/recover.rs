//! What the next command does with the journals of processes that died.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::execute::Strictness;
use super::journal::{Orphan, orphans};
use super::{ApplyError, Context, Failed, Run};
use crate::plan::Recovery;

/// How many commands try to bring a plan to an end.
const ATTEMPTS: usize = 3;

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
/// A plan whose recovery fails is reported, and tried again by the next commands, as what is in the way may go away;
/// after the last attempt its journal is set aside as `ID.failed`.
pub fn recover(journals: &Path, context: Context<'_>) -> Result<Vec<Recovered>, ApplyError> {
    // To be interrupted in this would leave more behind, not less.
    let never = AtomicBool::new(false);
    let context = Context { cancelled: &never, ..context };
    orphans(journals)?.into_iter().map(|orphan| recover_one(orphan, context)).collect()
}

fn recover_one(mut orphan: Orphan, context: Context<'_>) -> Result<Recovered, ApplyError> {
    let attempts = orphan.attempts() + 1;
    let (in_doubt, changed, to_do) = (orphan.in_doubt(), orphan.changed(), orphan.to_do());
    let Orphan { plan, journal, .. } = &mut orphan;
    let run = Run::new(plan, context, Strictness::Tolerant);
    let failed = match plan.recovery {
        Recovery::Undo => {
            let causes = run.backward(in_doubt, changed.into_iter().rev(), journal);
            (!causes.is_empty()).then(|| Failed { causes, left_behind: vec![] })
        }
        Recovery::Finish => match run.forward(to_do.into_iter(), journal) {
            Ok(_) => None,
            Err(ApplyError::Failed(failed)) => Some(failed),
            Err(other) => return Err(other),
        },
    };
    let Orphan { plan, mut journal, .. } = orphan;
    match &failed {
        None => journal.close()?,
        Some(_) if attempts < ATTEMPTS => journal.not_recovered(attempts)?,
        Some(_) => journal.set_aside()?,
    }
    Ok(Recovered { operation: plan.operation, subject: plan.subject, recovery: plan.recovery, failed })
}
