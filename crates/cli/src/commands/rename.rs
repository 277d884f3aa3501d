//! `ioc rename`

use libioc::Error;
use libioc::model::name::JailName;
use libioc::operation::Rename;

use super::PlanOption;
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure};

/// Give a stopped jail or template another name
///
/// It keeps its host UUID and MAC addresses. Jails that depend on it, were made from it or mount something of it are
/// changed along with it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    plan: PlanOption,

    /// The jail
    #[arg(value_name = "[SOURCE/]JAIL")]
    jail: String,

    /// Its name then; it stays in its source
    #[arg(value_name = "NAME")]
    name: String,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let jail = session.ioc.jail(&arguments.jail)?;
    let name = match arguments.name.split_once('/') {
        Some((source, name)) if source == jail.source.as_str() => name,
        Some(_) => return Err(Failure::Usage("a jail stays in its source; give a name alone".to_owned())),
        None => &arguments.name,
    };
    let name = JailName::new(name).map_err(Error::from)?;
    let old = session.name(&jail);
    let operation = Rename::new(&session.ioc, jail, name)?;
    if arguments.plan.plan {
        return tasks::show_plans(session, [&operation as _]);
    }
    let done = format!("{old} renamed to {}", operation.name);
    let task = Task { unchanged: done.clone(), done, target: old, operation: Box::new(operation) };
    tasks::carry_out(session, "rename jails", vec![task], Results::new(session))
}
