//! Changing properties.

use crate::facts::config::Changes;
use crate::plan::{Plan, Step};

/// Plans the change: one write of the file, and one setting per property of the dataset.
pub fn plan(subject: &str, changes: Changes) -> Plan {
    let mut plan = Plan::new("set", subject);
    plan.steps.extend(
        changes
            .steps
            .into_iter()
            .map(|step: Step| crate::plan::Planned { step, on_failure: Default::default() }),
    );
    plan.notes = changes.notes;
    plan
}
