//! Mounting and unmounting, for a jail, of the datasets that were given to it.
//!
//! Only the jail itself can mount them, as the host leaves alone what has `jailed=on`. What it mounted holds it: the
//! kernel keeps with each mount who made it (`mnt_cred`), and so the jail, until it is unmounted.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use ioc_model::name::{DatasetName, KernelName};
use ioc_platform::host::Host;
use ioc_platform::jails::{JailsError, Stdio};
use ioc_platform::mounts::MountError;

use super::execute::{CHANGED, Done, StepError, UNCHANGED, process, tail};
use crate::facts::delegated::{places, to_unmount};

/// Pause before something is tried again that is in use.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs `zfs mount -a` in the jail. Whether it worked is decided by the kernel's table: its status is also that of
/// datasets below, which are the jail's own affair.
pub(super) fn mount(
    host: &Host,
    jail: &KernelName,
    root: &Path,
    needed: &[DatasetName],
    timeout_secs: u64,
) -> Result<Done, StepError> {
    let argv = ["/sbin/zfs", "mount", "-a"].map(str::to_owned);
    let outcome = host.jails.exec(jail, &process(&argv, None, &[], Stdio::Capture, timeout_secs));
    let table = host.mounts.below(Path::new("/"))?;
    let mounted: Vec<DatasetName> = places(&table, root, needed).map(|(_, name)| name).collect();
    let missing = needed.iter().find(|dataset| !mounted.contains(dataset));
    match (missing, outcome) {
        (None, Ok(_) | Err(JailsError::Program { .. })) => Ok(CHANGED),
        (Some(dataset), Ok(finished)) => {
            Err(StepError::NotMounted { dataset: dataset.clone(), output: tail(&finished) })
        }
        (_, Err(error)) => Err(error.into()),
    }
}

/// Unmounts everything of the datasets below the jail's root, and what lies on it, last mounted first. Processes of the
/// jail are killed as long as there is something: they are about to be anyway.
pub(super) fn unmount(
    host: &Host,
    jail: &KernelName,
    root: &Path,
    datasets: &[DatasetName],
    patience: Duration,
) -> Result<Done, StepError> {
    let deadline = Instant::now() + patience;
    let mut done = UNCHANGED;
    loop {
        let targets = to_unmount(&host.mounts.below(Path::new("/"))?, root, datasets);
        if targets.is_empty() {
            return Ok(done);
        }
        done = CHANGED;
        match host.jails.kill_processes(jail) {
            Ok(()) | Err(JailsError::NotRunning { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let over = Instant::now() >= deadline;
        match targets.iter().rev().try_for_each(|target| host.mounts.unmount(target)) {
            Ok(()) => return Ok(done),
            Err(MountError::Unmount { source, .. }) if source.kind() == ErrorKind::ResourceBusy && !over => {
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt;
    use std::io::{self, Read};
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Mutex};

    use ioc_platform::command::{Cmd, Commands, ExecError, Finished, Status};
    use ioc_platform::jails::{JailSpec, Jails, Parameter, Process, RunningJail};
    use ioc_platform::mounts::{MountSpec, Mounted, Mounts};
    use ioc_platform::store::{Dialect, ZfsStore};

    use super::*;
    use crate::apply::{ApplyError, Context, run};
    use crate::event::Silent;
    use crate::plan::{Hook, OnFailure, Place, Plan, Step};

    const ROOT: &str = "/j/web/root";

    /// A kernel with one jail, its mounts, and a program `zfs` that knows `jail` and `unjail`.
    #[derive(Debug, Default)]
    struct Kernel(Mutex<State>);

    #[derive(Clone, Debug, Default, PartialEq)]
    struct State {
        jail: bool,
        /// Removed, but held by mounts.
        dying: bool,
        processes: usize,
        attached: BTreeSet<String>,
        /// Datasets that the jail has mounted.
        mounted: Vec<String>,
        /// The jail's zfs(8) mounts nothing.
        mounts_nothing: bool,
    }

    fn place(dataset: &str) -> std::path::PathBuf {
        Path::new(ROOT).join(dataset)
    }

    fn finished(code: i32, stderr: &str) -> Finished {
        let (status, duration) = (Status::Exited(code), Duration::ZERO);
        Finished { status, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec(), duration }
    }

    impl Commands for Kernel {
        fn run(&self, cmd: &Cmd) -> Result<Finished, ExecError> {
            let mut state = self.0.lock().unwrap();
            let args: Vec<&str> = cmd.args.iter().map(|arg| arg.to_str().unwrap()).collect();
            let said = match args.as_slice() {
                ["jail" | "unjail", "ioc-web", _] if !state.jail => "invalid jail id or name",
                ["jail", "ioc-web", dataset] if state.attached.insert((*dataset).to_owned()) => {
                    return Ok(finished(0, ""));
                }
                ["jail", ..] => "cannot jail 'tank/a': dataset already exists",
                ["unjail", "ioc-web", dataset] if state.attached.remove(*dataset) => {
                    return Ok(finished(0, ""));
                }
                ["unjail", ..] => "cannot unjail 'tank/a': dataset does not exist",
                // A hook on the host.
                _ => return Ok(finished(i32::from(args == ["-c", "false"]), "")),
            };
            let (command, stderr) = (cmd.to_string(), said.to_owned());
            Err(ExecError::Failed { command, status: Status::Exited(1), stderr })
        }

        fn read(&self, cmd: &Cmd) -> Result<Box<dyn Read + Send>, ExecError> {
            panic!("{cmd}")
        }

        fn write(&self, cmd: &Cmd, _: &mut dyn Read) -> Result<Finished, ExecError> {
            panic!("{cmd}")
        }

        fn pipe(&self, from: &Cmd, _: &Cmd, _: &(dyn Fn(u64) + Sync)) -> Result<(), ExecError> {
            panic!("{from}")
        }

        fn converse(&self, cmd: &Cmd) -> Result<Status, ExecError> {
            panic!("{cmd}")
        }
    }

    impl Jails for Kernel {
        fn list(&self) -> Result<Vec<RunningJail>, JailsError> {
            Ok(self.find(&jail())?.into_iter().collect())
        }

        fn find(&self, name: &KernelName) -> Result<Option<RunningJail>, JailsError> {
            let State { jail, dying, .. } = *self.0.lock().unwrap();
            Ok((jail || dying).then(|| RunningJail {
                name: name.clone(),
                jid: 1,
                path: ROOT.into(),
                hostname: String::new(),
                vnet: false,
                ip4: Vec::new(),
                ip6: Vec::new(),
                dying,
            }))
        }

        fn unsupported(&self, _: &[Parameter]) -> Result<Option<String>, JailsError> {
            Ok(None)
        }

        fn create(&self, _: &JailSpec) -> Result<i32, JailsError> {
            self.0.lock().unwrap().jail = true;
            Ok(1)
        }

        fn modify(&self, name: &KernelName, _: &[Parameter]) -> Result<(), JailsError> {
            panic!("{name}")
        }

        fn kill_processes(&self, name: &KernelName) -> Result<(), JailsError> {
            let mut state = self.0.lock().unwrap();
            state.processes = 0;
            if state.jail { Ok(()) } else { Err(JailsError::NotRunning { name: name.clone() }) }
        }

        fn remove(&self, name: &KernelName, waited: Duration) -> Result<(), JailsError> {
            let mut state = self.0.lock().unwrap();
            if !state.jail {
                return Err(JailsError::NotRunning { name: name.clone() });
            }
            (state.jail, state.processes) = (false, 0);
            state.attached.clear();
            state.dying = !state.mounted.is_empty();
            let held_by = "a mount".to_owned();
            if state.dying { Err(JailsError::Dying { name: name.clone(), waited, held_by }) } else { Ok(()) }
        }

        fn exec(&self, _: &KernelName, process: &Process) -> Result<Finished, JailsError> {
            let mut state = self.0.lock().unwrap();
            if process.argv == ["/sbin/zfs", "mount", "-a"] {
                if state.mounts_nothing {
                    return Ok(finished(1, "cannot mount: permission denied"));
                }
                state.mounted =
                    state.attached.iter().flat_map(|a| [a.clone(), format!("{a}/below")]).collect();
            } else {
                // A daemon, with its files in the datasets.
                state.processes += 1;
            }
            Ok(finished(0, ""))
        }
    }

    impl Mounts for Kernel {
        fn mount(&self, spec: &MountSpec) -> Result<(), MountError> {
            panic!("{spec:?}")
        }

        fn unmount(&self, target: &Path) -> Result<(), MountError> {
            let mut state = self.0.lock().unwrap();
            let at = state.mounted.iter().position(|dataset| place(dataset) == target);
            let above = state.mounted.iter().any(|d| place(d) != target && place(d).starts_with(target));
            if at.is_some() && (state.processes > 0 || above) {
                let source = io::ErrorKind::ResourceBusy.into();
                return Err(MountError::Unmount { target: target.to_owned(), source });
            }
            at.map(|at| state.mounted.remove(at));
            Ok(())
        }

        fn below(&self, _: &Path) -> Result<Vec<Mounted>, MountError> {
            let mounted = |source: &String| {
                let (target, source, fstype) = (place(source), source.clone(), "zfs".to_owned());
                Mounted { target, source, fstype, read_only: false }
            };
            Ok(self.0.lock().unwrap().mounted.iter().map(mounted).collect())
        }
    }

    impl fmt::Display for State {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{self:?}")
        }
    }

    fn jail() -> KernelName {
        "ioc-web".parse().unwrap()
    }

    fn datasets() -> Vec<DatasetName> {
        ["tank/a", "tank/b"].map(|name| name.parse().unwrap()).into()
    }

    fn hook(hook: Hook, place: Place, command: &str) -> Step {
        let (command, env) = (command.to_owned(), Vec::new());
        Step::RunHook { hook, jail: jail(), place, command, env, timeout_secs: 0 }
    }

    /// The start of a jail, whose last hook says `last`.
    fn start(last: &str) -> Plan {
        let mut plan = Plan::new("start", "web");
        let (path, hostname) = (ROOT.into(), "web".to_owned());
        plan.push(Step::CreateJail(JailSpec {
            name: jail(),
            path,
            hostname,
            vnet: false,
            parameters: vec![],
        }));
        for dataset in datasets() {
            plan.push(Step::AttachDataset { jail: jail(), dataset });
        }
        let (root, needed) = (ROOT.into(), datasets());
        plan.push(Step::MountDelegated { jail: jail(), root, datasets: datasets(), needed, timeout_secs: 0 });
        plan.push(hook(Hook::Start, Place::Jail { user: None, fib: None }, "daemon"));
        plan.push(hook(Hook::Poststart, Place::Host, last));
        plan
    }

    fn stop() -> Plan {
        let mut plan = Plan::to_finish("stop", "web");
        let (root, datasets_) = (ROOT.into(), datasets());
        plan.push(Step::UnmountDelegated { jail: jail(), root, datasets: datasets_, patience_secs: 1 });
        for dataset in datasets() {
            plan.push_or(Step::DetachDataset { jail: jail(), dataset }, OnFailure::GoOn);
        }
        plan.push(Step::RemoveJail { jail: jail(), patience_secs: 1 });
        plan
    }

    fn apply(kernel: &Arc<Kernel>, plan: &Plan) -> Result<(), ApplyError> {
        let commands: Arc<dyn Commands> = kernel.clone();
        let host = Host {
            zfs: Arc::new(ZfsStore::with_dialect(commands.clone(), Dialect::OpenZfs)),
            commands,
            jails: kernel.clone(),
            mounts: kernel.clone(),
            ..Host::detect().unwrap()
        };
        let journals = tempfile::tempdir().unwrap();
        let cancelled = AtomicBool::new(false);
        let context =
            Context { host: &host, journals: journals.path(), observer: &Silent, cancelled: &cancelled };
        // As a plan that was stored: what the journal holds is enough.
        let stored: Plan = serde_json::from_str(&serde_json::to_string(plan).unwrap()).unwrap();
        run(&stored, context).map(drop)
    }

    #[test]
    fn a_jail_has_its_datasets_and_gives_them_back() {
        let kernel = Arc::<Kernel>::default();
        apply(&kernel, &start("true")).unwrap();
        let state = kernel.0.lock().unwrap().clone();
        assert_eq!(state.attached.len(), 2, "{state}");
        assert_eq!(state.mounted, ["tank/a", "tank/a/below", "tank/b", "tank/b/below"]);
        apply(&kernel, &stop()).unwrap();
        assert_eq!(*kernel.0.lock().unwrap(), State::default());
    }

    #[test]
    fn a_start_that_fails_last_leaves_nothing_behind() {
        let kernel = Arc::<Kernel>::default();
        let Err(ApplyError::Failed(failed)) = apply(&kernel, &start("false")) else {
            panic!("it did not fail")
        };
        assert!(failed.left_behind.is_empty(), "{failed:?}");
        assert_eq!(*kernel.0.lock().unwrap(), State::default());
    }

    #[test]
    fn a_jail_that_does_not_mount_its_datasets_is_not_started() {
        let kernel = Arc::new(Kernel(Mutex::new(State { mounts_nothing: true, ..State::default() })));
        let Err(ApplyError::Failed(failed)) = apply(&kernel, &start("true")) else {
            panic!("it did not fail")
        };
        let said = failed.causes[0].error.to_string();
        assert_eq!(said, "its own zfs(8) did not mount tank/a: cannot mount: permission denied");
        assert!(!kernel.0.lock().unwrap().jail);
    }

    #[test]
    fn what_a_hook_did_already_is_no_failure() {
        let kernel = Arc::<Kernel>::default();
        apply(&kernel, &start("true")).unwrap();
        let state = || kernel.0.lock().unwrap();
        // The jail's own shutdown unmounted them, and somebody ran zfs-unjail(8).
        let mut emptied = state();
        (emptied.mounted, emptied.processes) = (Vec::new(), 0);
        emptied.attached.remove("tank/a");
        drop(emptied);
        apply(&kernel, &stop()).unwrap();
        assert_eq!(*state(), State::default());
        // Once the jail is gone there is nothing to take back.
        let mut again = stop();
        again.steps.pop();
        apply(&kernel, &again).unwrap();
    }
}
