//! `ioc activate`

use libioc::operation::{Activate, Place};

use super::PlanOption;
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure};

/// Make a ZFS pool or a directory the place of jails on this host
///
/// A pool gets the dataset POOL/iocage, a directory the file system's own files. What is there already stays as it
/// is. Hosts with several sources, or with one elsewhere, name them as ioc_dataset_NAME="POOL/PATH" in rc.conf (on
/// Linux in /etc/ioc.conf); then nothing needs to be activated.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Pool, or absolute path of a directory
    #[arg(value_name = "POOL|DIRECTORY")]
    place: String,

    /// Mount POOL/iocage here; /iocage if it is new and this is not given
    #[arg(short, long, value_name = "PATH")]
    mountpoint: Option<String>,

    #[command(flatten)]
    plan: PlanOption,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    refuse_sources(session, "activate")?;
    let place: Place = arguments.place.parse()?;
    let name = describe(&place);
    let operation = Activate { place, mountpoint: arguments.mountpoint.clone() };
    if arguments.plan.plan {
        return tasks::show_plans(session, [&operation as _]);
    }
    let task = Task {
        target: arguments.place.clone(),
        operation: Box::new(operation),
        done: format!("{name} activated"),
        unchanged: format!("{name} is active already"),
    };
    tasks::carry_out(session, "activate pools and directories", vec![task], Results::new(session))
}

/// The place in words.
pub(super) fn describe(place: &Place) -> String {
    match place {
        Place::Pool(pool) => format!("ZFS pool '{pool}'"),
        Place::Directory(directory) => format!("Directory '{directory}'"),
    }
}

/// What is activated has nothing to do with sources that are given.
pub(super) fn refuse_sources(session: &Session, command: &str) -> Result<(), Failure> {
    match session.sources_given {
        true => {
            Err(Failure::Usage(format!("{command} is about the sources of the host; leave out --source")))
        }
        false => Ok(()),
    }
}
