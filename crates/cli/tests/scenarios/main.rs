//! Black box: what a user sees of `ioc` on a real machine, the same on every kind of store.
//!
//! As root. Each scenario has a source of its own and fails if it leaves anything behind.

mod clones;
mod etc;
mod explain;
#[cfg(target_os = "freebsd")]
mod freebsd;
mod fstab;
mod hostile;
mod iocage;
mod lifecycle;
mod migrate;
#[cfg(target_os = "linux")]
mod network;
mod order;
mod plans;
mod pools;
mod properties;
mod refusals;
mod releases;
mod rename;
mod snapshots;
mod storage;
mod templates;
mod trouble;
