//! Network of a jail: its own stack or the host's, addresses, routes, name servers.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::define::{Since, properties};
use super::typed::{Mtu, Sharing, Words};
use crate::address::{Ip4Addresses, Ip6Addresses};
use crate::interface::{Links, Router};
use crate::mac::MacPrefix;
use crate::resolver::Resolver;

properties! {
    /// Give the jail a network stack of its own
    VNET: bool = ("vnet", "no").kernel("vnet");

    /// Interfaces of a VNET jail and the bridges they join
    INTERFACES: Links = ("interfaces", "-");

    /// Interfaces of the host that a VNET jail gets as they are
    VNET_INTERFACES: Words = ("vnet_interfaces", "-").since(Since::Iocage(10));

    /// IPv4 addresses; the first is the primary one
    IP4_ADDR: Ip4Addresses = ("ip4_addr", "-").kernel("ip4.addr");

    /// IPv6 addresses; the first is the primary one
    IP6_ADDR: Ip6Addresses = ("ip6_addr", "-").kernel("ip6.addr");

    /// IPv4 in a jail without VNET: its own addresses, all of the host, or none
    IP4: Sharing = ("ip4", "new").kernel("ip4");

    /// IPv6 in a jail without VNET: its own addresses, all of the host, or none
    IP6: Sharing = ("ip6", "new").kernel("ip6");

    /// Choose the source address of IPv4 connections as the kernel does, rather than the primary one
    IP4_SADDRSEL: bool = ("ip4_saddrsel", "yes").kernel("ip4.saddrsel");

    /// Choose the source address of IPv6 connections as the kernel does, rather than the primary one
    IP6_SADDRSEL: bool = ("ip6_saddrsel", "yes").kernel("ip6.saddrsel");

    /// IPv4 router of a VNET jail
    DEFAULTROUTER: Option<Router<Ipv4Addr>> = ("defaultrouter", "-");

    /// IPv6 router of a VNET jail
    DEFAULTROUTER6: Option<Router<Ipv6Addr>> = ("defaultrouter6", "-");

    /// Where /etc/resolv.conf comes from
    RESOLVER: Resolver = ("resolver", "/etc/resolv.conf");

    /// First digits of the MAC addresses that are made
    MAC_PREFIX: MacPrefix = ("mac_prefix", "02ff60");

    /// Get an IPv4 address by DHCP on the first interface, like ip4_addr=dhcp
    DHCP: bool = ("dhcp", "no").since(Since::Iocage(9));

    /// Let the jail see bpf(4) devices
    BPF: bool = ("bpf", "no").since(Since::Iocage(9));

    /// Solicit IPv6 routers by rtsold(8)
    RTSOLD: bool = ("rtsold", "no").since(Since::Iocage(16));

    /// MTU of the interfaces of VNET jails (iocage)
    VNET_DEFAULT_MTU: Mtu = ("vnet_default_mtu", "auto").kept().since(Since::Iocage(28));

    /// Interface of the host that bridges made by iocage get as member
    VNET_DEFAULT_INTERFACE: Option<String> = ("vnet_default_interface", "-").kept().since(Since::Iocage(13));

    /// Add the addresses that the host name resolves to
    IP_HOSTNAME: bool = ("ip_hostname", "no").kept().since(Since::Iocage(18));

    /// Give the jail an address of its own on lo0
    ASSIGN_LOCALHOST: bool = ("assign_localhost", "no").kept().since(Since::Iocage(21));

    /// The address on lo0
    LOCALHOST_IP: Option<String> = ("localhost_ip", "-").kept().since(Since::Iocage(22));

    /// Reach the network through address translation on the host
    NAT: bool = ("nat", "no").kept().since(Since::Iocage(23));

    /// First two octets of the addresses behind NAT
    NAT_PREFIX: String = ("nat_prefix", "172.16").kept().since(Since::Iocage(23));

    /// Interface of the host that NAT goes through
    NAT_INTERFACE: Option<String> = ("nat_interface", "-").kept().since(Since::Iocage(23));

    /// Firewall that does NAT
    NAT_BACKEND: String = ("nat_backend", "ipfw").one_of(&["ipfw", "pf"]).kept().since(Since::Iocage(23));

    /// Ports of the host that lead into the jail
    NAT_FORWARDS: Option<String> = ("nat_forwards", "-").kept().since(Since::Iocage(23));
}
