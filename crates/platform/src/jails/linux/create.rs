//! Making a jail: its namespaces and its root, on a thread that lives in them, then its pid 1.
//!
//! All or nothing. Until pid 1 is told to go on, all there is ends with this process: the namespaces with the
//! thread, pid 1 with the connection to its maker. The entry in the registry is written right before that, so a
//! maker killed at any point leaves a whole jail or none; an entry whose process is gone means nothing.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, open};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::mount::{
    MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_change,
    move_mount, open_tree, unmount,
};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socketpair};
use rustix::process::{chdir, fchdir, pivot_root};
use rustix::system::{setdomainname, sethostname};
use rustix::thread::UnshareFlags;

use super::{capabilities, init};
use crate::jails::{JailSpec, JailSys, JailsError, Parameter, ParameterValue};
use crate::linux::namespaces::on_own_thread;
use crate::linux::procfs::{Stat, own_command_line};
use crate::linux::registry::{Entry, Registry, boot};
use crate::linux::{confined, syscalls};

/// A step that failed: a verb phrase, and the error.
pub(super) struct Failed(pub(super) &'static str, pub(super) io::Error);

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Failed("start a thread", error)
    }
}

/// Names the step that an error belongs to.
pub(super) trait During<T> {
    fn during(self, step: &'static str) -> Result<T, Failed>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, step: &'static str) -> Result<T, Failed> {
        self.map_err(|error| Failed(step, error.into()))
    }
}

/// Makes the jail; returns the process id of its pid 1.
pub(super) fn create(registry: &Registry, spec: &JailSpec) -> Result<i32, JailsError> {
    let system = |Failed(action, source)| JailsError::System {
        action: action.to_owned(),
        name: spec.name.clone(),
        source,
    };
    let exists = || JailsError::Exists { name: spec.name.clone() };
    if registry.find(&spec.name).during("read its registry entry").map_err(system)?.is_some() {
        return Err(exists());
    }
    let jail = start(spec).map_err(system)?;
    let locked = registry.lock().during("lock the registry").map_err(system)?;
    if registry.find(&spec.name).during("read its registry entry").map_err(system)?.is_some() {
        return Err(exists());
    }
    locked.write(&jail.entry).during("write its registry entry").map_err(system)?;
    let pid = jail.entry.pid;
    jail.commit().map_err(|failed| {
        if let Err(error) = locked.remove(&spec.name) {
            tracing::warn!(%error, "cannot remove a stale registry entry");
        }
        system(failed)
    })?;
    Ok(pid)
}

/// A jail whose pid 1 waits to be told that it may go on. Dropped, the jail is gone.
struct Started {
    entry: Entry,
    connection: OwnedFd,
}

impl Started {
    /// Lets the jail be. An error means that its pid 1 has ended.
    fn commit(self) -> Result<(), Failed> {
        rustix::net::send(&self.connection, &[1], SendFlags::NOSIGNAL).during("let its pid 1 go on")?;
        Ok(())
    }
}

fn start(spec: &JailSpec) -> Result<Started, Failed> {
    let root = spec.path.canonicalize().during("find its root")?;
    let own_ipc = !shares_ipc(&spec.parameters);
    let (connection, maker) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .during("make a connection")?;
    let maker = out_of_the_way(maker)?;
    let pid = on_own_thread(|| {
        let plan = enter_new_namespaces(spec, &root, own_ipc, maker)?;
        // SAFETY: init::run only makes system calls, and this thread has all signals blocked.
        #[expect(unsafe_code, reason = "makes a process")]
        let pid = unsafe { syscalls::clone_orphan(&|| init::run(&plan)) };
        // Dropping the plan closes our copy of pid 1's end of the connection.
        pid.during(init::STAGES[0])
    })?;
    let mut message = [0; 5];
    let length = rustix::io::retry_on_intr(|| {
        rustix::net::recv(&connection, &mut message, RecvFlags::empty()).map(|(length, _)| length)
    });
    match length {
        Ok(5) => init::read_message(message).map_err(|(stage, error)| Failed(stage, error))?,
        Ok(_) => return Err(Failed(init::STAGES[0], Errno::CHILD.into())),
        Err(error) => return Err(Failed(init::STAGES[0], error.into())),
    }
    let pid = pid.as_raw_nonzero().get();
    let stat = Stat::of(pid).during("look at its pid 1")?;
    let start = stat.ok_or(Errno::SRCH).during("look at its pid 1")?.start;
    let addresses = |name: &str| value(&spec.parameters, name);
    let entry = Entry {
        name: spec.name.clone(),
        pid,
        start,
        boot: boot().during("read the boot id")?,
        root,
        hostname: spec.hostname.clone(),
        vnet: spec.vnet,
        own_ipc,
        ip4: match addresses("ip4.addr") {
            Some(ParameterValue::Ip4(addresses)) => addresses.clone(),
            _ => Vec::new(),
        },
        ip6: match addresses("ip6.addr") {
            Some(ParameterValue::Ip6(addresses)) => addresses.clone(),
            _ => Vec::new(),
        },
    };
    Ok(Started { entry, connection })
}

fn value<'a>(parameters: &'a [Parameter], name: &str) -> Option<&'a ParameterValue> {
    parameters.iter().find(|parameter| parameter.name == name).map(|parameter| &parameter.value)
}

/// Linux has one namespace for all System V IPC, so the host's is shared only if all three kinds are to be.
fn shares_ipc(parameters: &[Parameter]) -> bool {
    ["sysvmsg", "sysvsem", "sysvshm"]
        .iter()
        .all(|name| value(parameters, name) == Some(&ParameterValue::Sys(JailSys::Inherit)))
}

/// Moves a descriptor past those that pid 1 gives a fixed number.
fn out_of_the_way(descriptor: impl AsFd) -> Result<OwnedFd, Failed> {
    fcntl_dupfd_cloexec(descriptor, init::FIRST_FREE).during("give its pid 1 descriptors")
}

/// Puts this thread into the jail's namespaces, with its root.
fn enter_new_namespaces(
    spec: &JailSpec,
    root: &Path,
    own_ipc: bool,
    maker: OwnedFd,
) -> Result<init::Plan, Failed> {
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWUTS | UnshareFlags::NEWCGROUP;
    flags.set(UnshareFlags::NEWIPC, own_ipc);
    flags.set(UnshareFlags::NEWNET, spec.vnet);
    let command_line = command_line(spec.name.as_str(), root).during("read our own command line")?;
    syscalls::unshare(flags).during("make namespaces")?;
    sethostname(spec.hostname.as_bytes()).during("set the host name")?;
    if let Some(ParameterValue::Text(domain)) = value(&spec.parameters, "host.domainname") {
        setdomainname(domain.as_bytes()).during("set the domain name")?;
    }

    // Nothing mounted from here on is seen by others, and nothing of theirs here.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .during("separate its mounts")?;
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).during("open /dev/null")?;
    let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let mask = open_tree(CWD, "/dev/null", clone).during("open /dev/null")?;
    let tree = open_tree(CWD, root, clone | OpenTreeFlags::AT_RECURSIVE).during("open its root")?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    syscalls::add_mount_flags(tree.as_fd(), flags).during("protect its root")?;
    move_mount(&tree, "", CWD, root, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).during("mount its root")?;
    fchdir(&tree).during("enter its root")?;
    // The old root ends up on top of the new one, from where it is taken away; pivot_root(2).
    pivot_root(".", ".").during("change to its root")?;
    unmount(".", UnmountFlags::DETACH).during("leave the host's mounts")?;
    chdir("/").during("enter its root")?;

    let proc = open_proc(&tree).during("open its /proc")?;
    Ok(init::Plan {
        null: out_of_the_way(null)?,
        mask: out_of_the_way(mask)?,
        proc: out_of_the_way(proc)?,
        maker,
        capabilities: capabilities::of(spec),
        command_line,
    })
}

/// The directory on which `/proc` is mounted, made if it is missing.
fn open_proc(root: &OwnedFd) -> io::Result<OwnedFd> {
    let name = Path::new("proc");
    let proc = match confined::place(root, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            mkdirat(root, name, Mode::from_raw_mode(0o555))?;
            confined::place(root, name)
        }
        place => place,
    }?;
    if !confined::is_directory(&proc)? {
        return Err(Errno::NOTDIR.into());
    }
    Ok(proc)
}

/// What `ps` is to show for pid 1 instead of our own command line, and where: cut to the room that is there.
fn command_line(name: &str, root: &Path) -> io::Result<(usize, Vec<u8>)> {
    let room = own_command_line()?;
    let mut line = [b"ioc-jail\0", name.as_bytes(), b"\0", root.as_os_str().as_bytes()].concat();
    line.truncate(room.len().saturating_sub(1));
    line.resize(room.len(), 0);
    Ok((room.start, line))
}
