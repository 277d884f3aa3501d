//! Tests of what must hold against a hostile jail.

pub(super) mod fixture;
// Their oracle is openat2(2).
#[cfg(target_os = "linux")]
mod links;
mod operations;
#[cfg(target_os = "linux")]
mod races;
#[cfg(target_os = "linux")]
mod special;
#[cfg(target_os = "linux")]
pub(super) mod swap;
