//! `ioc man`

use std::path::PathBuf;

use clap::CommandFactory;
use libioc::model::property::manual;

use crate::arguments;
use crate::ui::{Exit, Failure};

/// Write the manual pages to a directory
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct Arguments {
    /// An existing directory
    directory: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut command =
        arguments::Arguments::command().version(env!("CARGO_PKG_VERSION")).disable_version_flag(true);
    // What clap adds by itself is of no use on paper.
    command = command.disable_help_subcommand(true);
    let (name, section) = manual::PAGE;
    let properties = arguments.directory.join(format!("{name}.{section}"));
    clap_mangen::generate_to(command, &arguments.directory)
        .and_then(|()| std::fs::write(properties, manual::page(env!("CARGO_PKG_VERSION"))))
        .map_err(|source| Failure::System {
            what: format!("write manual pages to {}", arguments.directory.display()),
            source,
        })?;
    Ok(Exit::Done)
}
