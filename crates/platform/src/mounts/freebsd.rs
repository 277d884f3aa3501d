//! Mounts of FreeBSD by nmount(2) and unmount(2).
//!
//! A jail's root user can replace any directory of the jail by a link to a path of the host, also between our check
//! and the mount. So no path below the root ever goes to the kernel: the target is opened component by component
//! without following links, a child makes that very directory its working directory and mounts on `.`, and the
//! kernel's table says afterwards where the mount is.

#![expect(unsafe_code, reason = "system calls that no crate wraps")]

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ioc_model::name::JailPath;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::libc;
use nix::sys::stat::Mode;

use super::{MountError, MountKind, MountSpec, Mounted, Mounts, options};
use crate::freebsd::arguments::{Arguments, KernelError};
use crate::freebsd::child;

/// The mounts of this FreeBSD host.
///
/// Paths are those of the kernel's table, so roots must be given without links in them: [`Mounts::mount`] refuses
/// others, because a mount made through a link could not be found again by the path it was made with.
#[derive(Clone, Copy, Debug, Default)]
pub struct FreeBsdMounts;

/// An entry of the kernel's table.
struct Entry {
    id: [i32; 2],
    mounted: Mounted,
}

impl Mounts for FreeBsdMounts {
    fn mount(&self, spec: &MountSpec) -> Result<(), MountError> {
        let target = spec.root.join(spec.target.relative());
        let problem = |problem: String| MountError::Target { target: target.clone(), problem };
        let what = describe(&spec.kind);
        let failed = |source| MountError::Mount { what: what.clone(), target: target.clone(), source };

        let canonical = std::fs::canonicalize(&spec.root).map_err(|e| problem(format!("its root: {e}")))?;
        if canonical != spec.root {
            return Err(problem(format!("its root is a link to {}", canonical.display())));
        }
        let directory = resolve(&spec.root, &spec.target).map_err(problem)?;
        let mut arguments = Arguments::default();
        for (name, value) in options::arguments(spec)
            .map_err(|option| failed(io::Error::other(format!("option {option} is not one of nmount(2)"))))?
        {
            match value {
                Some(value) => arguments.text(&name, value.as_bytes()),
                None => arguments.bytes(&name, Vec::new()),
            }
            .map_err(failed)?;
        }
        arguments.text("fspath", ".").map_err(failed)?;

        let before = table()?;
        nmount_in(&directory, arguments).map_err(|error| match error.message.as_str() {
            // vfs_donmount() in sys/kern/vfs_mount.c says so for every ENOENT, a source that is missing included.
            INVALID if !is_known(options::fstype(&spec.kind)) => {
                MountError::Unsupported { fstype: options::fstype(&spec.kind).to_owned() }
            }
            INVALID => failed(io::Error::from_raw_os_error(libc::ENOENT)),
            _ => failed(error.into()),
        })?;
        // Only what is new below this root, which nobody else starts or stops now, can be what we made.
        let mut new = table()?;
        new.retain(|entry| {
            entry.mounted.target.starts_with(&spec.root) && !before.iter().any(|known| known.id == entry.id)
        });
        if new.iter().any(|entry| entry.mounted.target == target) {
            return Ok(());
        }
        for entry in new.iter().rev() {
            unmount_by_id(entry).map_err(|errno| MountError::Unmount {
                target: entry.mounted.target.clone(),
                source: errno.into(),
            })?;
        }
        Err(problem("it was moved away while it was mounted on".to_owned()))
    }

    fn unmount(&self, target: &Path) -> Result<(), MountError> {
        let Some(entry) = table()?.into_iter().rfind(|entry| entry.mounted.target == target) else {
            return Ok(());
        };
        unmount_by_id(&entry)
            .map_err(|errno| MountError::Unmount { target: target.to_path_buf(), source: errno.into() })
    }

    fn below(&self, root: &Path) -> Result<Vec<Mounted>, MountError> {
        let root = match std::fs::canonicalize(root) {
            Ok(root) => root,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(MountError::Table { source }),
        };
        let mounted = table()?.into_iter().map(|entry| entry.mounted);
        Ok(mounted.filter(|mounted| is_below(&mounted.target, &root)).collect())
    }
}

/// What the kernel says when it finds no file system of a type, or nothing to mount.
const INVALID: &str = "Invalid fstype";

/// Tells whether the kernel has file systems of a type; one with a module of its own only once that is loaded.
fn is_known(fstype: &str) -> bool {
    let Ok(name) = std::ffi::CString::new(fstype) else { return false };
    // struct xvfsconf of sys/mount.h is far smaller.
    let mut description = [0u64; 32];
    // SAFETY: the name ends with NUL; the buffer is large enough and aligned for pointers.
    unsafe { getvfsbyname(name.as_ptr(), description.as_mut_ptr().cast()) == 0 }
}

unsafe extern "C" {
    /// getvfsbyname(3): describes a type of file system.
    fn getvfsbyname(name: *const libc::c_char, description: *mut libc::c_void) -> libc::c_int;
}

fn is_below(path: &Path, root: &Path) -> bool {
    path.starts_with(root) && path != root
}

fn describe(kind: &MountKind) -> String {
    match kind {
        MountKind::Nullfs { source } => format!("nullfs of {}", source.display()),
        MountKind::Devfs { ruleset } => format!("devfs with ruleset {ruleset}"),
        MountKind::Other { fstype, source } => format!("{fstype} {source}"),
        _ => options::fstype(kind).to_owned(),
    }
}

/// Opens the directory at `target`; the error is the end of a sentence about it.
fn resolve(root: &Path, target: &JailPath) -> Result<OwnedFd, String> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut path = PathBuf::from("/");
    let mut directory =
        open(root, flags, Mode::empty()).map_err(|errno| format!("its root: {}", errno.desc()))?;
    for component in target.components() {
        path.push(component);
        directory = openat(&directory, component, flags, Mode::empty()).map_err(|errno| {
            let path = path.display();
            match errno {
                // open(2) of FreeBSD says EMLINK for a link that it should not follow.
                Errno::EMLINK | Errno::ELOOP => format!("{path} is a link"),
                Errno::ENOTDIR => format!("{path} is not a directory"),
                Errno::ENOENT => format!("{path} does not exist"),
                errno => format!("{path}: {}", errno.desc()),
            }
        })?;
    }
    Ok(directory)
}

/// Mounts on the open directory, wherever it is.
fn nmount_in(directory: &OwnedFd, arguments: Arguments) -> Result<(), KernelError> {
    let mut call = arguments.call();
    let act = |report: &mut child::Report, fd| {
        // SAFETY: a plain number.
        if unsafe { libc::fchdir(fd) } != 0 {
            report.fail(Errno::last_raw());
            return;
        }
        let (iovecs, count) = call.parts();
        // SAFETY: every element of the list points to memory of its length that lives in `call`.
        if unsafe { libc::nmount(iovecs, count, 0) } != 0 {
            report.fail(Errno::last_raw());
            report.say(call.message_bytes());
        }
    };
    // SAFETY: `act` makes system calls only, on memory that is laid out.
    let report = unsafe { child::report_of(Some(directory.as_raw_fd()), act) };
    match report {
        Ok(report) if report.errno == 0 => Ok(()),
        Ok(report) => {
            Err(KernelError { error: io::Error::from_raw_os_error(report.errno), message: report.said() })
        }
        Err(error) => Err(KernelError { error, message: String::new() }),
    }
}

/// The kernel's table, in the order of mounting.
fn table() -> Result<Vec<Entry>, MountError> {
    let failed = |errno: Errno| MountError::Table { source: errno.into() };
    let mut room = 64;
    loop {
        let mut entries: Vec<libc::statfs> = Vec::with_capacity(room);
        let size = room * size_of::<libc::statfs>();
        // SAFETY: the buffer has room for `size` bytes.
        let count = unsafe { libc::getfsstat(entries.as_mut_ptr(), size as libc::c_long, libc::MNT_NOWAIT) };
        let count = Errno::result(count).map_err(failed)? as usize;
        if count < room {
            // SAFETY: getfsstat(2) filled that many entries.
            unsafe { entries.set_len(count) };
            return Ok(entries.iter().map(entry).collect());
        }
        room *= 2;
    }
}

fn entry(status: &libc::statfs) -> Entry {
    let path = |name: &[libc::c_char]| -> Vec<u8> {
        name.iter().take_while(|&&c| c != 0).map(|&c| c.to_ne_bytes()[0]).collect()
    };
    // SAFETY: fsid_t is two numbers of 32 bits, which libc does not show; sys/_types.h.
    let id: [i32; 2] = unsafe { std::mem::transmute(status.f_fsid) };
    Entry {
        id,
        mounted: Mounted {
            target: PathBuf::from(OsStr::from_bytes(&path(&status.f_mntonname))),
            source: String::from_utf8_lossy(&path(&status.f_mntfromname)).into_owned(),
            fstype: String::from_utf8_lossy(&path(&status.f_fstypename)).into_owned(),
            read_only: status.f_flags & libc::MNT_RDONLY as u64 != 0,
        },
    }
}

/// Unmounts exactly this file system, whatever lies at its path by now; never by force.
fn unmount_by_id(entry: &Entry) -> Result<(), Errno> {
    let [first, second] = entry.id;
    let id = std::ffi::CString::new(format!("FSID:{first}:{second}")).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the text ends with NUL.
    Errno::result(unsafe { libc::unmount(id.as_ptr(), libc::MNT_BYFSID) })?;
    Ok(())
}
