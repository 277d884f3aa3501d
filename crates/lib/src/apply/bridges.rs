//! Bridges that jails share: made by the first start, gone with the last stop, whichever commands these are.
//!
//! A start and a stop of two jails do not hold a common lock, so each look at a bridge and the change that
//! follows from it happen under one lock of the host.

use std::time::Duration;

use ioc_platform::host::Host;
use ioc_platform::network::{BridgeSpec, NetworkError};

use super::execute::{CHANGED, Done, StepError, UNCHANGED};
use super::lock::{LockName, Locks};
use crate::planner::network::BRIDGE_MARK;

/// How long another command may keep the bridges; it has a few system calls to make.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a bridge; that another start made it in the meantime is as good.
pub(super) fn create(host: &Host, bridge: &BridgeSpec) -> Result<Done, StepError> {
    match host.network.create_bridge(bridge) {
        Err(NetworkError::Exists { .. }) => Ok(UNCHANGED),
        made => {
            made?;
            Ok(CHANGED)
        }
    }
}

/// Makes `member` a member of `bridge`. If that is `ours` and the stop of its last jail removed it since it was
/// looked for, it is made again.
pub(super) fn join(host: &Host, bridge: &str, member: &str, ours: bool) -> Result<(), StepError> {
    let _lock = lock(host)?;
    if ours && !host.network.interfaces()?.iter().any(|interface| interface.name == bridge) {
        let spec = BridgeSpec { name: bridge.to_owned(), description: BRIDGE_MARK.to_owned() };
        host.network.create_bridge(&spec)?;
    }
    Ok(host.network.join_bridge(bridge, member)?)
}

/// Destroys a bridge if ioc made it and it has no members.
pub(super) fn remove(host: &Host, name: &str) -> Result<Done, StepError> {
    let _lock = lock(host)?;
    let interfaces = host.network.interfaces()?;
    let ours = interfaces
        .iter()
        .any(|i| i.name == name && i.bridge && i.description.as_deref() == Some(BRIDGE_MARK));
    let used = interfaces.iter().any(|i| i.member_of.as_deref() == Some(name));
    if !ours || used {
        return Ok(UNCHANGED);
    }
    host.network.destroy_interface(name)?;
    Ok(CHANGED)
}

fn lock(host: &Host) -> Result<Locks<'_>, StepError> {
    let mut locks = Locks::new(&host.facts.runtime_directory, "a bridge");
    locks.take(vec![LockName::Bridges], PATIENCE)?;
    Ok(locks)
}
