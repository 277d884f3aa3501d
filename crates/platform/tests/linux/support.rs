//! What the tests share: a scratch directory, and a tiny root made of the host's own programs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use ioc_platform::mounts::linux::LinuxMounts;
use ioc_platform::mounts::{MountKind, MountSpec, Mounts};

/// Tells whether this process may do what the tests do, and says so if not.
pub(crate) fn privileged() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: needs root");
    }
    root
}

/// A directory that is removed at the end, with whatever is still mounted below it reported as an error.
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new(test: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ioc-{test}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().canonicalize().unwrap().join(name);
        std::fs::create_dir(&path).unwrap();
        Scratch { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let left = LinuxMounts.below(&self.path).unwrap();
        for mounted in left.iter().rev() {
            LinuxMounts.unmount(&mounted.target).unwrap();
        }
        std::fs::remove_dir_all(&self.path).unwrap();
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left mounted: {left:?}");
        }
    }
}

pub(crate) fn spec(root: &Path, target: &str, kind: MountKind) -> MountSpec {
    MountSpec {
        kind,
        root: root.to_owned(),
        target: target.parse().unwrap(),
        read_only: false,
        options: vec![],
    }
}

pub(crate) fn nullfs(source: impl Into<PathBuf>) -> MountKind {
    MountKind::Nullfs { source: source.into() }
}
