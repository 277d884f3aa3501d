//! The Linux mechanisms, tried for real: these tests make mounts, namespaces, links and control groups, and leave
//! none. They need root and say so where they have it not.

#![expect(clippy::print_stdout, reason = "says what was skipped, and why")]
#![cfg(target_os = "linux")]

mod mounts;
mod support;
