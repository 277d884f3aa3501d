//! `ioc clone`

use libioc::Error;
use libioc::model::name::{JailName, SnapshotTag};
use libioc::operation::CloneJail;

use super::PlanOption;
use super::properties::Assignment;
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure};

/// Make a jail like another one
///
/// The new jail has the other one's files, properties and fstab, and a host UUID and MAC addresses of its own; give it
/// addresses of its own as well. On ZFS it hangs on the other one until `ioc promote` makes it independent.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Make a full copy, not a clone that hangs on the other jail; also -T
    #[arg(long, short_alias = 'T')]
    thick: bool,

    /// Make so many jails, called NAME_1, NAME_2 and so on
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    count: Option<u16>,

    #[command(flatten)]
    plan: PlanOption,

    /// The jail as it is, or as a snapshot of it was
    #[arg(value_name = "[SOURCE/]JAIL[@SNAPSHOT]")]
    from: String,

    /// Name of the new jail; without SOURCE/ it is made where the other one is
    #[arg(value_name = "[SOURCE/]NAME")]
    name: String,

    /// Properties of the new jail that differ
    #[arg(value_name = "KEY=VALUE")]
    properties: Vec<Assignment>,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let (jail, tag) = match arguments.from.rsplit_once('@') {
        Some((jail, tag)) => {
            let tag: SnapshotTag =
                tag.parse().map_err(|error| Failure::Usage(format!("{}: {error}", arguments.from)))?;
            (jail, Some(tag))
        }
        None => (arguments.from.as_str(), None),
    };
    let jail = session.ioc.jail(jail)?;
    let (source, name) = match arguments.name.contains('/') {
        true => session.place(&arguments.name)?,
        false => (session.ioc.source(&jail.source)?, arguments.name.as_str()),
    };
    let names = match arguments.count {
        None => vec![name.to_owned()],
        Some(count) => (1..=count).map(|number| format!("{name}_{number}")).collect(),
    };
    // All names before the first jail.
    let names = names.iter().map(|name| JailName::new(name)).collect::<Result<Vec<_>, _>>();
    let operations: Vec<CloneJail> = names
        .map_err(Error::from)?
        .into_iter()
        .map(|name| CloneJail {
            jail: jail.clone(),
            tag: tag.clone(),
            source: source.clone(),
            name,
            thick: arguments.thick,
            properties: arguments.properties.iter().map(|p| (p.key.clone(), p.value.clone())).collect(),
        })
        .collect();
    if arguments.plan.plan {
        return tasks::show_plans(session, operations.iter().map(|operation| operation as _));
    }
    let task = |operation: CloneJail| {
        let target = session.name(&source.reference(&operation.name));
        Task {
            done: format!("{target} successfully cloned from {}", arguments.from),
            unchanged: format!("{target} exists already"),
            operation: Box::new(operation),
            target,
        }
    };
    tasks::carry_out(
        session,
        "clone jails",
        operations.into_iter().map(task).collect(),
        Results::new(session),
    )
}
