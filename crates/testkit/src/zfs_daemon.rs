//! The daemon of zfs-fuse, one for each test.
//!
//! There is one on a machine, by its socket and its lock below `/run`. A test has its own all the same: its thread
//! gets a mount namespace in which these directories are its own and in which the pools are mounted. Programs that
//! the thread runs are in it too. A jail of another test, which begins as a copy of all mounts that its maker sees,
//! cannot keep a pool of this one mounted.
//!
//! And a daemon that hangs holds up no other test, and is gone with its own. By its source there are two ways to that:
//! it waits for requests of all mounts and reads them under one lock, so that it stands still when a request is taken
//! back in between because its process was killed; and it tries for ever to let go of a mount that was unmounted before
//! the daemon read that the last file was closed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use crate::zfs_pool::{command, run};

/// Where the daemon has its socket and its lock.
const DIRECTORIES: [&str; 2] = ["/run/zfs", "/run/lock/zfs"];

/// Where its process id is, for [`UMOUNT`].
const DAEMON_ID: &str = "/run/zfs/pid";

/// Stands in front of umount(8), which the `zfs` of zfs-fuse runs.
///
/// The daemon hears of an unmount only afterwards, and has to write back and close the dataset then. Until that is
/// done, what `zfs` was to do with it (rename, destroy) fails as busy, and a rename mounts again and begins anew: on a
/// loaded machine it lost that race thirty times in a row. So this waits for the daemon to close its end of the mount.
const UMOUNT: &str = r#"#!/bin/sh
held() { ls -l "/proc/$(cat /run/zfs/pid)/fd" | grep -c /dev/fuse; }
before=$(held)
/run/zfs/umount "$@" || exit
for attempt in $(seq 200); do
    [ "$(held)" -ge "$before" ] || exit 0
    sleep 0.02
done
"#;

/// How often the daemon is asked whether it answers, and the time between.
const PATIENCE: (u32, Duration) = (600, Duration::from_millis(50));

/// A running daemon; killed when this is dropped, with all that it has mounted.
#[derive(Debug)]
pub(crate) struct Daemon {
    process: Mutex<Child>,
    /// The mount namespace of the thread before.
    outside: File,
}

thread_local! {
    static DAEMON: std::cell::RefCell<Weak<Daemon>> = const { std::cell::RefCell::new(Weak::new()) };
}

impl Daemon {
    /// The daemon of this thread, which is started if there is none.
    pub(crate) fn of_this_thread() -> Arc<Daemon> {
        DAEMON.with_borrow_mut(|known| {
            known.upgrade().unwrap_or_else(|| {
                let daemon = Arc::new(Daemon::start());
                *known = Arc::downgrade(&daemon);
                daemon
            })
        })
    }

    /// A directory in memory that goes with the daemon: a pool there need not wait for a disk.
    pub(crate) fn directory(&self) -> &Path {
        Path::new(DIRECTORIES[0])
    }

    fn start() -> Daemon {
        for directory in DIRECTORIES {
            fs::create_dir_all(directory).expect("a directory for the daemon, as root");
        }
        let outside = File::open("/proc/thread-self/ns/mnt").expect("a mount namespace");
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace of its own, as root");
        // What is unmounted outside is to be unmounted here, and nothing the other way round.
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none).expect("mounts of its own");
        for directory in DIRECTORIES {
            mount(Some("ioc-test"), directory, Some("tmpfs"), MsFlags::empty(), none)
                .expect("a directory of its own");
        }
        wait_in_umount().expect("a program in front of umount(8)");
        let daemon = Daemon { process: Mutex::new(spawn()), outside };
        daemon.await_answer();
        daemon
    }

    /// Kills it, and all that it has mounted is of no use any more.
    pub(crate) fn kill(&self) {
        let mut process = self.process.lock().expect("no other thread fails");
        let _ = process.kill();
        let _ = process.wait();
    }

    /// Starts it again after it was killed.
    pub(crate) fn restart(&self) {
        self.kill();
        *self.process.lock().expect("no other thread fails") = spawn();
        self.await_answer();
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.lock().expect("no other thread fails").id()
    }

    fn await_answer(&self) {
        fs::write(DAEMON_ID, self.id().to_string()).expect("a file in a directory of its own");
        for _ in 0..PATIENCE.0 {
            if run("zpool", &["list"]).status.success() {
                return;
            }
            std::thread::sleep(PATIENCE.1);
        }
        panic!("zfs-fuse does not answer");
    }
}

/// In the foreground and with the thread as its parent, so that it ends when the test is killed.
fn spawn() -> Child {
    let mut setpriv = command("setpriv");
    setpriv.args(["--pdeathsig", "KILL", "--"]).arg(command("zfs-fuse").get_program());
    setpriv.args(["--no-daemon", "--no-kstat-mount", "-a", "0", "-e", "0"]);
    setpriv.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    setpriv.spawn().expect("setpriv is installed")
}

/// Puts [`UMOUNT`] in its place, for this mount namespace.
fn wait_in_umount() -> io::Result<()> {
    let real = command("umount").get_program().to_owned();
    let script = "/run/zfs/umount.sh";
    fs::copy(&real, "/run/zfs/umount")?;
    fs::write(script, UMOUNT)?;
    fs::set_permissions(script, fs::Permissions::from_mode(0o755))?;
    let none = None::<&str>;
    Ok(mount(Some(script), Path::new(&real), none, MsFlags::MS_BIND, none)?)
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        // Without the mounts, so that the pool's directory can be removed.
        let _ = setns(&self.outside, CloneFlags::CLONE_NEWNS);
    }
}
