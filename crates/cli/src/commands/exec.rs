//! `ioc exec`

use std::io::ErrorKind;

use libioc::Error;
use libioc::operation::{Command, RunOnce};
use libioc::platform::command::Status;
use libioc::platform::jails::JailsError;

use super::older;
use crate::session::Session;
use crate::tasks;
use crate::ui::{Exit, Failure, Report, signals};

/// Run a command in a jail
///
/// The command is run as it is, without a shell. Options for ioc stand before JAIL; everything after it belongs to
/// the command. The exit status is that of the command, 128 plus the signal's number if a signal killed it.
#[derive(Debug, clap::Args)]
#[command(override_usage = "ioc exec [OPTIONS] JAIL [--] COMMAND [ARGUMENT]...")]
pub(crate) struct Arguments {
    /// Run the command as this user of the jail; also -U
    #[arg(short, long, short_alias = 'U', aliases = ["jail-user", "jail_user"])]
    user: Option<String>,

    /// Start the stopped jail for this command only, without its own services
    #[arg(short, long)]
    fork: bool,

    /// With --fork: print what would be done, and do nothing
    #[arg(long, requires = "fork")]
    plan: bool,

    /// The jail, then the command and its arguments
    #[arg(
        value_names = ["JAIL", "COMMAND"],
        num_args = 2..,
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

impl Arguments {
    /// The jail as it was written.
    pub(super) fn jail(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The jail, and the command with its arguments.
    fn target(&self) -> Result<(&str, &[String]), Failure> {
        let usage = |text: String| Err(Failure::Usage(text));
        let Some((jail, command)) = self.words.split_first() else {
            return usage("no jail is given".to_owned());
        };
        // The parser takes an option that it does not know for the first word.
        if jail.starts_with('-') {
            let instead = older::option("exec", jail).map(|instead| format!(": {instead}"));
            let instead = instead.unwrap_or_else(|| "; see `ioc exec --help`".to_owned());
            return usage(format!("there is no option {jail}{instead}"));
        }
        let command = command.strip_prefix(&["--".to_owned()]).unwrap_or(command);
        match command.is_empty() {
            true => usage("no command is given".to_owned()),
            false => Ok((jail, command)),
        }
    }
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let (jail, argv) = arguments.target()?;
    let (argv, user) = (argv.to_vec(), arguments.user.clone());
    let environment = session.environment();
    let jail = session.ioc.jail(jail)?;
    if !arguments.fork {
        session.need_root("run commands in jails")?;
        leave_keys_to_command()?;
        return status(session, session.ioc.exec(&jail, &Command { argv, user, environment }));
    }
    let operation = RunOnce { jail, argv, user, overrides: Default::default(), environment };
    if arguments.plan {
        return tasks::show_plans(session, [&operation as _]);
    }
    session.need_root("run commands in jails")?;
    leave_keys_to_command()?;
    let (_, applied) = session.ioc.apply(&operation, &session.screen.quiet())?;
    Ok(applied.command_status.map_or(Exit::Done, Exit::Of))
}

/// The status to end with. As in sh(1), that of a command that is not there is 127, and of one that cannot be run 126.
fn status(session: &Session, result: Result<Status, Error>) -> Result<Exit, Failure> {
    let code = match &result {
        Err(Error::Jails(JailsError::Program { source, .. })) if source.kind() == ErrorKind::NotFound => 127,
        Err(Error::Jails(JailsError::Program { .. })) => 126,
        _ => return Ok(Exit::Of(result?)),
    };
    if let Err(error) = result {
        session.screen.error(&Report::from(&error.into()));
    }
    Ok(Exit::Of(Status::Exited(code)))
}

fn leave_keys_to_command() -> Result<(), Failure> {
    signals::leave_keys_to_command()
        .map_err(|source| Failure::System { what: "catch signals".to_owned(), source })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::commands;

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        let words = ["ioc", "exec"].iter().chain(words);
        match crate::arguments::Arguments::try_parse_from(words)?.command {
            Some(commands::Command::Exec(arguments)) => Ok(arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_end_at_the_jail() {
        for words in [&["web", "tail", "-f", "x"][..], &["web", "--", "tail", "-f", "x"]] {
            let arguments = parse(words).unwrap();
            assert!(!arguments.fork);
            let (jail, command) = arguments.target().unwrap();
            assert_eq!((jail, command.join(" ").as_str()), ("web", "tail -f x"));
        }
        let arguments = parse(&["-f", "-u", "bob", "web", "-u", "--json", "--", "-NH"]).unwrap();
        assert!(arguments.fork && arguments.user.as_deref() == Some("bob"));
        assert_eq!(arguments.target().unwrap().1, ["-u", "--json", "--", "-NH"]);
    }

    #[test]
    fn what_is_no_command() {
        assert!(parse(&["web"]).is_err());
        assert!(parse(&[]).is_err());
        assert!(parse(&["web", "--"]).unwrap().target().is_err());
        assert!(parse(&["-x", "web", "ls"]).unwrap().target().is_err());
        assert!(parse(&["--plan", "web", "ls"]).is_err());
    }
}
