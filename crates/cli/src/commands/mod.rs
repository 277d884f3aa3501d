//! The commands, one a file.
//!
//! Each has its arguments as a struct, whose docs are the command's help, and a function that runs it.

mod activate;
mod clone;
mod completions;
mod console;
mod create;
mod deactivate;
mod debug;
mod destroy;
mod df;
mod exec;
mod explain;
mod export;
mod fetch;
mod fstab;
mod get;
mod help;
mod list;
mod listing;
mod man;
mod migrate;
mod naming;
mod older;
mod promote;
mod properties;
mod rename;
mod restart;
mod select;
mod set;
mod snapshot;
mod start;
mod stop;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};

use crate::arguments::{Arguments, versions};
use crate::session::{Detect, Session, screen};
use crate::tasks::Results;
use crate::ui::{Exit, Failure, Report, Screen, output};

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Activate(activate::Arguments),
    Clone(clone::Arguments),
    Completions(completions::Arguments),
    Console(console::Arguments),
    Create(create::Arguments),
    Deactivate(deactivate::Arguments),
    Debug(debug::Arguments),
    Destroy(destroy::Arguments),
    Df(df::Arguments),
    Exec(exec::Arguments),
    Explain(explain::Arguments),
    Export(export::Arguments),
    Fetch(fetch::Arguments),
    Fstab(fstab::Arguments),
    Get(get::Arguments),
    Help(help::Arguments),
    List(list::Arguments),
    Man(man::Arguments),
    Migrate(migrate::Arguments),
    Promote(promote::Arguments),
    Rename(rename::Arguments),
    Restart(restart::Arguments),
    Set(set::Arguments),
    Snapshot(snapshot::Arguments),
    Start(start::Arguments),
    Stop(stop::Arguments),
}

/// An option of every command that changes something.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct PlanOption {
    /// Print what would be done, and do nothing
    #[arg(long)]
    plan: bool,
}

/// How many jails to start or stop at a time.
#[derive(Debug, clap::Args)]
pub(crate) struct JobsOption {
    /// Handle so many jails at a time; as many as the host has processors, if not given
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
}

/// What the failure of a jail means for the whole command.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct IgnoreOption {
    /// Tell of jails that fail, and end with status 0 all the same
    #[arg(short, long)]
    ignore: bool,
}

impl IgnoreOption {
    /// Tells of a jail that failed.
    fn failed(self, results: &mut Results<'_>, target: &str, failure: Failure) {
        match self.ignore && failure.exit() == Exit::Failed {
            true => results.tolerated(target, &failure),
            false => results.failed(target, failure),
        }
    }
}

impl JobsOption {
    fn jobs(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(processors, usize::from)
    }
}

/// The whole program, on the machine that `detect` finds.
pub fn main(detect: Detect) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return not_parsed(error),
    };
    let screen = screen(&arguments.global, arguments.level());
    let exit = run(detect, &arguments, &screen).unwrap_or_else(|failure| {
        screen.error(&Report::from(&failure));
        failure.exit()
    });
    exit.into()
}

fn run(detect: Detect, arguments: &Arguments, screen: &Screen) -> Result<Exit, Failure> {
    let Some(command) = &arguments.command else {
        let text =
            if arguments.version { versions() } else { Arguments::command().render_help().to_string() };
        output::line(text.trim_end())?;
        return Ok(Exit::Done);
    };
    let session = || Session::open(detect, &arguments.global, screen.clone());
    let session_of = |jail: &str| Session::of_running(detect, &arguments.global, screen.clone(), jail);
    match command {
        Command::Activate(arguments) => activate::run(arguments, &session()?),
        Command::Clone(arguments) => clone::run(arguments, &session()?),
        Command::Completions(arguments) => completions::run(arguments),
        Command::Console(arguments) => console::run(arguments, &session_of(arguments.jail())?),
        Command::Create(arguments) => create::run(arguments, &session()?),
        Command::Deactivate(arguments) => deactivate::run(arguments, &session()?),
        Command::Debug(arguments) => debug::run(arguments, &session()?),
        Command::Destroy(arguments) => destroy::run(arguments, &session()?),
        Command::Df(arguments) => df::run(arguments, &session()?),
        Command::Exec(arguments) => exec::run(arguments, &session_of(arguments.jail())?),
        Command::Explain(arguments) => explain::run(arguments, &session()?),
        Command::Export(arguments) => export::run(arguments, &session()?),
        Command::Fetch(arguments) => fetch::run(arguments, &session()?),
        Command::Fstab(arguments) => fstab::run(arguments, &session()?),
        Command::Get(arguments) => get::run(arguments, &session()?),
        Command::Help(arguments) => help::run(arguments),
        Command::List(arguments) => list::run(arguments, &session()?),
        Command::Man(arguments) => man::run(arguments),
        Command::Migrate(arguments) => migrate::run(arguments, &session()?),
        Command::Promote(arguments) => promote::run(arguments, &session()?),
        Command::Rename(arguments) => rename::run(arguments, &session()?),
        Command::Restart(arguments) => restart::run(arguments, &session()?),
        Command::Set(arguments) => set::run(arguments, &session()?),
        Command::Snapshot(arguments) => snapshot::run(arguments, &session()?),
        Command::Start(arguments) => start::run(arguments, &session()?),
        Command::Stop(arguments) => stop::run(arguments, &session()?),
    }
}

/// Prints help that was asked for, or what is wrong with the command line.
fn not_parsed(error: clap::Error) -> ExitCode {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let error = usage_error(error, &words);
    // Nobody is left to be told that the stream is closed.
    let _ = error.print();
    match error.use_stderr() {
        true => Exit::Usage.into(),
        false => Exit::Done.into(),
    }
}

/// Names an unknown option as it was written: of `-web` the parser says only that there is no `-w`. Of commands
/// and options of older programs it says what does the same.
fn usage_error(mut error: clap::Error, words: &[String]) -> clap::Error {
    if let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand)
        && let Some(instead) = older::command(command)
    {
        error.remove(ContextKind::SuggestedSubcommand);
        suggest(&mut error, format!("it is {instead}"));
    }
    let instead = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) => older::option(&command_of(&error), option),
        _ => None,
    };
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && option.len() == 2
        && let Some(word) =
            words.iter().find(|word| word.starts_with(option.as_str()) && !word.starts_with("--"))
    {
        error.insert(ContextKind::InvalidArg, ContextValue::String(word.clone()));
        error.remove(ContextKind::Suggested);
    }
    if let Some(instead) = instead {
        error.remove(ContextKind::SuggestedArg);
        suggest(&mut error, instead.to_owned());
    }
    error
}

fn suggest(error: &mut clap::Error, tip: String) {
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

/// The command that an error is about, as its line of usage says; empty if it is none.
fn command_of(error: &clap::Error) -> String {
    let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else { return String::new() };
    let usage = usage.to_string();
    let command = usage.split_whitespace().skip_while(|word| *word != "ioc").nth(1).unwrap_or_default();
    if command.starts_with(char::is_alphabetic) { command.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests;
