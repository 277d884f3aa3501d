//! The commands, one a file.
//!
//! Each has its arguments as a struct, whose docs are the command's help, and a function that runs it.

mod activate;
mod clone;
mod completions;
mod console;
mod create;
mod deactivate;
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
    let screen = screen(&arguments.global, arguments.log_level);
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

/// Commands of iocage, and of the shell iocage before it, that are called otherwise here.
const OLDER: [(&str, &str); 12] = [
    ("chroot", "`ioc console JAIL`, or `ioc exec JAIL COMMAND`"),
    ("clean", "`ioc destroy '*'`, with -r releases, with -t templates"),
    ("defaults", "`ioc get all defaults`"),
    ("inuse", "`ioc list -o name,usage.memoryuse`"),
    ("limits", "`ioc get memoryuse JAIL`, `ioc list -o name,memoryuse,usage.memoryuse`"),
    ("rcboot", "`ioc start --rc`"),
    ("rcshutdown", "`ioc stop --rc`"),
    ("reset", "`ioc set PROPERTY JAIL`"),
    ("rollback", "`ioc snapshot rollback JAIL@NAME`"),
    ("show", "`ioc list`"),
    ("snaplist", "`ioc snapshot list JAIL`"),
    ("snapremove", "`ioc snapshot remove JAIL@NAME`"),
];

/// Names an unknown option as it was written: of `-web` the parser says only that there is no `-w`. Of a command of
/// older programs it says what does the same.
fn usage_error(mut error: clap::Error, words: &[String]) -> clap::Error {
    if let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand)
        && let Some((_, instead)) = OLDER.iter().find(|(older, _)| older == command)
    {
        let tips = vec![format!("it is {instead}").into()];
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && option.len() == 2
        && let Some(word) =
            words.iter().find(|word| word.starts_with(option.as_str()) && !word.starts_with("--"))
    {
        error.insert(ContextKind::InvalidArg, ContextValue::String(word.clone()));
        error.remove(ContextKind::Suggested);
    }
    error
}

#[cfg(test)]
mod tests;
