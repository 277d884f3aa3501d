//! The default routes of the host, by asking route(4): a question each, whatever the size of the routing table.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::net::if_::if_indextoname;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::{read, write};

use crate::network::Gateway;
use crate::network::requests::{self, Answer};

/// The default gateways, IPv4 first.
pub(super) fn list() -> io::Result<Vec<Gateway>> {
    let mut gateways = Vec::new();
    for ipv6 in [false, true] {
        gateways.extend(ask(ipv6)?);
    }
    Ok(gateways)
}

fn ask(ipv6: bool) -> io::Result<Option<Gateway>> {
    static NEXT: AtomicI32 = AtomicI32::new(1);
    let sequence = NEXT.fetch_add(1, Ordering::Relaxed);
    let socket = socket(AddressFamily::Route, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
    // The answer is there when write(2) returns; the limit is for a kernel that lost it because the socket was full.
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::seconds(5))?;
    match write(&socket, &requests::default_route_question(ipv6, sequence)) {
        Ok(_) => {}
        // No such route; no such family in this kernel.
        Err(Errno::ESRCH | Errno::EAFNOSUPPORT) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    }
    let process = nix::unistd::getpid().as_raw();
    let mut answer = [0; 2048];
    loop {
        let length = match read(&socket, &mut answer) {
            Ok(length) => length,
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        match requests::default_route_in(&answer[..length], process, sequence) {
            Answer::Other => {}
            Answer::None => return Ok(None),
            Answer::Router(router, index) => {
                let name = if_indextoname(index.into())?;
                return Ok(Some(Gateway { router, interface: name.to_string_lossy().into_owned() }));
            }
        }
    }
}
