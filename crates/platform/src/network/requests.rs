//! Requests to the network of a FreeBSD kernel as data: the arguments of ioctl(2) and the messages of route(4).
//!
//! What ifconfig(8) and route(8) do is a few system calls. We make them ourselves, because a jail need not have these
//! programs, must not be trusted to have unchanged ones, and because each of them is a process to start. Requests
//! are laid out before and only carried out in the jail, as nothing else is allowed there between fork(2) and
//! exit; see docs/decisions/freebsd-network.md. Layouts: sys/net/if.h, sys/net/if_bridgevar.h, sys/net/route.h,
//! sys/netinet6/in6_var.h; the numbers in the tests are what a C compiler makes of these files of FreeBSD 13.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Address;

/// Longest name of an interface, with its NUL; IF_NAMESIZE of sys/net/if.h.
pub const NAME_SIZE: usize = 16;

const AF_INET: u8 = 2;
const AF_LINK: u8 = 18;
const AF_INET6: u8 = 28;

/// The socket that a request goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// AF_LOCAL, for what is not about addresses.
    Local,
    /// AF_INET.
    Inet,
    /// AF_INET6.
    Inet6,
    /// PF_ROUTE.
    Route,
}

/// An ioctl(2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ioctl {
    /// Through which socket.
    pub socket: Socket,
    /// The number of the request.
    pub number: u64,
    /// The argument; the kernel may write to it.
    pub argument: Vec<u8>,
    /// Bytes that the argument points to, and where in the argument the pointer stands.
    pub pointed: Option<(usize, Vec<u8>)>,
}

/// What is to be done in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// One ioctl(2).
    Ioctl(Ioctl),
    /// Bits of a number that an ioctl(2) reads and another one writes.
    Bits {
        /// Reads.
        get: Ioctl,
        /// The number of the request that writes the same argument.
        set: u64,
        /// Where in the argument.
        at: usize,
        /// How many bytes: 2 or 4.
        width: usize,
        /// Bits to set.
        on: u32,
        /// Bits to clear.
        off: u32,
    },
    /// A message of route(4) that changes a route, or adds it if there is none.
    Route {
        /// The message.
        message: Vec<u8>,
        /// Reads the index of an interface.
        index: Option<Ioctl>,
        /// Where in the message the index belongs, with 2 or 4 bytes.
        index_at: Vec<(usize, usize)>,
    },
}

/// One step, and how an error names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is attempted, as a verb phrase.
    pub action: String,
    /// How.
    pub call: Call,
    /// A failure is none: what it sets need not exist in this kernel.
    pub optional: bool,
}

impl Request {
    fn new(action: String, call: Call) -> Self {
        Request { action, call, optional: false }
    }

    fn optional(self) -> Self {
        Request { optional: true, ..self }
    }
}

const IOC_OUT: u64 = 0x4000_0000;
const IOC_IN: u64 = 0x8000_0000;

/// The number of a request of group `i`; sys/sys/ioccom.h.
const fn number(direction: u64, number: u64, size: usize) -> u64 {
    direction | (size as u64 & 0x1fff) << 16 | (b'i' as u64) << 8 | number
}

/// Sizes of the arguments.
mod size {
    pub(super) const IFREQ: usize = 32;
    pub(super) const IFDRV: usize = 40;
    pub(super) const IFBREQ: usize = 80;
    pub(super) const IFALIASREQ: usize = 68;
    pub(super) const IN6_ALIASREQ: usize = 136;
    pub(super) const IN6_IFREQ: usize = 288;
    pub(super) const IN6_NDIREQ: usize = 72;
    pub(super) const RT_MSGHDR: usize = 152;
    pub(super) const SOCKADDR_IN: usize = 16;
    pub(super) const SOCKADDR_IN6: usize = 28;
    pub(super) const SOCKADDR_DL: usize = 54;
}

const SIOCSIFFLAGS: u64 = number(IOC_IN, 16, size::IFREQ);
const SIOCGIFFLAGS: u64 = number(IOC_IN | IOC_OUT, 17, size::IFREQ);
const SIOCDIFADDR: u64 = number(IOC_IN, 25, size::IFREQ);
const SIOCDIFADDR_IN6: u64 = number(IOC_IN, 25, size::IN6_IFREQ);
const SIOCAIFADDR_IN6: u64 = number(IOC_IN, 27, size::IN6_ALIASREQ);
const SIOCGIFINDEX: u64 = number(IOC_IN | IOC_OUT, 32, size::IFREQ);
const SIOCSIFNAME: u64 = number(IOC_IN, 40, size::IFREQ);
const SIOCSIFDESCR: u64 = number(IOC_IN, 41, size::IFREQ);
const SIOCGIFDESCR: u64 = number(IOC_IN | IOC_OUT, 42, size::IFREQ);
const SIOCAIFADDR: u64 = number(IOC_IN, 43, size::IFALIASREQ);
const SIOCSIFMTU: u64 = number(IOC_IN, 52, size::IFREQ);
const SIOCSIFLLADDR: u64 = number(IOC_IN, 60, size::IFREQ);
const SIOCSIFINFO_FLAGS: u64 = number(IOC_IN | IOC_OUT, 87, size::IN6_NDIREQ);
const SIOCSIFVNET: u64 = number(IOC_IN | IOC_OUT, 90, size::IFREQ);
const SIOCSIFRVNET: u64 = number(IOC_IN | IOC_OUT, 91, size::IFREQ);
const SIOCGIFINFO_IN6: u64 = number(IOC_IN | IOC_OUT, 108, size::IN6_NDIREQ);
const SIOCIFDESTROY: u64 = number(IOC_IN, 121, size::IFREQ);
const SIOCSDRVSPEC: u64 = number(IOC_IN, 123, size::IFDRV);
const SIOCGDRVSPEC: u64 = number(IOC_IN | IOC_OUT, 123, size::IFDRV);
const SIOCIFCREATE2: u64 = number(IOC_IN | IOC_OUT, 124, size::IFREQ);

const IFF_UP: u32 = 1;
const BRDGADD: u64 = 0;
const BRDGGIFS: u64 = 6;
const ND6_ACCEPT_RTADV: u32 = 0x2;
const ND6_IFDISABLED: u32 = 0x8;
const ND6_AUTO_LINKLOCAL: u32 = 0x20;
const ND6_NO_DAD: u32 = 0x100;

/// Whether the kernel can hold this name of an interface: 1 to 15 bytes, no NUL, no slash.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() < NAME_SIZE
        && !name.bytes().any(|b| b == 0 || b == b'/' || b.is_ascii_whitespace())
}

/// An argument that begins with the name of an interface. A name that is too long is cut, which finds nothing.
fn named(name: &str, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    let name = &name.as_bytes()[..name.len().min(NAME_SIZE - 1)];
    bytes[..name.len()].copy_from_slice(name);
    bytes
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn simple(socket: Socket, number: u64, argument: Vec<u8>) -> Ioctl {
    Ioctl { socket, number, argument, pointed: None }
}

/// The name that the kernel wrote into an argument.
pub fn name_in(argument: &[u8]) -> String {
    let name = argument.get(..NAME_SIZE).unwrap_or(argument);
    String::from_utf8_lossy(name.split(|&b| b == 0).next().unwrap_or_default()).into_owned()
}

/// Makes an interface of a kind (`epair`, `bridge`); the kernel writes its name, see [`name_in`].
pub fn create(kind: &str) -> Ioctl {
    simple(Socket::Local, SIOCIFCREATE2, named(kind, size::IFREQ))
}

/// Destroys an interface.
pub fn destroy(name: &str) -> Ioctl {
    simple(Socket::Local, SIOCIFDESTROY, named(name, size::IFREQ))
}

/// Gives an interface a new name.
pub fn rename(name: &str, new: &str) -> Request {
    let mut text = new.as_bytes().to_vec();
    text.push(0);
    let ioctl =
        Ioctl { pointed: Some((16, text)), ..simple(Socket::Local, SIOCSIFNAME, named(name, size::IFREQ)) };
    Request::new(format!("rename interface {name} to {new}"), Call::Ioctl(ioctl))
}

/// Describes an interface.
pub fn set_description(name: &str, description: &str) -> Request {
    let mut text = description.as_bytes().to_vec();
    text.push(0);
    let mut argument = named(name, size::IFREQ);
    put(&mut argument, 16, &text.len().to_ne_bytes());
    let ioctl = Ioctl { pointed: Some((24, text)), ..simple(Socket::Local, SIOCSIFDESCR, argument) };
    Request::new(format!("describe interface {name}"), Call::Ioctl(ioctl))
}

/// Reads the description of an interface into the bytes pointed to, at most `room` with the NUL.
pub fn description(name: &str, room: usize) -> Ioctl {
    let mut argument = named(name, size::IFREQ);
    put(&mut argument, 16, &room.to_ne_bytes());
    Ioctl { pointed: Some((24, vec![0; room])), ..simple(Socket::Local, SIOCGIFDESCR, argument) }
}

/// Sets the MTU of an interface.
pub fn set_mtu(name: &str, mtu: u32) -> Request {
    let mut argument = named(name, size::IFREQ);
    put(&mut argument, 16, &mtu.to_ne_bytes());
    Request::new(
        format!("set the MTU of interface {name} to {mtu}"),
        Call::Ioctl(simple(Socket::Local, SIOCSIFMTU, argument)),
    )
}

/// Sets the link layer address of an interface.
pub fn set_mac(name: &str, mac: [u8; 6]) -> Request {
    let mut argument = named(name, size::IFREQ);
    put(&mut argument, 16, &[6, AF_LINK]);
    put(&mut argument, 18, &mac);
    Request::new(
        format!("set the MAC of interface {name} to {}", shown_mac(&mac)),
        Call::Ioctl(simple(Socket::Local, SIOCSIFLLADDR, argument)),
    )
}

/// Reads a link layer address: six pairs of hexadecimal digits with colons.
pub fn mac(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut bytes {
        let part = parts.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(bytes)
}

/// A link layer address as text.
pub fn shown_mac(mac: &[u8]) -> String {
    mac.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Brings an interface up.
pub fn up(name: &str) -> Request {
    let call = Call::Bits {
        get: simple(Socket::Local, SIOCGIFFLAGS, named(name, size::IFREQ)),
        set: SIOCSIFFLAGS,
        at: 16,
        width: 2,
        on: IFF_UP,
        off: 0,
    };
    Request::new(format!("bring up interface {name}"), call)
}

/// How an interface takes part in IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6 {
    /// Not at all: the host's end of a pair, whose link-local address would disturb the bridge.
    Off,
    /// With addresses that we give. They are usable at once, so services that start in the jail can bind to them:
    /// no duplicate address detection.
    Given,
    /// With addresses that routers advertise.
    Advertised,
}

/// Sets how an interface takes part in IPv6; nothing happens in a kernel without it.
pub fn ipv6(name: &str, how: Ipv6) -> Request {
    let (on, off) = match how {
        Ipv6::Off => (ND6_IFDISABLED, ND6_AUTO_LINKLOCAL | ND6_ACCEPT_RTADV),
        Ipv6::Given => (ND6_AUTO_LINKLOCAL | ND6_NO_DAD, ND6_IFDISABLED),
        Ipv6::Advertised => (ND6_AUTO_LINKLOCAL | ND6_ACCEPT_RTADV, ND6_IFDISABLED),
    };
    let call = Call::Bits {
        get: simple(Socket::Inet6, SIOCGIFINFO_IN6, named(name, size::IN6_NDIREQ)),
        set: SIOCSIFINFO_FLAGS,
        at: 36,
        width: 4,
        on,
        off,
    };
    let request = Request::new(format!("set up IPv6 of interface {name}"), call);
    if how == Ipv6::Off { request.optional() } else { request }
}

/// Moves an interface into a jail.
pub fn into_jail(name: &str, jid: i32) -> Ioctl {
    let mut argument = named(name, size::IFREQ);
    put(&mut argument, 16, &jid.to_ne_bytes());
    simple(Socket::Local, SIOCSIFVNET, argument)
}

/// Takes an interface back from a jail, by its name there.
pub fn out_of_jail(name: &str, jid: i32) -> Ioctl {
    Ioctl { number: SIOCSIFRVNET, ..into_jail(name, jid) }
}

/// An argument for the driver of a bridge.
fn bridge_call(bridge: &str, number: u64, command: u64, data: Vec<u8>) -> Ioctl {
    let mut argument = named(bridge, size::IFDRV);
    put(&mut argument, 16, &command.to_ne_bytes());
    put(&mut argument, 24, &data.len().to_ne_bytes());
    Ioctl { pointed: Some((32, data)), ..simple(Socket::Local, number, argument) }
}

/// Makes `member` a member of `bridge`.
pub fn add_member(bridge: &str, member: &str) -> Ioctl {
    bridge_call(bridge, SIOCSDRVSPEC, BRDGADD, named(member, size::IFBREQ))
}

/// Asks for the members of a bridge; `struct ifbifconf` is what the argument points to, and it points to the list.
pub fn members(bridge: &str) -> Ioctl {
    bridge_call(bridge, SIOCGDRVSPEC, BRDGGIFS, vec![0; 16])
}

/// Reads the list that the kernel wrote for [`members`].
pub fn members_in(list: &[u8]) -> Vec<String> {
    list.chunks_exact(size::IFBREQ).map(name_in).collect()
}

/// Room for that many members.
pub const fn room_for_members(count: usize) -> usize {
    count * size::IFBREQ
}

fn socket_address(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => {
            let mut bytes = vec![0; size::SOCKADDR_IN];
            put(&mut bytes, 0, &[size::SOCKADDR_IN as u8, AF_INET]);
            put(&mut bytes, 4, &ip.octets());
            bytes
        }
        IpAddr::V6(ip) => {
            let mut bytes = vec![0; size::SOCKADDR_IN6];
            put(&mut bytes, 0, &[size::SOCKADDR_IN6 as u8, AF_INET6]);
            put(&mut bytes, 8, &ip.octets());
            bytes
        }
    }
}

/// The netmask of a prefix in the family of `ip`.
fn mask(ip: IpAddr, prefix: u8) -> IpAddr {
    match ip {
        IpAddr::V4(_) => {
            Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)).into()
        }
        IpAddr::V6(_) => {
            Ipv6Addr::from(u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0)).into()
        }
    }
}

/// Adds an address to an interface; one that is there is changed.
pub fn add_address(name: &str, address: Address) -> Request {
    let Address { ip, prefix } = address;
    let (mask, ip_bytes) = (socket_address(mask(ip, prefix)), socket_address(ip));
    let ioctl = match ip {
        IpAddr::V4(_) => {
            let mut argument = named(name, size::IFALIASREQ);
            put(&mut argument, 16, &ip_bytes);
            put(&mut argument, 48, &mask);
            simple(Socket::Inet, SIOCAIFADDR, argument)
        }
        IpAddr::V6(_) => {
            let mut argument = named(name, size::IN6_ALIASREQ);
            put(&mut argument, 16, &ip_bytes);
            put(&mut argument, 72, &mask);
            // ND6_INFINITE_LIFETIME for the address and for its use as a source.
            put(&mut argument, 120, &[0xff; 8]);
            simple(Socket::Inet6, SIOCAIFADDR_IN6, argument)
        }
    };
    Request::new(format!("add address {address} to interface {name}"), Call::Ioctl(ioctl))
}

/// Removes an address from an interface.
pub fn remove_address(name: &str, ip: IpAddr) -> Ioctl {
    let (socket, number, size) = match ip {
        IpAddr::V4(_) => (Socket::Inet, SIOCDIFADDR, size::IFREQ),
        IpAddr::V6(_) => (Socket::Inet6, SIOCDIFADDR_IN6, size::IN6_IFREQ),
    };
    let mut argument = named(name, size);
    put(&mut argument, 16, &socket_address(ip));
    simple(socket, number, argument)
}

const RTM_VERSION: u8 = 5;
/// Type of the message that adds a route; stands at [`TYPE_AT`].
pub const RTM_ADD: u8 = 1;
/// Type of the message that changes the route there is.
pub const RTM_CHANGE: u8 = 3;
/// Where in a message its type stands.
pub const TYPE_AT: usize = 3;
const RTF_UP: u32 = 0x1;
const RTF_GATEWAY: u32 = 0x2;
const RTF_HOST: u32 = 0x4;
const RTF_STATIC: u32 = 0x800;
const RTA_DST: u32 = 0x1;
const RTA_GATEWAY: u32 = 0x2;
const RTA_NETMASK: u32 = 0x4;

/// Adds the default route through `router`; with an interface, the router is reached through that one.
pub fn default_route(router: IpAddr, interface: Option<&str>) -> Vec<Request> {
    let any: IpAddr = match router {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let index = interface.map(|name| simple(Socket::Local, SIOCGIFINDEX, named(name, size::IFREQ)));
    let link_local = matches!(router, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let mut requests = Vec::new();
    if let Some(name) = interface.filter(|_| !link_local) {
        // The router is in none of our prefixes: say where it is.
        let mut link = vec![0; size::SOCKADDR_DL];
        put(&mut link, 0, &[size::SOCKADDR_DL as u8, AF_LINK]);
        let (message, starts) =
            message(RTF_UP | RTF_HOST | RTF_STATIC, RTA_DST | RTA_GATEWAY, &[socket_address(router), link]);
        requests.push(Request::new(
            format!("add a route to {router} through interface {name}"),
            Call::Route { message, index: index.clone(), index_at: vec![(starts[1] + 2, 2)] },
        ));
    }
    let (message, starts) = message(
        RTF_UP | RTF_GATEWAY | RTF_STATIC,
        RTA_DST | RTA_GATEWAY | RTA_NETMASK,
        &[socket_address(any), socket_address(router), socket_address(any)],
    );
    // sin6_scope_id says on which link a link-local router is.
    let (index, index_at) = if link_local { (index, vec![(starts[1] + 24, 4)]) } else { (None, Vec::new()) };
    requests.push(Request::new(
        format!("add the default route through {router}"),
        Call::Route { message, index, index_at },
    ));
    requests
}

/// A message that adds a route, and where its addresses begin.
fn message(flags: u32, addresses: u32, parts: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = vec![0; size::RT_MSGHDR];
    let mut starts = Vec::new();
    for part in parts {
        starts.push(bytes.len());
        bytes.extend(part);
        bytes.resize(bytes.len().next_multiple_of(size_of::<usize>()), 0);
    }
    let length = bytes.len() as u16;
    put(&mut bytes, 0, &length.to_ne_bytes());
    put(&mut bytes, 2, &[RTM_VERSION, RTM_ADD]);
    put(&mut bytes, 8, &flags.to_ne_bytes());
    put(&mut bytes, 12, &addresses.to_ne_bytes());
    put(&mut bytes, 20, &1i32.to_ne_bytes());
    (bytes, starts)
}

const RTM_GET: u8 = 4;

/// A message that asks for the default route of a family; answered with the same `sequence`.
pub fn default_route_question(ipv6: bool, sequence: i32) -> Vec<u8> {
    let any: IpAddr = if ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let any = socket_address(any);
    let (mut question, _) = message(RTF_UP | RTF_GATEWAY, RTA_DST | RTA_NETMASK, &[any.clone(), any]);
    question[TYPE_AT] = RTM_GET;
    put(&mut question, 20, &sequence.to_ne_bytes());
    question
}

/// Reads an answer to [`default_route_question`]: the router and the index of the interface. None if the message is
/// another one, if it says that there is no such route, or if the route leads to no router.
pub fn default_route_in(answer: &[u8], process: i32, sequence: i32) -> Answer {
    let word = |at: usize| answer.get(at..at + 4)?.first_chunk::<4>().map(|b| i32::from_ne_bytes(*b));
    let ours =
        answer.get(TYPE_AT) == Some(&RTM_GET) && word(16) == Some(process) && word(20) == Some(sequence);
    if !ours {
        return Answer::Other;
    }
    let index = answer.get(4..6).and_then(|b| b.first_chunk::<2>()).map_or(0, |b| u16::from_ne_bytes(*b));
    let flags = word(8).unwrap_or(0) as u32;
    let present = word(12).unwrap_or(0) as u32;
    if word(24) != Some(0)
        || flags & RTF_GATEWAY == 0
        || present & (RTA_DST | RTA_GATEWAY) != RTA_DST | RTA_GATEWAY
    {
        return Answer::None;
    }
    let mut rest = answer.get(size::RT_MSGHDR..).unwrap_or_default();
    // The destination comes first. SA_SIZE of sys/net/route.h: an address of length 0 takes the place of a word.
    let word_size = size_of::<usize>();
    let length = usize::from(rest.first().copied().unwrap_or(0)).max(1).next_multiple_of(word_size);
    rest = rest.get(length..).unwrap_or_default();
    ip(rest).map_or(Answer::None, |router| Answer::Router(router, index))
}

/// What a message of route(4) says to our question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It answers another one.
    Other,
    /// There is no default route through a router.
    None,
    /// The router, and the index of the interface it is reached through.
    Router(IpAddr, u16),
}

/// What getifaddrs(3) says in a link layer address: the MAC, if it is one of six bytes.
pub fn link_address(socket_address: &[u8]) -> Option<[u8; 6]> {
    let (&family, &name, &length) = (socket_address.get(1)?, socket_address.get(5)?, socket_address.get(6)?);
    let start = 8 + usize::from(name);
    let mac = socket_address.get(start..start + usize::from(length))?;
    if family == AF_LINK { mac.try_into().ok() } else { None }
}

/// Reads an address with its netmask as getifaddrs(3) gives them; none for other families.
pub fn address(socket_address: &[u8], netmask: &[u8]) -> Option<Address> {
    let ip = ip(socket_address)?;
    // A netmask may be cut after its last byte that is not zero, and its family may be missing.
    let (start, width) = if ip.is_ipv4() { (4, 4) } else { (8, 16) };
    let ones = netmask.iter().skip(start).take(width).map(|byte| byte.count_ones()).sum::<u32>();
    Some(Address { ip, prefix: ones as u8 })
}

fn ip(socket_address: &[u8]) -> Option<IpAddr> {
    match *socket_address.get(1)? {
        AF_INET => Some(Ipv4Addr::from(*socket_address.get(4..8)?.first_chunk::<4>()?).into()),
        AF_INET6 => {
            let mut octets = *socket_address.get(8..24)?.first_chunk::<16>()?;
            // The kernel keeps the number of the link in these two bytes of a link-local address.
            if octets[0] == 0xfe && octets[1] & 0xc0 == 0x80 {
                octets[2..4].fill(0);
            }
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_those_of_the_c_compiler() {
        // clang for x86_64-unknown-freebsd13.2 with the headers of that release.
        for (ours, theirs) in [
            (SIOCIFCREATE2, 0xc020_697c),
            (SIOCIFDESTROY, 0x8020_6979),
            (SIOCSIFNAME, 0x8020_6928),
            (SIOCSIFDESCR, 0x8020_6929),
            (SIOCGIFDESCR, 0xc020_692a),
            (SIOCSIFMTU, 0x8020_6934),
            (SIOCSIFLLADDR, 0x8020_693c),
            (SIOCGIFFLAGS, 0xc020_6911),
            (SIOCSIFFLAGS, 0x8020_6910),
            (SIOCSIFVNET, 0xc020_695a),
            (SIOCSIFRVNET, 0xc020_695b),
            (SIOCSDRVSPEC, 0x8028_697b),
            (SIOCGDRVSPEC, 0xc028_697b),
            (SIOCAIFADDR, 0x8044_692b),
            (SIOCDIFADDR, 0x8020_6919),
            (SIOCAIFADDR_IN6, 0x8088_691b),
            (SIOCDIFADDR_IN6, 0x8120_6919),
            (SIOCGIFINFO_IN6, 0xc048_696c),
            (SIOCSIFINFO_FLAGS, 0xc048_6957),
            (SIOCGIFINDEX, 0xc020_6920),
        ] {
            assert_eq!(ours, theirs, "{ours:#x} is not {theirs:#x}");
        }
    }

    fn ioctl(request: Request) -> Ioctl {
        match request.call {
            Call::Ioctl(ioctl) => ioctl,
            other => panic!("not one ioctl: {other:?}"),
        }
    }

    #[test]
    fn an_argument_begins_with_the_name() {
        assert_eq!(name_in(&create("epair").argument), "epair");
        assert_eq!(name_in(&create(&"x".repeat(40)).argument), "x".repeat(15));
        let rename = ioctl(rename("epair0a", "web:0"));
        assert_eq!(
            (name_in(&rename.argument).as_str(), rename.pointed),
            ("epair0a", Some((16, b"web:0\0".to_vec())))
        );
        let describe = ioctl(set_description("em0", "abc"));
        assert_eq!(describe.argument[16..24], 4usize.to_ne_bytes());
        assert_eq!(describe.pointed, Some((24, b"abc\0".to_vec())));
    }

    #[test]
    fn addresses() {
        let v4 = ioctl(add_address("em0", Address { ip: "10.1.2.3".parse().unwrap(), prefix: 20 }));
        assert_eq!(v4.argument[16..24], [16, 2, 0, 0, 10, 1, 2, 3]);
        assert_eq!(v4.argument[48..56], [16, 2, 0, 0, 255, 255, 240, 0]);
        let v6 = ioctl(add_address("em0", Address { ip: "fd00::5".parse().unwrap(), prefix: 64 }));
        assert_eq!(v6.argument[16..18], [28, 28]);
        assert_eq!(v6.argument[24..40], "fd00::5".parse::<Ipv6Addr>().unwrap().octets());
        assert_eq!(v6.argument[80..96], "ffff:ffff:ffff:ffff::".parse::<Ipv6Addr>().unwrap().octets());
        assert_eq!(v6.argument[120..128], [0xff; 8]);
        assert_eq!(mask("::".parse().unwrap(), 0), "::".parse::<IpAddr>().unwrap());
        assert_eq!(mask("0.0.0.0".parse().unwrap(), 32), "255.255.255.255".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn a_default_route() {
        let [request] = default_route("10.0.0.1".parse().unwrap(), None).try_into().unwrap();
        let Call::Route { message, index: None, .. } = request.call else { panic!() };
        assert_eq!(message.len(), 152 + 3 * 16);
        assert_eq!(message[..4], [200, 0, 5, 1]);
        assert_eq!(message[8..12], 0x803u32.to_ne_bytes());
        assert_eq!(message[168..176], [16, 2, 0, 0, 10, 0, 0, 1]);
    }

    #[test]
    fn a_link_local_router_needs_its_link() {
        let [request] = default_route("fe80::1".parse().unwrap(), Some("vnet0")).try_into().unwrap();
        let Call::Route { message, index: Some(index), index_at } = request.call else { panic!() };
        assert_eq!(name_in(&index.argument), "vnet0");
        assert_eq!(index_at, [(152 + 32 + 24, 4)]);
        assert_eq!(message.len(), 152 + 3 * 32);
    }

    #[test]
    fn a_router_elsewhere_gets_a_route_of_its_own_first() {
        let requests = default_route("192.0.2.1".parse().unwrap(), Some("vnet0"));
        assert_eq!(requests.len(), 2);
        let Call::Route { message, index: Some(_), index_at } = &requests[0].call else { panic!() };
        assert_eq!(index_at, &[(152 + 16 + 2, 2)]);
        assert_eq!(message.len(), 152 + 16 + 56);
        assert!(matches!(requests[1].call, Call::Route { index: None, .. }));
    }

    #[test]
    fn the_way_out() {
        let question = default_route_question(false, 7);
        assert_eq!((question[3], question.len()), (4, 152 + 2 * 16));
        // The kernel's answer has the same head with pid, flags and addresses filled in.
        let addresses =
            [socket_address("0.0.0.0".parse().unwrap()), socket_address("10.0.2.2".parse().unwrap())];
        let (mut answer, _) = message(0x803, 0x7, &addresses);
        answer[TYPE_AT] = RTM_GET;
        put(&mut answer, 4, &3u16.to_ne_bytes());
        put(&mut answer, 16, &99i32.to_ne_bytes());
        put(&mut answer, 20, &7i32.to_ne_bytes());
        assert_eq!(default_route_in(&answer, 99, 7), Answer::Router("10.0.2.2".parse().unwrap(), 3));
        assert_eq!(default_route_in(&answer, 98, 7), Answer::Other);
        assert_eq!(default_route_in(&answer, 99, 8), Answer::Other);
        put(&mut answer, 24, &3i32.to_ne_bytes());
        assert_eq!(default_route_in(&answer, 99, 7), Answer::None);
    }

    #[test]
    fn macs() {
        assert_eq!(mac("02:ff:60:10:bf:1d"), Some([2, 0xff, 0x60, 0x10, 0xbf, 0x1d]));
        assert_eq!(shown_mac(&[2, 0xff, 0, 1, 2, 3]), "02:ff:00:01:02:03");
        for bad in ["", "02:ff:60:10:bf", "02:ff:60:10:bf:1d:00", "2:ff:60:10:bf:1d", "02:ff:60:10:bf:+1"] {
            assert_eq!(mac(bad), None, "{bad}");
        }
        // sdl_len, family, index, type, name length 3, address length 6, selector length, em0, address
        let link = [20, 18, 1, 0, 6, 3, 6, 0, b'e', b'm', b'0', 2, 0, 0, 0, 0, 9];
        assert_eq!(link_address(&link), Some([2, 0, 0, 0, 0, 9]));
        assert_eq!(link_address(&link[..12]), None);
    }

    #[test]
    fn addresses_of_getifaddrs() {
        let v4 = address(&[16, 2, 0, 0, 10, 0, 0, 7], &[0, 0, 0, 0, 255, 255, 255]).unwrap();
        assert_eq!(v4.to_string(), "10.0.0.7/24");
        let mut six = vec![28, 28, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 0, 2];
        six.extend([0; 11]);
        six.push(9);
        let mut netmask = vec![28, 28, 0, 0, 0, 0, 0, 0];
        netmask.extend([255; 8]);
        netmask.extend([0; 12]);
        assert_eq!(address(&six, &netmask).unwrap().to_string(), "fe80::9/64");
        assert_eq!(address(&[16, 1, 0, 0], &[]), None);
    }

    #[test]
    fn names() {
        assert!(is_name("vnet0") && is_name("a:b") && is_name(&"x".repeat(15)));
        assert!(!is_name("") && !is_name("a b") && !is_name("a/b") && !is_name(&"x".repeat(16)));
    }

    #[test]
    fn members_of_a_bridge() {
        let mut list = named("em0", size::IFBREQ);
        list.extend(named("web:0", size::IFBREQ));
        assert_eq!(members_in(&list), ["em0", "web:0"]);
        assert_eq!(members_in(&list[..100]), ["em0"]);
    }

    proptest! {
        #[test]
        fn whatever_the_kernel_says_is_read(bytes: Vec<u8>, other: Vec<u8>) {
            name_in(&bytes);
            default_route_in(&bytes, 0, 0);
            members_in(&bytes);
            link_address(&bytes);
            address(&bytes, &other);
        }

        #[test]
        fn any_name_fits(name: String, prefix: u8) {
            let address = Address { ip: "::1".parse().unwrap(), prefix };
            prop_assert_eq!(ioctl(add_address(&name, address)).argument.len(), 136);
            rename(&name, &name);
        }
    }
}
