//! `ioc console`

use libioc::operation::{Command, StartOptions};

use crate::session::Session;
use crate::ui::{Exit, Failure, signals};

/// Open a login shell in a running jail
///
/// The exit status is that of the shell, 128 plus the signal's number if a signal killed it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Start the jail first if it is stopped; it keeps running afterwards. As iocage has it also -f
    #[arg(short, long, short_alias = 'f', alias = "force")]
    start: bool,

    /// Log in as this user of the jail instead of what its property login_flags says
    #[arg(short, long)]
    user: Option<String>,

    /// The jail
    jail: String,
}

impl Arguments {
    /// The jail as it was written.
    pub(super) fn jail(&self) -> &str {
        &self.jail
    }
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    session.need_root("enter jails")?;
    let jail = session.ioc.jail(&arguments.jail)?;
    if arguments.start {
        let options =
            StartOptions { overrides: Default::default(), environment: session.environment(), jobs: 1 };
        let mut results = session.ioc.start(std::slice::from_ref(&jail), &options, &session.screen)?;
        if let Some(at) = results.iter().position(|(_, result)| result.is_err()) {
            results.swap_remove(at).1?;
        }
    }
    signals::leave_keys_to_command()
        .map_err(|source| Failure::System { what: "catch signals".into(), source })?;
    let command =
        Command { argv: Vec::new(), user: arguments.user.clone(), environment: session.environment() };
    Ok(Exit::Of(session.ioc.exec(&jail, &command)?))
}
