//! `ioc set`

use libioc::operation::{Set, Target};
use serde_json::json;

use super::PlanOption;
use super::properties::{self, Change};
use crate::session::Session;
use crate::tasks::{self, Results};
use crate::ui::{Exit, Failure};

/// Change properties of a jail, or the defaults of all jails
///
/// All changes are made, or none.
#[derive(Debug, clap::Args)]
#[command(override_usage = "ioc set [OPTIONS] KEY[=VALUE]... [SOURCE/]JAIL\n       \
    ioc set [OPTIONS] KEY[=VALUE]... [SOURCE/]defaults")]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: PlanOption,

    /// The changes, KEY alone to go back to the default, then the jail or the word defaults
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
    let operation = Set { target: properties::target(session, target)?, changes: changes.collect() };
    if arguments.plan.plan {
        return tasks::show_plans(session, [&operation as _]);
    }
    session.before_changes("change properties")?;
    let changes = operation.changes(&session.ioc)?;
    session.ioc.apply(&operation, &session.screen)?;
    let (target, name) = match &operation.target {
        Target::Jail(jail) => (session.name(jail), format!("Jail '{}'", session.name(jail))),
        Target::Defaults(_) => ("defaults".to_owned(), "Defaults".to_owned()),
    };
    let facts = json!({
        "operation": "set",
        "changed": !changes.is_empty(),
        "changes": changes
            .iter()
            .map(|(key, before, after)| json!({ "key": key, "before": before, "after": after }))
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
    let mut results = Results::new(session);
    results.done(&target, &text, facts)?;
    results.finish()
}
