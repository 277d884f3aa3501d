//! `ioc restart`

use libioc::facts::world::JailView;
use libioc::model::name::JailRef;
use libioc::operation::{Outcome, Restart, StartOptions, StopOptions};
use serde_json::json;

use super::select::{self, FILTER_HELP};
use super::{JobsOption, PlanOption, start};
use crate::session::Session;
use crate::tasks::{self, Results};
use crate::ui::{Exit, Failure};

/// Restart running jails
///
/// By default only the services: the stop and start hooks are run in the jail, which keeps its mounts, its network
/// and its JID. Jails that do not run are left as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Restart only the services (this is the default)
    #[arg(long, conflicts_with_all = ["shutdown", "force"])]
    soft: bool,

    /// Stop the jails and start them again
    #[arg(short, long)]
    shutdown: bool,

    /// As --shutdown, and go on when a hook fails while stopping
    #[arg(short, long)]
    force: bool,

    #[command(flatten)]
    jobs: JobsOption,

    #[command(flatten)]
    plan: PlanOption,

    /// Which jails
    #[arg(value_name = "FILTER", required = true, long_help = FILTER_HELP)]
    filters: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let mut results = Results::new(session);
    let chosen = select::choose(session, &arguments.filters, Some(false), "templates do not run")?;
    chosen.report_unmatched(&mut results);
    let (running, stopped): (Vec<&JailView>, Vec<_>) =
        chosen.jails.iter().partition(|jail| jail.running.is_some());
    let jails: Vec<JailRef> = running.iter().map(|jail| jail.reference.clone()).collect();
    let full = arguments.shutdown || arguments.force;
    if arguments.plan.plan {
        let plans = if full { arguments.plan_full(session, &jails)? } else { soft_plans(session, &jails) };
        let planned = tasks::print_plans(session, plans)?;
        return Ok(planned.and(results.exit()));
    }
    session.before_changes("restart jails")?;
    for jail in stopped {
        let name = jail.full_name();
        let facts = json!({ "operation": "restart", "changed": false });
        results.done(&name, &format!("{name} is not running"), facts)?;
    }
    if full { arguments.full(session, &jails, &mut results)? } else { soft(session, &jails, &mut results)? }
    results.finish()
}
