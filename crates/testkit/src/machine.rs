//! A machine to run `ioc` on: this one, with a source that only one test uses.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::traces::Traces;

/// Where the test's source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// A directory.
    Directory,
    /// A dataset of a pool that only this test uses.
    Zfs,
}

/// This machine with a source of its own.
///
/// Everything in it bears a mark that no other test has. When it is dropped, its jails are stopped, its source is
/// removed, and the test fails if anything with its mark is left on the machine.
#[derive(Debug)]
pub struct Machine {
    mark: String,
    network: String,
    binary: PathBuf,
    // Before the directory, which may have mounts of it.
    pool: Option<crate::zfs_pool::TestPool>,
    directory: tempfile::TempDir,
    root: String,
    before: Traces,
}

impl Machine {
    /// A machine whose source is in `store`; `binary` is the `ioc` to run.
    ///
    /// The environment variable `IOC_BIN` names another one, for machines on which cargo does not run.
    pub fn new(store: Store, binary: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Letters only: the begin of it becomes part of interface names.
        let mark = format!("t{}x{count}", std::process::id());
        let directory =
            tempfile::Builder::new().prefix(&format!("ioc-{mark}-")).tempdir().expect("a directory");
        let binary = crate::binary(binary);
        let before = Traces::of(&mark);
        let (root, pool) = match store {
            Store::Directory => {
                let root = directory.path().join("source");
                std::fs::create_dir(&root).expect("a directory for the source");
                (root.display().to_string(), None)
            }
            Store::Zfs => {
                let pool = crate::zfs_pool::TestPool::new();
                let root = format!("{}/iocage", pool.name());
                pool.create(&root);
                (root, Some(pool))
            }
        };
        let network = network_of(std::process::id(), count);
        Machine { mark, network, binary, directory, root, before, pool }
    }

    /// The name of the source, which is unlike that of any other test.
    pub fn source(&self) -> &str {
        &self.mark
    }

    /// The first three numbers of IPv4 addresses of this host's own that no other test has.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The root dataset or directory of the source.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Where the source is mounted.
    pub fn mounted_at(&self) -> PathBuf {
        match &self.pool {
            None => PathBuf::from(&self.root),
            Some(pool) => pool.mounted_at().join("iocage"),
        }
    }

    /// The pool of the source, if it is in one.
    pub fn pool(&self) -> Option<&crate::zfs_pool::TestPool> {
        self.pool.as_ref()
    }

    /// A directory for whatever the test needs.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// An `ioc` command that is not yet run.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(&self.binary, args)
    }

    /// The same by another binary.
    #[expect(clippy::disallowed_methods, reason = "the binary is what is tested")]
    pub(crate) fn command_of(&self, binary: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command.arg(format!("--source={}={}", self.mark, self.root)).args(args);
        command.env("NO_COLOR", "1").env_remove("IOC_SOURCE").stdin(Stdio::null());
        // The first process of a jail shows the jail's root in the room that the arguments of `ioc` took.
        command.arg0(format!("{:/>256}", "ioc"));
        command
    }

    /// Program and arguments of such a command, for other programs to run.
    pub fn words(&self, args: &[&str]) -> Vec<String> {
        let command = self.command(args);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        words.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// Runs `ioc` and returns what it said.
    pub fn run(&self, args: &[&str]) -> Said {
        let output = self.command(args).output().expect("ioc can be run");
        Said::new(args, output)
    }

    /// Runs `ioc` without naming a source: with those of the host.
    pub fn run_without_source(&self, args: &[&str]) -> Said {
        self.run_with_sources("", args)
    }

    /// Runs `ioc` with these sources in the environment.
    #[expect(clippy::disallowed_methods, reason = "the binary is what is tested")]
    pub fn run_with_sources(&self, sources: &str, args: &[&str]) -> Said {
        let mut command = Command::new(&self.binary);
        command.args(args).env("NO_COLOR", "1").env("IOC_SOURCE", sources).stdin(Stdio::null());
        Said::new(args, command.output().expect("ioc can be run"))
    }

    /// Runs `ioc`, which must succeed, and returns what it wrote to standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.status, 0, "{said}");
        said.stdout
    }

    /// Runs `ioc`, which must fail with this status, and returns what it wrote to standard error.
    pub fn fails(&self, status: i32, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.status, status, "{said}");
        assert!(!said.stderr.trim().is_empty(), "a failure without a word: {said}");
        assert!(!said.stderr.contains("panicked"), "{said}");
        said.stderr
    }

    /// Makes a release of this machine and returns its name.
    pub fn host_release(&self) -> &'static str {
        self.ok(&["fetch", "--host", "-r", "host"]);
        "host"
    }

    /// Makes a basejail of a host release, which is made first if it is missing.
    ///
    /// It does not boot: on FreeBSD rc(8) takes seconds, and a Linux host release has nothing like it. Give
    /// `exec_start` to have it otherwise.
    pub fn jail(&self, name: &str, properties: &[&str]) {
        if !self.mounted_at().join("releases/host").exists() {
            self.host_release();
        }
        let mut args = vec!["create", "-r", "host", name];
        if cfg!(target_os = "freebsd") {
            for hook in ["exec_start=/usr/bin/true", "exec_stop=/usr/bin/true"] {
                let (key, _) = hook.split_once('=').expect("an assignment");
                if !properties.iter().any(|p| p.split_once('=').is_some_and(|(other, _)| other == key)) {
                    args.push(hook);
                }
            }
        }
        args.extend(properties);
        self.ok(&args);
    }

    /// The file system of a jail, as the host sees it.
    pub fn jail_root(&self, name: &str) -> PathBuf {
        self.mounted_at().join("jails").join(name).join("root")
    }

    /// Which kind of store the source is in.
    pub fn store(&self) -> Store {
        match self.pool {
            None => Store::Directory,
            Some(_) => Store::Zfs,
        }
    }

    /// Makes a dataset below the source by other means than `ioc`; on the directory store a directory.
    pub fn make_dataset(&self, below: &str) {
        match &self.pool {
            None => std::fs::create_dir(self.mounted_at().join(below)).expect("a directory"),
            Some(pool) => pool.create(&format!("{}/{below}", self.root)),
        }
    }

    /// The snapshots of a dataset below the source, one a line, as zfs(8) says; none on the directory store.
    pub fn snapshots_of(&self, below: &str) -> String {
        match &self.pool {
            None => String::new(),
            Some(pool) => pool.snapshots(&format!("{}/{below}", self.root)),
        }
    }

    /// What is on the machine with this test's mark and was not there at its begin.
    pub fn left_behind(&self) -> Vec<String> {
        Traces::of(&self.mark).since(&self.before)
    }
}

/// A network of the loopback interface for the test of this number in this process. Processes with numbers next to each
/// other, and the tests of one process, have different ones.
fn network_of(process: u32, count: u32) -> String {
    let number = process.wrapping_add(count.wrapping_mul(16_127)) % 62_500;
    format!("127.{}.{}", 1 + number / 250, number % 250)
}

impl Drop for Machine {
    fn drop(&mut self) {
        let stopped = self.run(&["stop", "--force", "*"]);
        if std::thread::panicking() {
            return;
        }
        let mut left = self.left_behind();
        // The pool's own datasets go with the pool.
        left.retain(|trace| {
            self.pool.as_ref().is_none_or(|pool| !trace.contains(&format!(" {}", pool.name())))
        });
        assert!(left.is_empty(), "left behind: {left:#?}\nafter {stopped}");
    }
}

/// The processor time of all programs that this process ran and waited for: unlike the time that passed it does not
/// depend on what else the machine does.
pub fn time_of_programs() -> std::time::Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts");
    let time = |value: nix::sys::time::TimeVal| {
        let (seconds, micros) = (value.tv_sec().unsigned_abs(), value.tv_usec().unsigned_abs());
        std::time::Duration::from_secs(seconds) + std::time::Duration::from_micros(micros)
    };
    time(usage.user_time()) + time(usage.system_time())
}

/// What a run of `ioc` said.
#[derive(Clone, Debug)]
pub struct Said {
    args: String,
    /// Its exit status; 128 and more for a signal.
    pub status: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Said {
    pub(crate) fn new(args: &[&str], output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let signal = output.status.signal().map(|signal| 128 + signal);
        Said {
            args: args.join(" "),
            status: output.status.code().or(signal).unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`ioc {}` ended with {}\n{}{}", self.args, self.status, self.stdout, self.stderr)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::network_of;

    #[test]
    fn tests_at_the_same_time_have_networks_of_their_own() {
        let of_processes = (1000..1032).map(|process| network_of(process, 0));
        let of_one = (1..400).map(|count| network_of(1000, count));
        let all: Vec<String> = of_processes.chain(of_one).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!((network_of(0, 0).as_str(), network_of(62_499, 0).as_str()), ("127.1.0", "127.250.249"));
    }
}
