//! `ioc start`

use libioc::model::property::Value;
use libioc::operation::{Outcome, StartOptions};
use serde_json::json;

use super::properties::Change;
use super::select::{self, FILTER_HELP};
use super::{IgnoreOption, JobsOption, PlanOption};
use crate::session::Session;
use crate::tasks::{self, Results};
use crate::ui::{Exit, Failure};

/// Start jails, and before them those that they depend on
///
/// Jails that do not wait for each other are started at the same time. One that runs already is left as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Start all jails that have boot=yes and do not run
    #[arg(long, conflicts_with = "filters", required_unless_present = "filters")]
    rc: bool,

    /// Set a property for this start only; KEY alone goes back to its default
    #[arg(short, long, value_name = "KEY[=VALUE]", conflicts_with = "rc")]
    option: Vec<Change>,

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
    let filters = if arguments.rc { &["boot=yes".to_owned()][..] } else { &arguments.filters };
    let hint = "`ioc list` shows the jails; templates cannot be started";
    let mut chosen = select::choose_places(session, filters, Some(false), hint)?;
    if arguments.rc {
        chosen.report_undecided(|given, failure| results.failed(given, failure));
        chosen.jails.retain(|jail| !matches!(jail.value("running"), Ok(Value::Bool(true))));
    } else {
        chosen.report_missing(&mut results);
    }
    let jails = chosen.references();
    let options = StartOptions {
        overrides: arguments.option.iter().map(|change| (change.key.clone(), change.value.clone())).collect(),
        environment: session.environment(),
        jobs: arguments.jobs.jobs(),
    };
    if arguments.plan.plan {
        let plans = session.ioc.plan_start(&jails, &options)?;
        let planned = tasks::print_plans(session, plans.into_iter().map(|(_, plan)| plan))?;
        return Ok(planned.and(results.exit()));
    }
    session.before_changes("start jails")?;
    for (jail, result) in session.ioc.start(&jails, &options, &session.screen)? {
        let name = session.name(&jail);
        match result {
            Ok(outcome) => running(&mut results, &name, "start", outcome)?,
            Err(error) => arguments.ignore.failed(&mut results, &name, error.into()),
        }
    }
    results.finish()
}

/// Tells that a jail runs.
pub(super) fn running(
    results: &mut Results<'_>,
    name: &str,
    operation: &str,
    outcome: Outcome,
) -> Result<(), Failure> {
    let (changed, jid) = match outcome {
        Outcome::Done { jid } => (true, jid),
        Outcome::Unchanged { jid } => (false, jid),
    };
    let already = if changed { "" } else { "already " };
    let number = jid.map_or(String::new(), |jid| format!(" as JID {jid}"));
    let facts = json!({ "operation": operation, "changed": changed, "jid": jid });
    results.done(name, &format!("{name} {already}running{number}"), facts)
}
