//! Carrying out requests: on the host, or in a child that has joined a jail.

use std::io;

use nix::errno::Errno;
use nix::libc;

use crate::freebsd::child::{self, Report};
use crate::network::requests::{Call, Ioctl, RTM_ADD, RTM_CHANGE, Request, Socket, TYPE_AT};

/// The sockets that requests go through, opened when first needed. Only system calls, nothing else: this runs in
/// children too.
pub(super) struct Sockets([Option<libc::c_int>; 4]);

impl Sockets {
    pub(super) fn new() -> Self {
        Sockets([None; 4])
    }

    fn of(&mut self, socket: Socket) -> Result<libc::c_int, Errno> {
        let (at, family, kind) = match socket {
            Socket::Local => (0, libc::AF_LOCAL, libc::SOCK_DGRAM),
            Socket::Inet => (1, libc::AF_INET, libc::SOCK_DGRAM),
            Socket::Inet6 => (2, libc::AF_INET6, libc::SOCK_DGRAM),
            Socket::Route => (3, libc::PF_ROUTE, libc::SOCK_RAW),
        };
        if let Some(fd) = self.0[at] {
            return Ok(fd);
        }
        // SAFETY: plain numbers.
        let fd = Errno::result(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) })?;
        self.0[at] = Some(fd);
        Ok(fd)
    }

    /// Carries out a request.
    pub(super) fn perform(&mut self, request: &mut Request) -> Result<(), Errno> {
        let done = match &mut request.call {
            Call::Ioctl(ioctl) => self.ioctl(ioctl),
            Call::Bits { get, set, at, width, on, off } => self.bits(get, *set, *at, *width, *on, *off),
            Call::Route { message, index, index_at } => self.route(message, index.as_mut(), index_at),
        };
        if request.optional { Ok(()) } else { done }
    }

    /// Makes an ioctl(2); the kernel's answer is in its argument afterwards.
    pub(super) fn ioctl(&mut self, ioctl: &mut Ioctl) -> Result<(), Errno> {
        let fd = self.of(ioctl.socket)?;
        if let Some((at, pointed)) = &mut ioctl.pointed {
            let pointer = (pointed.as_mut_ptr() as usize).to_ne_bytes();
            for (to, from) in ioctl.argument.iter_mut().skip(*at).zip(pointer) {
                *to = from;
            }
        }
        // SAFETY: the number says the size of the argument, which is that long (the tests of `requests` compare with
        // the system's headers), and what it points to lives in `ioctl`, as long as the argument says.
        Errno::result(unsafe { libc::ioctl(fd, ioctl.number, ioctl.argument.as_mut_ptr()) })?;
        Ok(())
    }

    fn bits(
        &mut self,
        get: &mut Ioctl,
        set: u64,
        at: usize,
        width: usize,
        on: u32,
        off: u32,
    ) -> Result<(), Errno> {
        self.ioctl(get)?;
        if let Some(bytes) = get.argument.get_mut(at..at + width) {
            match bytes {
                [a, b] => {
                    let now = u16::from_ne_bytes([*a, *b]);
                    [*a, *b] = ((now | on as u16) & !(off as u16)).to_ne_bytes();
                }
                [a, b, c, d] => {
                    let now = u32::from_ne_bytes([*a, *b, *c, *d]);
                    [*a, *b, *c, *d] = ((now | on) & !off).to_ne_bytes();
                }
                _ => return Err(Errno::EINVAL),
            }
        }
        get.number = set;
        self.ioctl(get)
    }

    fn route(
        &mut self,
        message: &mut [u8],
        index: Option<&mut Ioctl>,
        index_at: &[(usize, usize)],
    ) -> Result<(), Errno> {
        if let Some(ioctl) = index {
            self.ioctl(ioctl)?;
            let index =
                ioctl.argument.get(16..18).and_then(|b| b.try_into().ok()).map_or(0, u16::from_ne_bytes);
            for &(at, width) in index_at {
                match message.get_mut(at..at + width) {
                    Some([a, b]) => [*a, *b] = index.to_ne_bytes(),
                    Some([a, b, c, d]) => [*a, *b, *c, *d] = u32::from(index).to_ne_bytes(),
                    _ => return Err(Errno::EINVAL),
                }
            }
        }
        // Adding first would, since FreeBSD 13, make a second route beside one to another router (ROUTE_MPATH).
        for kind in [RTM_CHANGE, RTM_ADD] {
            if let Some(of_message) = message.get_mut(TYPE_AT) {
                *of_message = kind;
            }
            match self.send(message) {
                Err(Errno::ESRCH) if kind == RTM_CHANGE => {}
                result => return result,
            }
        }
        Ok(())
    }

    fn send(&mut self, message: &[u8]) -> Result<(), Errno> {
        let fd = self.of(Socket::Route)?;
        // SAFETY: the buffer is as long as said.
        Errno::result(unsafe { libc::write(fd, message.as_ptr().cast(), message.len()) })?;
        Ok(())
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for fd in self.0.iter().flatten() {
            // SAFETY: we opened it and nobody else has it.
            unsafe { libc::close(*fd) };
        }
    }
}

/// Why requests in a jail were not carried out.
pub(super) enum Failure {
    /// No child, or no report of it.
    Child(io::Error),
    /// The child could not join the jail.
    Enter(Errno),
    /// The request with this index failed.
    Request(usize, Errno),
}

/// Step of a report that means joining the jail; requests count from 1.
const ENTER: u32 = 0;

/// Carries out requests in the network of a jail.
pub(super) fn in_jail(jid: i32, requests: &mut [Request]) -> Result<(), Failure> {
    let act = |report: &mut Report, _| {
        if let Err(errno) = child::join_jail(jid) {
            report.fail(errno as i32);
            return;
        }
        let mut sockets = Sockets::new();
        for request in requests.iter_mut() {
            report.step += 1;
            if let Err(errno) = sockets.perform(request) {
                report.fail(errno as i32);
                return;
            }
        }
    };
    // SAFETY: `act` makes system calls only, on requests that are laid out.
    let report = unsafe { child::report_of(None, act) }.map_err(Failure::Child)?;
    match (report.errno, report.step) {
        (0, _) => Ok(()),
        (errno, ENTER) => Err(Failure::Enter(Errno::from_raw(errno))),
        (errno, step) => Err(Failure::Request(step as usize - 1, Errno::from_raw(errno))),
    }
}
