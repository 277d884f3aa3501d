//! Bridges, pairs, addresses and routes, of the host and of VNET jails.

#[cfg(target_os = "freebsd")]
mod freebsd;
pub mod ipfw;
#[cfg(target_os = "linux")]
mod linux;
pub mod requests;

#[cfg(target_os = "freebsd")]
pub use freebsd::{FreeBsdFirewall, FreeBsdNetwork};
#[cfg(target_os = "linux")]
pub use linux::LinuxNetwork;

use std::fmt;
use std::net::IpAddr;

use ioc_model::name::KernelName;
use serde::{Deserialize, Serialize};

/// An address with its prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Length of the prefix in bits.
    pub prefix: u8,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

/// An interface of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Whether it is a bridge.
    pub bridge: bool,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Its link layer address, lower case with colons.
    pub mac: Option<String>,
    /// Its description (ifalias on Linux).
    pub description: Option<String>,
    /// The bridge it is a member of; on FreeBSD only known through the bridge's members.
    pub member_of: Option<String>,
    /// Its addresses.
    pub addresses: Vec<Address>,
}

/// The way out of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// The router.
    pub router: IpAddr,
    /// The interface it is reached through.
    pub interface: String,
}

/// A bridge to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeSpec {
    /// Its name, at most 15 characters.
    pub name: String,
    /// Its description, by which ioc knows its own.
    pub description: String,
}

/// A pair of interfaces to be made, both ends on the host, both up: epair(4), veth on Linux.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairSpec {
    /// Name of the end that stays on the host, at most 15 characters.
    pub host: String,
    /// Name of the end that goes into the jail, while it is still on the host.
    pub jail: String,
    /// MAC of the host's end.
    pub host_mac: String,
    /// MAC of the jail's end.
    pub jail_mac: String,
    /// MTU of both in bytes.
    pub mtu: u32,
    /// Description of both, by which ioc knows its own.
    pub description: String,
}

/// An interface of the host to be moved into a VNET jail and set up there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JailInterface {
    /// The jail.
    pub jail: KernelName,
    /// Its name on the host.
    pub host_name: String,
    /// Its name in the jail.
    pub name: String,
    /// Addresses, the primary one first.
    pub addresses: Vec<Address>,
    /// Let it take addresses from router advertisements.
    pub accept_rtadv: bool,
}

/// A default route of a VNET jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRoute {
    /// The jail.
    pub jail: KernelName,
    /// The router.
    pub router: IpAddr,
    /// The interface in the jail to reach it by; needed for link-local routers and such outside of our prefixes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

/// Says what could not be done to the network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// There is no such interface.
    #[error("there is no interface {name}")]
    NoInterface {
        /// Its name.
        name: String,
    },
    /// An interface of that name exists.
    #[error("an interface {name} exists already")]
    Exists {
        /// Its name.
        name: String,
    },
    /// The jail does not run.
    #[error("no jail {name} is running")]
    NoJail {
        /// The jail.
        name: KernelName,
    },
    /// The system cannot do that at all.
    #[error("{what}")]
    Unsupported {
        /// A whole sentence.
        what: String,
    },
    /// A program failed.
    #[error("cannot {action}")]
    Command {
        /// What was attempted, as a verb phrase.
        action: String,
        /// How it failed.
        source: crate::command::ExecError,
    },
    /// A process in the jail failed.
    #[error("cannot {action}: {said}")]
    InJail {
        /// What was attempted, as a verb phrase.
        action: String,
        /// What it said.
        said: String,
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

/// The network of the host and of its VNET jails. Only what the caller names is changed.
pub trait Network: Send + Sync + fmt::Debug {
    /// All interfaces of the host.
    fn interfaces(&self) -> Result<Vec<Interface>, NetworkError>;

    /// The host's default gateways, IPv4 and IPv6, as far as it has them.
    fn gateways(&self) -> Result<Vec<Gateway>, NetworkError>;

    /// Makes a bridge and brings it up.
    fn create_bridge(&self, bridge: &BridgeSpec) -> Result<(), NetworkError>;

    /// Makes a pair.
    fn create_pair(&self, pair: &PairSpec) -> Result<(), NetworkError>;

    /// Destroys a bridge, or a pair by its host end. Absent: nothing happens.
    fn destroy_interface(&self, name: &str) -> Result<(), NetworkError>;

    /// Makes `member` a member of `bridge`, which is brought up: one that is down passes nothing.
    fn join_bridge(&self, bridge: &str, member: &str) -> Result<(), NetworkError>;

    /// Moves an interface into a jail, renames it, gives it its addresses and brings it up.
    fn move_into_jail(&self, interface: &JailInterface) -> Result<(), NetworkError>;

    /// Takes an interface out of a jail, back to the host, under its name there.
    fn move_out_of_jail(&self, interface: &JailInterface) -> Result<(), NetworkError>;

    /// Brings up the jail's loopback interface with 127.0.0.1 and ::1.
    fn setup_loopback(&self, jail: &KernelName) -> Result<(), NetworkError>;

    /// Sets a default route in the jail.
    fn add_default_route(&self, route: &DefaultRoute) -> Result<(), NetworkError>;

    /// Adds an address to an interface of the host.
    fn add_address(&self, interface: &str, address: Address) -> Result<(), NetworkError>;

    /// Removes an address from an interface of the host. Absent: nothing happens.
    fn remove_address(&self, interface: &str, address: Address) -> Result<(), NetworkError>;
}

/// Rules that keep a VNET jail to its own addresses: the secure bridge. See [`ipfw`].
pub trait Firewall: Send + Sync + fmt::Debug {
    /// What keeps the rules from having an effect on this host, as a whole sentence with what to do; none: nothing.
    fn unavailable(&self) -> Result<Option<String>, NetworkError>;

    /// Adds the rules of one interface. If that fails, some of them may be there; [`Firewall::remove`] takes them away.
    fn apply(&self, spec: &ipfw::FirewallSpec) -> Result<(), NetworkError>;

    /// Takes away all rules of a number. Absent: nothing happens.
    fn remove(&self, number: std::num::NonZeroU16) -> Result<(), NetworkError>;

    /// The numbers of all rules of the host, each once, ascending.
    fn numbers(&self) -> Result<Vec<std::num::NonZeroU16>, NetworkError>;
}
