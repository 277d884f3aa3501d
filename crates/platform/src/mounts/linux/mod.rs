//! Mounts on Linux, by the calls that work on descriptors: `open_tree(2)`, `fsmount(2)`, `move_mount(2)`.
//!
//! | kind | what it becomes |
//! |---|---|
//! | `Nullfs` | a bind mount of the source, without what is mounted below it |
//! | `Tmpfs` | tmpfs with the options `size`, `mode`, `uid`, `gid`, `inodes` |
//! | `Devfs` | a tmpfs with a fixed set of harmless devices, and pseudo terminals of its own below it |
//! | `Fdescfs` | nothing more: `Devfs` has `/dev/fd` as a link into `/proc` |
//! | `Procfs`, `Linprocfs` at `/proc` | nothing more: every jail has its own `/proc`, made by [`crate::jails`] |
//! | `Other` | the file systems of `FOREIGN`; all others could show the host |
//!
//! A mount is complete before it is attached: read-only from its first moment on. `nosuid` and `nodev` are always
//! set, besides the flags that the source has.
//!
//! The path of the root must be free of links (canonical), so that no later path below it is ambiguous.

mod devices;
mod options;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
};

use super::{MountError, MountKind, MountSpec, Mounted, Mounts};
use crate::linux::{confined, mountinfo, syscalls};
use options::Options;

/// The file systems that `Other` may name: those that hold files of their own.
const FOREIGN: [&str; 11] =
    ["btrfs", "ext2", "ext3", "ext4", "f2fs", "iso9660", "overlay", "squashfs", "vfat", "xfs", "zfs"];

/// How often, and with which pause, what is busy is unmounted again: for a moment after it was mounted, a process that
/// another thread of this program makes just then may hold a copy of our descriptor of it.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(5);

/// Mounts on Linux.
#[derive(Clone, Copy, Debug, Default)]
pub struct LinuxMounts;

impl Mounts for LinuxMounts {
    fn mount(&self, spec: &MountSpec) -> Result<(), MountError> {
        let target = spec.root.join(spec.target.relative());
        let failed =
            |source| MountError::Mount { what: describe(&spec.kind), target: target.clone(), source };
        let options = options::parse(&spec.options, spec.read_only);
        let place = || open_target(spec, &target);
        match &spec.kind {
            MountKind::Nullfs { source } => {
                let place = place()?;
                options.without_parameters().map_err(failed)?;
                let tree = bind(source, options.flags).map_err(failed)?;
                same_kind(&tree, &place, &target)?;
                attach(spec, tree, &place, &target)?;
            }
            MountKind::Tmpfs => {
                let place = place()?;
                let parameters = options.for_tmpfs().map_err(failed)?;
                let parameters: Vec<_> =
                    parameters.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
                let tree = new_file_system("tmpfs", "tmpfs", &parameters, options.flags).map_err(failed)?;
                attach(spec, tree, &place, &target)?;
            }
            MountKind::Devfs { .. } => {
                let place = place()?;
                options.without_parameters().map_err(failed)?;
                let tree = devices::make(options.flags).map_err(failed)?;
                let attached = attach(spec, tree, &place, &target)?;
                if let Err(error) = devices::attach_terminals(&attached) {
                    take_back(&attached);
                    return Err(failed(error));
                }
            }
            MountKind::Other { fstype, source } => {
                if !FOREIGN.contains(&fstype.as_str()) {
                    return Err(MountError::Unsupported { fstype: fstype.clone() });
                }
                let place = place()?;
                let tree = foreign(fstype, source, &options).map_err(|error| {
                    if error.raw_os_error() == Some(libc::ENODEV) {
                        return MountError::Unsupported { fstype: fstype.clone() };
                    }
                    failed(error)
                })?;
                attach(spec, tree, &place, &target)?;
            }
            MountKind::Fdescfs if links_to_descriptors(spec) => {}
            MountKind::Procfs | MountKind::Linprocfs if spec.target.relative() == Path::new("proc") => {}
            kind @ (MountKind::Fdescfs | MountKind::Procfs | MountKind::Linprocfs | MountKind::Linsysfs) => {
                return Err(MountError::Unsupported { fstype: describe(kind) });
            }
        }
        Ok(())
    }

    fn unmount(&self, target: &Path) -> Result<(), MountError> {
        let failed = |source| MountError::Unmount { target: target.to_owned(), source };
        let mut result = unmount_one(target);
        for _ in 0..ATTEMPTS {
            match &result {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
                _ => break,
            }
            // Our devices are two mounts, which count as one.
            let mounts = mountinfo::read().map_err(|source| MountError::Table { source })?;
            let ours = |path: &Path| {
                mountinfo::topmost(&mounts, path).is_some_and(|mount| mount.source == devices::SOURCE)
            };
            let terminals = target.join(devices::TERMINALS);
            if ours(target) && ours(&terminals) {
                unmount_one(&terminals).map_err(failed)?;
            } else {
                sleep(PAUSE);
            }
            result = unmount_one(target);
        }
        result.map_err(failed)
    }

    fn below(&self, root: &Path) -> Result<Vec<Mounted>, MountError> {
        let root = match root.canonicalize() {
            Ok(root) => root,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(MountError::Table { source }),
        };
        let mounts = mountinfo::read().map_err(|source| MountError::Table { source })?;
        let below =
            mounts.into_iter().filter(|mount| mount.target != root && mount.target.starts_with(&root));
        let shown = below.map(|mount| Mounted {
            read_only: mount.has_flag("ro"),
            target: mount.target,
            source: mount.source,
            fstype: mount.fstype,
        });
        Ok(shown.collect())
    }
}

/// A file system that is mounted nowhere yet. Dropped, it is gone.
struct Detached(OwnedFd);

impl AsFd for Detached {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Detached {
    /// Mounts it at a place; the answer is the root of the mount.
    fn attach(self, place: &OwnedFd) -> io::Result<OwnedFd> {
        let both = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(&self.0, "", place, "", both)?;
        Ok(self.0)
    }
}

/// A new instance of a file system.
fn new_file_system(
    fstype: &str,
    source: &str,
    parameters: &[(&str, Option<&str>)],
    flags: MountAttrFlags,
) -> io::Result<Detached> {
    let context = fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", source)?;
    for (name, value) in parameters {
        match value {
            Some(value) => fsconfig_set_string(&context, *name, *value),
            None => fsconfig_set_flag(&context, *name),
        }
        .map_err(|error| match error {
            Errno::INVAL => io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{fstype} does not take the option {name} with this value"),
            ),
            error => error.into(),
        })?;
    }
    fsconfig_create(&context)?;
    Ok(Detached(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags)?))
}

fn foreign(fstype: &str, source: &str, options: &Options) -> io::Result<Detached> {
    let mut parameters: Vec<_> =
        options.parameters.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    if options.flags.contains(MountAttrFlags::MOUNT_ATTR_RDONLY) {
        // The file system itself too, which then does not write to the device.
        parameters.push(("ro", None));
    }
    new_file_system(fstype, source, &parameters, options.flags)
}

/// A second view of a directory or file of the host, with flags besides those it has.
fn bind(source: &Path, flags: MountAttrFlags) -> io::Result<Detached> {
    let tree = open_tree(CWD, source, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)?;
    syscalls::add_mount_flags(tree.as_fd(), flags)?;
    Ok(Detached(tree))
}

fn target_problem(target: &Path, problem: impl Into<String>) -> MountError {
    MountError::Target { target: target.to_owned(), problem: problem.into() }
}

fn open_target(spec: &MountSpec, target: &Path) -> Result<OwnedFd, MountError> {
    let place = confined::absolute(&spec.root).and_then(|root| confined::place(root, spec.target.relative()));
    place.map_err(|error| match error.raw_os_error() {
        Some(libc::ELOOP | libc::EXDEV) => target_problem(target, "a component of the path is a link"),
        _ => target_problem(target, error.to_string()),
    })
}

fn same_kind(tree: &Detached, place: &OwnedFd, target: &Path) -> Result<(), MountError> {
    let kinds = confined::is_directory(tree).and_then(|tree| Ok((tree, confined::is_directory(place)?)));
    match kinds {
        Ok((true, false)) => Err(target_problem(target, "it is not a directory")),
        Ok((false, true)) => Err(target_problem(target, "it is a directory, and the source is a file")),
        Ok(_) => Ok(()),
        Err(error) => Err(target_problem(target, error.to_string())),
    }
}

/// Attaches a mount and makes sure that it is what one finds under the path now: while the jail runs, its users can
/// move directories that lead there.
fn attach(spec: &MountSpec, tree: Detached, place: &OwnedFd, target: &Path) -> Result<OwnedFd, MountError> {
    let failed = |source| MountError::Mount { what: describe(&spec.kind), target: target.to_owned(), source };
    let attached = tree.attach(place).map_err(failed)?;
    let checked = open_target(spec, target).and_then(|there| {
        match (confined::mount_id(there), confined::mount_id(&attached)) {
            (Ok(there), Ok(attached)) if there == attached => Ok(()),
            (Ok(_), Ok(_)) => Err(target_problem(target, "the directory was moved meanwhile")),
            (Err(error), _) | (_, Err(error)) => Err(failed(error)),
        }
    });
    match checked {
        Ok(()) => Ok(attached),
        Err(error) => {
            take_back(&attached);
            Err(error)
        }
    }
}

/// Takes away a mount that was made just now and that nobody but us knows.
fn take_back(attached: &OwnedFd) {
    // Lazily, as our own descriptor keeps it busy.
    if let Err(error) = unmount(format!("/proc/self/fd/{}", attached.as_raw_fd()), UnmountFlags::DETACH) {
        tracing::warn!(%error, "cannot take back a mount");
    }
}

/// Unmounts what is on top at `target`, if it is a mount point.
///
/// The last component is looked up by unmount itself, from its parent directory; a descriptor of the mount would
/// keep it busy. No component of the path is followed as a link, and of no other mount can it be the root.
fn unmount_one(target: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is the root directory"));
    };
    let parent = match confined::absolute(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        parent => parent?,
    };
    let stat = match statx(&parent, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        stat => stat?,
    };
    if !stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Ok(());
    }
    let path = Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string()).join(name);
    Ok(unmount(path, UnmountFlags::NOFOLLOW)?)
}

/// Tells whether the target is the link into `/proc` that our devices have.
fn links_to_descriptors(spec: &MountSpec) -> bool {
    let Some(name) = spec.target.relative().file_name() else { return false };
    let parent = spec.target.relative().parent().unwrap_or(Path::new(""));
    let directory = confined::absolute(&spec.root).and_then(|root| confined::place(root, parent));
    directory.is_ok_and(|directory| {
        rustix::fs::readlinkat(directory, name, Vec::new())
            .is_ok_and(|text| text.as_bytes() == b"/proc/self/fd")
    })
}

fn describe(kind: &MountKind) -> String {
    match kind {
        MountKind::Nullfs { source } => source.display().to_string(),
        MountKind::Devfs { .. } => "devfs".to_owned(),
        MountKind::Fdescfs => "fdescfs".to_owned(),
        MountKind::Procfs => "procfs".to_owned(),
        MountKind::Linprocfs => "linprocfs".to_owned(),
        MountKind::Linsysfs => "linsysfs".to_owned(),
        MountKind::Tmpfs => "tmpfs".to_owned(),
        MountKind::Other { fstype, source } => format!("{fstype} {source}"),
    }
}
