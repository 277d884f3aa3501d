//! The network of a Linux host and of its VNET jails, by netlink.
//!
//! | on FreeBSD | here |
//! |---|---|
//! | epair | veth pair |
//! | bridge | bridge, with an address that depends on its name only |
//! | VNET | network namespace |
//! | description | `ifalias` |
//!
//! What happens in a jail's network happens on a thread of its own.

mod addresses;
mod links;
mod routes;

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;

use ioc_model::name::KernelName;
use netlink_packet_route::link::LinkAttribute;

use super::{
    Address, BridgeSpec, DefaultRoute, Gateway, Interface, JailInterface, Network, NetworkError, PairSpec,
};
use crate::linux::namespaces::in_network_of;
use crate::linux::netlink::Netlink;
use crate::linux::registry::Registry;

/// Networks by netlink, without other programs.
#[derive(Clone, Debug)]
pub struct LinuxNetwork {
    registry: Registry,
}

/// A network namespace: a connection to its network, and the namespace itself.
struct Namespace {
    netlink: Netlink,
    file: File,
}

impl Namespace {
    /// The one that this thread is in.
    fn own() -> io::Result<Self> {
        Ok(Namespace { netlink: Netlink::open()?, file: File::open("/proc/thread-self/ns/net")? })
    }

    fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// What can fail on a thread of another namespace.
enum Inside {
    Network(NetworkError),
    System(io::Error),
}

impl From<io::Error> for Inside {
    fn from(error: io::Error) -> Self {
        Inside::System(error)
    }
}

fn system(action: &str) -> impl Fn(io::Error) -> NetworkError {
    move |source| NetworkError::System { action: action.to_owned(), source }
}

fn host() -> Result<Netlink, NetworkError> {
    Netlink::open().map_err(system("ask the kernel about its network"))
}

impl LinuxNetwork {
    /// The network of the host, and of the jails that are noted below the runtime directory (`/run/ioc`).
    pub fn new(runtime_directory: &Path) -> Self {
        LinuxNetwork { registry: Registry::new(runtime_directory) }
    }

    /// Does something on a thread in the network of a jail.
    fn within<T: Send>(
        &self,
        jail: &KernelName,
        work: impl FnOnce(&Namespace) -> Result<T, NetworkError> + Send,
    ) -> Result<T, NetworkError> {
        let init = self.registry.open(jail).map_err(system("find the jail"))?;
        let init = init.ok_or_else(|| NetworkError::NoJail { name: jail.clone() })?;
        if !init.entry.vnet {
            let what =
                format!("jail {jail} shares the host's network, so there is none of its own to change");
            return Err(NetworkError::Unsupported { what });
        }
        let result = in_network_of(&init.process, || work(&Namespace::own()?).map_err(Inside::Network));
        result.map_err(|error| match error {
            Inside::Network(error) => error,
            Inside::System(source) => {
                NetworkError::System { action: format!("enter the network of jail {jail}"), source }
            }
        })
    }
}

impl Network for LinuxNetwork {
    fn interfaces(&self) -> Result<Vec<Interface>, NetworkError> {
        let netlink = host()?;
        let mut interfaces = links::list(&netlink)?;
        for (index, address) in addresses::list(&netlink)? {
            if let Some(interface) = interfaces.get_mut(&index) {
                interface.addresses.push(address);
            }
        }
        Ok(interfaces.into_values().collect())
    }

    fn gateways(&self) -> Result<Vec<Gateway>, NetworkError> {
        let netlink = host()?;
        let routes = routes::defaults(&netlink)?;
        if routes.is_empty() {
            return Ok(Vec::new());
        }
        let interfaces = links::list(&netlink)?;
        let gateways = routes.into_iter().filter_map(|route| {
            let interface = interfaces.get(&route.interface)?.name.clone();
            Some(Gateway { router: route.router, interface })
        });
        Ok(gateways.collect())
    }

    fn create_bridge(&self, bridge: &BridgeSpec) -> Result<(), NetworkError> {
        links::create_bridge(&host()?, bridge)
    }

    fn create_pair(&self, pair: &PairSpec) -> Result<(), NetworkError> {
        links::create_pair(&host()?, pair)
    }

    fn destroy_interface(&self, name: &str) -> Result<(), NetworkError> {
        links::delete(&host()?, name)
    }

    fn join_bridge(&self, bridge: &str, member: &str) -> Result<(), NetworkError> {
        let netlink = host()?;
        let controller = LinkAttribute::Controller(links::index(&netlink, bridge)?);
        let action = format!("make {member} a member of bridge {bridge}");
        links::change(&netlink, member, &action, vec![controller])?;
        links::bring_up(&netlink, bridge)
    }

    fn move_into_jail(&self, interface: &JailInterface) -> Result<(), NetworkError> {
        let host = Namespace::own().map_err(system("ask the kernel about its network"))?;
        self.within(&interface.jail, |jail| {
            let action = format!("move {} into jail {}", interface.host_name, interface.jail);
            let moved = vec![
                LinkAttribute::IfName(interface.name.clone()),
                LinkAttribute::NetNsFd(jail.descriptor()),
            ];
            links::change(&host.netlink, &interface.host_name, &action, moved)?;
            set_up(&jail.netlink, interface).inspect_err(|_| {
                if let Err(error) = move_back(jail, &host, interface) {
                    tracing::warn!(interface = interface.name, %error, "an interface stays in the jail");
                }
            })
        })
    }

    fn move_out_of_jail(&self, interface: &JailInterface) -> Result<(), NetworkError> {
        let host = Namespace::own().map_err(system("ask the kernel about its network"))?;
        self.within(&interface.jail, |jail| move_back(jail, &host, interface))
    }

    fn setup_loopback(&self, jail: &KernelName) -> Result<(), NetworkError> {
        // The kernel gives it 127.0.0.1 and ::1 when it comes up.
        self.within(jail, |jail| links::bring_up(&jail.netlink, "lo"))
    }

    fn add_default_route(&self, route: &DefaultRoute) -> Result<(), NetworkError> {
        self.within(&route.jail, |jail| {
            routes::set_default(&jail.netlink, route.router, route.interface.as_deref())
        })
    }

    fn add_address(&self, interface: &str, address: Address) -> Result<(), NetworkError> {
        addresses::add(&host()?, interface, address)
    }

    fn remove_address(&self, interface: &str, address: Address) -> Result<(), NetworkError> {
        addresses::remove(&host()?, interface, address)
    }
}

/// Gives an interface in the jail what it is to have, and brings it up.
fn set_up(netlink: &Netlink, interface: &JailInterface) -> Result<(), NetworkError> {
    set_up_ipv6(interface)?;
    for address in &interface.addresses {
        addresses::add(netlink, &interface.name, *address)?;
    }
    links::bring_up(netlink, &interface.name)
}

fn move_back(jail: &Namespace, host: &Namespace, interface: &JailInterface) -> Result<(), NetworkError> {
    let attributes =
        vec![LinkAttribute::IfName(interface.host_name.clone()), LinkAttribute::NetNsFd(host.descriptor())];
    let action = format!("take {} out of jail {}", interface.name, interface.jail);
    links::change(&jail.netlink, &interface.name, &action, attributes)
}

/// Sets the IPv6 switches of an interface of the jail, in whose network this thread must be.
fn set_up_ipv6(interface: &JailInterface) -> Result<(), NetworkError> {
    let name = &interface.name;
    let directory = Path::new("/proc/sys/net/ipv6/conf").join(name);
    let wanted = interface.accept_rtadv || interface.addresses.iter().any(|address| address.ip.is_ipv6());
    if !directory.is_dir() {
        return if wanted {
            let what = addresses::without_ipv6(name, "addresses of it");
            Err(NetworkError::Unsupported { what })
        } else {
            Ok(())
        };
    }
    let mut switches = vec![
        // On even if the jail forwards packets (2), or off, where the kernel's default would be on.
        ("accept_ra", if interface.accept_rtadv { "2" } else { "0" }),
        // Addresses can be used at once, rather than after looking for duplicates for a second.
        ("accept_dad", "0"),
    ];
    if wanted {
        switches.push(("disable_ipv6", "0"));
    }
    for (switch, value) in switches {
        let file = directory.join(switch);
        std::fs::write(&file, value).map_err(system(&format!("set {}", file.display())))?;
    }
    Ok(())
}
