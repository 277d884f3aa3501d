//! `ioc restart`

use libioc::apply::LockName;
use libioc::facts::world::JailView;
use libioc::model::name::JailRef;
use libioc::operation::{Restart, StartOptions, Stop, StopOptions};
use libioc::{Error, Ioc, Operation, Plan, Source};
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
    let mut chosen =
        select::choose_places(session, &arguments.filters, Some(false), "`ioc list` shows the jails")?;
    chosen.report_missing(&mut results);
    let (running, stopped): (Vec<&JailView>, Vec<_>) =
        chosen.jails.iter().partition(|jail| jail.running.is_some());
    let jails: Vec<JailRef> = running.iter().map(|jail| jail.reference.clone()).collect();
    if arguments.plan.plan && (arguments.shutdown || arguments.force) {
        let environment = session.environment();
        let stop =
            |jail| StopToStart(Stop { jail, force: arguments.force, environment: environment.clone() });
        let operations: Vec<StopToStart> = jails.into_iter().map(stop).collect();
        let planned = tasks::show_plans(session, operations.iter().map(|operation| operation as _))?;
        return Ok(planned.and(results.exit()));
    }
    if arguments.plan.plan {
        let operations: Vec<Restart> = jails.into_iter().map(|jail| soft(session, jail)).collect();
        let planned = tasks::show_plans(session, operations.iter().map(|operation| operation as _))?;
        return Ok(planned.and(results.exit()));
    }
    session.before_changes("restart jails")?;
    for jail in stopped {
        let name = jail.full_name();
        let facts = json!({ "operation": "restart", "changed": false });
        results.done(&name, &format!("{name} is not running"), facts)?;
    }
    if arguments.shutdown || arguments.force {
        arguments.restart_all(session, &jails, &mut results)?;
    } else {
        for jail in jails {
            let name = session.name(&jail);
            match session.ioc.apply(&soft(session, jail), &session.screen) {
                Ok((plan, _)) => {
                    let changed = !plan.is_empty();
                    let text = if changed { "restarted its services" } else { "has no services to restart" };
                    let facts = json!({ "operation": "restart", "changed": changed });
                    results.done(&name, &format!("{name} {text}"), facts)?;
                }
                Err(error) => results.failed(&name, error.into()),
            }
        }
    }
    results.finish()
}

/// The stop of a full restart, as `--plan` shows it: what the start finds is known only once the jail is down.
struct StopToStart(Stop);

impl Operation for StopToStart {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        self.0.source(ioc)
    }

    fn locks(&self) -> Vec<LockName> {
        self.0.locks()
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let mut plan = self.0.plan(ioc)?;
        plan.operation = "restart".to_owned();
        plan.notes.push("the start that follows is planned once the jail has stopped".to_owned());
        Ok(plan)
    }
}

fn soft(session: &Session, jail: JailRef) -> Restart {
    Restart { jail, environment: session.environment() }
}

impl Arguments {
    /// Stops jails, and starts those again that could be stopped.
    fn restart_all(
        &self,
        session: &Session,
        jails: &[JailRef],
        results: &mut Results<'_>,
    ) -> Result<(), Failure> {
        let (environment, jobs) = (session.environment(), self.jobs.jobs());
        let options = StopOptions { force: self.force, environment: environment.clone(), jobs };
        let mut stopped = Vec::new();
        for (jail, result) in session.ioc.stop(jails, &options, &session.screen)? {
            match result {
                Ok(_) => stopped.push(jail),
                Err(error) => results.failed(&session.name(&jail), error.into()),
            }
        }
        let options = StartOptions { overrides: Default::default(), environment, jobs };
        for (jail, result) in session.ioc.start(&stopped, &options, &session.screen)? {
            let name = session.name(&jail);
            match result {
                Ok(outcome) => start::running(results, &name, "restart", outcome)?,
                Err(error) => results.failed(&name, error.into()),
            }
        }
        Ok(())
    }
}
