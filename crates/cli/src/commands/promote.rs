//! `ioc promote`

use libioc::operation::Promote;

use super::PlanOption;
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure};

/// Make a jail independent of the one it was cloned from
///
/// The other jail becomes a clone of this one, and can be destroyed. Snapshots that were taken before the clone go over
/// to this jail, as zfs-promote(8) says.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: PlanOption,

    /// The jails
    #[arg(value_name = "[SOURCE/]JAIL", required = true)]
    jails: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let mut results = Results::new(session);
    let mut tasks = Vec::new();
    for text in &arguments.jails {
        match session.ioc.jail(text) {
            Ok(jail) => {
                let target = session.name(&jail);
                tasks.push(Task {
                    operation: Box::new(Promote { jail }),
                    done: format!("{target} promoted"),
                    unchanged: format!("{target} hangs on nothing"),
                    target,
                });
            }
            Err(error) => results.failed(text, error.into()),
        }
    }
    if arguments.plan.plan {
        let planned = tasks::show_plans(session, tasks.iter().map(|task| &*task.operation))?;
        return Ok(planned.and(results.exit()));
    }
    tasks::carry_out(session, "promote jails", tasks, results)
}
