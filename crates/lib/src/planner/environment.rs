//! The environment of hooks and commands.

use std::collections::BTreeMap;

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
    env.extend(jail.texts().into_iter().map(|(key, value)| (format!("IOC_{}", variable(&key)), value)));
    env.insert("IOC_JAIL_PATH".to_owned(), jail.root.display().to_string());
    env.insert("PATH".to_owned(), PATH.to_owned());
    Ok(env.into_iter().collect())
}

/// The environment of an interactive command: as that of hooks, and the caller's terminal.
pub fn of_commands(
    jail: &JailFacts,
    running: Option<&RunningJail>,
    caller: &[(String, String)],
) -> Result<Vec<(String, String)>, Error> {
    let mut env = of_hooks(jail, caller)?;
    if let Some(running) = running {
        set(&mut env, "IOC_JID", running.jid.to_string());
    }
    if let Some((name, term)) = caller.iter().find(|(name, _)| name == "TERM") {
        set(&mut env, name, term.clone());
    }
    Ok(env)
}

fn inherited(jail: &JailFacts, caller: &[(String, String)]) -> Result<BTreeMap<String, String>, Error> {
    let clean = jail.get(&ioc_model::property::EXEC_CLEAN)?;
    Ok(if clean { BTreeMap::new() } else { caller.iter().cloned().collect() })
}

fn set(env: &mut Vec<(String, String)>, name: &str, value: String) {
    env.retain(|(other, _)| other != name);
    env.push((name.to_owned(), value));
}

fn variable(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}
