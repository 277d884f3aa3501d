//! Addresses of interfaces.

use std::net::IpAddr;

use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::{links, system};
use crate::linux::netlink::{Netlink, Order};
use crate::network::{Address, NetworkError};

/// All addresses of the namespace, with the index of the interface of each.
pub(super) fn list(netlink: &Netlink) -> Result<Vec<(u32, Address)>, NetworkError> {
    let answer = netlink.dump(&RouteNetlinkMessage::GetAddress(AddressMessage::default()));
    let messages = answer.map_err(system("list the addresses"))?.into_iter();
    Ok(messages.filter_map(|message| address(&message)).collect())
}

fn address(message: &RouteNetlinkMessage) -> Option<(u32, Address)> {
    let RouteNetlinkMessage::NewAddress(message) = message else { return None };
    let (mut local, mut other) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            // Where both are there, the other one is that of the peer.
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => other = Some(*ip),
            _ => {}
        }
    }
    Some((message.header.index, Address { ip: local.or(other)?, prefix: message.header.prefix_len }))
}

/// Adds an address. Present: nothing happens.
pub(super) fn add(netlink: &Netlink, interface: &str, address: Address) -> Result<(), NetworkError> {
    let mut message = message(netlink, interface, address)?;
    match address.ip {
        IpAddr::V4(ip) if address.prefix < 31 => {
            let hosts = u32::MAX.checked_shr(address.prefix.into()).unwrap_or(0);
            message.attributes.push(AddressAttribute::Broadcast((u32::from(ip) | hosts).into()));
        }
        IpAddr::V4(_) => {}
        // Without looking for a duplicate first, during which it cannot be used.
        IpAddr::V6(_) => message.header.flags = AddressHeaderFlags::Nodad,
    }
    match netlink.order(RouteNetlinkMessage::NewAddress(message), Order::Create) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        Err(error) if address.ip.is_ipv6() && is_without_ipv6(&error) => {
            Err(NetworkError::Unsupported { what: without_ipv6(interface, &address.to_string()) })
        }
        added => added.map_err(system(&format!("add {address} to {interface}"))),
    }
}

/// Tells whether the error means that the kernel, or the interface, has no IPv6.
fn is_without_ipv6(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EACCES | libc::EAFNOSUPPORT | libc::EOPNOTSUPP))
}

/// Says that `what` cannot be, as there is no IPv6.
pub(super) fn without_ipv6(interface: &str, what: &str) -> String {
    format!(
        "IPv6 is switched off on {interface} (sysctl net.ipv6.conf.{interface}.disable_ipv6) or not in this kernel, so \
         it cannot have {what}"
    )
}

/// Removes an address. Absent: nothing happens.
pub(super) fn remove(netlink: &Netlink, interface: &str, address: Address) -> Result<(), NetworkError> {
    let message = match message(netlink, interface, address) {
        Err(NetworkError::NoInterface { .. }) => return Ok(()),
        message => message?,
    };
    let index = message.header.index;
    let present = list(netlink)?;
    if !present.contains(&(index, address)) {
        return Ok(());
    }
    match netlink.order(RouteNetlinkMessage::DelAddress(message), Order::Change) {
        Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {}
        removed => removed.map_err(system(&format!("remove {address} from {interface}")))?,
    }
    // Unless it promotes them (sysctl promote_secondaries), the kernel has removed with the first IPv4 address of a
    // prefix all others of that prefix.
    let left = list(netlink)?;
    let lost =
        present.into_iter().filter(|known| known.0 == index && known.1 != address && !left.contains(known));
    for (_, address) in lost.filter(|(_, address)| address.ip.is_ipv4()) {
        add(netlink, interface, address)?;
    }
    Ok(())
}

fn message(netlink: &Netlink, interface: &str, address: Address) -> Result<AddressMessage, NetworkError> {
    let mut message = AddressMessage::default();
    message.header.index = links::index(netlink, interface)?;
    message.header.family = family(address.ip);
    message.header.prefix_len = address.prefix;
    message.attributes = vec![AddressAttribute::Local(address.ip), AddressAttribute::Address(address.ip)];
    Ok(message)
}

/// The family of an address.
pub(super) fn family(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
