//! Running jails and processes in them.

pub mod cpus;
#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "linux")]
mod linux;
pub mod login_class;
pub mod parameters;
pub mod userdb;

#[cfg(target_os = "freebsd")]
pub use freebsd::FreeBsdJails;
#[cfg(target_os = "linux")]
pub use linux::LinuxJails;

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use ioc_model::name::KernelName;
use serde::{Deserialize, Serialize};

use crate::command::Finished;

/// A jail that the kernel knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningJail {
    /// Its name.
    pub name: KernelName,
    /// Its number: the JID; on Linux the host's process id of its pid 1.
    pub jid: i32,
    /// Its root directory on the host.
    pub path: PathBuf,
    /// Its host name.
    pub hostname: String,
    /// It has its own network stack.
    pub vnet: bool,
    /// IPv4 addresses it is restricted to (not VNET).
    pub ip4: Vec<Ipv4Addr>,
    /// IPv6 addresses it is restricted to (not VNET).
    pub ip6: Vec<Ipv6Addr>,
    /// It was removed but something still holds it.
    pub dying: bool,
}

/// A kernel parameter of a jail; jail(8), section "Jail Parameters".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name as the kernel has it: `allow.raw_sockets`, `children.max`, `host.hostname`.
    pub name: String,
    /// Its value.
    pub value: ParameterValue,
}

/// The value of a kernel parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterValue {
    /// A boolean: the kernel knows `x` and `nox`, by presence.
    Flag(bool),
    /// A number.
    Number(i32),
    /// Text.
    Text(String),
    /// disable, new or inherit (`ip4`, `sysvshm`, ...).
    Sys(JailSys),
    /// IPv4 addresses, the primary one first.
    Ip4(Vec<Ipv4Addr>),
    /// IPv6 addresses, the primary one first.
    Ip6(Vec<Ipv6Addr>),
}

/// How a jail relates to a subsystem; `JAIL_SYS_*` of sys/jail.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JailSys {
    /// The jail has none (0).
    Disable,
    /// The jail has its own (1).
    New,
    /// The jail shares its parent's (2).
    Inherit,
}

/// A jail to be made. Its root must be complete: mounts are there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JailSpec {
    /// Its name.
    pub name: KernelName,
    /// Its root directory on the host.
    pub path: PathBuf,
    /// Its host name.
    pub hostname: String,
    /// Give it its own network stack.
    pub vnet: bool,
    /// All other parameters. On Linux those without an equivalent are ignored; docs/linux.md lists them.
    pub parameters: Vec<Parameter>,
}

/// A process to be run in a jail.
#[derive(Clone, Debug)]
pub struct Process {
    /// Program and arguments; the program is looked up in the jail by `PATH` of `env` if it has no slash.
    pub argv: Vec<OsString>,
    /// User of the jail's own passwd file to run as; none: root (uid 0), even if the jail has no passwd file.
    pub user: Option<String>,
    /// The whole environment. `HOME`, `SHELL`, `USER`, `LOGNAME` of the user are added where they are missing.
    pub env: Vec<(OsString, OsString)>,
    /// What standard input, output and error are.
    pub stdio: Stdio,
    /// After this time the process group is killed; none: it may take as long as it wants.
    pub timeout: Option<Duration>,
    /// Routing table of the host to use; setfib(2). None: that of the caller. Linux has none and refuses a number.
    pub fib: Option<u32>,
}

/// The standard streams of a process in a jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdio {
    /// Those of the caller, terminal included.
    Inherit,
    /// Input closed; output and error captured, the last 64 KiB of each. The process counts as ended when it ends,
    /// even if a daemon it started holds the streams open.
    Capture,
}

/// Says what could not be done with a jail.
#[derive(Debug, thiserror::Error)]
pub enum JailsError {
    /// No such jail runs.
    #[error("no jail {name} is running")]
    NotRunning {
        /// The jail.
        name: KernelName,
    },
    /// A jail of that name runs.
    #[error("a jail {name} is running already")]
    Exists {
        /// The jail.
        name: KernelName,
    },
    /// The kernel does not know a parameter, or not this value of it.
    #[error("this kernel does not take the jail parameter {parameter}")]
    Parameter {
        /// Its kernel name.
        parameter: String,
    },
    /// The jail was removed but does not go away.
    #[error("jail {name} is still dying after {} s; {held_by}", .waited.as_secs())]
    Dying {
        /// The jail.
        name: KernelName,
        /// How long we waited.
        waited: Duration,
        /// What is known of the reason.
        held_by: String,
    },
    /// The user is not in the jail's passwd file.
    #[error("jail {name} has no user {user}")]
    NoUser {
        /// The jail.
        name: KernelName,
        /// The user.
        user: String,
    },
    /// The program is not in the jail, or cannot be run there.
    #[error("cannot run {program} in jail {name}")]
    Program {
        /// The jail.
        name: KernelName,
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A process took too long and was killed.
    #[error("{program} in jail {name} was killed after {} s", .timeout.as_secs())]
    TimedOut {
        /// The jail.
        name: KernelName,
        /// The program.
        program: String,
        /// The time it was given.
        timeout: Duration,
    },
    /// The system cannot do that at all.
    #[error("{what}")]
    Unsupported {
        /// A whole sentence.
        what: String,
    },
    /// The running jails could not be listed.
    #[error("cannot list the running jails")]
    List {
        /// What the system said.
        source: std::io::Error,
    },
    /// A system call failed.
    #[error("cannot {action} for jail {name}")]
    System {
        /// What was attempted, as a verb phrase.
        action: String,
        /// The jail.
        name: KernelName,
        /// What the system said (with the kernel's own message where it gave one).
        source: std::io::Error,
    },
}

/// Jails of the kernel.
pub trait Jails: Send + Sync + fmt::Debug {
    /// All running and dying jails, ours or not, as far as this process may see them.
    fn list(&self) -> Result<Vec<RunningJail>, JailsError>;

    /// One jail by name, dying ones included; does not look at the others.
    fn find(&self, name: &KernelName) -> Result<Option<RunningJail>, JailsError>;

    /// The first parameter that this kernel does not take, if any; changes nothing.
    fn unsupported(&self, parameters: &[Parameter]) -> Result<Option<String>, JailsError>;

    /// Makes a jail that stays without processes (`persist`); returns its JID.
    fn create(&self, spec: &JailSpec) -> Result<i32, JailsError>;

    /// Changes parameters of a running jail.
    fn modify(&self, name: &KernelName, parameters: &[Parameter]) -> Result<(), JailsError>;

    /// Kills every process in the jail, which stays. They may take a moment to end.
    fn kill_processes(&self, name: &KernelName) -> Result<(), JailsError>;

    /// Kills every process of the jail, removes it and waits until it is gone, `patience` at the most.
    fn remove(&self, name: &KernelName, patience: Duration) -> Result<(), JailsError>;

    /// Runs a process in the jail to its end. The status is returned, whatever it is.
    fn exec(&self, name: &KernelName, process: &Process) -> Result<Finished, JailsError>;
}
