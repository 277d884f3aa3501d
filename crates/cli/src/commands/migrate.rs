//! `ioc migrate`

use libioc::operation::{DropOldState, Migrate};
use libioc::{Operation, Plan};
use serde_json::json;

use super::PlanOption;
use super::select::{self, FILTER_HELP};
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure, question, visible};

/// Bring jails of older programs to the current form
///
/// A configuration in UCL or in ZFS properties becomes config.json, and a ZFS basejail, whose base directories are
/// datasets, one that mounts them from its release. The old state is kept, as a snapshot and in datasets that are not
/// mounted any more, until --drop removes it. Jails that are current are left alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Look at all jails
    #[arg(short, long, conflicts_with = "filters")]
    all: bool,

    /// Remove what an earlier migration kept of the old state
    #[arg(long)]
    drop: bool,

    /// Ask nothing
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    plan: PlanOption,

    /// Which
    #[arg(value_name = "FILTER", required_unless_present = "all", long_help = FILTER_HELP)]
    filters: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let mut chosen = select::choose(session, &arguments.filters, None, "`ioc list` shows the jails")?;
    let mut results = Results::new(session);
    if !arguments.all {
        chosen.report_missing(&mut results);
    }
    let mut tasks = Vec::new();
    let mut plans: Vec<Plan> = Vec::new();
    for jail in &chosen.jails {
        let name = jail.full_name();
        let operation: Box<dyn Operation> = match arguments.drop {
            true => Box::new(DropOldState { jail: jail.reference.clone() }),
            false => Box::new(Migrate { jail: jail.reference.clone() }),
        };
        let (done, unchanged) = match arguments.drop {
            true => (format!("old state of {name} removed"), format!("{name} has no old state")),
            false => (format!("{name} migrated"), format!("{name} is current")),
        };
        match session.ioc.plan(&*operation) {
            Ok(plan) if plan.is_empty() => {
                if !arguments.plan.plan {
                    results.done(&name, &unchanged, json!({ "operation": "migrate", "changed": false }))?;
                }
            }
            Ok(plan) => {
                plans.push(plan);
                tasks.push(Task { target: name, operation, done, unchanged });
            }
            Err(error) => results.failed(&name, error.into()),
        }
    }
    if arguments.plan.plan {
        return Ok(tasks::print_plans(session, plans.into_iter().map(Ok))?.and(results.exit()));
    }
    if tasks.is_empty() {
        return results.finish();
    }
    session.need_root("migrate jails")?;
    if !arguments.yes {
        session.screen.ask(&heading(arguments.drop, &tasks));
        if !question::yes(&session.screen, if arguments.drop { "Remove it?" } else { "Migrate them?" }) {
            return Err(Failure::Declined);
        }
    }
    tasks::carry_out(session, "migrate jails", tasks, results)
}

/// What is going to be done, for a question.
fn heading(drop: bool, tasks: &[Task]) -> String {
    let what = match drop {
        true => "The old state of these jails will be removed for good:\n",
        false => "These jails will be brought to the current form; their old state is kept:\n",
    };
    tasks.iter().fold(what.to_owned(), |text, task| format!("{text}- {}\n", visible(&task.target)))
}
