//! The Linux mechanisms, tried for real: these tests make mounts, namespaces, links and control groups, and leave
//! none. They need root and say so where they have it not.

#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "what was skipped is said on standard output")]

mod jails;
mod limits;
mod mounts;
mod network;
mod speed;
mod support;
mod terminals;
