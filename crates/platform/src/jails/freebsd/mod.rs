//! Jails of FreeBSD by jail_set(2), jail_get(2), jail_remove(2) and jail_attach(2); no jail(8), jls(8), jexec(8).

#![expect(unsafe_code, reason = "system calls that no crate wraps")]

mod account;
mod dying;
mod exec;
mod spawn;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use ioc_model::name::KernelName;
use nix::errno::Errno;
use nix::libc;

use super::parameters::{self, CPUS, Known};
use super::{JailSpec, JailSys, Jails, JailsError, Parameter, ParameterValue, Process, RunningJail, cpus};
use crate::command::Finished;
use crate::freebsd::arguments::{Arguments, Call, KernelError};
use crate::freebsd::{child, kld, sysctl};

/// MAXHOSTNAMELEN of sys/param.h, MAXPATHLEN of sys/syslimits.h.
const NAME: usize = 256;
const PATH: usize = 1024;

/// The jails of this FreeBSD host.
#[derive(Clone, Copy, Debug, Default)]
pub struct FreeBsdJails;

/// How jail_get(2) finds a jail.
enum Key<'a> {
    /// The one with the next greater JID.
    After(i32),
    Name(&'a KernelName),
    Jid(i32),
}

impl FreeBsdJails {
    /// Asks for one jail, dying ones included; a living one goes before a dying one of the same name.
    fn get(&self, key: &Key<'_>, features: &Features) -> io::Result<Option<Found>> {
        let mut arguments = Arguments::default();
        match key {
            Key::After(jid) => arguments.bytes("lastjid", jid.to_ne_bytes().to_vec())?,
            Key::Jid(jid) => arguments.bytes("jid", jid.to_ne_bytes().to_vec())?,
            Key::Name(_) => {}
        }
        // The name is both the key and an answer.
        let mut name = match key {
            Key::Name(name) => name.as_str().as_bytes().to_vec(),
            _ => Vec::new(),
        };
        name.resize(NAME, 0);
        arguments.bytes("name", name)?;
        if !matches!(key, Key::Jid(_)) {
            arguments.bytes("jid", vec![0; 4])?;
        }
        arguments.bytes("path", vec![0; PATH])?;
        arguments.bytes("host.hostname", vec![0; NAME])?;
        arguments.bytes("dying", vec![0; 4])?;
        if features.vnet {
            arguments.bytes("vnet", vec![0; 4])?;
        }
        if features.inet {
            arguments.bytes("ip4.addr", vec![0; 4 * features.most_addresses])?;
        }
        if features.inet6 {
            arguments.bytes("ip6.addr", vec![0; 16 * features.most_addresses])?;
        }
        let mut call = arguments.call();
        let (iovecs, count) = call.parts();
        // SAFETY: every element of the list points to memory of its length that lives in `call`.
        let jid = unsafe { libc::jail_get(iovecs, count, libc::JAIL_DYING) };
        if jid < 0 {
            let error = call.error();
            return match error.error.raw_os_error() {
                Some(libc::ENOENT) => Ok(None),
                _ => Err(error.into()),
            };
        }
        Ok(Some(Found { jid, jail: running(jid, &call) }))
    }

    fn find_alive(&self, name: &KernelName) -> Result<RunningJail, JailsError> {
        let jail = self.find(name)?.filter(|jail| !jail.dying);
        jail.ok_or_else(|| JailsError::NotRunning { name: name.clone() })
    }

    fn set(&self, arguments: Arguments, flags: libc::c_int) -> Result<i32, KernelError> {
        let mut call = arguments.call();
        let (iovecs, count) = call.parts();
        // SAFETY: every element of the list points to memory of its length that lives in `call`.
        let jid = unsafe { libc::jail_set(iovecs, count, flags) };
        if jid < 0 { Err(call.error()) } else { Ok(jid) }
    }

    /// Removes a jail; what is dying already is left to die.
    fn kill(&self, name: &KernelName, jid: i32) -> Result<(), JailsError> {
        // SAFETY: a plain number.
        match Errno::result(unsafe { libc::jail_remove(jid) }) {
            Ok(_) => Ok(()),
            // sys_jail_remove() in sys/kern/kern_jail.c: no such jail (any more).
            Err(Errno::EINVAL) => Ok(()),
            Err(errno) => Err(system("remove the kernel's jail", name, errno.into())),
        }
    }
}

/// What of the kernel decides which parameters jail_get(2) may be asked for.
struct Features {
    vnet: bool,
    inet: bool,
    inet6: bool,
    most_addresses: usize,
}

impl Features {
    fn of_kernel() -> io::Result<Self> {
        let has = |name: &str| Ok::<_, io::Error>(sysctl::number(name)?.is_some_and(|value| value != 0));
        Ok(Features {
            vnet: has("kern.features.vimage")?,
            inet: has("kern.features.inet")?,
            inet6: has("kern.features.inet6")?,
            most_addresses: sysctl::number("security.jail.jail_max_af_ips")?
                .and_then(|n| usize::try_from(n).ok())
                // nmount(2) and jail_set(2) take 64 KiB in all; VFS_MOUNTARG_SIZE_MAX of sys/mount.h.
                .map_or(255, |n| n.clamp(255, 2048)),
        })
    }
}

/// A jail, and its JID even if the name is none that ioc could give.
struct Found {
    jid: i32,
    jail: Option<RunningJail>,
}

fn running(jid: i32, call: &Call) -> Option<RunningJail> {
    let addresses = |name: &str, width: usize| -> Vec<Vec<u8>> {
        call.value(name).chunks_exact(width).map(<[u8]>::to_vec).collect()
    };
    Some(RunningJail {
        name: call.text("name").parse().ok()?,
        jid,
        path: PathBuf::from(call.text("path")),
        hostname: call.text("host.hostname"),
        vnet: call.number("vnet") == parameters::number(JailSys::New),
        ip4: addresses("ip4.addr", 4)
            .iter()
            .filter_map(|a| a.first_chunk::<4>().map(|a| Ipv4Addr::from(*a)))
            .collect(),
        ip6: addresses("ip6.addr", 16)
            .iter()
            .filter_map(|a| a.first_chunk::<16>().map(|a| Ipv6Addr::from(*a)))
            .collect(),
        dying: call.number("dying") != 0,
    })
}

/// A name for errors about no jail in particular.
fn any() -> KernelName {
    "*".parse().expect("an asterisk is a legal kernel name")
}

fn system(action: &str, name: &KernelName, source: io::Error) -> JailsError {
    JailsError::System { action: action.to_owned(), name: name.clone(), source }
}

/// Parameters that [`JailSpec`] has fields for; the fields win.
const OF_SPEC: [&str; 5] = ["name", "path", "host.hostname", "vnet", "persist"];

/// The parameters of this kernel, after the modules that some of them need are loaded.
fn known_with_modules(parameters: &[Parameter], name: &KernelName) -> Result<Known, JailsError> {
    let read = || sysctl::jail_parameters().map_err(|e| system("read the parameters of jails", name, e));
    let known = read()?;
    let mut loaded = false;
    for parameter in parameters.iter().filter(|p| !known.contains_key(&p.name)) {
        loaded |= parameters::module_of(&parameter.name).is_some_and(kld::load);
    }
    if loaded { read() } else { Ok(known) }
}

/// Adds the parameters to a list for jail_set(2), and returns the set of processors if one is among them.
fn add_parameters(
    arguments: &mut Arguments,
    parameters: &[Parameter],
    known: &Known,
    name: &KernelName,
) -> Result<Option<Vec<u64>>, JailsError> {
    let mut processors = None;
    for parameter in parameters {
        let refused = || JailsError::Parameter { parameter: parameter.name.clone() };
        if parameter.name == CPUS {
            processors = Some(processors_of(parameter).ok_or_else(refused)?);
            continue;
        }
        for argument in parameters::argument(parameter, known).ok_or_else(refused)? {
            if arguments.has(&argument.name) {
                // The kernel reads the first of two and calls the second unknown.
                return Err(refused());
            }
            arguments.bytes(&argument.name, argument.value).map_err(|e| system("set parameters", name, e))?;
        }
    }
    Ok(processors)
}

fn processors_of(parameter: &Parameter) -> Option<Vec<u64>> {
    let ParameterValue::Text(list) = &parameter.value else { return None };
    let count = sysctl::number("kern.smp.maxid").ok().flatten().map_or(1, |highest| highest + 1);
    cpus::mask(list, usize::try_from(count).ok()?)
}

/// Restricts a jail to some processors; cpuset_setaffinity(2).
fn set_processors(name: &KernelName, jid: i32, mask: &[u64]) -> Result<(), JailsError> {
    let mut result = Err(Errno::ERANGE);
    // The size of the kernel's set: 256 processors up to FreeBSD 13, 1024 later; another size is refused with ERANGE.
    for words in [4, cpus::MOST / 64] {
        let mask = &mask[..words.min(mask.len())];
        // SAFETY: the pointer has as many readable bytes as said; the kernel takes any size it knows.
        let call = unsafe {
            libc::cpuset_setaffinity(
                libc::CPU_LEVEL_WHICH,
                libc::CPU_WHICH_JAIL,
                jid.into(),
                size_of_val(mask),
                mask.as_ptr().cast(),
            )
        };
        result = Errno::result(call);
        if result != Err(Errno::ERANGE) {
            break;
        }
    }
    result.map(drop).map_err(|errno| system("set the processors", name, errno.into()))
}

/// Puts an error of jail_set(2) into our terms.
fn refused(error: KernelError, action: &str, name: &KernelName) -> JailsError {
    if let Some(parameter) = parameters::unknown_in(&error.message) {
        return JailsError::Parameter { parameter: parameter.to_owned() };
    }
    match error.error.raw_os_error() {
        Some(libc::EEXIST) => JailsError::Exists { name: name.clone() },
        Some(libc::ENOENT) if action == MODIFY => JailsError::NotRunning { name: name.clone() },
        _ => system(action, name, error.into()),
    }
}

const CREATE: &str = "create the kernel's jail";
const KILL: &str = "end the processes";
const MODIFY: &str = "change parameters of the kernel's jail";

impl Jails for FreeBsdJails {
    fn list(&self) -> Result<Vec<RunningJail>, JailsError> {
        let failed = |e| system("list jails", &any(), e);
        let features = Features::of_kernel().map_err(failed)?;
        let mut jails = Vec::new();
        let mut last = 0;
        while let Some(found) = self.get(&Key::After(last), &features).map_err(failed)? {
            last = found.jid;
            match found.jail {
                Some(jail) => jails.push(jail),
                None => tracing::debug!(jid = last, "a jail with a name that ioc cannot give"),
            }
        }
        Ok(jails)
    }

    fn find(&self, name: &KernelName) -> Result<Option<RunningJail>, JailsError> {
        let failed = |e| system("look for the jail", name, e);
        let features = Features::of_kernel().map_err(failed)?;
        let found = self.get(&Key::Name(name), &features).map_err(failed)?;
        Ok(found.and_then(|found| found.jail))
    }

    fn unsupported(&self, parameters: &[Parameter]) -> Result<Option<String>, JailsError> {
        let known =
            sysctl::jail_parameters().map_err(|e| system("read the parameters of jails", &any(), e))?;
        let supported = |parameter: &Parameter| {
            if parameter.name == CPUS {
                return processors_of(parameter).is_some();
            }
            parameters::argument(parameter, &known).is_some()
                || !known.contains_key(&parameter.name)
                    && parameters::module_of(&parameter.name).is_some_and(module_can_be_loaded)
        };
        Ok(parameters.iter().find(|p| !supported(p)).map(|p| p.name.clone()))
    }

    fn create(&self, spec: &JailSpec) -> Result<i32, JailsError> {
        let JailSpec { name, path, hostname, vnet, parameters } = spec;
        let failed = |e| system(CREATE, name, e);
        let mut arguments = Arguments::default();
        arguments.text("name", name.as_str()).map_err(failed)?;
        arguments.text("path", path.as_os_str().as_encoded_bytes()).map_err(failed)?;
        arguments.text("host.hostname", hostname).map_err(failed)?;
        arguments.bytes("persist", Vec::new()).map_err(failed)?;
        if *vnet {
            let new = parameters::number(JailSys::New).to_ne_bytes().to_vec();
            arguments.bytes("vnet", new).map_err(failed)?;
        }
        let others: Vec<Parameter> =
            parameters.iter().filter(|p| !OF_SPEC.contains(&p.name.as_str())).cloned().collect();
        let known = known_with_modules(&others, name)?;
        let processors = add_parameters(&mut arguments, &others, &known, name)?;
        let jid = self.set(arguments, libc::JAIL_CREATE).map_err(|e| refused(e, CREATE, name))?;
        if let Some(mask) = processors {
            set_processors(name, jid, &mask).inspect_err(|_| {
                // The caller sees the first error; a jail that it never got to know must not stay.
                if let Err(error) = self.kill(name, jid) {
                    tracing::warn!(jail = %name, jid, %error, "a half-made jail stays");
                }
            })?;
        }
        Ok(jid)
    }

    fn modify(&self, name: &KernelName, parameters: &[Parameter]) -> Result<(), JailsError> {
        let jail = self.find_alive(name)?;
        let known = known_with_modules(parameters, name)?;
        let mut arguments = Arguments::default();
        arguments.bytes("jid", jail.jid.to_ne_bytes().to_vec()).map_err(|e| system(MODIFY, name, e))?;
        let processors = add_parameters(&mut arguments, parameters, &known, name)?;
        self.set(arguments, libc::JAIL_UPDATE).map_err(|e| refused(e, MODIFY, name))?;
        processors.map_or(Ok(()), |mask| set_processors(name, jail.jid, &mask))
    }

    fn kill_processes(&self, name: &KernelName) -> Result<(), JailsError> {
        let jid = self.find_alive(name)?.jid;
        let act = |report: &mut child::Report, _| {
            if let Err(errno) = child::join_jail(jid) {
                return report.fail(errno as i32);
            }
            // From within a jail -1 is every process of it and of its child jails, but for the caller; kill(2).
            // SAFETY: plain numbers.
            if unsafe { libc::kill(-1, libc::SIGKILL) } != 0 && Errno::last_raw() != libc::ESRCH {
                report.fail(Errno::last_raw());
            }
        };
        // SAFETY: `act` makes system calls only, on memory that exists.
        let report = unsafe { child::report_of(None, act) };
        match report.map_err(|e| system(KILL, name, e))?.errno {
            0 => Ok(()),
            errno => Err(system(KILL, name, io::Error::from_raw_os_error(errno))),
        }
    }

    fn remove(&self, name: &KernelName, patience: Duration) -> Result<(), JailsError> {
        let failed = |e| system("look for the jail", name, e);
        let features = Features::of_kernel().map_err(failed)?;
        let Some(found) = self.get(&Key::Name(name), &features).map_err(failed)? else {
            return Err(JailsError::NotRunning { name: name.clone() });
        };
        self.kill(name, found.jid)?;
        let gone = dying::wait(patience, || Ok(self.get(&Key::Jid(found.jid), &features)?.is_none()));
        if gone.map_err(failed)? {
            return Ok(());
        }
        Err(JailsError::Dying { name: name.clone(), waited: patience, held_by: dying::held_by(found.jid) })
    }

    fn exec(&self, name: &KernelName, process: &Process) -> Result<Finished, JailsError> {
        let jail = self.find_alive(name)?;
        exec::run(&jail, process)
    }
}

/// Tells whether the module's file is where the kernel would look for it.
fn module_can_be_loaded(module: &str) -> bool {
    let path = sysctl::text("kern.module_path").ok().flatten().unwrap_or_default();
    path.split(';').any(|directory| std::path::Path::new(directory).join(format!("{module}.ko")).is_file())
}
