//! The control groups of jails; cgroups(7).
//!
//! A jail has a group only while it has limits: `ioc/NAME` in each hierarchy that one of them needs. All of it is
//! below the root of the hierarchy as this process sees it, so that a later ioc finds it again.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use ioc_model::name::KernelName;

use super::mountinfo::{self, Mount};
use super::procfs::{Stat, read_bounded};

/// The group above those of all jails.
const PARENT: &str = "ioc";

/// How often, and with which pause, a group is removed again whose last processes are still on their way out.
const ATTEMPTS: u32 = 250;
const PAUSE: Duration = Duration::from_millis(4);

/// A mounted hierarchy of control groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// Where it is mounted.
    pub(crate) mount: PathBuf,
    /// Which part of the hierarchy is seen there.
    root: PathBuf,
    /// The controllers that can be used in it, or `name=...`.
    pub(crate) controllers: Vec<String>,
    /// It is the one of version 2.
    pub(crate) unified: bool,
}

impl Hierarchy {
    /// The directory of the jail's group, whether it is there or not.
    pub(crate) fn group(&self, name: &KernelName) -> PathBuf {
        self.mount.join(PARENT).join(name.as_str())
    }

    /// Makes the jail's group with a controller in it, unless it is there.
    pub(crate) fn create(&self, name: &KernelName, controller: &str) -> io::Result<PathBuf> {
        let parent = self.mount.join(PARENT);
        let group = self.group(name);
        // Another jail's end may remove the parent between the two.
        let make = || make_directory(&parent).and_then(|()| make_directory(&group));
        match make() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make()?,
            result => result?,
        }
        if self.unified {
            for above in [&self.mount, &parent] {
                write(&above.join("cgroup.subtree_control"), &format!("+{controller}"))?;
            }
        }
        Ok(group)
    }

    /// Removes the jail's group if it is there and without processes, and the parent if it was the last one.
    /// Tells whether the group is gone.
    pub(crate) fn remove(&self, name: &KernelName) -> io::Result<bool> {
        let group = self.group(name);
        for attempt in 1.. {
            match std::fs::remove_dir(&group) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
                Err(error) if error.kind() != io::ErrorKind::ResourceBusy => return Err(error),
                Err(_) if is_used(&group)? => return Ok(false),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => sleep(PAUSE),
            }
        }
        match std::fs::remove_dir(self.mount.join(PARENT)) {
            // Another jail has a group, or was quicker.
            Err(error) if !matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::NotFound) => {
                Err(error)
            }
            _ => Ok(true),
        }
    }
}

/// The hierarchies that are mounted here, the first mount of each.
pub(crate) fn hierarchies() -> io::Result<Vec<Hierarchy>> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for mount in mountinfo::read()? {
        let hierarchy = match mount.fstype.as_str() {
            "cgroup" => version1(mount),
            "cgroup2" => match version2(mount) {
                // Something else is mounted over it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                hierarchy => hierarchy?,
            },
            _ => continue,
        };
        if found.iter().all(|known| known.controllers != hierarchy.controllers) {
            found.push(hierarchy);
        }
    }
    Ok(found)
}

fn version1(mount: Mount) -> Hierarchy {
    const OPTIONS: [&str; 5] = ["rw", "ro", "xattr", "clone_children", "cpuset_v2_mode"];
    let controllers = mount.super_flags.split(',').filter(|flag| !OPTIONS.contains(flag)).map(str::to_owned);
    Hierarchy { controllers: controllers.collect(), mount: mount.target, root: mount.root, unified: false }
}

fn version2(mount: Mount) -> io::Result<Hierarchy> {
    let controllers = read_bounded(mount.target.join("cgroup.controllers"), 4096)?;
    let controllers = String::from_utf8_lossy(&controllers).split_whitespace().map(str::to_owned).collect();
    Ok(Hierarchy { controllers, mount: mount.target, root: mount.root, unified: true })
}

/// Removes all groups of a jail that are without processes. Tells whether none is left.
pub(crate) fn remove_all(name: &KernelName) -> io::Result<bool> {
    let mut gone = true;
    for hierarchy in hierarchies()? {
        gone &= hierarchy.remove(name)?;
    }
    Ok(gone)
}

/// The processes in a group, as the host numbers them.
pub(crate) fn processes(group: &Path) -> io::Result<Vec<i32>> {
    let list = read_bounded(group.join("cgroup.procs"), 1 << 24)?;
    Ok(String::from_utf8_lossy(&list).lines().filter_map(|line| line.parse().ok()).collect())
}

/// Tells whether a process lives in a group. One that has ended counts for a moment more, to the kernel.
fn is_used(group: &Path) -> io::Result<bool> {
    for pid in processes(group)? {
        if Stat::of(pid)?.is_some_and(|stat| !stat.ended) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes a value into a file of a group.
pub(crate) fn write(file: &Path, value: &str) -> io::Result<()> {
    File::options().write(true).open(file)?.write_all(value.as_bytes())
}

fn make_directory(path: &Path) -> io::Result<()> {
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

/// The `cgroup.procs` files of the groups that the process `of` is in and we are not. Whoever writes `0` into all of
/// them is in the same groups as that process.
pub(crate) fn to_join(of: i32) -> io::Result<Vec<OwnedFd>> {
    let (own, theirs) = (memberships("thread-self")?, memberships(&of.to_string())?);
    let differing: Vec<&(String, PathBuf)> = theirs.iter().filter(|group| !own.contains(group)).collect();
    if differing.is_empty() {
        return Ok(Vec::new());
    }
    let hierarchies = hierarchies()?;
    let mut files = Vec::new();
    for (controllers, path) in differing {
        let Some(hierarchy) = hierarchies.iter().find(|hierarchy| match controllers.as_str() {
            "" => hierarchy.unified,
            names => !hierarchy.unified && names.split(',').eq(hierarchy.controllers.iter()),
        }) else {
            continue; // not mounted here, so nothing of ours is in it
        };
        let Ok(below) = path.strip_prefix(&hierarchy.root) else { continue };
        let file = hierarchy.mount.join(below).join("cgroup.procs");
        files.push(File::options().write(true).open(file)?.into());
    }
    Ok(files)
}

/// The groups of a process: controllers as the kernel writes them (empty for version 2) and path.
fn memberships(process: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let content = read_bounded(format!("/proc/{process}/cgroup"), 1 << 16)?;
    let content = String::from_utf8_lossy(&content);
    // ID:CONTROLLERS:PATH
    let groups = content.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        Some((controllers.to_owned(), PathBuf::from(path)))
    });
    Ok(groups.collect())
}
