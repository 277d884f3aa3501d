//! The environment of hooks and commands.

use ioc_platform::jails::RunningJail;

use crate::error::Error;
use crate::facts::jail::JailFacts;

/// Where commands are looked for, in hooks and in jails.
pub const PATH: &str = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin";

/// The environment of hooks, and of commands in the jail.
///
/// One `IOC_<PROPERTY>` for every property, upper case, characters that a variable may not have as `_`, with the
/// text that `ioc get` prints; `IOC_JAIL_PATH`; `PATH`; with `exec_clean=no` the caller's variables first.
/// `IOC_JID` is added when the hook runs, as only then it is known.
pub fn of_hooks(jail: &JailFacts, caller: &[(String, String)]) -> Result<Vec<(String, String)>, Error> {
    let mut env = inherited(jail, caller)?;
    for (key, value) in jail.texts() {
        set(&mut env, format!("IOC_{}", variable(&key)), value);
    }
    set(&mut env, "IOC_JAIL_PATH".to_owned(), jail.root.display().to_string());
    set(&mut env, "PATH".to_owned(), PATH.to_owned());
    Ok(env)
}

/// The environment of an interactive command: as that of hooks, and the caller's terminal.
pub fn of_commands(
    jail: &JailFacts,
    running: Option<&RunningJail>,
    caller: &[(String, String)],
) -> Result<Vec<(String, String)>, Error> {
    let mut env = of_hooks(jail, caller)?;
    if let Some(running) = running {
        set(&mut env, "IOC_JID".to_owned(), running.jid.to_string());
    }
    if let Some((name, term)) = caller.iter().find(|(name, _)| name == "TERM") {
        set(&mut env, name.clone(), term.clone());
    }
    Ok(env)
}

fn inherited(jail: &JailFacts, caller: &[(String, String)]) -> Result<Vec<(String, String)>, Error> {
    Ok(if jail.get(&ioc_model::property::EXEC_CLEAN)? { Vec::new() } else { caller.to_vec() })
}

fn set(env: &mut Vec<(String, String)>, name: String, value: String) {
    env.retain(|(other, _)| *other != name);
    env.push((name, value));
}

fn variable(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}
