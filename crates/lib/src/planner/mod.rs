//! Planners: pure functions from a request and facts to a [`Plan`](crate::plan::Plan), one file per operation.
//!
//! No I/O, no clock and no randomness but what is passed in.

pub mod activate;
pub mod clone;
pub mod create;
pub mod destroy;
pub mod effects;
pub mod environment;
pub mod etc;
pub mod fetch;
pub mod fstab;
pub mod jail_conf;
pub mod migrate;
pub mod network;
pub mod parameters;
pub mod rename;
pub mod set;
pub mod skeleton;
pub mod snapshot;
pub mod start;
pub mod stop;
