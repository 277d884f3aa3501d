//! `ioc clone`

use libioc::model::name::SnapshotTag;
use libioc::operation::CloneJail;

use super::PlanOption;
use super::naming::{CountOption, NameOptions, Written};
use super::properties::Assignment;
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure};

/// Make a jail like another one
///
/// The new jail has the other one's files, properties and fstab, and a host UUID and MAC addresses of its own; give it
/// addresses of its own as well. On ZFS it hangs on the other one until `ioc promote` makes it independent.
/// One that is given no name is called by a random UUID.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Make a full copy, not a clone that hangs on the other jail; also -T
    #[arg(long, short_alias = 'T', alias = "thickjail")]
    thick: bool,

    /// Give the new jail MAC addresses of its own; as iocage has it, here it always gets them
    #[arg(short = 'N', long = "newmac")]
    _newmac: bool,

    #[command(flatten)]
    naming: NameOptions,

    #[command(flatten)]
    count: CountOption,

    #[command(flatten)]
    plan: PlanOption,

    /// The jail as it is, or as a snapshot of it was
    #[arg(value_name = "[SOURCE/]JAIL[@SNAPSHOT]")]
    from: String,

    /// Name of the new jail; without SOURCE/ it is made where the other one is
    #[arg(value_name = "[SOURCE/]NAME")]
    name: Option<String>,

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
    let Written { name, property } = arguments.naming.written(arguments.name.as_deref())?;
    let property = property.map(str::parse::<Assignment>).transpose().map_err(Failure::Usage)?;
    let properties: Vec<(String, String)> =
        property.iter().chain(&arguments.properties).map(|p| (p.key.clone(), p.value.clone())).collect();
    let (source, name) = match name {
        Some(name) if name.contains('/') => session.place(name).map(|(source, name)| (source, Some(name)))?,
        name => (session.ioc.source(&jail.source)?, name),
    };
    // All names before the first jail.
    let operations: Vec<CloneJail> = arguments
        .naming
        .names(name, &arguments.count)?
        .into_iter()
        .map(|name| CloneJail {
            jail: jail.clone(),
            tag: tag.clone(),
            source: source.clone(),
            name,
            thick: arguments.thick,
            properties: properties.clone(),
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
