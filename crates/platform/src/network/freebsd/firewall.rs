//! The secure bridge by ipfw(8).

use std::num::NonZeroU16;
use std::sync::Arc;

use crate::command::{Cmd, Commands, ExecError, Program};
use crate::freebsd::sysctl;
use crate::network::ipfw::{self, FirewallSpec};
use crate::network::{Firewall, NetworkError};

/// ipfw(8), through the door.
#[derive(Clone, Debug)]
pub struct FreeBsdFirewall {
    commands: Arc<dyn Commands>,
}

/// EX_UNAVAILABLE: what ipfw(8) exits with when it finds no rule of the number to delete, among others.
const UNAVAILABLE: i32 = 69;

impl FreeBsdFirewall {
    /// A firewall that goes through `commands`.
    pub fn new(commands: Arc<dyn Commands>) -> Self {
        FreeBsdFirewall { commands }
    }
}

fn failed(action: String) -> impl FnOnce(ExecError) -> NetworkError {
    |source| NetworkError::Command { action, source }
}

impl Firewall for FreeBsdFirewall {
    fn unavailable(&self) -> Result<Option<String>, NetworkError> {
        let mut missing = Vec::new();
        for name in ipfw::NEEDED {
            let value = sysctl::number(name)
                .map_err(|source| NetworkError::System { action: format!("read sysctl {name}"), source })?;
            if value != Some(1) {
                missing.push(format!("{name}=1"));
            }
        }
        if missing.is_empty() {
            return Ok(None);
        }
        Ok(Some(format!(
            "secure VNET bridges need ipfw on bridges: load if_bridge and ipfw and set {} in /etc/sysctl.conf",
            missing.join(" ")
        )))
    }

    fn apply(&self, spec: &FirewallSpec) -> Result<(), NetworkError> {
        let rules =
            ipfw::rules(spec).map_err(|error| NetworkError::Unsupported { what: error.to_string() })?;
        let cmd = Cmd::new(Program::Ipfw).args(["-q", "/dev/stdin"]);
        let applied = self.commands.write(&cmd, &mut rules.as_bytes());
        applied.map_err(failed(format!("add the firewall rules {}", spec.number)))?;
        Ok(())
    }

    fn remove(&self, number: NonZeroU16) -> Result<(), NetworkError> {
        let action = format!("delete the firewall rules {number}");
        // Without -q, which would hide why it failed.
        let cmd = Cmd::new(Program::Ipfw).arg("delete").arg(number.to_string()).accept(UNAVAILABLE);
        let finished = self.commands.run(&cmd).map_err(failed(action.clone()))?;
        let said = String::from_utf8_lossy(&finished.stderr);
        // `ipfw: rule 10004 not found`, ipfw_delete() in sbin/ipfw/ipfw2.c of 13.2
        if finished.status.success() || said.contains("not found") {
            return Ok(());
        }
        Err(failed(action)(ExecError::Failed {
            command: cmd.to_string(),
            status: finished.status,
            stderr: said.trim().to_owned(),
        }))
    }

    fn numbers(&self) -> Result<Vec<NonZeroU16>, NetworkError> {
        let cmd = Cmd::new(Program::Ipfw).args(["-q", "list"]);
        let finished = self.commands.run(&cmd).map_err(failed("list the firewall rules".to_owned()))?;
        Ok(ipfw::numbers(&String::from_utf8_lossy(&finished.stdout)))
    }
}
