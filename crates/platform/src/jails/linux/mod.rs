//! Jails on Linux: a set of namespaces with its own root, held by a small pid 1.
//!
//! | what of a jail | is |
//! |---|---|
//! | existence | a process that is pid 1 of its pid namespace and does nothing; [`init`] |
//! | JID | the host's process id of that process |
//! | root | `pivot_root(2)` into the directory with all that is mounted below it at that time |
//! | host name, System V IPC, processes | `uts`, `ipc`, `pid` namespaces |
//! | VNET | `net` namespace; without it the host's network is shared |
//! | privileges | a [set of capabilities](capabilities), never more: `no_new_privs` |
//! | limits | the control groups of pid 1, which whoever enters the jail joins |
//!
//! There is no user namespace: root of the jail is root, with few capabilities. It is an isolation for trying and
//! testing, not for tenants who are enemies; docs/linux.md says what that means.

mod account;
mod attend;
mod capabilities;
mod create;
mod exec;
mod init;
mod output;
mod signals;
mod streams;
mod terminal;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use ioc_model::name::KernelName;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::system::sethostname;
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use super::{JailSpec, Jails, JailsError, Parameter, ParameterValue, Process, RunningJail};
use crate::command::Finished;
use crate::linux::namespaces::on_own_thread;
use crate::linux::procfs::same_pid_namespace;
use crate::linux::registry::{Found, Init, Registry};
use crate::linux::{cgroups, procfs};

/// Jails of this host.
#[derive(Clone, Debug)]
pub struct LinuxJails {
    registry: Registry,
}

impl LinuxJails {
    /// The jails that are noted below the runtime directory (`/run/ioc`), which is made when one is created.
    pub fn new(runtime_directory: &Path) -> Self {
        LinuxJails { registry: Registry::new(runtime_directory) }
    }

    fn open(&self, name: &KernelName) -> Result<Init, JailsError> {
        self.registry
            .open(name)
            .map_err(failed(name, "look for its pid 1"))?
            .ok_or_else(|| JailsError::NotRunning { name: name.clone() })
    }
}

fn failed<'a>(name: &'a KernelName, action: &'a str) -> impl Fn(io::Error) -> JailsError + 'a {
    move |source| JailsError::System { action: action.to_owned(), name: name.clone(), source }
}

fn running(Found { entry, dying }: Found) -> RunningJail {
    RunningJail {
        name: entry.name,
        jid: entry.pid,
        path: entry.root,
        hostname: entry.hostname,
        vnet: entry.vnet,
        ip4: entry.ip4,
        ip6: entry.ip6,
        dying,
    }
}

impl Jails for LinuxJails {
    fn list(&self) -> Result<Vec<RunningJail>, JailsError> {
        let found = self.registry.list().map_err(|source| JailsError::List { source })?;
        Ok(found.into_iter().map(running).collect())
    }

    fn find(&self, name: &KernelName) -> Result<Option<RunningJail>, JailsError> {
        let found = self.registry.find(name).map_err(failed(name, "look for its pid 1"))?;
        Ok(found.map(running))
    }

    /// None: what has no equivalent is ignored.
    fn unsupported(&self, _: &[Parameter]) -> Result<Option<String>, JailsError> {
        Ok(None)
    }

    fn create(&self, spec: &JailSpec) -> Result<i32, JailsError> {
        create::create(&self.registry, spec)
    }

    /// Changes `host.hostname`; addresses are noted. All else is as it was created.
    fn modify(&self, name: &KernelName, parameters: &[Parameter]) -> Result<(), JailsError> {
        let locked = self.registry.lock().map_err(failed(name, "lock the registry"))?;
        let Init { mut entry, process } = self.open(name)?;
        for parameter in parameters {
            match (parameter.name.as_str(), &parameter.value) {
                ("host.hostname", ParameterValue::Text(hostname)) => {
                    on_own_thread(|| {
                        move_into_thread_name_spaces(
                            std::os::fd::AsFd::as_fd(&process),
                            ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME,
                        )?;
                        sethostname(hostname.as_bytes())?;
                        Ok(())
                    })
                    .map_err(failed(name, "set the host name"))?;
                    entry.hostname.clone_from(hostname);
                }
                ("ip4.addr", ParameterValue::Ip4(addresses)) => entry.ip4.clone_from(addresses),
                ("ip6.addr", ParameterValue::Ip6(addresses)) => entry.ip6.clone_from(addresses),
                _ => {}
            }
        }
        locked.write(&entry).map_err(failed(name, "write its registry entry"))
    }

    fn kill_processes(&self, name: &KernelName) -> Result<(), JailsError> {
        let Init { entry, .. } = self.open(name)?;
        let list = || same_pid_namespace(entry.pid).map_err(failed(name, "list its processes"));
        let mut opened = Vec::new();
        for pid in list()?.into_iter().filter(|pid| *pid != entry.pid) {
            let process = Pid::from_raw(pid).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
            opened.extend(process.and_then(Result::ok).map(|process| (pid, process)));
        }
        // The number of one that ended before it was opened may be that of somebody else's process by now.
        let still = list()?;
        for (_, process) in opened.iter().filter(|(pid, _)| still.contains(pid)) {
            match pidfd_send_signal(process, Signal::KILL) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(failed(name, "end its processes")(error.into())),
            }
        }
        Ok(())
    }

    fn remove(&self, name: &KernelName, patience: Duration) -> Result<(), JailsError> {
        let Init { entry, process } = self.open(name)?;
        match pidfd_send_signal(&process, Signal::KILL) {
            // Ended by itself meanwhile.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(failed(name, "end its pid 1")(error.into())),
        }
        // Pid 1 counts as ended only after the kernel has ended and reaped all others of its namespace.
        if !wait_for_end(&process, patience).map_err(failed(name, "wait for its end"))? {
            return Err(JailsError::Dying {
                name: name.clone(),
                waited: patience,
                held_by: holders(entry.pid),
            });
        }
        let locked = self.registry.lock().map_err(failed(name, "lock the registry"))?;
        // A jail of that name may have been made since.
        if self.registry.find(name).map_err(failed(name, "look for its pid 1"))?.is_none() {
            locked.remove(name).map_err(failed(name, "remove its registry entry"))?;
        }
        cgroups::remove_all(name).map_err(failed(name, "remove its control groups"))?;
        Ok(())
    }

    fn exec(&self, name: &KernelName, process: &Process) -> Result<Finished, JailsError> {
        exec::exec(&self.open(name)?, process)
    }
}

/// Waits until the process has ended, `patience` at the most; tells whether it has.
fn wait_for_end(process: impl std::os::fd::AsFd, patience: Duration) -> io::Result<bool> {
    let end = Instant::now() + patience;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = left.try_into().map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Says which processes keep a jail from ending, as far as that can be found out.
fn holders(init: i32) -> String {
    let left: Vec<String> = same_pid_namespace(init)
        .unwrap_or_default()
        .into_iter()
        .filter(|&pid| pid != init)
        .take(5)
        .map(|pid| {
            let name = procfs::read_bounded(format!("/proc/{pid}/comm"), 64).unwrap_or_default();
            format!("{pid} ({})", String::from_utf8_lossy(&name).trim())
        })
        .collect();
    if left.is_empty() {
        "its pid 1 has not ended".to_owned()
    } else {
        format!("these processes have not ended: {}", left.join(", "))
    }
}
