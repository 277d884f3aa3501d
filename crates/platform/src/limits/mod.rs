//! Resource limits of running jails.

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "linux")]
mod linux;
pub mod rules;

#[cfg(target_os = "freebsd")]
pub use freebsd::FreeBsdLimits;
#[cfg(target_os = "linux")]
pub use linux::LinuxLimits;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::jails::RunningJail;

/// One rule; rctl(8): `jail:NAME:resource:action=amount/per`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRule {
    /// The resource: `memoryuse`, `maxproc`, `pcpu`, ...
    pub resource: String,
    /// `deny`, `log`, `devctl`, `throttle` or a signal (`sigterm`).
    pub action: String,
    /// The amount in the resource's unit (bytes, processes, percent of one CPU, ...).
    pub amount: u64,
    /// `jail`, `process` or `user`.
    pub per: String,
}

/// Says what could not be done about limits.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// Limits are switched off in this kernel.
    #[error("resource limits are not available: {reason}")]
    Unavailable {
        /// Why, and what to do.
        reason: String,
    },
    /// This system has no such limit.
    #[error("this system cannot limit {resource} with action {action} per {per}")]
    Unsupported {
        /// The resource.
        resource: String,
        /// The action.
        action: String,
        /// The subject.
        per: String,
    },
    /// A system call failed.
    #[error("cannot {action}")]
    System {
        /// What was attempted, as a verb phrase.
        action: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Resource limits.
pub trait Limits: Send + Sync + fmt::Debug {
    /// The first rule that this system cannot apply, as an error; changes nothing.
    fn check(&self, rules: &[LimitRule]) -> Result<(), LimitsError>;

    /// Replaces the rules of a running jail by these; holds for every process in it, present and future.
    fn apply(&self, jail: &RunningJail, rules: &[LimitRule]) -> Result<(), LimitsError>;

    /// Takes away all rules of a jail, which may be gone already, and what was made for them.
    fn clear(&self, name: &ioc_model::name::KernelName) -> Result<(), LimitsError>;

    /// What a running jail uses now: resource and amount.
    fn usage(&self, jail: &RunningJail) -> Result<Vec<(String, u64)>, LimitsError>;
}
