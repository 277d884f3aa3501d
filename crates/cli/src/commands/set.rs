//! `ioc set`

use libioc::operation::{Set, SetReport, Target};
use serde_json::json;

use super::properties::{self, Change};
use super::{PlanOption, select};
use crate::session::Session;
use crate::tasks::{self, Results};
use crate::ui::{Exit, Failure};

/// Change properties of jails, or the defaults of all jails
///
/// All changes of a jail are made, or none. What can be changed while a jail runs is changed at once; for the rest it is
/// said that the jail has to be started again.
#[derive(Debug, clap::Args)]
#[command(override_usage = "ioc set [OPTIONS] KEY[=VALUE]... [SOURCE/]JAIL\n       \
    ioc set [OPTIONS] KEY[=VALUE]... PATTERN\n       \
    ioc set [OPTIONS] KEY[=VALUE]... [SOURCE/]defaults")]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: PlanOption,

    /// The changes, KEY alone to go back to the default; then the jail, several of them with commas or as a pattern
    /// with *, + or ?, or the word defaults
    #[arg(value_names = ["KEY[=VALUE]", "JAIL"], num_args = 2.., required = true)]
    words: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let Some((target, changes)) = arguments.words.split_last() else {
        return Err(Failure::Usage("no jail is given".to_owned()));
    };
    if target.contains('=') {
        return Err(Failure::Usage(format!("{target} is no jail; the jail comes last")));
    }
    let changes = changes.iter().map(|word| word.parse::<Change>()).collect::<Result<Vec<_>, _>>();
    let changes = changes.map_err(Failure::Usage)?.into_iter().map(|change| (change.key, change.value));
    let changes: Vec<_> = changes.collect();
    let mut results = Results::new(session);
    let targets = targets(session, target, &mut results)?;
    let operations: Vec<Set> =
        targets.into_iter().map(|target| Set { target, changes: changes.clone() }).collect();
    if arguments.plan.plan {
        let exit = tasks::show_plans(session, operations.iter().map(|operation| operation as _))?;
        return Ok(exit.and(results.exit()));
    }
    session.before_changes("change properties")?;
    for operation in &operations {
        set(session, operation, &mut results)?;
    }
    results.finish()
}

/// Whose properties: one jail or the defaults, or what a pattern fits.
fn targets(session: &Session, text: &str, results: &mut Results<'_>) -> Result<Vec<Target>, Failure> {
    if !text.contains(['*', '+', '?', ',']) {
        return Ok(vec![properties::target(session, text)?]);
    }
    let mut chosen = select::choose(session, &[text.to_owned()], None, "`ioc list` shows the jails")?;
    chosen.report_missing(results);
    Ok(chosen.references().into_iter().map(Target::Jail).collect())
}

fn set(session: &Session, operation: &Set, results: &mut Results<'_>) -> Result<(), Failure> {
    let (target, name) = match &operation.target {
        Target::Jail(jail) => (session.name(jail), format!("Jail '{}'", session.name(jail))),
        Target::Defaults(_) => ("defaults".to_owned(), "Defaults".to_owned()),
    };
    let done = operation.report(&session.ioc).and_then(|report| {
        session.ioc.apply(operation, &session.screen)?;
        Ok(report)
    });
    let SetReport { changes, later } = match done {
        Ok(report) => report,
        Err(error) => {
            results.failed(&target, error.into());
            return Ok(());
        }
    };
    let facts = json!({
        "operation": "set",
        "changed": !changes.is_empty(),
        "changes": changes
            .iter()
            .map(|(key, before, after)| {
                json!({ "key": key, "before": before, "after": after, "later": later.contains(key) })
            })
            .collect::<Vec<_>>(),
    });
    for (key, before, after) in &changes {
        session.screen.detail(&format!("{key}: {before} -> {after}"));
    }
    let keys: Vec<&str> = changes.iter().map(|(key, _, _)| key.as_str()).collect();
    let text = match keys.is_empty() {
        true => format!("{name} unchanged"),
        false => format!("{name} updated: {}", keys.join(", ")),
    };
    results.done(&target, &text, facts)
}
