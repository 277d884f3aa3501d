//! Which process is pid 1 of which jail.
//!
//! `RUNTIME/jails/NAME.json` tells where to look; whether the jail runs is up to the kernel: a process with that
//! id must be there that started at that very tick of that very boot. An entry without one is stale and means
//! nothing. Only writers touch files, under a lock; readers need no privilege.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ioc_model::name::KernelName;
use rustix::fs::FlockOperation;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use super::procfs::{Stat, is_gone, read_bounded};

/// The largest entry that is read.
const MOST: u64 = 1 << 16;

/// What is noted of a jail. It holds no decision: what counts is the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: KernelName,
    /// Process id of its pid 1 on the host.
    pub(crate) pid: i32,
    /// When that process started, in clock ticks after boot.
    pub(crate) start: u64,
    /// Which boot.
    pub(crate) boot: String,
    pub(crate) root: PathBuf,
    pub(crate) hostname: String,
    pub(crate) vnet: bool,
    /// It has its own IPC namespace.
    pub(crate) own_ipc: bool,
    pub(crate) ip4: Vec<Ipv4Addr>,
    pub(crate) ip6: Vec<Ipv6Addr>,
}

/// A jail that was seen running.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) entry: Entry,
    /// Its pid 1 is on its way out.
    pub(crate) dying: bool,
}

/// The pid 1 of a running jail, held so that its number cannot come to mean another process.
#[derive(Debug)]
pub(crate) struct Init {
    pub(crate) entry: Entry,
    pub(crate) process: OwnedFd,
}

/// The directory of the entries.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    directory: PathBuf,
}

/// The registry while nobody else may change it.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    registry: &'a Registry,
    _lock: File,
}

/// The identity of the running system, which changes at every boot.
pub(crate) fn boot() -> io::Result<String> {
    let id = read_bounded("/proc/sys/kernel/random/boot_id", 64)?;
    Ok(String::from_utf8_lossy(&id).trim().to_owned())
}

impl Registry {
    /// The registry below the runtime directory, `/run/ioc`.
    pub(crate) fn new(runtime: &Path) -> Self {
        Registry { directory: runtime.join("jails") }
    }

    fn path(&self, name: &KernelName) -> PathBuf {
        self.directory.join(format!("{name}.json"))
    }

    /// The jail, if it runs.
    pub(crate) fn find(&self, name: &KernelName) -> io::Result<Option<Found>> {
        self.read(&self.path(name), &boot()?)
    }

    /// All running jails, by name.
    pub(crate) fn list(&self) -> io::Result<Vec<Found>> {
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let boot = boot()?;
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                found.extend(self.read(&path, &boot)?);
            }
        }
        found.sort_by(|a: &Found, b| a.entry.name.cmp(&b.entry.name));
        Ok(found)
    }

    /// Holds pid 1 of the jail, if it runs.
    pub(crate) fn open(&self, name: &KernelName) -> io::Result<Option<Init>> {
        let Some(Found { entry, .. }) = self.find(name)? else { return Ok(None) };
        let Some(pid) = Pid::from_raw(entry.pid) else { return Ok(None) };
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => process,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // The number may have gone to another process between the two; now it no longer can.
        Ok(is_running(&entry, &entry.boot)?.map(|_| Init { entry, process }))
    }

    fn read(&self, path: &Path, boot: &str) -> io::Result<Option<Found>> {
        let content = match read_bounded(path, MOST) {
            Ok(content) => content,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let entry: Entry = serde_json::from_slice(&content).map_err(io::Error::from)?;
        Ok(is_running(&entry, boot)?.map(|stat| Found { entry, dying: stat.exiting }))
    }

    /// Keeps others from changing the registry until the answer is dropped.
    pub(crate) fn lock(&self) -> io::Result<Locked<'_>> {
        DirBuilder::new().recursive(true).mode(0o755).create(&self.directory)?;
        let lock = File::open(&self.directory)?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&lock, FlockOperation::LockExclusive))?;
        Ok(Locked { registry: self, _lock: lock })
    }
}

impl Locked<'_> {
    /// Notes a jail.
    pub(crate) fn write(&self, entry: &Entry) -> io::Result<()> {
        let path = self.registry.path(&entry.name);
        // Under the lock one such file is enough.
        let new = self.registry.directory.join(".new");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o644).open(&new)?;
        file.write_all(&serde_json::to_vec(entry)?)?;
        std::fs::rename(&new, &path)
    }

    /// Forgets a jail.
    pub(crate) fn remove(&self, name: &KernelName) -> io::Result<()> {
        match std::fs::remove_file(self.registry.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Asks the kernel whether the process of the entry is there.
fn is_running(entry: &Entry, boot: &str) -> io::Result<Option<Stat>> {
    if entry.boot != boot {
        return Ok(None);
    }
    Ok(Stat::of(entry.pid)?.filter(|stat| stat.start == entry.start && !stat.ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(test: &str) -> Registry {
        let runtime = std::env::temp_dir().join(format!("ioc-registry-{test}-{}", std::process::id()));
        Registry::new(&runtime)
    }

    fn ourselves(name: &str) -> Entry {
        let pid = i32::try_from(std::process::id()).unwrap();
        Entry {
            name: name.parse().unwrap(),
            pid,
            start: Stat::of(pid).unwrap().unwrap().start,
            boot: boot().unwrap(),
            root: "/r".into(),
            hostname: "h".into(),
            vnet: false,
            own_ipc: true,
            ip4: vec![],
            ip6: vec![],
        }
    }

    #[test]
    fn only_the_very_process_counts() {
        let registry = registry("process");
        assert!(registry.list().unwrap().is_empty());
        let alive = ourselves("a");
        let lock = registry.lock().unwrap();
        lock.write(&alive).unwrap();
        lock.write(&Entry { start: alive.start + 1, ..ourselves("later-process") }).unwrap();
        lock.write(&Entry { boot: "other".into(), ..ourselves("other-boot") }).unwrap();
        lock.write(&Entry { pid: i32::MAX, ..ourselves("gone") }).unwrap();
        let running = registry.list().unwrap();
        assert_eq!(running.iter().map(|f| f.entry.name.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(registry.open(&alive.name).unwrap().unwrap().entry, alive);
        assert!(registry.open(&"later-process".parse().unwrap()).unwrap().is_none());
        lock.remove(&alive.name).unwrap();
        lock.remove(&alive.name).unwrap();
        assert!(registry.find(&alive.name).unwrap().is_none());
        std::fs::remove_dir_all(registry.directory.parent().unwrap()).unwrap();
    }
}
