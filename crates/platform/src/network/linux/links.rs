//! Interfaces: making, changing and listing them.

use std::collections::BTreeMap;

use ioc_model::mac::MacAddress;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

use super::system;
use crate::linux::netlink::{Netlink, Order};
use crate::network::{BridgeSpec, Interface, NetworkError, PairSpec};

/// Longest name of an interface; `IFNAMSIZ` without the final NUL.
const LONGEST: usize = 15;

/// All interfaces of a namespace by index, without their addresses.
pub(super) fn list(netlink: &Netlink) -> Result<BTreeMap<u32, Interface>, NetworkError> {
    let answer = netlink.dump(&RouteNetlinkMessage::GetLink(LinkMessage::default()));
    let links: BTreeMap<u32, LinkMessage> = answer
        .map_err(system("list the interfaces"))?
        .into_iter()
        .filter_map(|message| match message {
            RouteNetlinkMessage::NewLink(link) => Some((link.header.index, link)),
            _ => None,
        })
        .collect();
    let interfaces = links.iter().filter_map(|(index, link)| {
        let member_of = |index: &u32| links.get(index).and_then(name).map(str::to_owned);
        Some((*index, interface(link, member_of)?))
    });
    Ok(interfaces.collect())
}

fn interface(link: &LinkMessage, name_of: impl Fn(&u32) -> Option<String>) -> Option<Interface> {
    let mut interface = Interface {
        name: name(link)?.to_owned(),
        bridge: false,
        mtu: 0,
        mac: None,
        description: None,
        member_of: None,
        addresses: Vec::new(),
    };
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Mtu(mtu) => interface.mtu = *mtu,
            LinkAttribute::IfAlias(alias) => interface.description = Some(alias.clone()),
            LinkAttribute::Address(bytes) if bytes.len() == 6 => {
                let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                interface.mac = Some(digits.join(":"));
            }
            LinkAttribute::Controller(index) => interface.member_of = name_of(index),
            LinkAttribute::LinkInfo(infos) => {
                interface.bridge = infos.iter().any(|info| matches!(info, LinkInfo::Kind(InfoKind::Bridge)));
            }
            _ => {}
        }
    }
    Some(interface)
}

fn name(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

/// Makes a bridge that is up.
pub(super) fn create_bridge(netlink: &Netlink, bridge: &BridgeSpec) -> Result<(), NetworkError> {
    let mut message = new(&bridge.name)?;
    // Else it takes the lowest address of its members, and changes it with them.
    message.attributes.push(LinkAttribute::Address(bridge_mac(&bridge.name).to_vec()));
    message.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]));
    create(netlink, &bridge.name, message)?;
    finish(netlink, &bridge.name, &bridge.description).inspect_err(|_| discard(netlink, &bridge.name))
}

/// Makes a veth pair whose ends are up.
pub(super) fn create_pair(netlink: &Netlink, pair: &PairSpec) -> Result<(), NetworkError> {
    let end = |name: &str, mac: &str| -> Result<LinkMessage, NetworkError> {
        let mut message = new(name)?;
        message.attributes.extend([LinkAttribute::Address(mac_bytes(mac)?), LinkAttribute::Mtu(pair.mtu)]);
        Ok(message)
    };
    let mut host = end(&pair.host, &pair.host_mac)?;
    let jail = end(&pair.jail, &pair.jail_mac)?;
    host.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(jail))),
    ]));
    let made = create(netlink, &pair.host, host).map_err(|error| match error {
        // The kernel does not say which of the two.
        NetworkError::Exists { .. } if index(netlink, &pair.jail).is_ok() => {
            NetworkError::Exists { name: pair.jail.clone() }
        }
        error => error,
    });
    made?;
    [&pair.host, &pair.jail]
        .into_iter()
        .try_for_each(|name| finish(netlink, name, &pair.description))
        .inspect_err(|_| discard(netlink, &pair.host))
}

/// A new interface.
fn new(name: &str) -> Result<LinkMessage, NetworkError> {
    if name.is_empty() || name.len() > LONGEST {
        let what =
            format!("{name:?} cannot be the name of an interface: it must have 1 to {LONGEST} characters");
        return Err(NetworkError::Unsupported { what });
    }
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_owned()));
    Ok(message)
}

/// The interface with this index, with an order to be up.
fn up(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    message
}

fn create(netlink: &Netlink, name: &str, message: LinkMessage) -> Result<(), NetworkError> {
    match netlink.order(RouteNetlinkMessage::NewLink(message), Order::Create) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
            Err(NetworkError::Exists { name: name.to_owned() })
        }
        made => made.map_err(system(&format!("make interface {name}"))),
    }
}

/// Describes a new interface and brings it up. The kernel takes a description for existing ones only, and the ends of
/// a pair cannot be up before both are there.
fn finish(netlink: &Netlink, name: &str, description: &str) -> Result<(), NetworkError> {
    let mut message = up(index(netlink, name)?);
    message.attributes.push(LinkAttribute::IfAlias(description.to_owned()));
    let done = netlink.order(RouteNetlinkMessage::SetLink(message), Order::Change);
    done.map_err(system(&format!("describe {name} and bring it up")))
}

/// Takes a half-made interface away; the error that made it necessary is the one to report.
fn discard(netlink: &Netlink, name: &str) {
    if let Err(error) = delete(netlink, name) {
        tracing::warn!(name, %error, "a half-made interface stays");
    }
}

fn mac_bytes(mac: &str) -> Result<Vec<u8>, NetworkError> {
    let wrong = |_| NetworkError::Unsupported { what: format!("{mac:?} is not a MAC address") };
    Ok(mac.parse::<MacAddress>().map_err(wrong)?.octets().to_vec())
}

/// A locally administered address that depends on the name only: FNV-1a of it.
fn bridge_mac(name: &str) -> [u8; 6] {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let [_, _, _, a, b, c, d, e] = hash.to_be_bytes();
    [0x02, a, b, c, d, e]
}

/// The index of an interface.
pub(super) fn index(netlink: &Netlink, name: &str) -> Result<u32, NetworkError> {
    let none = || NetworkError::NoInterface { name: name.to_owned() };
    if name.len() > LONGEST {
        return Err(none());
    }
    rustix::net::netdevice::name_to_index(netlink, name).map_err(|error| match error {
        rustix::io::Errno::NODEV => none(),
        error => system(&format!("find interface {name}"))(error.into()),
    })
}

/// Changes attributes of an interface.
pub(super) fn change(
    netlink: &Netlink,
    name: &str,
    action: &str,
    attributes: Vec<LinkAttribute>,
) -> Result<(), NetworkError> {
    let mut message = LinkMessage::default();
    message.header.index = index(netlink, name)?;
    message.attributes = attributes;
    netlink.order(RouteNetlinkMessage::SetLink(message), Order::Change).map_err(system(action))
}

/// Brings an interface up.
pub(super) fn bring_up(netlink: &Netlink, name: &str) -> Result<(), NetworkError> {
    let message = up(index(netlink, name)?);
    let done = netlink.order(RouteNetlinkMessage::SetLink(message), Order::Change);
    done.map_err(system(&format!("bring up {name}")))
}

/// Removes an interface. Absent: nothing happens.
pub(super) fn delete(netlink: &Netlink, name: &str) -> Result<(), NetworkError> {
    let mut message = LinkMessage::default();
    message.header.index = match index(netlink, name) {
        Err(NetworkError::NoInterface { .. }) => return Ok(()),
        index => index?,
    };
    match netlink.order(RouteNetlinkMessage::DelLink(message), Order::Change) {
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
        done => done.map_err(system(&format!("destroy {name}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_bridges_are_local_and_their_own() {
        let mac = bridge_mac("bridge0");
        assert_eq!(mac[0] & 3, 2, "locally administered, one station");
        assert_ne!(mac, bridge_mac("bridge1"));
        assert_eq!(mac, bridge_mac("bridge0"));
    }

    #[test]
    fn names_that_no_interface_can_have() {
        for bad in ["", "sixteen-letters-"] {
            assert!(matches!(new(bad), Err(NetworkError::Unsupported { .. })), "{bad:?}");
        }
        assert!(mac_bytes("02:00:00:00:00").is_err());
    }
}
