//! The network of FreeBSD: interfaces, bridges, pairs, addresses and routes by ioctl(2) and route(4), no programs.

#![expect(unsafe_code, reason = "system calls that no crate wraps")]

mod calls;
mod firewall;
mod gateways;
mod interfaces;

use std::io;

use ioc_model::name::KernelName;
use nix::errno::Errno;

use self::calls::{Failure, Sockets};
pub use self::firewall::FreeBsdFirewall;
use super::requests::{self, Ipv6, Request};
use super::{
    Address, BridgeSpec, DefaultRoute, Gateway, Interface, JailInterface, Network, NetworkError, PairSpec,
};
use crate::freebsd::{jid, kld, sysctl};

/// The network of this FreeBSD host.
#[derive(Clone, Copy, Debug, Default)]
pub struct FreeBsdNetwork;

fn system(action: impl Into<String>, source: impl Into<io::Error>) -> NetworkError {
    NetworkError::System { action: action.into(), source: source.into() }
}

fn jid_of(jail: &KernelName) -> Result<i32, NetworkError> {
    jid::of(jail)
        .map_err(|e| system(format!("look for jail {jail}"), e))?
        .ok_or_else(|| NetworkError::NoJail { name: jail.clone() })
}

/// A name for an interface to be made or renamed.
fn check_name(name: &str) -> Result<(), NetworkError> {
    if requests::is_name(name) {
        return Ok(());
    }
    Err(NetworkError::Unsupported {
        what: format!(
            "{name:?} cannot be the name of an interface, which has 1 to 15 characters without spaces"
        ),
    })
}

/// Carries out requests on the host, one after the other; the index of the first that fails with its error.
fn on_host(requests: &mut [Request]) -> Result<(), (usize, NetworkError)> {
    let mut sockets = Sockets::new();
    for (at, request) in requests.iter_mut().enumerate() {
        tracing::debug!(action = request.action, "network");
        if let Err(errno) = sockets.perform(request) {
            return Err((at, system(request.action.clone(), errno)));
        }
    }
    Ok(())
}

/// Carries out requests in the network of a jail.
fn in_jail(jail: &KernelName, requests: &mut [Request]) -> Result<(), NetworkError> {
    let jid = jid_of(jail)?;
    for request in &*requests {
        tracing::debug!(%jail, action = request.action, "network");
    }
    match calls::in_jail(jid, requests) {
        Ok(()) => Ok(()),
        Err(Failure::Child(source)) => Err(system(format!("act in the network of jail {jail}"), source)),
        Err(Failure::Enter(Errno::EINVAL)) => Err(NetworkError::NoJail { name: jail.clone() }),
        Err(Failure::Enter(errno)) => Err(system(format!("enter jail {jail}"), errno)),
        Err(Failure::Request(at, errno)) => {
            let action = requests.get(at).map_or("act", |request| &request.action);
            Err(NetworkError::InJail {
                action: format!("{action} in jail {jail}"),
                said: errno.desc().to_owned(),
            })
        }
    }
}

/// Makes an interface of a kind, after its module is loaded; returns the name that the kernel gave it.
fn create(kind: &str, module: &str) -> Result<String, NetworkError> {
    let mut ioctl = requests::create(kind);
    let mut result = Sockets::new().ioctl(&mut ioctl);
    // if_clone_create() in sys/net/if_clone.c: nobody makes that kind of interface (yet).
    if result == Err(Errno::EINVAL) && kld::load(module) {
        ioctl = requests::create(kind);
        result = Sockets::new().ioctl(&mut ioctl);
    }
    result.map_err(|errno| system(format!("make an interface of kind {kind}"), errno))?;
    Ok(requests::name_in(&ioctl.argument))
}

fn destroy(name: &str) -> Result<(), NetworkError> {
    tracing::debug!(name, "destroy interface");
    match Sockets::new().ioctl(&mut requests::destroy(name)) {
        Ok(()) | Err(Errno::ENXIO) => Ok(()),
        Err(errno) => Err(system(format!("destroy interface {name}"), errno)),
    }
}

/// Sets up what was just made as `made` and is called `wanted` from the request at `renamed` on; destroys it again
/// if that fails.
fn set_up(mut requests: Vec<Request>, made: &str, wanted: &str, renamed: usize) -> Result<(), NetworkError> {
    let Err((at, error)) = on_host(&mut requests) else { return Ok(()) };
    let now = if at > renamed { wanted } else { made };
    if let Err(second) = destroy(now) {
        tracing::warn!(interface = now, error = %second, "a half-made interface stays");
    }
    match error {
        NetworkError::System { source, .. } if source.raw_os_error() == Some(Errno::EEXIST as i32) => {
            Err(NetworkError::Exists { name: wanted.to_owned() })
        }
        error => Err(error),
    }
}

impl Network for FreeBsdNetwork {
    fn interfaces(&self) -> Result<Vec<Interface>, NetworkError> {
        interfaces::list().map_err(|e| system("list interfaces", e))
    }

    fn gateways(&self) -> Result<Vec<Gateway>, NetworkError> {
        gateways::list().map_err(|e| system("ask for the default routes", e))
    }

    fn create_bridge(&self, bridge: &BridgeSpec) -> Result<(), NetworkError> {
        let BridgeSpec { name, description } = bridge;
        check_name(name)?;
        let made = create("bridge", "if_bridge")?;
        let requests = vec![
            requests::set_description(&made, description),
            requests::rename(&made, name),
            requests::up(name),
        ];
        set_up(requests, &made, name, 1)
    }

    fn create_pair(&self, pair: &PairSpec) -> Result<(), NetworkError> {
        let PairSpec { host, jail, host_mac, jail_mac, mtu, description } = pair;
        check_name(host)?;
        check_name(jail)?;
        let mac = |text: &str| {
            requests::mac(text)
                .ok_or_else(|| NetworkError::Unsupported { what: format!("{text:?} is not a MAC") })
        };
        let (host_mac, jail_mac) = (mac(host_mac)?, mac(jail_mac)?);
        let made = create("epair", "if_epair")?;
        // if_epair(4): the ends differ in their last letter.
        let other = format!("{}b", made.trim_end_matches('a'));
        let mut requests = Vec::new();
        for (name, mac) in [(&made, host_mac), (&other, jail_mac)] {
            requests.push(requests::set_description(name, description));
            requests.push(requests::set_mac(name, mac));
            requests.push(requests::set_mtu(name, *mtu));
        }
        requests.push(requests::ipv6(&made, Ipv6::Off));
        requests.push(requests::rename(&other, jail));
        let renamed = requests.len();
        requests.push(requests::rename(&made, host));
        requests.push(requests::up(jail));
        requests.push(requests::up(host));
        set_up(requests, &made, host, renamed).map_err(|error| match error {
            // Either name may be the one that exists.
            NetworkError::Exists { .. } if !interfaces::exists(host) => {
                NetworkError::Exists { name: jail.clone() }
            }
            error => error,
        })
    }

    fn destroy_interface(&self, name: &str) -> Result<(), NetworkError> {
        destroy(name)
    }

    fn join_bridge(&self, bridge: &str, member: &str) -> Result<(), NetworkError> {
        tracing::debug!(bridge, member, "join bridge");
        let action = || format!("make interface {member} a member of bridge {bridge}");
        let mut sockets = Sockets::new();
        match sockets.ioctl(&mut requests::add_member(bridge, member)) {
            // bridge_ioctl_add() in sys/net/if_bridge.c: it is a member of this bridge.
            Ok(()) | Err(Errno::EEXIST) => sockets
                .perform(&mut requests::up(bridge))
                .map_err(|e| system(format!("bring up bridge {bridge}"), e)),
            Err(Errno::ENXIO) => Err(NetworkError::NoInterface { name: bridge.to_owned() }),
            Err(Errno::ENOENT) => Err(NetworkError::NoInterface { name: member.to_owned() }),
            Err(Errno::EINVAL) => {
                Err(why_not_joined(bridge, member).unwrap_or_else(|| system(action(), Errno::EINVAL)))
            }
            Err(errno) => Err(system(action(), errno)),
        }
    }

    fn move_into_jail(&self, interface: &JailInterface) -> Result<(), NetworkError> {
        let JailInterface { jail, host_name, name, addresses, accept_rtadv } = interface;
        check_name(name)?;
        let jid = jid_of(jail)?;
        tracing::debug!(%jail, host_name, "move interface into jail");
        match Sockets::new().ioctl(&mut requests::into_jail(host_name, jid)) {
            Ok(()) => {}
            Err(Errno::ENXIO) => return Err(NetworkError::NoInterface { name: host_name.clone() }),
            Err(errno) => return Err(system(format!("move interface {host_name} into jail {jail}"), errno)),
        }
        let mut requests = Vec::new();
        if host_name != name {
            requests.push(requests::rename(host_name, name));
        }
        if *accept_rtadv {
            requests.push(requests::ipv6(name, Ipv6::Advertised));
        } else if addresses.iter().any(|address| address.ip.is_ipv6()) {
            requests.push(requests::ipv6(name, Ipv6::Given));
        }
        requests.push(requests::up(name));
        requests.extend(addresses.iter().map(|&address| requests::add_address(name, address)));
        in_jail(jail, &mut requests)
    }

    fn move_out_of_jail(&self, interface: &JailInterface) -> Result<(), NetworkError> {
        let JailInterface { jail, host_name, name, addresses: _, accept_rtadv: _ } = interface;
        let jid = jid_of(jail)?;
        // Under its name in the jail it could meet another interface of the host.
        if host_name != name {
            in_jail(jail, &mut [requests::rename(name, host_name)])?;
        }
        tracing::debug!(%jail, host_name, "take interface out of jail");
        Sockets::new()
            .ioctl(&mut requests::out_of_jail(host_name, jid))
            .map_err(|errno| system(format!("take interface {host_name} out of jail {jail}"), errno))
    }

    fn setup_loopback(&self, jail: &KernelName) -> Result<(), NetworkError> {
        let localhost = Address { ip: std::net::Ipv4Addr::LOCALHOST.into(), prefix: 8 };
        // The kernel adds ::1 itself when the interface comes up; in6_if_up() in sys/netinet6/in6.c.
        in_jail(jail, &mut [requests::up("lo0"), requests::add_address("lo0", localhost)])
    }

    fn add_default_route(&self, route: &DefaultRoute) -> Result<(), NetworkError> {
        let DefaultRoute { jail, router, interface } = route;
        in_jail(jail, &mut requests::default_route(*router, interface.as_deref()))
    }

    fn add_address(&self, interface: &str, address: Address) -> Result<(), NetworkError> {
        on_host(&mut [requests::add_address(interface, address)]).map_err(|(_, error)| match error {
            NetworkError::System { source, .. } if source.raw_os_error() == Some(Errno::ENXIO as i32) => {
                NetworkError::NoInterface { name: interface.to_owned() }
            }
            error => error,
        })
    }

    fn remove_address(&self, interface: &str, address: Address) -> Result<(), NetworkError> {
        tracing::debug!(interface, %address, "remove address");
        match Sockets::new().ioctl(&mut requests::remove_address(interface, address.ip)) {
            Ok(()) | Err(Errno::EADDRNOTAVAIL | Errno::ENXIO) => Ok(()),
            Err(errno) => Err(system(format!("remove address {address} from interface {interface}"), errno)),
        }
    }
}

/// The variable of FreeBSD 15 that lets members of a bridge have addresses; bridge(4).
const MEMBER_ADDRESSES: &str = "net.link.bridge.member_ifaddrs";

/// Finds out what the kernel means by EINVAL when an interface should become a member.
fn why_not_joined(bridge: &str, member: &str) -> Option<NetworkError> {
    let interfaces = interfaces::list().ok()?;
    let of = |name: &str| interfaces.iter().find(|interface| interface.name == name);
    let (bridge, member) = (of(bridge)?, of(member)?);
    let forbidden = sysctl::number(MEMBER_ADDRESSES).ok()? == Some(0);
    let what = match member.addresses.first() {
        Some(address) if forbidden => format!(
            "interface {} has address {address} and cannot become a member of bridge {}: since FreeBSD 15 addresses \
             belong to the bridge (`sysctl {MEMBER_ADDRESSES}=1` brings the old behaviour back until FreeBSD 16)",
            member.name, bridge.name
        ),
        _ if member.mtu != bridge.mtu => format!(
            "interface {} has an MTU of {} and cannot become a member of bridge {} with an MTU of {}",
            member.name, member.mtu, bridge.name, bridge.mtu
        ),
        _ => return None,
    };
    Some(NetworkError::Unsupported { what })
}
