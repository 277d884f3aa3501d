//! `ioc destroy`

use libioc::Operation;
use libioc::operation::{Destroy, DestroyRelease};

use super::PlanOption;
use super::select::{self, FILTER_HELP};
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure, question, visible};

/// Destroy jails, templates or releases, with everything that is in them
///
/// What is going to be destroyed is listed, and a question asked, unless -f or -y is given. A jail from which others
/// were cloned is destroyed with these by -R only; see also `ioc promote`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Ask nothing, and stop running jails first
    #[arg(short, long)]
    force: bool,

    /// Ask nothing
    #[arg(short, long)]
    yes: bool,

    /// Destroy the jails as well that hang on them or, of releases, use them
    #[arg(short = 'R', long)]
    recursive: bool,

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
    let (kind, doomed) = if arguments.release {
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
        let planned = tasks::show_plans(session, doomed.iter().map(|one| &*one.task.operation))?;
        return Ok(planned.and(results.exit()));
    }
    if doomed.is_empty() {
        return results.finish();
    }
    session.need_root("destroy jails and releases")?;
    if !(arguments.force || arguments.yes) {
        session.screen.ask(&list(kind, &doomed));
        if !question::yes(&session.screen, "Destroy them?") {
            return Err(Failure::Declined);
        }
    }
    let tasks = doomed.into_iter().map(|one| one.task).collect();
    tasks::carry_out(session, "destroy jails and releases", tasks, results)
}

/// Something that is going to be destroyed, and the jails that go with it.
struct Doomed {
    task: Task,
    dependents: Vec<String>,
}

impl Doomed {
    /// `shown` is how results name the `target`.
    fn new(target: String, shown: &str, operation: Box<dyn Operation>, dependents: Vec<String>) -> Self {
        let done = format!("{shown} destroyed");
        let unchanged = format!("{shown} is gone already");
        Doomed { task: Task { operation, done, unchanged, target }, dependents }
    }
}

/// What is going to be destroyed, for a question.
fn list(kind: &str, doomed: &[Doomed]) -> String {
    let mut text = format!("These {kind} will be destroyed, with everything that is in them:\n");
    for Doomed { task, dependents } in doomed {
        text.push_str(&format!("- {}\n", visible(&task.target)));
        for jail in dependents {
            text.push_str(&format!("  - {}, which hangs on it\n", visible(jail)));
        }
    }
    text
}

fn jails(
    arguments: &Arguments,
    session: &Session,
    results: &mut Results<'_>,
    hint: &'static str,
) -> Result<Vec<Doomed>, Failure> {
    let mut chosen = select::choose(session, &arguments.filters, Some(arguments.template), hint)?;
    chosen.report_missing(results);
    let mut jails = chosen.references();
    if jails.len() > 1 {
        jails = session.ioc.dependents_first(&jails)?;
    }
    let mut doomed = Vec::new();
    for jail in jails {
        let name = session.name(&jail);
        let mut operation =
            Destroy { force: arguments.force, environment: session.environment(), ..Destroy::new(jail) };
        if arguments.recursive {
            operation = operation.with_dependents(&session.ioc)?;
        }
        let dependents = operation.dependents.iter().map(|jail| session.name(jail)).collect();
        doomed.push(Doomed::new(name.clone(), &name, Box::new(operation), dependents));
    }
    Ok(doomed)
}

fn releases(
    arguments: &Arguments,
    session: &Session,
    results: &mut Results<'_>,
) -> Result<Vec<Doomed>, Failure> {
    let selection = session.ioc.select_releases_to_destroy(&arguments.filters)?;
    for name in selection.unmatched {
        results.failed(&name, Failure::NoRelease(name.clone()));
    }
    let mut doomed = Vec::new();
    for release in selection.releases {
        let name = release.full_name();
        let mut operation = DestroyRelease {
            force: arguments.force,
            environment: session.environment(),
            ..DestroyRelease::new(release.source, release.name)
        };
        if arguments.recursive {
            operation = operation.with_dependents(&session.ioc)?;
        }
        let dependents = operation.dependents.iter().map(|jail| session.name(jail)).collect();
        let shown = format!("release {name}");
        doomed.push(Doomed::new(name, &shown, Box::new(operation), dependents));
    }
    Ok(doomed)
}
