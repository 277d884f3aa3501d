//! Default routes.

use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};

use super::addresses::family;
use super::{links, system};
use crate::linux::netlink::{Netlink, Order};
use crate::network::NetworkError;

/// A default route of the main table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Default {
    pub(super) metric: u32,
    pub(super) router: IpAddr,
    /// Index of the interface.
    pub(super) interface: u32,
}

/// The default routes of the namespace, the preferred one of a family first.
pub(super) fn defaults(netlink: &Netlink) -> Result<Vec<Default>, NetworkError> {
    let routes = netlink.dump(&RouteNetlinkMessage::GetRoute(RouteMessage::default()));
    let mut found: Vec<Default> =
        routes.map_err(system("list the routes"))?.iter().filter_map(default).collect();
    found.sort_by_key(|route| route.metric);
    Ok(found)
}

fn default(message: &RouteNetlinkMessage) -> Option<Default> {
    let RouteNetlinkMessage::NewRoute(route) = message else { return None };
    if route.header.destination_prefix_length != 0 || route.header.table != RouteHeader::RT_TABLE_MAIN {
        return None;
    }
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
    Some(Default { metric, router: router?, interface: interface? })
}

/// Sets the default route of a family, in the place of one that is there.
pub(super) fn set_default(
    netlink: &Netlink,
    router: IpAddr,
    interface: Option<&str>,
) -> Result<(), NetworkError> {
    let mut message = RouteMessage::default();
    message.header.address_family = family(router);
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes.push(RouteAttribute::Gateway(RouteAddress::from(router)));
    if let Some(interface) = interface {
        message.attributes.push(RouteAttribute::Oif(links::index(netlink, interface)?));
        // The router need not be within one of our prefixes, as with `-iface` of route(8) on FreeBSD.
        message.header.flags |= RouteFlags::Onlink;
    }
    netlink
        .order(RouteNetlinkMessage::NewRoute(message), Order::Replace)
        .map_err(system(&format!("set the default route {router}")))
}
