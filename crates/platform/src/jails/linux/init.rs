//! Pid 1 of a jail: finishes what only it can set up, then waits for the end.
//!
//! It is a copy of the process that made the jail, without executing another program, so it must not do more than
//! make system calls. It ignores all signals (no process of the jail can end it), and because it ignores `SIGCHLD`
//! too, the kernel itself reaps the orphans that it inherits; wait(2).

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsmount,
    fsopen, move_mount, open_tree,
};
use rustix::net::{RecvFlags, SendFlags};
use rustix::process::DumpableBehavior;
use rustix::thread::CapabilitySet;

use super::capabilities;
use crate::linux::syscalls::{self, Signals};

/// What pid 1 needs, made ready before it is.
pub(super) struct Plan {
    /// `/dev/null` of the host, for its standard streams.
    pub(super) null: OwnedFd,
    /// A view of `/dev/null`, mounted nowhere, to put over files.
    pub(super) mask: OwnedFd,
    /// The directory `/proc` in the jail's root.
    pub(super) proc: OwnedFd,
    /// Its end of the connection to its maker.
    pub(super) maker: OwnedFd,
    /// What it may do.
    pub(super) capabilities: CapabilitySet,
    /// What `ps` is to show for it, and where in memory that goes.
    pub(super) command_line: (usize, Vec<u8>),
}

/// The descriptors of the plan are moved here, past the standard streams.
const MASK: i32 = 3;
const PROC: i32 = 4;
const MAKER: i32 = 5;

/// Lowest number that the descriptors of a plan may have, so that moving one does not overwrite another.
pub(super) const FIRST_FREE: i32 = 10;

/// What pid 1 was at when it failed; told to its maker by number.
pub(super) const STAGES: [&str; 6] = [
    "start its pid 1",
    "give its pid 1 descriptors",
    "mount its /proc",
    "protect its /proc",
    "reduce its capabilities",
    "leave the keyring of the caller",
];

/// The answer of a pid 1 that is ready: no stage has this number.
pub(super) const READY: u8 = u8::MAX;

/// Files of `/proc` that tell about the host, hidden behind `/dev/null`.
const HIDDEN: [&CStr; 6] =
    [c"kcore", c"keys", c"latency_stats", c"sched_debug", c"timer_list", c"timer_stats"];

/// Files and directories of `/proc` through which root could change the host, made read-only.
const READ_ONLY: [&CStr; 11] = [
    c"sys",
    c"sysrq-trigger",
    c"acpi",
    c"asound",
    c"bus",
    c"driver",
    c"dynamic_debug",
    c"fs",
    c"irq",
    c"mtrr",
    c"scsi",
];

/// Runs as pid 1 of the jail. Returns only if the jail is not to be.
pub(super) fn run(plan: &Plan) -> i32 {
    if let Err((stage, error)) = detach(plan) {
        return give_up(plan.maker.as_fd(), stage, error);
    }
    // SAFETY: detach put the descriptor there, and it stays open while it is borrowed.
    #[expect(unsafe_code, reason = "the descriptor got this number by dup2")]
    let maker = unsafe { BorrowedFd::borrow_raw(MAKER) };
    if let Err((stage, error)) = set_up(plan) {
        return give_up(maker, stage, error);
    }
    tell(maker, READY, 0);
    // The jail is, once its maker has noted it. If the maker dies before that, the connection ends.
    let mut go = [0];
    if !matches!(rustix::net::recv(maker, &mut go, RecvFlags::empty()), Ok((1, _))) {
        return 1;
    }
    if syscalls::close_from(3).is_err() {
        return 1;
    }
    loop {
        syscalls::pause();
    }
}

fn give_up(maker: BorrowedFd<'_>, stage: u8, error: Errno) -> i32 {
    tell(maker, stage, error.raw_os_error());
    1
}

fn tell(maker: BorrowedFd<'_>, stage: u8, error: i32) {
    // If even that fails, the closed connection tells.
    let _ = rustix::net::send(maker, &message(stage, error), SendFlags::NOSIGNAL);
}

/// A report: number of the stage, then the error number.
fn message(stage: u8, error: i32) -> [u8; 5] {
    let [a, b, c, d] = error.to_ne_bytes();
    [stage, a, b, c, d]
}

/// What a report says: ready, or stage and error.
pub(super) fn read_message(message: [u8; 5]) -> Result<(), (&'static str, io::Error)> {
    let [stage, error @ ..] = message;
    if stage == READY {
        return Ok(());
    }
    let stage = STAGES.get(usize::from(stage)).copied().unwrap_or("start its pid 1");
    Err((stage, io::Error::from_raw_os_error(i32::from_ne_bytes(error))))
}

fn at(stage: u8) -> impl Fn(Errno) -> (u8, Errno) {
    move |error| (stage, error)
}

/// Leaves all that it has from its maker.
fn detach(plan: &Plan) -> Result<(), (u8, Errno)> {
    // Nobody of the jail looks into this copy of the maker's memory, or through its descriptors.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(at(0))?;
    syscalls::set_signals(Signals::Ignored);
    rustix::process::setsid().map_err(at(0))?;
    rustix::thread::set_name(c"ioc-jail").map_err(at(0))?;
    let (address, command_line) = &plan.command_line;
    // SAFETY: there are the arguments of our maker's program, which this copy of it does not look at.
    #[expect(unsafe_code, reason = "writes to an address that the kernel gave")]
    let shown = unsafe { syscalls::overwrite(*address, command_line) };
    // Only cosmetics.
    let _ = shown;
    take_descriptors(plan).map_err(at(1))
}

fn set_up(plan: &Plan) -> Result<(), (u8, Errno)> {
    let proc = mount_proc().map_err(at(2))?;
    protect_proc(&proc).map_err(at(3))?;
    capabilities::keep(plan.capabilities).map_err(at(4))?;
    syscalls::new_session_keyring().map_err(at(5))
}

/// Keeps the plan's descriptors and no others: neither the maker's own, nor those of another jail's making.
fn take_descriptors(plan: &Plan) -> Result<(), Errno> {
    for stream in 0..3 {
        syscalls::duplicate_to(plan.null.as_fd(), stream)?;
    }
    for (descriptor, number) in [(&plan.mask, MASK), (&plan.proc, PROC), (&plan.maker, MAKER)] {
        syscalls::duplicate_to(descriptor.as_fd(), number)?;
    }
    syscalls::close_from(MAKER.unsigned_abs() + 1)
}

/// Mounts a proc(5) of this pid namespace on the directory that is known as `PROC`.
fn mount_proc() -> Result<OwnedFd, Errno> {
    let context = fsopen(c"proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)?;
    // SAFETY: take_descriptors put the descriptor there, and nothing else in this process refers to it.
    #[expect(unsafe_code, reason = "the descriptor got this number by dup2")]
    let directory = unsafe { OwnedFd::from_raw_fd(PROC) };
    let both = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(proc.as_fd(), c"", directory.as_fd(), c"", both)?;
    Ok(proc)
}

/// Puts `/dev/null` over what tells about the host, and makes read-only what would change it.
fn protect_proc(proc: &OwnedFd) -> Result<(), Errno> {
    let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let place = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    // SAFETY: take_descriptors put the descriptor there, and nothing else in this process refers to it.
    #[expect(unsafe_code, reason = "the descriptor got this number by dup2")]
    let mut mask = unsafe { OwnedFd::from_raw_fd(MASK) };
    for name in HIDDEN {
        match move_mount(mask.as_fd(), c"", proc.as_fd(), name, place) {
            // Not every kernel has all of them.
            Err(Errno::NOENT) => {}
            // A mount can be copied from where it is attached only, before Linux 6.15.
            Ok(()) => mask = open_tree(proc.as_fd(), name, clone)?,
            Err(error) => return Err(error),
        }
    }
    for name in READ_ONLY {
        let tree = match open_tree(proc.as_fd(), name, clone) {
            Err(Errno::NOENT) => continue,
            tree => tree?,
        };
        syscalls::add_mount_flags(tree.as_fd(), MountAttrFlags::MOUNT_ATTR_RDONLY)?;
        move_mount(tree.as_fd(), c"", proc.as_fd(), name, place)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_understood() {
        let failed = |message| {
            let (stage, error) = read_message(message).unwrap_err();
            (stage, error.raw_os_error().unwrap())
        };
        assert!(read_message(message(READY, 0)).is_ok());
        assert_eq!(failed(message(2, libc::EPERM)), ("mount its /proc", libc::EPERM));
        assert_eq!(failed(message(99, libc::EBUSY)), ("start its pid 1", libc::EBUSY));
    }
}
