//! `ioc snapshot`

use clap::Subcommand;
use libioc::model::name::{JailRef, SnapshotTag};
use libioc::model::property::Value;
use libioc::model::size::Size;
use libioc::operation::{RemoveSnapshot, Rollback, TakeSnapshot};
use libioc::{Error, Operation};

use super::PlanOption;
use super::listing::ListingOptions;
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure, Table, local_time, name_of_now};

/// List, take and remove snapshots of jails, and go back to them
///
/// A snapshot is of all datasets of a jail, on ZFS at one instant. `ioc snapshot JAIL` lists the snapshots,
/// `ioc snapshot JAIL@NAME` takes one. As iocage has it, the name may also be given by -n.
#[derive(Debug, clap::Args)]
#[command(
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    override_usage = "ioc snapshot COMMAND [OPTIONS] [SOURCE/]JAIL[@NAME]\n       ioc snapshot [SOURCE/]JAIL[@NAME]"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    name: NameOption,

    #[command(flatten)]
    plan: PlanOption,

    #[command(flatten)]
    listing: ListingOptions,

    #[arg(value_name = "[SOURCE/]JAIL[@NAME]", required = true, hide = true)]
    subject: Option<String>,
}

/// The name of a snapshot, given apart from the jail.
#[derive(Debug, clap::Args)]
struct NameOption {
    /// Name of the snapshot, instead of @NAME
    #[arg(short = 'n', long = "name", value_name = "NAME")]
    tag: Option<SnapshotTag>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the snapshots of a jail, the oldest first
    List {
        #[command(flatten)]
        listing: ListingOptions,
        /// The jail
        #[arg(value_name = "[SOURCE/]JAIL")]
        jail: String,
    },
    /// Take snapshots; without a name they are called by the time in UTC, as 2026-11-27_21:15:04
    Create {
        #[command(flatten)]
        name: NameOption,
        #[command(flatten)]
        plan: PlanOption,
        /// The jail and the name of the new snapshot
        #[arg(value_name = "[SOURCE/]JAIL[@NAME]", required = true)]
        snapshots: Vec<String>,
    },
    /// Remove snapshots; clones that hang on one prevent it
    Remove {
        #[command(flatten)]
        name: NameOption,
        #[command(flatten)]
        plan: PlanOption,
        /// The jail and the name of the snapshot
        #[arg(value_name = "[SOURCE/]JAIL@NAME", required = true)]
        snapshots: Vec<String>,
    },
    /// Take a stopped jail back to a snapshot
    Rollback {
        /// Destroy the snapshots that were taken after it; without -f they are named, and prevent it
        #[arg(short, long)]
        force: bool,
        #[command(flatten)]
        name: NameOption,
        #[command(flatten)]
        plan: PlanOption,
        /// The jail and the name of the snapshot
        #[arg(value_name = "[SOURCE/]JAIL@NAME")]
        snapshot: String,
    },
}

/// Columns of the list, and those that JSON and `-o` have besides.
const COLUMNS: [&str; 4] = ["name", "created", "used", "refer"];
const MORE_COLUMNS: [&str; 2] = ["datasets", "clones"];

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let one = std::slice::from_ref;
    match (&arguments.verb, &arguments.subject) {
        (Some(Verb::List { listing, jail }), _) => list(session, listing, jail),
        (Some(Verb::Create { name, plan, snapshots }), _) => {
            let now = name_of_now().parse().map_err(Error::from)?;
            change(session, plan, &name.of(snapshots, Some(&now))?, take)
        }
        (Some(Verb::Remove { name, plan, snapshots }), _) => {
            change(session, plan, &name.of(snapshots, None)?, remove)
        }
        (Some(Verb::Rollback { force, name, plan, snapshot }), _) => {
            change(session, plan, &name.of(one(snapshot), None)?, |jail, tag| go_back(jail, tag, *force))
        }
        (None, Some(subject)) if subject.contains('@') || arguments.name.tag.is_some() => {
            change(session, &arguments.plan, &arguments.name.of(one(subject), None)?, take)
        }
        (None, Some(jail)) => list(session, &arguments.listing, jail),
        (None, None) => Err(Failure::Usage("no jail is given".to_owned())),
    }
}

/// A snapshot as it was written: of which jail, and its name.
type Named<'a> = (&'a str, SnapshotTag);

impl NameOption {
    /// The snapshots that these words name, together with the option, or else with `otherwise`.
    fn of<'a>(
        &self,
        words: &'a [String],
        otherwise: Option<&SnapshotTag>,
    ) -> Result<Vec<Named<'a>>, Failure> {
        let named = |word: &'a String| {
            // The last @ separates: a tag never has one.
            match (word.rsplit_once('@'), &self.tag) {
                (Some(_), Some(tag)) => {
                    Err(Failure::Usage(format!("{word} names a snapshot, and -n {tag} another one")))
                }
                (Some((jail, tag)), None) => {
                    let tag = tag.parse().map_err(|error| Failure::Usage(format!("{word}: {error}")))?;
                    Ok((jail, tag))
                }
                (None, tag) => match tag.as_ref().or(otherwise) {
                    Some(tag) => Ok((word.as_str(), tag.clone())),
                    None => Err(Failure::Usage(format!("{word} names no snapshot; write JAIL@NAME"))),
                },
            }
        };
        words.iter().map(named).collect()
    }
}

fn list(session: &Session, listing: &ListingOptions, jail: &str) -> Result<Exit, Failure> {
    let jail = session.ioc.jail(jail)?;
    let mut table = Table::new(COLUMNS.into_iter().chain(MORE_COLUMNS));
    let json = listing.json(session);
    for snapshot in session.ioc.snapshots(&jail)? {
        let size = |bytes: Option<u64>| bytes.map_or(Value::None, |bytes| Value::Size(Size::bytes(bytes)));
        let list = |names: Vec<_>| Value::List(names.iter().map(ToString::to_string).collect());
        table.push(vec![
            Value::Text(snapshot.tag.to_string()),
            match json {
                true => Value::Int(snapshot.created.cast_signed()),
                false => Value::Text(local_time(snapshot.created)),
            },
            size(snapshot.used),
            size(snapshot.referenced),
            list(snapshot.datasets),
            list(snapshot.clones),
        ]);
    }
    listing.print_fixed(session, ("ioc.snapshots/1", "snapshots"), table, &COLUMNS)?;
    Ok(Exit::Done)
}

/// An operation on a snapshot of a jail, and how to tell that it is done.
struct Change {
    operation: Box<dyn Operation>,
    done: &'static str,
}

fn take(jail: JailRef, tag: SnapshotTag) -> Change {
    Change { operation: Box::new(TakeSnapshot { jail, tag }), done: "taken" }
}

fn remove(jail: JailRef, tag: SnapshotTag) -> Change {
    Change { operation: Box::new(RemoveSnapshot { jail, tag }), done: "removed" }
}

fn go_back(jail: JailRef, tag: SnapshotTag, force: bool) -> Change {
    Change { operation: Box::new(Rollback { jail, tag, destroy_newer: force }), done: "restored" }
}

fn change(
    session: &Session,
    plan: &PlanOption,
    snapshots: &[Named<'_>],
    change: impl Fn(JailRef, SnapshotTag) -> Change,
) -> Result<Exit, Failure> {
    let mut results = Results::new(session);
    let mut tasks = Vec::new();
    for (jail, tag) in snapshots {
        match session.ioc.jail(jail) {
            Ok(jail) => {
                let target = format!("{}@{tag}", session.name(&jail));
                let Change { operation, done } = change(jail, tag.clone());
                let done = format!("snapshot {target} {done}");
                tasks.push(Task { unchanged: done.clone(), done, target, operation });
            }
            Err(error @ Error::JailUnknown(_)) => results.failed(&format!("{jail}@{tag}"), error.into()),
            Err(error) => return Err(error.into()),
        }
    }
    if plan.plan {
        let planned = tasks::show_plans(session, tasks.iter().map(|task| &*task.operation))?;
        return Ok(planned.and(results.exit()));
    }
    tasks::carry_out(session, "change snapshots", tasks, results)
}
