//! A root directory to run jails in, and a jail in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ioc_model::name::KernelName;
use ioc_platform::command::Finished;
use ioc_platform::jails::{FreeBsdJails, JailSpec, Jails, JailsError, Parameter, Process, Stdio};
use ioc_platform::mounts::{FreeBsdMounts, MountKind, MountSpec, Mounts};

/// A number that no other test of this run, nor of another run, has.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}x{}", std::process::id() % 10_000, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs a program of the host and returns what it printed; for looking from outside.
pub(crate) fn host(program: &str, args: &[&str]) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests compare with what the system's own programs say"
    )]
    let output = std::process::Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A directory that ends with all mounts below it.
pub(crate) struct Root {
    pub(crate) path: PathBuf,
}

impl Root {
    /// An empty one.
    pub(crate) fn empty() -> Self {
        let path = PathBuf::from(format!("/var/tmp/ioc-test-{}", unique()));
        std::fs::create_dir(&path).unwrap();
        // /var may be a link.
        Root { path: path.canonicalize().unwrap() }
    }

    /// One with the programs of /rescue, an account for tests and /tmp.
    pub(crate) fn with_programs() -> Self {
        let root = Self::empty();
        for directory in ["rescue", "etc", "tmp", "dev", "mnt"] {
            std::fs::create_dir(root.path.join(directory)).unwrap();
        }
        // Scripts say /bin/sh.
        std::os::unix::fs::symlink("/rescue", root.path.join("bin")).unwrap();
        let passwd =
            "root::0:0::0:0:Charlie &:/root:/bin/sh\nann::1001:1002:staff:0:0:Ann:/home/ann:/rescue/sh\n";
        std::fs::write(root.path.join("etc/master.passwd"), passwd).unwrap();
        std::fs::write(root.path.join("etc/group"), "wheel:*:0:root\nann:*:1002:\nweb:*:80:ann\n").unwrap();
        let conf =
            "default:\\\n\t:openfiles=500:\nstaff:\\\n\t:openfiles=100:\\\n\t:umask=027:\\\n\t:tc=default:\n";
        std::fs::write(root.path.join("etc/login.conf"), conf).unwrap();
        root.mount(MountKind::Nullfs { source: "/rescue".into() }, "/rescue", true, &[]).unwrap();
        root.mount(MountKind::Devfs { ruleset: 4 }, "/dev", false, &[]).unwrap();
        root
    }

    pub(crate) fn mount(
        &self,
        kind: MountKind,
        target: &str,
        read_only: bool,
        options: &[&str],
    ) -> Result<(), ioc_platform::mounts::MountError> {
        FreeBsdMounts.mount(&MountSpec {
            kind,
            root: self.path.clone(),
            target: target.parse().unwrap(),
            read_only,
            options: options.iter().map(|&o| o.to_owned()).collect(),
        })
    }

    pub(crate) fn mounted(&self) -> Vec<ioc_platform::mounts::Mounted> {
        FreeBsdMounts.below(&self.path).unwrap()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        for mounted in self.mounted().iter().rev() {
            // A process that was just killed may hold it for a moment.
            for _ in 0..50 {
                if FreeBsdMounts.unmount(&mounted.target).is_ok() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        if self.mounted().is_empty() {
            std::fs::remove_dir_all(&self.path).unwrap();
        }
    }
}

/// A running jail that ends with its root.
pub(crate) struct Jail {
    pub(crate) name: KernelName,
    pub(crate) jid: i32,
    pub(crate) root: Root,
}

impl Jail {
    pub(crate) fn start(vnet: bool, parameters: Vec<Parameter>) -> Self {
        Self::in_root(Root::with_programs(), vnet, parameters).unwrap()
    }

    pub(crate) fn in_root(root: Root, vnet: bool, parameters: Vec<Parameter>) -> Result<Self, JailsError> {
        let name: KernelName = format!("ioctest-{}", unique()).parse().unwrap();
        let jid = FreeBsdJails.create(&JailSpec {
            name: name.clone(),
            path: root.path.clone(),
            hostname: "test.example".to_owned(),
            vnet,
            parameters,
        })?;
        Ok(Jail { name, jid, root })
    }

    /// A process without user, captured.
    pub(crate) fn process(argv: &[&str]) -> Process {
        Process {
            argv: argv.iter().map(OsString::from).collect(),
            user: None,
            env: vec![("PATH".into(), "/rescue".into())],
            stdio: Stdio::Capture,
            timeout: Some(Duration::from_secs(60)),
            fib: None,
        }
    }

    pub(crate) fn exec(&self, process: &Process) -> Result<Finished, JailsError> {
        FreeBsdJails.exec(&self.name, process)
    }

    /// Runs a program that must succeed and returns what it printed, trimmed.
    pub(crate) fn run(&self, argv: &[&str]) -> String {
        let finished = self.exec(&Self::process(argv)).unwrap();
        let said = String::from_utf8_lossy(&finished.stderr);
        assert!(finished.status.success(), "{argv:?}: {}: {said}", finished.status);
        String::from_utf8_lossy(&finished.stdout).trim().to_owned()
    }
}

impl Drop for Jail {
    fn drop(&mut self) {
        match FreeBsdJails.remove(&self.name, Duration::from_secs(30)) {
            Ok(()) | Err(JailsError::NotRunning { .. }) => {}
            Err(error) => eprintln!("{error}"),
        }
    }
}

/// A file of the host outside of any root, to be attacked.
pub(crate) fn outside(root: &Path) -> PathBuf {
    let path = root.with_extension("outside");
    std::fs::create_dir_all(&path).unwrap();
    path
}
