//! `ioc stop`

use libioc::operation::{Outcome, StopOptions};
use serde_json::json;

use super::select::{self, FILTER_HELP};
use super::{IgnoreOption, JobsOption, PlanOption};
use crate::session::Session;
use crate::tasks::{self, Results};
use crate::ui::{Exit, Failure};

/// Stop jails, each after those that depend on it
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Stop all running jails, whether they have boot=yes or not
    #[arg(long, conflicts_with = "filters", required_unless_present = "filters")]
    rc: bool,

    /// Go on when a hook fails, and clean up after jails that do not run any more
    #[arg(short, long)]
    force: bool,

    #[command(flatten)]
    ignore: IgnoreOption,

    #[command(flatten)]
    jobs: JobsOption,

    #[command(flatten)]
    plan: PlanOption,

    /// Which jails
    #[arg(value_name = "FILTER", long_help = FILTER_HELP)]
    filters: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let mut results = Results::new(session);
    let filters = if arguments.rc { &["running=yes".to_owned()][..] } else { &arguments.filters };
    let mut chosen = select::choose_places(session, filters, None, "`ioc list` shows the jails")?;
    if !arguments.rc {
        chosen.report_missing(&mut results);
    }
    let jails = chosen.references();
    let options = StopOptions {
        force: arguments.force,
        environment: session.environment(),
        jobs: arguments.jobs.jobs(),
    };
    if arguments.plan.plan {
        let plans = session.ioc.plan_stop(&jails, &options)?;
        let planned = tasks::print_plans(session, plans.into_iter().map(|(_, plan)| plan))?;
        return Ok(planned.and(results.exit()));
    }
    session.before_changes("stop jails")?;
    for (jail, result) in session.ioc.stop(&jails, &options, &session.screen)? {
        let name = session.name(&jail);
        match result {
            Ok(outcome) => {
                let changed = matches!(outcome, Outcome::Done { .. });
                let text = if changed { "stopped" } else { "is not running" };
                let facts = json!({ "operation": "stop", "changed": changed });
                results.done(&name, &format!("{name} {text}"), facts)?;
            }
            Err(error) => arguments.ignore.failed(&mut results, &name, error.into()),
        }
    }
    results.finish()
}
