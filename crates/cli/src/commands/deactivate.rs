//! `ioc deactivate`

use libioc::operation::{Deactivate, Place};

use super::PlanOption;
use super::activate::{describe, refuse_sources};
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure};

/// End what `ioc activate` began; nothing is destroyed
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Pool, or absolute path of a directory
    #[arg(value_name = "POOL|DIRECTORY")]
    place: String,

    #[command(flatten)]
    plan: PlanOption,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    refuse_sources(session, "deactivate")?;
    let place: Place = arguments.place.parse()?;
    let name = describe(&place);
    let operation = Deactivate { place };
    if arguments.plan.plan {
        return tasks::show_plans(session, [&operation as _]);
    }
    let task = Task {
        target: arguments.place.clone(),
        operation: Box::new(operation),
        done: format!("{name} deactivated"),
        unchanged: format!("{name} is not active"),
    };
    tasks::carry_out(session, "deactivate pools and directories", vec![task], Results::new(session))
}
