//! What tests of ioc need: hosts to run the binary on, pools, and a look at what is left behind.
//!
//! | module | subject |
//! |---|---|
//! | [`faults`] | a machine that fails, or kills, at the n-th thing that is done to it |
//! | [`machine`] | a machine with a source of its own, on which `ioc` is run as a user would |
//! | [`state`] | all that commands can change, to compare before and after |
//! | [`sweep`] | a command that fails or is killed at every place there is |
//! | [`traces`] | mounts, interfaces, cgroups and jails of the machine, to compare before and after |
//! | [`zfs_pool`] | a pool of ZFS for one test |

pub mod faults;
pub mod machine;
pub mod state;
pub mod sweep;
pub mod traces;
#[cfg(target_os = "linux")]
mod zfs_daemon;
pub mod zfs_pool;

/// The `ioc` to test: `built`, which cargo made, or what the environment variable `IOC_BIN` names on machines where
/// cargo does not run.
pub fn binary(built: &str) -> std::path::PathBuf {
    std::env::var_os("IOC_BIN").map_or_else(|| built.into(), Into::into)
}

/// Defines scenarios: each becomes one test on the directory store and one on zfs.
///
/// ```ignore
/// scenarios! {
///     fn a_jail_runs(machine) { machine.jail("web", &[]); }
/// }
/// ```
#[macro_export]
macro_rules! scenarios {
    ($($(#[$meta:meta])* fn $name:ident($machine:ident) $body:block)*) => {
        $($(#[$meta])* fn $name($machine: &$crate::machine::Machine) $body)*

        mod directory {
            $(#[test] fn $name() {
                super::$name(&$crate::machine::Machine::new($crate::machine::Store::Directory, env!("CARGO_BIN_EXE_ioc")));
            })*
        }

        mod zfs {
            $(#[test] fn $name() {
                super::$name(&$crate::machine::Machine::new($crate::machine::Store::Zfs, env!("CARGO_BIN_EXE_ioc")));
            })*
        }
    };
}
