//! A process in a jail.
//!
//! A thread enters the jail's namespaces and root, where it looks up user and program, and forks. The child is in
//! the jail from its first moment, so it must not be looked into: it is not dumpable before it gives up privileges
//! that the jail has not, and it makes only system calls until it executes the program.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{DumpableBehavior, ioctl_tiocsctty};
use rustix::thread::{
    CapabilitySet, ThreadNameSpaceType, move_into_thread_name_spaces, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use super::attend::Child;
use super::create::{During, Failed};
use super::passwd::{self, User};
use super::streams::{Link, Streams};
use super::{capabilities, failed};
use crate::command::Finished;
use crate::jails::{JailsError, Process};
use crate::linux::cgroups;
use crate::linux::namespaces::on_own_thread;
use crate::linux::procfs::bounding_set;
use crate::linux::registry::Init;
use crate::linux::syscalls::{self, PointerList, Signals};

/// Where programs are looked for if the environment has no `PATH`: that of the reference.
const PATH: &str = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin";

/// Lowest number of the child's descriptors before they become its standard streams.
const FIRST_FREE: i32 = 10;

/// Why there is no process.
enum NotStarted {
    /// There is no such user.
    NoUser(String),
    /// The program cannot be executed.
    Program(io::Error),
    /// Something else.
    Failed(Failed),
}

impl From<Failed> for NotStarted {
    fn from(failed: Failed) -> Self {
        NotStarted::Failed(failed)
    }
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        NotStarted::Failed(error.into())
    }
}

/// Runs a process to its end.
pub(super) fn exec(init: &Init, process: &Process) -> Result<Finished, JailsError> {
    let name = &init.entry.name;
    if process.fib.is_some() {
        return Err(JailsError::Unsupported {
            what: "Linux has no routing tables to choose from".to_owned(),
        });
    }
    let program = || process.argv.first().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    let (child, link) = start(init, process).map_err(|reason| match reason {
        NotStarted::NoUser(user) => JailsError::NoUser { name: name.clone(), user },
        NotStarted::Program(source) => JailsError::Program { name: name.clone(), program: program(), source },
        NotStarted::Failed(Failed(action, source)) => failed(name, action)(source),
    })?;
    let finished = child.attend(link, process.timeout).map_err(failed(name, "attend to a process"))?;
    finished.ok_or_else(|| JailsError::TimedOut {
        name: name.clone(),
        program: program(),
        timeout: process.timeout.unwrap_or_default(),
    })
}

fn start(init: &Init, process: &Process) -> Result<(Child, Link), NotStarted> {
    let streams = Streams::new(process.stdio).during("prepare standard streams")?;
    let capabilities = bounding_set(init.entry.pid).during("look at the capabilities of its pid 1")?;
    let groups = cgroups::to_join(init.entry.pid).during("find its control groups")?;
    let (report, reporter) = pipe_with(PipeFlags::CLOEXEC).during("make a pipe")?;

    let (child, link) = on_own_thread(|| {
        enter(init).during("enter it")?;
        let user = passwd::look_up(process.user.as_deref()).during("read its users")?;
        let user = user.ok_or_else(|| NotStarted::NoUser(process.user.clone().unwrap_or_default()))?;
        let command = Command::new(process, &user).map_err(NotStarted::Program)?;
        let (link, ends) = streams.part(user.uid).during("make a terminal")?;
        let plan = Plan {
            streams: out_of_the_way(ends.streams)?,
            terminal: ends.terminal,
            reporter,
            groups,
            capabilities: CapabilitySet::from_bits_retain(capabilities),
            user,
            argv: PointerList::new(command.argv.iter().map(CString::as_c_str)),
            envp: PointerList::new(command.env.iter().map(CString::as_c_str)),
            programs: &command.programs,
        };
        // SAFETY: run only makes system calls.
        #[expect(unsafe_code, reason = "makes a process")]
        let child = unsafe { syscalls::fork(|| run(&plan)) };
        Ok::<_, NotStarted>((Child::new(child.during("make a process")?), link))
    })?;

    let mut message = [0; 5];
    let length = rustix::io::retry_on_intr(|| rustix::io::read(&report, &mut message));
    match length.during("start a process")? {
        // Closed by the execution of the program. Or the child was killed before that, which its status tells.
        0 => Ok((child, link)),
        _ => {
            child.reap().during("start a process")?;
            let [stage, error @ ..] = message;
            let error = io::Error::from_raw_os_error(i32::from_ne_bytes(error));
            match STAGES.get(usize::from(stage)) {
                Some(&stage) => Err(Failed(stage, error).into()),
                None => Err(NotStarted::Program(error)),
            }
        }
    }
}

/// Puts this thread into the namespaces of the jail, and so at its root.
fn enter(init: &Init) -> rustix::io::Result<()> {
    let mut types = ThreadNameSpaceType::MOUNT
        | ThreadNameSpaceType::PROCESS_ID
        | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
        | ThreadNameSpaceType::CONTROL_GROUP;
    types.set(ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION, init.entry.own_ipc);
    types.set(ThreadNameSpaceType::NETWORK, init.entry.vnet);
    move_into_thread_name_spaces(init.process.as_fd(), types)
}

/// Moves descriptors past the standard streams' numbers, so that none is overwritten while they take these.
fn out_of_the_way(streams: [OwnedFd; 3]) -> Result<[OwnedFd; 3], Failed> {
    let [a, b, c] =
        streams.map(|stream| fcntl_dupfd_cloexec(stream, FIRST_FREE).during("prepare standard streams"));
    Ok([a?, b?, c?])
}

/// A program as execve(2) takes it.
struct Command {
    argv: Vec<CString>,
    env: Vec<CString>,
    /// Where the program may be, in the order in which that is tried.
    programs: Vec<CString>,
}

impl Command {
    fn new(process: &Process, user: &User) -> io::Result<Self> {
        let text = |text: &OsStr| CString::new(text.as_bytes()).map_err(io::Error::from);
        let program = process.argv.first().filter(|p| !p.is_empty()).ok_or(Errno::NOENT)?;
        let argv = process.argv.iter().map(|argument| text(argument)).collect::<io::Result<_>>()?;
        let mut env: Vec<(OsString, OsString)> = process.env.clone();
        for (name, value) in
            [("HOME", &user.home), ("SHELL", &user.shell), ("USER", &user.name), ("LOGNAME", &user.name)]
        {
            if env.iter().all(|(known, _)| known != name) {
                env.push((name.into(), value.into()));
            }
        }
        let path = env.iter().find(|(name, _)| name == "PATH").map_or(OsStr::new(PATH), |(_, path)| path);
        let programs = if program.as_bytes().contains(&b'/') {
            vec![text(program)?]
        } else {
            let directories = path.as_bytes().split(|&b| b == b':').filter(|directory| !directory.is_empty());
            directories
                .map(|directory| Ok(CString::new([directory, b"/", program.as_bytes()].concat())?))
                .collect::<io::Result<_>>()?
        };
        let variable = |(name, value): &(OsString, OsString)| {
            Ok(CString::new([name.as_bytes(), b"=", value.as_bytes()].concat())?)
        };
        let env = env.iter().map(variable).collect::<io::Result<_>>()?;
        Ok(Command { argv, env, programs })
    }
}

/// What the child needs, made ready before it is.
struct Plan<'a> {
    streams: [OwnedFd; 3],
    /// The streams are to be its controlling terminal.
    terminal: bool,
    reporter: OwnedFd,
    /// Files of the control groups to join.
    groups: Vec<OwnedFd>,
    capabilities: CapabilitySet,
    user: User,
    argv: PointerList<'a>,
    envp: PointerList<'a>,
    programs: &'a [CString],
}

/// What the child was at when it failed before it could try the program; told to its maker by number.
const STAGES: [&str; 5] = [
    "start a process",
    "join its control groups",
    "leave the keyring of the caller",
    "reduce the capabilities of a process",
    "set the user of a process",
];

/// The number for the execution of the program itself.
const PROGRAM: u8 = u8::MAX;

/// Runs as the child. Returns only if the program was not executed.
fn run(plan: &Plan<'_>) -> i32 {
    let (stage, error) = match prepare(plan) {
        Ok(()) => (PROGRAM, execute(plan)),
        Err(failed) => failed,
    };
    let [a, b, c, d] = error.raw_os_error().to_ne_bytes();
    // If even that fails, the exit status tells.
    let _ = rustix::io::write(&plan.reporter, &[stage, a, b, c, d]);
    127
}

fn prepare(plan: &Plan<'_>) -> Result<(), (u8, Errno)> {
    let at = |stage: u8| move |error: Errno| (stage, error);
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(at(0))?;
    syscalls::set_signals(Signals::Default);
    rustix::process::setsid().map_err(at(0))?;
    if plan.terminal {
        ioctl_tiocsctty(plan.streams[0].as_fd()).map_err(at(0))?;
    }
    for (stream, number) in plan.streams.iter().zip(0..) {
        syscalls::duplicate_to(stream.as_fd(), number).map_err(at(0))?;
    }
    syscalls::close_from_on_exec(3).map_err(at(0))?;
    for group in &plan.groups {
        rustix::io::write(group.as_fd(), b"0").map_err(at(1))?;
    }
    syscalls::new_session_keyring().map_err(at(2))?;
    capabilities::keep(plan.capabilities).map_err(at(3))?;
    let User { uid, gid, groups, .. } = &plan.user;
    set_thread_groups(groups).map_err(at(4))?;
    set_thread_res_gid(*gid, *gid, *gid).map_err(at(4))?;
    // The last one: away from root, the capabilities are gone.
    set_thread_res_uid(*uid, *uid, *uid).map_err(at(4))
}

/// Tries the places where the program may be; returns why none is right, as execvp(3) does.
fn execute(plan: &Plan<'_>) -> Errno {
    let mut reason = Errno::NOENT;
    for program in plan.programs {
        match syscalls::execve(program, &plan.argv, &plan.envp) {
            Errno::NOENT | Errno::NOTDIR => {}
            Errno::ACCESS => reason = Errno::ACCESS,
            error => return error,
        }
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jails::Stdio;

    fn command(argv: &[&str], env: &[(&str, &str)]) -> io::Result<Command> {
        let user = User {
            name: "www".into(),
            uid: rustix::process::Uid::from_raw(80),
            gid: rustix::process::Gid::from_raw(80),
            groups: vec![],
            home: "/var/www".into(),
            shell: "/bin/sh".into(),
        };
        let process = Process {
            argv: argv.iter().map(Into::into).collect(),
            user: None,
            env: env.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            fib: None,
            stdio: Stdio::Capture,
            timeout: None,
        };
        Command::new(&process, &user)
    }

    fn texts(list: &[CString]) -> Vec<&str> {
        list.iter().map(|text| text.to_str().unwrap()).collect()
    }

    #[test]
    fn programs_are_looked_up_by_the_path_that_was_given() {
        let found = command(&["ls", "-l"], &[("PATH", "/a::/b/")]).unwrap();
        assert_eq!(texts(&found.programs), ["/a/ls", "/b//ls"]);
        assert_eq!(texts(&found.argv), ["ls", "-l"]);
        assert_eq!(texts(&command(&["./x"], &[]).unwrap().programs), ["./x"]);
        assert_eq!(texts(&command(&["x"], &[]).unwrap().programs)[..2], ["/sbin/x", "/bin/x"]);
        for bad in [&[][..], &[""], &["a\0b"], &["a", "b\0"]] {
            assert!(command(bad, &[]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn variables_of_the_user_are_added_where_missing() {
        let env = command(&["x"], &[("HOME", "/else"), ("A", "=")]).unwrap().env;
        assert_eq!(texts(&env), ["HOME=/else", "A==", "SHELL=/bin/sh", "USER=www", "LOGNAME=www"]);
    }
}
