//! Commands in a running jail. They change nothing of ours, so there is no plan.

use ioc_model::name::JailRef;
use ioc_model::property;
use ioc_platform::command::Status;
use ioc_platform::jails::{Process, Stdio};

use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::ioc::Ioc;
use crate::planner::environment;

/// A command to be run in a jail, with our own standard streams.
#[derive(Clone, Debug)]
pub struct Command {
    /// Program and arguments; empty: a login shell, as `login_flags` says.
    pub argv: Vec<String>,
    /// A user of the jail; none: root.
    pub user: Option<String>,
    /// The caller's environment: `TERM` is passed on, all of it for jails with `exec_clean=no`.
    pub environment: Vec<(String, String)>,
}

/// Where a login shell is looked for if the jail has no login(1).
const LOGIN: &str = "usr/bin/login";

impl Ioc {
    /// Runs a command in a running jail to its end and returns its status, whatever it is.
    pub fn exec(&self, jail: &JailRef, command: &Command) -> Result<Status, Error> {
        let facts = JailFacts::gather_mounted(self, jail)?;
        let Some(running) = facts.running(self.host())? else {
            return Err(Error::JailStopped(jail.name.clone()));
        };
        if self.host().facts.uid != 0 {
            return Err(Error::NotRoot("run commands in jails"));
        }
        let argv = if command.argv.is_empty() { self.login(&facts, command)? } else { command.argv.clone() };
        // login(1) switches to the user by itself.
        let logs_in = command.argv.is_empty() && argv.first().is_some_and(|program| program.ends_with(LOGIN));
        let env = environment::of_commands(&facts, Some(&running), &command.environment)?;
        let process = Process {
            argv: argv.into_iter().map(Into::into).collect(),
            user: command.user.clone().filter(|_| !logs_in),
            env: env.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            stdio: Stdio::Inherit,
            fib: facts.fib()?,
            timeout: None,
        };
        Ok(self.host().jails.exec(&running.name, &process)?.status)
    }

    /// The command of a console: login(1) with the jail's flags, or a plain shell where there is no login.
    fn login(&self, jail: &JailFacts, command: &Command) -> Result<Vec<String>, Error> {
        let release = super::start::base_release(self, jail)?;
        let in_base = release.as_ref().is_some_and(|r| {
            r.kind.is_none() && r.directories.iter().any(|d| LOGIN.starts_with(&d.to_string()[1..]))
        });
        let is_freebsd = crate::facts::release::is_freebsd(self.host(), &jail.root)?;
        if !(in_base || is_freebsd) {
            return Ok(vec!["/bin/sh".to_owned(), "-l".to_owned()]);
        }
        let mut argv = vec![format!("/{LOGIN}")];
        match &command.user {
            Some(user) => argv.extend(["-f".to_owned(), user.clone()]),
            None => argv.extend(jail.get(&property::LOGIN_FLAGS)?.0),
        }
        Ok(argv)
    }
}
