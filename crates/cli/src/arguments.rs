//! What may be written on the command line.

use std::time::Duration;

use clap::{ArgAction, Args, Parser};
use libioc::Source;

use crate::commands::Command;
use crate::ui::{Colour, Level};

/// Manage jails
#[derive(Debug, Parser)]
#[command(name = "ioc", disable_version_flag = true, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Tell more or less; before the command only, as some commands have a -d of their own
    #[arg(
        short = 'd',
        long,
        value_name = "LEVEL",
        value_enum,
        ignore_case = true,
        hide_possible_values = true,
        default_value = "info",
        long_help = "Tell more or less: error, warn, info, verbose, debug or trace. Before the command only, as some \
                     commands have a -d of their own"
    )]
    pub(crate) log_level: Level,

    /// Tell all that --log-level debug does; before the command only
    #[arg(short = 'D', long, conflicts_with = "log_level")]
    pub(crate) debug: bool,

    /// Print the versions of ioc and libioc
    #[arg(short = 'v', long, action = ArgAction::SetTrue)]
    pub(crate) version: bool,

    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Arguments {
    /// How much is told.
    pub(crate) fn level(&self) -> Level {
        if self.debug { Level::Debug } else { self.log_level }
    }
}

/// Options that every command has.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct Global {
    /// Work with this source of jails instead of those of the host; repeatable, the first one is the main one
    #[arg(long, global = true, value_name = "[NAME=]DATASET")]
    pub(crate) source: Vec<Source>,

    /// Wait so many seconds for a jail that another ioc is changing
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub(crate) lock_timeout: Duration,

    /// Print results as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print events as text or as json, which is one object a line
    #[arg(
        long,
        global = true,
        value_name = "FORM",
        value_enum,
        default_value = "text",
        hide_possible_values = true
    )]
    pub(crate) events: Events,

    /// Use colours: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: Colour,
}

/// The form of events on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Events {
    /// Lines for people, and on a terminal what is going on.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = |_| "not a number of seconds".to_owned();
    let seconds: f64 = text.parse().map_err(|_| wrong(()))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong(()))
}

/// The versions, as `--version` prints them.
pub(crate) fn versions() -> String {
    format!("ioc, version {}\nlibioc, version {}", env!("CARGO_PKG_VERSION"), libioc::VERSION)
}
