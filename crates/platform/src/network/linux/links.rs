//! Interfaces: making, changing and listing them.

use std::collections::BTreeMap;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage};

use super::{system, up_header};
use crate::linux::netlink::{Netlink, Order};
use crate::network::{Interface, NetworkError, PairSpec};

/// The interfaces of a namespace, as the kernel tells them.
pub(super) struct Links(Vec<LinkMessage>);

impl Links {
    pub(super) fn of(netlink: &Netlink) -> Result<Self, NetworkError> {
        let answer = netlink.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()));
        let links = answer.map_err(system("list the interfaces"))?.into_iter().filter_map(|m| match m {
            RouteNetlinkMessage::NewLink(link) => Some(link),
            _ => None,
        });
        Ok(Links(links.collect()))
    }

    /// The name of the interface with this index.
    pub(super) fn name(&self, index: u32) -> Option<&str> {
        self.0.iter().find(|link| link.header.index == index).and_then(name)
    }

    /// All of them by index, without addresses.
    pub(super) fn interfaces(&self) -> BTreeMap<u32, Interface> {
        let interfaces = self.0.iter().filter_map(|link| Some((link.header.index, self.interface(link)?)));
        interfaces.collect()
    }

    fn interface(&self, link: &LinkMessage) -> Option<Interface> {
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
                LinkAttribute::Controller(index) => {
                    interface.member_of = self.name(*index).map(str::to_owned);
                }
                LinkAttribute::LinkInfo(infos) => {
                    interface.bridge = infos.iter().any(|i| matches!(i, LinkInfo::Kind(InfoKind::Bridge)));
                }
                _ => {}
            }
        }
        Some(interface)
    }
}

fn name(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

/// A bridge to be made.
pub(super) fn bridge(name: &str) -> LinkMessage {
    named(name, vec![LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)])])
}

/// A veth pair to be made.
pub(super) fn pair(pair: &PairSpec) -> Result<LinkMessage, NetworkError> {
    let end = |name: &str, mac: &str| -> Result<LinkMessage, NetworkError> {
        Ok(named(name, vec![LinkAttribute::Address(mac_bytes(mac)?), LinkAttribute::Mtu(pair.mtu)]))
    };
    let mut host = end(&pair.host, &pair.host_mac)?;
    let jail = end(&pair.jail, &pair.jail_mac)?;
    host.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(jail))),
    ]));
    Ok(host)
}

fn named(name: &str, attributes: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_owned()));
    message.attributes.extend(attributes);
    message
}

fn mac_bytes(mac: &str) -> Result<Vec<u8>, NetworkError> {
    let wrong = || NetworkError::Unsupported { what: format!("{mac} is not a MAC address") };
    let mac: ioc_model::mac::MacAddress = mac.parse().map_err(|_| wrong())?;
    Ok(mac.octets().to_vec())
}

/// Makes an interface.
pub(super) fn create(netlink: &Netlink, name: &str, message: LinkMessage) -> Result<(), NetworkError> {
    match netlink.order(RouteNetlinkMessage::NewLink(message), Order::Create) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
            Err(NetworkError::Exists { name: name.to_owned() })
        }
        made => made.map_err(system(&format!("make interface {name}"))),
    }
}

/// The index of an interface.
pub(super) fn index(netlink: &Netlink, name: &str) -> Result<u32, NetworkError> {
    let links = Links::of(netlink)?;
    let found = links.0.iter().find(|link| self::name(link) == Some(name));
    found.map(|link| link.header.index).ok_or_else(|| NetworkError::NoInterface { name: name.to_owned() })
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
pub(super) fn up(netlink: &Netlink, name: &str) -> Result<(), NetworkError> {
    let message = up_header(index(netlink, name)?);
    let done = netlink.order(RouteNetlinkMessage::SetLink(message), Order::Change);
    done.map_err(system(&format!("bring up {name}")))
}

/// Removes an interface.
pub(super) fn delete(netlink: &Netlink, name: &str, index: u32) -> Result<(), NetworkError> {
    let mut message = LinkMessage::default();
    message.header.index = index;
    let done = netlink.order(RouteNetlinkMessage::DelLink(message), Order::Change);
    match done {
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
        done => done.map_err(system(&format!("destroy {name}"))),
    }
}
