//! The machine that ioc runs on: one small trait per mechanism, and its implementations.
//!
//! | trait | mechanism | FreeBSD | Linux |
//! |---|---|---|---|
//! | [`command::Commands`] | the only door to other programs | both | both |
//! | [`store::Store`] | datasets, snapshots, clones | zfs, directory | zfs, directory |
//! | [`jails::Jails`] | jails and processes in them | jail(2) | namespaces |
//! | [`mounts::Mounts`] | file systems below a jail's root | nmount(2) | mount(2) |
//! | [`network::Network`] | bridges, pairs, addresses, routes | ioctl(2), route(4) | netlink |
//! | [`limits::Limits`] | resource limits | rctl(4) | cgroups |
//! | [`files::Files`] | files below a root that a jail may have touched | openat(2) | openat2(2) |
//! | [`devfs::Rulesets`] | which devices a jail sees | ioctl(2) on /dev | - |
//!
//! The mechanisms do not import each other; they meet in `libioc`. [`host::Host`] bundles them.
//! Off its own system a module does not exist. `unsafe` code stands only in this crate.

pub mod archive;
pub mod command;
pub mod devfs;
pub mod files;
#[cfg(target_os = "freebsd")]
mod freebsd;
pub mod host;
pub mod jails;
pub mod limits;
#[cfg(target_os = "linux")]
mod linux;
pub mod mounts;
pub mod network;
pub mod store;
