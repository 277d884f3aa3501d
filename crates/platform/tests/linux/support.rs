//! What the tests share: a scratch directory, and a tiny root made of the host's own programs.

use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ioc_model::name::KernelName;
use ioc_platform::command::{Finished, Status};
use ioc_platform::jails::{JailSpec, Jails, JailsError, LinuxJails, Process, Stdio};
use ioc_platform::mounts::{LinuxMounts, MountKind, MountSpec, Mounts};

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

/// A jail of the host's own programs, and what it needs to run: removed at the end.
pub(crate) struct TestJail {
    pub(crate) jails: LinuxJails,
    pub(crate) name: KernelName,
    pub(crate) root: PathBuf,
    pub(crate) scratch: Scratch,
}

impl TestJail {
    /// Prepares the root, but does not create the jail.
    pub(crate) fn prepared(test: &str) -> Self {
        let scratch = Scratch::new(test);
        let root = scratch.directory("root");
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "usr"] {
            let source = Path::new("/").join(name);
            if let Ok(text) = std::fs::read_link(&source) {
                symlink(text, root.join(name)).unwrap();
            } else if source.is_dir() {
                scratch.directory(&format!("root/{name}"));
                let mut mount = spec(&root, name, nullfs(source));
                mount.read_only = true;
                LinuxMounts.mount(&mount).unwrap();
            }
        }
        for name in ["dev", "etc", "proc", "root", "tmp", "home/ann"] {
            scratch.directory(&format!("root/{name}"));
        }
        let passwd = "root:x:0:0::/root:/bin/sh\nann:x:1001:1002::/home/ann:/bin/sh\n";
        std::fs::write(root.join("etc/passwd"), passwd).unwrap();
        std::fs::write(root.join("etc/group"), "root:x:0:\nann:x:1002:\nmail:x:8:ann\n").unwrap();
        LinuxMounts.mount(&spec(&root, "/dev", MountKind::Devfs { ruleset: 4 })).unwrap();
        let number = scratch.path().file_name().unwrap().to_str().unwrap();
        TestJail {
            jails: LinuxJails::new(&scratch.path().join("run")),
            name: number.parse().unwrap(),
            root,
            scratch,
        }
    }

    pub(crate) fn spec(&self) -> JailSpec {
        JailSpec {
            name: self.name.clone(),
            path: self.root.clone(),
            hostname: "test.example".into(),
            vnet: false,
            parameters: vec![],
        }
    }

    /// Prepares the root and creates the jail.
    pub(crate) fn running(test: &str) -> Self {
        let jail = TestJail::prepared(test);
        jail.jails.create(&jail.spec()).unwrap();
        jail
    }

    /// As [`TestJail::running`], with its own network.
    pub(crate) fn with_vnet(test: &str) -> Self {
        let jail = TestJail::prepared(test);
        jail.jails.create(&JailSpec { vnet: true, ..jail.spec() }).unwrap();
        jail
    }

    pub(crate) fn exec(&self, process: &Process) -> Result<Finished, JailsError> {
        self.jails.exec(&self.name, process)
    }

    /// Runs a shell line in the jail; its exit status and output.
    pub(crate) fn sh(&self, line: &str) -> (Status, String) {
        let finished = self.exec(&process(&["sh", "-c", line])).unwrap();
        let mut output = String::from_utf8(finished.stdout).unwrap();
        output.push_str(&String::from_utf8(finished.stderr).unwrap());
        (finished.status, output)
    }

    pub(crate) fn jid(&self) -> i32 {
        self.jails.find(&self.name).unwrap().unwrap().jid
    }
}

impl Drop for TestJail {
    fn drop(&mut self) {
        if self.jails.find(&self.name).unwrap().is_some() {
            self.jails.remove(&self.name, Duration::from_secs(10)).unwrap();
        }
        for mounted in LinuxMounts.below(&self.root).unwrap().iter().rev() {
            LinuxMounts.unmount(&mounted.target).unwrap();
        }
    }
}

/// A process with captured output.
pub(crate) fn process(argv: &[&str]) -> Process {
    Process {
        argv: argv.iter().map(Into::into).collect(),
        user: None,
        env: vec![("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())],
        stdio: Stdio::Capture,
        timeout: Some(Duration::from_secs(20)),
        fib: None,
    }
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Processes of the host whose root directory is `path`, and only seems to be `/`.
pub(crate) fn processes_below(path: &Path) -> Vec<String> {
    let is_root = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        fields[4] == "/" && fields[3] != "/" && path.ends_with(fields[3].trim_start_matches('/'))
    };
    let below = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let process = entry.unwrap().path();
        let mounts = std::fs::read_to_string(process.join("mountinfo")).ok()?;
        mounts.lines().any(is_root).then(|| process.display().to_string())
    });
    // Links to ourselves are not numbers.
    below.filter(|path| path.ends_with(|c: char| c.is_ascii_digit())).collect()
}

const ROOT: &str = "IOC_TEST_ROOT";
const RUN: &str = "IOC_TEST_RUN";
const NAME: &str = "IOC_TEST_NAME";

/// A run of this very program as another process, perhaps by means of `wrapper`, which executes the ignored test `name`
/// only. There, [`helper_jail`] knows the jail.
#[expect(clippy::disallowed_methods, reason = "the tests run themselves as other processes")]
pub(crate) fn helper_command(jail: &TestJail, wrapper: &[&str], name: &str) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut argv: Vec<&OsStr> = wrapper.iter().map(OsStr::new).collect();
    argv.push(program.as_os_str());
    let mut command = Command::new(argv[0]);
    command.args(&argv[1..]).args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(ROOT, &jail.root).env(RUN, jail.scratch.path().join("run")).env(NAME, jail.name.as_str());
    command.stdin(std::process::Stdio::null());
    command
}

/// In a helper: the jail it is to work with.
pub(crate) fn helper_jail() -> (LinuxJails, JailSpec) {
    let path = |name| PathBuf::from(std::env::var_os(name).unwrap());
    let name = std::env::var(NAME).unwrap().parse().unwrap();
    let spec = JailSpec { name, path: path(ROOT), hostname: "helped".into(), vnet: true, parameters: vec![] };
    (LinuxJails::new(&path(RUN)), spec)
}
