//! `ioc completions`

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use libioc::model::property::docs;

use crate::arguments;
use crate::ui::{Exit, Failure, output};

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    let mut command = with_properties(arguments::Arguments::command());
    clap_complete::generate(arguments.shell, &mut command, "ioc", &mut script);
    output::results(|out| out.write_all(&script))?;
    Ok(Exit::Done)
}

/// The commands as a shell completes them: where a property may stand, with the names of the table.
fn with_properties(command: Command) -> Command {
    let offer = |command: Command, subcommand: &'static str, argument: &'static str, words: Vec<String>| {
        command.mut_subcommand(subcommand, |subcommand| {
            subcommand.mut_arg(argument, |argument| argument.value_parser(PossibleValuesParser::new(words)))
        })
    };
    let names = || docs::names(false).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let command = offer(command, "get", "words", names());
    let command = offer(command, "explain", "properties", names());
    let command = offer(command, "list", "output", names());
    let command = offer(command, "list", "sort", names());
    let command = offer(command, "df", "output", names());
    let command = offer(command, "df", "sort", names());
    let command = offer(command, "create", "properties", assignments());
    offer(command, "set", "words", assignments())
}

/// `KEY=` for every property that can be set, and `KEY=WORD` where it takes a few words only.
fn assignments() -> Vec<String> {
    let of = |name: &'static str| {
        let words = docs::words_of(name).iter().map(move |word| format!("{name}={word}"));
        std::iter::once(format!("{name}=")).chain(words)
    };
    docs::names(true).into_iter().flat_map(of).collect()
}
