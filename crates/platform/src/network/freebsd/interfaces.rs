//! The interfaces of the host as they are, by getifaddrs(3) and a few questions.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;

use nix::errno::Errno;
use nix::libc;

use super::calls::Sockets;
use crate::network::{Interface, requests};

/// IFT_BRIDGE of sys/net/if_types.h.
const BRIDGE: u8 = 0xd1;

/// Longest description that is read; `net.ifdescr_maxlen` is 1024 by default.
const DESCRIPTION: usize = 1024;

/// The list of getifaddrs(3), given back in the end.
struct List(*mut libc::ifaddrs);

impl List {
    fn read() -> io::Result<Self> {
        let mut list = std::ptr::null_mut();
        // SAFETY: the pointer is writable; the list is given back by freeifaddrs(3) alone.
        Errno::result(unsafe { libc::getifaddrs(&mut list) })?;
        Ok(List(list))
    }
}

impl Drop for List {
    fn drop(&mut self) {
        // SAFETY: the list came from getifaddrs(3) and is not used any more.
        unsafe { libc::freeifaddrs(self.0) };
    }
}

/// Tells whether there is an interface of that name.
pub(super) fn exists(name: &str) -> bool {
    list().is_ok_and(|interfaces| interfaces.iter().any(|interface| interface.name == name))
}

/// All interfaces, in the kernel's order.
pub(super) fn list() -> io::Result<Vec<Interface>> {
    let list = List::read()?;
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    let mut next = list.0;
    // SAFETY: each element of the list is valid until it is given back, and so is what it points to.
    while let Some(element) = unsafe { next.as_ref() } {
        next = element.ifa_next;
        // SAFETY: the name ends with NUL; getifaddrs(3).
        let name = unsafe { CStr::from_ptr(element.ifa_name) }.to_string_lossy().into_owned();
        let position = *at.entry(name.clone()).or_insert_with(|| {
            interfaces.push(Interface {
                name,
                bridge: false,
                mtu: 0,
                mac: None,
                description: None,
                member_of: None,
                addresses: Vec::new(),
            });
            interfaces.len() - 1
        });
        let interface = &mut interfaces[position];
        let address = bytes(element.ifa_addr);
        if i32::from(address.get(1).copied().unwrap_or(0)) == libc::AF_LINK {
            interface.mac = requests::link_address(&address).map(|mac| requests::shown_mac(&mac));
            // SAFETY: for link layer addresses the data is null or a struct if_data; getifaddrs(3).
            if let Some(data) = unsafe { element.ifa_data.cast::<libc::if_data>().as_ref() } {
                interface.mtu = data.ifi_mtu;
                interface.bridge = data.ifi_type == BRIDGE;
            }
        } else if let Some(address) = requests::address(&address, &bytes(element.ifa_netmask)) {
            interface.addresses.push(address);
        }
    }
    drop(list);
    let mut sockets = Sockets::new();
    for interface in &mut interfaces {
        interface.description = description(&mut sockets, &interface.name);
    }
    let bridges: Vec<String> = interfaces.iter().filter(|i| i.bridge).map(|i| i.name.clone()).collect();
    for bridge in bridges {
        for member in members(&mut sockets, &bridge)? {
            if let Some(&position) = at.get(&member) {
                interfaces[position].member_of = Some(bridge.clone());
            }
        }
    }
    Ok(interfaces)
}

/// A socket address as bytes, as many as it says itself.
fn bytes(address: *const libc::sockaddr) -> Vec<u8> {
    // SAFETY: the pointer is null or to a socket address; getifaddrs(3).
    let Some(header) = (unsafe { address.as_ref() }) else { return Vec::new() };
    // SAFETY: a socket address is as long as its first byte says.
    unsafe { std::slice::from_raw_parts(address.cast::<u8>(), header.sa_len.into()) }.to_vec()
}

/// The description; an interface that has none, or went away in the meantime, has none.
fn description(sockets: &mut Sockets, name: &str) -> Option<String> {
    let mut ioctl = requests::description(name, DESCRIPTION);
    sockets.ioctl(&mut ioctl).ok()?;
    let (_, text) = ioctl.pointed?;
    let text = text.split(|&b| b == 0).next().filter(|text| !text.is_empty())?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// The members of a bridge; one that went away in the meantime has none.
fn members(sockets: &mut Sockets, bridge: &str) -> io::Result<Vec<String>> {
    let mut room = 16;
    loop {
        let mut list = vec![0u8; requests::room_for_members(room)];
        let mut ioctl = requests::members(bridge);
        if let Some((_, question)) = &mut ioctl.pointed {
            // struct ifbifconf: the length of the list, and where it is.
            question[..4].copy_from_slice(&(list.len() as u32).to_ne_bytes());
            question[8..].copy_from_slice(&(list.as_mut_ptr() as usize).to_ne_bytes());
        }
        match sockets.ioctl(&mut ioctl) {
            Ok(()) => {}
            Err(Errno::ENXIO) => return Ok(Vec::new()),
            Err(errno) => return Err(errno.into()),
        }
        let length =
            ioctl.pointed.and_then(|(_, answer)| answer.first_chunk().map(|b| u32::from_ne_bytes(*b)));
        let length = length.map_or(0, |length| length as usize).min(list.len());
        if length < list.len() {
            return Ok(requests::members_in(&list[..length]));
        }
        room *= 4;
    }
}
