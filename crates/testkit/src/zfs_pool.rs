//! A pool of ZFS on a file, for one test.
//!
//! On Linux by zfs-fuse(8), with a daemon for the test alone: see `zfs_daemon`. On FreeBSD by the kernel's ZFS.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Size of a pool in bytes. The file is sparse.
const SIZE: u64 = 512 << 20;

/// A pool that is destroyed when this is dropped.
#[derive(Debug)]
pub struct TestPool {
    name: String,
    /// Dropped before the directory, in which it has its mounts.
    #[cfg(target_os = "linux")]
    daemon: std::sync::Arc<crate::zfs_daemon::Daemon>,
    directory: tempfile::TempDir,
}

impl TestPool {
    /// Makes a pool with a name that no other test has.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ioct{}p{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = tempfile::Builder::new().prefix(&name).tempdir().expect("a directory for the pool");
        let pool = TestPool {
            name,
            #[cfg(target_os = "linux")]
            daemon: crate::zfs_daemon::Daemon::of_this_thread(),
            directory,
        };
        let file = pool.disks().join(&pool.name);
        File::create(&file).and_then(|file| file.set_len(SIZE)).expect("a file for the pool");
        let mountpoint = pool.mounted_at();
        let made = run(
            "zpool",
            &["create", "-o", "cachefile=none", "-m", text(&mountpoint), &pool.name, text(&file)],
        );
        assert!(made.status.success(), "zpool create: {}", String::from_utf8_lossy(&made.stderr));
        pool
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is mounted.
    pub fn mounted_at(&self) -> PathBuf {
        self.directory.path().join("pool")
    }

    /// Makes a dataset in it.
    pub fn create(&self, dataset: &str) {
        let made = run("zfs", &["create", dataset]);
        assert!(made.status.success(), "zfs create {dataset}: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// Runs zfs(8), which must succeed, and returns what it printed.
    pub fn zfs(&self, args: &[&str]) -> String {
        let mut done = run("zfs", args);
        // Something may still be leaving a mount.
        for _ in 0..30 {
            if done.status.success() || !String::from_utf8_lossy(&done.stderr).contains("busy") {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
            done = run("zfs", args);
        }
        assert!(done.status.success(), "zfs {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}

impl TestPool {
    /// Exports it.
    pub fn export(&self) {
        let exported = run("zpool", &["export", &self.name]);
        assert!(exported.status.success(), "zpool export: {}", String::from_utf8_lossy(&exported.stderr));
    }

    /// Imports it again.
    pub fn import(&self) {
        let disks = self.disks();
        let args = ["import", "-o", "cachefile=none", "-d", text(&disks), &self.name];
        let imported = run("zpool", &args);
        assert!(imported.status.success(), "zpool import: {}", String::from_utf8_lossy(&imported.stderr));
    }

    /// The process on which it depends: without it, reading and writing fails, as does every `zfs`.
    #[cfg(target_os = "linux")]
    pub fn daemon(&self) -> u32 {
        self.daemon.id()
    }

    /// Brings it back after its daemon was killed.
    #[cfg(target_os = "linux")]
    pub fn revive(&self) {
        // With what is mounted in it: there is no way to that any more.
        nix::mount::umount2(&self.mounted_at(), nix::mount::MntFlags::MNT_DETACH)
            .expect("the dead mount goes");
        self.daemon.restart();
        self.import();
    }

    /// Where its file is.
    fn disks(&self) -> PathBuf {
        #[cfg(target_os = "linux")]
        return self.daemon.directory().to_owned();
        #[cfg(not(target_os = "linux"))]
        return self.directory.path().to_owned();
    }

    /// The snapshots of a dataset, one a line.
    pub fn snapshots(&self, dataset: &str) -> String {
        let listed = run("zfs", &["list", "-H", "-t", "snapshot", "-o", "name", "-d", "1", "-r", dataset]);
        assert!(listed.status.success(), "zfs list: {}", String::from_utf8_lossy(&listed.stderr));
        String::from_utf8_lossy(&listed.stdout).into_owned()
    }
}

impl Default for TestPool {
    fn default() -> Self {
        TestPool::new()
    }
}

impl Drop for TestPool {
    fn drop(&mut self) {
        // With the last pool goes the daemon and all that it knows.
        #[cfg(target_os = "linux")]
        if std::sync::Arc::strong_count(&self.daemon) == 1 {
            return;
        }
        // Something may still be leaving a mount.
        for _ in 0..20 {
            if run("zpool", &["destroy", "-f", &self.name]).status.success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}

/// Runs a program of ZFS to its end.
pub(crate) fn run(program: &str, args: &[&str]) -> Output {
    command(program).args(args).stdin(Stdio::null()).output().expect("the tools of ZFS are installed")
}

/// A program that tests make their pools with, by the first name that it has on any of the systems.
#[expect(clippy::disallowed_methods, reason = "a test makes its pools by its own means")]
pub(crate) fn command(program: &str) -> Command {
    let paths = ["/sbin", "/usr/sbin", "/usr/bin"].map(|directory| format!("{directory}/{program}"));
    let path = paths.iter().find(|path| Path::new(path).exists()).unwrap_or(&paths[0]);
    let mut command = Command::new(path);
    command.env("LC_ALL", "C");
    command
}
