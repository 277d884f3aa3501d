//! Questions to and orders for the network of the kernel; rtnetlink(7).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use rustix::io::retry_on_intr;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

/// More than the kernel puts into one datagram (`NLMSG_GOODSIZE`, at most 32 KiB for dumps).
const BUFFER: usize = 64 << 10;

/// How often something that changed while it was listed is listed again.
const ATTEMPTS: usize = 10;

/// What an order is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Make it; that it exists is an error.
    Create,
    /// Make it, or put it in the place of the one that is there.
    Replace,
    /// Change or remove what exists.
    Change,
}

/// A connection to the network of the namespace that the thread was in when it was made; other threads can use it.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Netlink {
    pub(crate) fn open() -> io::Result<Self> {
        // Protocol 0, NETLINK_ROUTE, is the default.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Netlink { socket })
    }

    /// Gives an order and waits for the kernel's word on it.
    pub(crate) fn order(&self, message: RouteNetlinkMessage, order: Order) -> io::Result<()> {
        let flags = match order {
            Order::Create => NLM_F_CREATE | NLM_F_EXCL,
            Order::Replace => NLM_F_CREATE | NLM_F_REPLACE,
            Order::Change => 0,
        };
        self.send(message, NLM_F_REQUEST | NLM_F_ACK | flags)?;
        self.receive(&mut |_| ()).map(drop)
    }

    /// Asks for everything of a kind.
    pub(crate) fn dump(&self, message: &RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        for _ in 0..ATTEMPTS {
            let mut found = Vec::new();
            self.send(message.clone(), NLM_F_REQUEST | NLM_F_DUMP)?;
            if self.receive(&mut |message| found.push(message))? {
                return Ok(found);
            }
        }
        Err(io::Error::new(io::ErrorKind::Interrupted, "it changes faster than it can be read"))
    }

    fn send(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut message = NetlinkMessage::from(message);
        message.header.flags = flags;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        retry_on_intr(|| send(&self.socket, &bytes, SendFlags::empty()))?;
        Ok(())
    }

    /// Reads the answer to its end: a word on an order, or the end of a dump. Tells whether a dump is consistent.
    fn receive(&self, take: &mut dyn FnMut(RouteNetlinkMessage)) -> io::Result<bool> {
        let mut buffer = vec![0; BUFFER];
        let mut consistent = true;
        loop {
            let (length, _) = retry_on_intr(|| recv(&self.socket, &mut buffer[..], RecvFlags::empty()))?;
            let mut rest = &buffer[..length];
            while !rest.is_empty() {
                let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                consistent &= message.header.flags & NLM_F_DUMP_INTR == 0;
                let taken = (message.header.length as usize).next_multiple_of(4);
                match message.payload {
                    NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(consistent),
                    NetlinkPayload::InnerMessage(message) => take(message),
                    _ => {}
                }
                rest = rest.get(taken..).unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_route::link::LinkMessage;

    #[test]
    fn our_own_links() {
        let netlink = Netlink::open().unwrap();
        let links = netlink.dump(&RouteNetlinkMessage::GetLink(LinkMessage::default())).unwrap();
        assert!(links.iter().all(|link| matches!(link, RouteNetlinkMessage::NewLink(_))));
        assert!(!links.is_empty());
        let mut nothing = LinkMessage::default();
        nothing.header.index = i32::MAX.unsigned_abs();
        let refused = netlink.order(RouteNetlinkMessage::DelLink(nothing), Order::Change).unwrap_err();
        assert!(matches!(refused.raw_os_error(), Some(libc::ENODEV | libc::EPERM)), "{refused}");
    }
}
