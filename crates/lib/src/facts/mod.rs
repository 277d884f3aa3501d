//! What planners are given: the state of the host, read and never changed.

pub mod config;
pub mod dependents;
pub mod etc;
pub mod fstab;
pub mod jail;
pub mod jail_etc;
pub mod network;
pub mod release;
pub mod skeleton;
pub mod snapshots;
pub mod world;
