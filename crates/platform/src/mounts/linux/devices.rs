//! The devices of a jail: what devfs(5) with a strict ruleset would show.
//!
//! A small tmpfs with the harmless nodes, links into `/proc`, room for POSIX shared memory, and pseudo terminals
//! of its own in a second file system below it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, chmodat, makedev, mkdirat, mknodat, symlinkat};
use rustix::mount::MountAttrFlags;

use super::{Detached, new_file_system};
use crate::linux::confined;

/// What the mount table gives as the source of both file systems, by which we know ours.
pub(super) const SOURCE: &str = "ioc-devfs";

/// Name, major and minor number (Documentation/admin-guide/devices.txt of Linux).
const NODES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Where the pseudo terminals are, below the devices.
pub(super) const TERMINALS: &str = "pts";

/// Group `tty`, the same on all distributions.
const TTY_GROUP: &str = "5";

/// Makes the devices, not yet visible anywhere.
pub(super) fn make(flags: MountAttrFlags) -> io::Result<Detached> {
    // 64 MiB is what container runtimes give /dev/shm, the only place here that a program writes to.
    let parameters = [("mode", "755"), ("size", "64m"), ("nr_inodes", "16384")];
    let parameters = parameters.map(|(name, value)| (name, Some(value)));
    // Device nodes work here, and only here.
    let flags = flags.difference(MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_RDONLY);
    let devices = new_file_system("tmpfs", SOURCE, &parameters, flags | MountAttrFlags::MOUNT_ATTR_NOEXEC)?;
    let directory = devices.as_fd();
    for (name, major, minor) in NODES {
        mknodat(directory, name, FileType::CharacterDevice, Mode::empty(), makedev(major, minor))?;
        chmodat(directory, name, Mode::from_raw_mode(0o666), AtFlags::empty())?;
    }
    for (name, text) in LINKS {
        symlinkat(text, directory, name)?;
    }
    for (name, mode) in [(TERMINALS, 0o755), ("shm", 0o1777)] {
        mkdirat(directory, name, Mode::empty())?;
        chmodat(directory, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
    }
    Ok(devices)
}

/// Mounts the pseudo terminals below devices that have been attached.
pub(super) fn attach_terminals(devices: &OwnedFd) -> io::Result<()> {
    let parameters = [("mode", "620"), ("ptmxmode", "666"), ("gid", TTY_GROUP)];
    let parameters = parameters.map(|(name, value)| (name, Some(value)));
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let terminals = new_file_system("devpts", SOURCE, &parameters, flags)?;
    terminals.attach(&confined::place(devices, TERMINALS.as_ref())?)?;
    Ok(())
}
