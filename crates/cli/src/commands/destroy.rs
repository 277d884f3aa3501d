//! `ioc destroy`

use libioc::facts::world::JailView;
use libioc::operation::{Destroy, DestroyRelease};
use libioc::releases::ReleaseView;

use super::PlanOption;
use super::select::{self, FILTER_HELP};
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure, question, visible};

/// Destroy jails, templates or releases, with everything that is in them
///
/// What is going to be destroyed is listed, and a question asked, unless -f or -y is given.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Ask nothing, and stop running jails first
    #[arg(short, long)]
    force: bool,

    /// Ask nothing
    #[arg(short, long)]
    yes: bool,

    /// Destroy templates instead of jails
    #[arg(short, long)]
    template: bool,

    /// Destroy releases instead of jails
    #[arg(short, long, conflicts_with = "template")]
    release: bool,

    #[command(flatten)]
    plan: PlanOption,

    /// Which; of releases the names
    #[arg(value_name = "FILTER", required = true, long_help = FILTER_HELP)]
    filters: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let mut results = Results::new(session);
    let (kind, tasks) = if arguments.release {
        ("releases", releases(arguments, session, &mut results)?)
    } else if arguments.template {
        (
            "templates",
            jails(
                arguments,
                session,
                &mut results,
                "`ioc list -t` shows the templates; jails are destroyed without -t, releases with -r",
            )?,
        )
    } else {
        (
            "jails",
            jails(
                arguments,
                session,
                &mut results,
                "`ioc list` shows the jails; templates are destroyed with -t, releases with -r",
            )?,
        )
    };
    if arguments.plan.plan {
        let planned = tasks::show_plans(session, tasks.iter().map(|task| &*task.operation))?;
        return Ok(planned.and(results.exit()));
    }
    if tasks.is_empty() {
        return results.finish();
    }
    session.need_root("destroy jails and releases")?;
    if !(arguments.force || arguments.yes) {
        session.screen.ask(&list(kind, &tasks));
        if !question::yes(&session.screen, "Destroy them?") {
            return Err(Failure::Declined);
        }
    }
    tasks::carry_out(session, "destroy jails and releases", tasks, results)
}

/// What is going to be destroyed, for a question.
fn list(kind: &str, tasks: &[Task]) -> String {
    let mut text = format!("These {kind} will be destroyed, with everything that is in them:\n");
    for task in tasks {
        text.push_str(&format!("- {}\n", visible(&task.target)));
    }
    text
}

fn jails(
    arguments: &Arguments,
    session: &Session,
    results: &mut Results<'_>,
    hint: &'static str,
) -> Result<Vec<Task>, Failure> {
    let chosen = select::choose(session, &arguments.filters, Some(arguments.template), hint)?;
    chosen.report_missing(results);
    let task = |jail: &JailView| Task {
        target: jail.full_name(),
        operation: Box::new(Destroy {
            jail: jail.reference.clone(),
            force: arguments.force,
            environment: session.environment(),
        }),
        done: format!("{} destroyed", jail.full_name()),
        unchanged: format!("{} is gone already", jail.full_name()),
    };
    Ok(chosen.jails.iter().map(task).collect())
}

fn releases(
    arguments: &Arguments,
    session: &Session,
    results: &mut Results<'_>,
) -> Result<Vec<Task>, Failure> {
    let selection = session.ioc.select_releases(&arguments.filters)?;
    for name in selection.unmatched {
        results.failed(&name, Failure::NoRelease(name.clone()));
    }
    let task = |release: &ReleaseView| {
        let name = release.full_name();
        Task {
            operation: Box::new(DestroyRelease {
                source: release.source.clone(),
                name: release.name.clone(),
            }),
            done: format!("release {name} destroyed"),
            unchanged: format!("release {name} is gone already"),
            target: name,
        }
    };
    Ok(selection.releases.iter().map(task).collect())
}
