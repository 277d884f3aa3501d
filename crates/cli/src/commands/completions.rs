//! `ioc completions`

use clap::CommandFactory;
use clap_complete::Shell;

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
    clap_complete::generate(arguments.shell, &mut arguments::Arguments::command(), "ioc", &mut script);
    output::results(|out| out.write_all(&script))?;
    Ok(Exit::Done)
}
