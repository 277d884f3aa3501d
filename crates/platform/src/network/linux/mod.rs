//! The network of a Linux host: an epair is a veth pair, a VNET a network namespace, a description an alias.

mod links;

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use ioc_model::name::KernelName;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};

use self::links::Links;
use super::{
    Address, BridgeSpec, DefaultRoute, Gateway, Interface, JailInterface, Network, NetworkError, PairSpec,
};
use crate::linux::namespaces::in_network_of;
use crate::linux::netlink::{Netlink, Order};
use crate::linux::registry::Registry;

/// Networks by netlink, without other programs.
#[derive(Debug)]
pub struct LinuxNetwork {
    runtime: PathBuf,
}

impl LinuxNetwork {
    /// `runtime` is where running jails are noted, `/run/ioc`.
    pub fn new(runtime: &Path) -> Self {
        LinuxNetwork { runtime: runtime.to_owned() }
    }

    /// Pid 1 of a running jail: its number and a descriptor of the process.
    fn init_of(&self, jail: &KernelName) -> Result<(i32, OwnedFd), NetworkError> {
        let init = Registry::new(&self.runtime).open(jail).map_err(system("find the jail"))?;
        let init = init.ok_or_else(|| NetworkError::NoJail { name: jail.clone() })?;
        Ok((init.entry.pid, init.process))
    }

    /// Does something in the network of a jail.
    fn within<T: Send>(
        &self,
        jail: &KernelName,
        work: impl FnOnce(&Netlink) -> Result<T, NetworkError> + Send,
    ) -> Result<T, NetworkError> {
        let (_, process) = self.init_of(jail)?;
        let result: Result<T, Inside> = in_network_of(&process, || {
            let netlink = Netlink::open()?;
            work(&netlink).map_err(Inside::Network)
        });
        result.map_err(|error| match error {
            Inside::Network(error) => error,
            Inside::System(source) => {
                NetworkError::System { action: "enter the jail's network".into(), source }
            }
        })
    }
}

/// What can fail in a thread of another namespace.
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

impl Network for LinuxNetwork {
    fn interfaces(&self) -> Result<Vec<Interface>, NetworkError> {
        let netlink = host()?;
        let mut interfaces = Links::of(&netlink)?.interfaces();
        for (index, address) in addresses(&netlink)? {
            if let Some(interface) = interfaces.get_mut(&index) {
                interface.addresses.push(address);
            }
        }
        Ok(interfaces.into_values().collect())
    }

    fn gateways(&self) -> Result<Vec<Gateway>, NetworkError> {
        let netlink = host()?;
        let routes = netlink.dump(RouteNetlinkMessage::GetRoute(RouteMessage::default()));
        let mut found: Vec<(u32, u32, IpAddr)> = Vec::new();
        for message in routes.map_err(system("list the routes"))? {
            let RouteNetlinkMessage::NewRoute(route) = message else { continue };
            if route.header.destination_prefix_length == 0 && route.header.table == RouteHeader::RT_TABLE_MAIN
            {
                found.extend(gateway(&route));
            }
        }
        found.sort_by_key(|(metric, _, _)| *metric);
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let names = Links::of(&netlink)?;
        let gateways = found.into_iter().filter_map(|(_, index, router)| {
            Some(Gateway { router, interface: names.name(index)?.to_owned() })
        });
        Ok(gateways.collect())
    }

    fn create_bridge(&self, bridge: &BridgeSpec) -> Result<(), NetworkError> {
        let netlink = host()?;
        links::create(&netlink, &bridge.name, links::bridge(&bridge.name))?;
        finish(&netlink, &bridge.name, &bridge.description).inspect_err(|_| discard(&netlink, &bridge.name))
    }

    fn create_pair(&self, pair: &PairSpec) -> Result<(), NetworkError> {
        let netlink = host()?;
        links::create(&netlink, &pair.host, links::pair(pair)?)?;
        finish(&netlink, &pair.host, &pair.description)
            .and_then(|()| finish(&netlink, &pair.jail, &pair.description))
            .inspect_err(|_| discard(&netlink, &pair.host))
    }

    fn destroy_interface(&self, name: &str) -> Result<(), NetworkError> {
        let netlink = host()?;
        match links::index(&netlink, name) {
            Ok(index) => links::delete(&netlink, name, index),
            Err(NetworkError::NoInterface { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn join_bridge(&self, bridge: &str, member: &str) -> Result<(), NetworkError> {
        let netlink = host()?;
        let controller = links::index(&netlink, bridge)?;
        let action = format!("add {member} to bridge {bridge}");
        links::change(&netlink, member, &action, vec![LinkAttribute::Controller(controller)])
    }

    fn move_into_jail(&self, interface: &JailInterface) -> Result<(), NetworkError> {
        let (pid, _process) = self.init_of(&interface.jail)?;
        let netlink = host()?;
        let attributes =
            vec![LinkAttribute::IfName(interface.name.clone()), LinkAttribute::NetNsPid(pid as u32)];
        let action = format!("move {} into jail {}", interface.host_name, interface.jail);
        links::change(&netlink, &interface.host_name, &action, attributes)?;
        self.within(&interface.jail, |netlink| {
            if interface.accept_rtadv {
                accept_rtadv(&interface.name)?;
            }
            for address in &interface.addresses {
                add_address(netlink, &interface.name, *address)?;
            }
            links::up(netlink, &interface.name)
        })
    }

    fn move_out_of_jail(&self, interface: &JailInterface) -> Result<(), NetworkError> {
        let own = own_namespace()?;
        self.within(&interface.jail, |netlink| {
            use std::os::fd::AsRawFd;
            let attributes = vec![
                LinkAttribute::IfName(interface.host_name.clone()),
                LinkAttribute::NetNsFd(own.as_raw_fd()),
            ];
            links::change(netlink, &interface.name, &format!("take {} back", interface.name), attributes)
        })
    }

    fn setup_loopback(&self, jail: &KernelName) -> Result<(), NetworkError> {
        // The kernel gives it 127.0.0.1 and ::1 when it comes up.
        self.within(jail, |netlink| links::up(netlink, "lo"))
    }

    fn add_default_route(&self, route: &DefaultRoute) -> Result<(), NetworkError> {
        self.within(&route.jail, |netlink| {
            let mut message = RouteMessage::default();
            message.header.address_family = family(route.router);
            message.header.table = RouteHeader::RT_TABLE_MAIN;
            message.header.protocol = RouteProtocol::Static;
            message.header.scope = RouteScope::Universe;
            message.header.kind = RouteType::Unicast;
            message.attributes.push(RouteAttribute::Gateway(RouteAddress::from(route.router)));
            if let Some(interface) = &route.interface {
                message.attributes.push(RouteAttribute::Oif(links::index(netlink, interface)?));
                // The router need not be within one of our prefixes, as with `-iface` of route(8) on FreeBSD.
                message.header.flags |= netlink_packet_route::route::RouteFlags::Onlink;
            }
            let added = netlink.order(RouteNetlinkMessage::NewRoute(message), Order::Create);
            added.map_err(system(&format!("set the default route {}", route.router)))
        })
    }

    fn add_address(&self, interface: &str, address: Address) -> Result<(), NetworkError> {
        add_address(&host()?, interface, address)
    }

    fn remove_address(&self, interface: &str, address: Address) -> Result<(), NetworkError> {
        let netlink = host()?;
        let message = address_message(&netlink, interface, address)?;
        match netlink.order(RouteNetlinkMessage::DelAddress(message), Order::Change) {
            Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => Ok(()),
            removed => removed.map_err(system(&format!("remove {address} from {interface}"))),
        }
    }
}

/// Gives a new interface its description and brings it up.
fn finish(netlink: &Netlink, name: &str, description: &str) -> Result<(), NetworkError> {
    let alias = vec![LinkAttribute::IfAlias(description.to_owned())];
    links::change(netlink, name, &format!("describe {name}"), alias)?;
    links::up(netlink, name)
}

/// Takes a half-made interface away; the error that made it necessary is the one to report.
fn discard(netlink: &Netlink, name: &str) {
    let removed = links::index(netlink, name).and_then(|index| links::delete(netlink, name, index));
    if let Err(error) = removed {
        tracing::warn!(name, %error, "a half-made interface stays");
    }
}

fn add_address(netlink: &Netlink, interface: &str, address: Address) -> Result<(), NetworkError> {
    let message = address_message(netlink, interface, address)?;
    match netlink.order(RouteNetlinkMessage::NewAddress(message), Order::Create) {
        Err(error) if address.ip.is_ipv6() && error.raw_os_error() == Some(libc::EACCES) => {
            Err(NetworkError::Unsupported {
                what: format!(
                    "IPv6 is switched off on {interface}, which is to have {address}; see the sysctl net.ipv6.conf.*.disable_ipv6"
                ),
            })
        }
        added => added.map_err(system(&format!("add {address} to {interface}"))),
    }
}

fn address_message(
    netlink: &Netlink,
    interface: &str,
    address: Address,
) -> Result<AddressMessage, NetworkError> {
    let mut message = AddressMessage::default();
    message.header.index = links::index(netlink, interface)?;
    message.header.family = family(address.ip);
    message.header.prefix_len = address.prefix;
    if address.ip.is_ipv6() {
        // Without this the address cannot be used for a second after the jail's start.
        message.header.flags = AddressHeaderFlags::Nodad;
    }
    message.attributes = vec![AddressAttribute::Local(address.ip), AddressAttribute::Address(address.ip)];
    if let IpAddr::V4(ip) = address.ip
        && address.prefix < 31
    {
        let hosts = u32::MAX.checked_shr(address.prefix.into()).unwrap_or(0);
        message.attributes.push(AddressAttribute::Broadcast((u32::from(ip) | hosts).into()));
    }
    Ok(message)
}

fn family(ip: IpAddr) -> netlink_packet_route::AddressFamily {
    match ip {
        IpAddr::V4(_) => netlink_packet_route::AddressFamily::Inet,
        IpAddr::V6(_) => netlink_packet_route::AddressFamily::Inet6,
    }
}

/// All addresses of the namespace, with the index of the interface of each.
fn addresses(netlink: &Netlink) -> Result<Vec<(u32, Address)>, NetworkError> {
    let answer = netlink.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()));
    let mut found = Vec::new();
    for message in answer.map_err(system("list the addresses"))? {
        let RouteNetlinkMessage::NewAddress(message) = message else { continue };
        let (mut local, mut other) = (None, None);
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(ip) => local = Some(*ip),
                AddressAttribute::Address(ip) => other = Some(*ip),
                _ => {}
            }
        }
        let address = |ip| (message.header.index, Address { ip, prefix: message.header.prefix_len });
        found.extend(local.or(other).map(address));
    }
    Ok(found)
}

/// Metric, interface and router of a default route.
fn gateway(route: &RouteMessage) -> Option<(u32, u32, IpAddr)> {
    let (mut metric, mut interface, mut router) = (0, None, None);
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Priority(value) => metric = *value,
            RouteAttribute::Oif(index) => interface = Some(*index),
            RouteAttribute::Gateway(RouteAddress::Inet(ip)) => router = Some(IpAddr::V4(*ip)),
            RouteAttribute::Gateway(RouteAddress::Inet6(ip)) => router = Some(IpAddr::V6(*ip)),
            _ => {}
        }
    }
    Some((metric, interface?, router?))
}

/// Lets an interface take addresses from router advertisements. The file is that of the calling thread's namespace.
fn accept_rtadv(interface: &str) -> Result<(), NetworkError> {
    let file = format!("/proc/sys/net/ipv6/conf/{interface}/accept_ra");
    std::fs::write(file, "2").map_err(system(&format!("accept router advertisements on {interface}")))
}

/// The network namespace that this thread is in.
fn own_namespace() -> Result<std::fs::File, NetworkError> {
    std::fs::File::open("/proc/thread-self/ns/net").map_err(system("open our own network namespace"))
}

/// An interface that is up.
fn up_header(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    message
}
