//! Jails and their parameters.

use std::time::{Duration, Instant};

use ioc_platform::jails::{FreeBsdJails, JailSys, Jails, JailsError, Parameter, ParameterValue as Value};

use crate::root::{Jail, Root, host};

fn parameter(name: &str, value: Value) -> Parameter {
    Parameter { name: name.to_owned(), value }
}

/// What jls(8) says of parameters of a jail.
fn jls(jail: &Jail, parameters: &[&str]) -> String {
    let name = jail.name.to_string();
    let mut args = vec!["-j", &name];
    args.extend(parameters);
    host("/usr/sbin/jls", &args).trim().to_owned()
}

#[test]
fn a_jail_is_made_found_listed_and_removed() {
    let jail = Jail::start(false, vec![]);
    let found = FreeBsdJails.find(&jail.name).unwrap().unwrap();
    assert_eq!((found.jid, found.dying, found.vnet), (jail.jid, false, false));
    assert_eq!(found.path, jail.root.path);
    assert_eq!(found.hostname, "test.example");
    assert!(FreeBsdJails.list().unwrap().contains(&found));
    FreeBsdJails.remove(&jail.name, Duration::from_secs(10)).unwrap();
    assert_eq!(FreeBsdJails.find(&jail.name).unwrap(), None);
    assert!(matches!(
        FreeBsdJails.remove(&jail.name, Duration::from_secs(1)),
        Err(JailsError::NotRunning { .. })
    ));
}

#[test]
fn its_processes_are_killed_and_it_stays() {
    let jail = Jail::start(false, vec![]);
    jail.run(&["sh", "-c", "sleep 600 >/dev/null 2>&1 & sleep 601 >/dev/null 2>&1 &"]);
    let sleeping = || {
        let processes = host("/bin/ps", &["-ax", "-o", "jid=", "-o", "stat="]);
        let of_jail = processes.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let jid = jail.jid.to_string();
        let alive =
            |words: &Vec<&str>| matches!(words[..], [of, state] if of == jid && !state.starts_with('Z'));
        of_jail.filter(alive).count()
    };
    assert_eq!(sleeping(), 2);
    FreeBsdJails.kill_processes(&jail.name).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while sleeping() > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!((sleeping(), jail.run(&["echo", "here"])), (0, "here".to_owned()));
    FreeBsdJails.remove(&jail.name, Duration::from_secs(10)).unwrap();
    assert!(matches!(FreeBsdJails.kill_processes(&jail.name), Err(JailsError::NotRunning { .. })));
}

#[test]
fn values_decide_not_presence() {
    let jail = Jail::start(
        false,
        vec![
            parameter("allow.raw_sockets", Value::Flag(false)),
            parameter("allow.chflags", Value::Flag(true)),
            parameter("allow.set_hostname", Value::Flag(false)),
            parameter("allow.mount", Value::Flag(true)),
            parameter("allow.mount.tmpfs", Value::Flag(true)),
            parameter("allow.mount.nullfs", Value::Flag(false)),
            parameter("enforce_statfs", Value::Number(1)),
            parameter("children.max", Value::Number(3)),
            parameter("securelevel", Value::Number(2)),
            parameter("devfs_ruleset", Value::Number(4)),
            parameter("sysvshm", Value::Sys(JailSys::New)),
            parameter("sysvmsg", Value::Sys(JailSys::Inherit)),
            parameter("sysvsem", Value::Sys(JailSys::Disable)),
            parameter("ip4", Value::Sys(JailSys::Inherit)),
            parameter("ip6", Value::Sys(JailSys::Disable)),
            parameter("host.domainname", Value::Text("example".to_owned())),
            parameter("host.hostid", Value::Number(77)),
            parameter("osrelease", Value::Text("12.9-TEST".to_owned())),
        ],
    );
    let said = jls(
        &jail,
        &[
            "allow.raw_sockets",
            "allow.chflags",
            "allow.set_hostname",
            "allow.mount",
            "allow.mount.tmpfs",
            "allow.mount.nullfs",
            "enforce_statfs",
            "children.max",
            "securelevel",
            "devfs_ruleset",
            "sysvshm",
            "sysvmsg",
            "sysvsem",
            "ip4",
            "ip6",
            "host.domainname",
            "host.hostid",
            "osrelease",
        ],
    );
    assert_eq!(
        said,
        "false true false true true false 1 3 2 4 new inherit disable inherit disable example 77 12.9-TEST"
    );
    assert_eq!(jail.run(&["sysctl", "-n", "kern.osrelease"]), "12.9-TEST");
    assert_eq!(jail.run(&["hostname"]), "test.example");
}

#[test]
fn addresses_restrict_the_jail() {
    let jail = Jail::start(
        false,
        vec![
            parameter(
                "ip4.addr",
                Value::Ip4(vec!["127.0.0.9".parse().unwrap(), "127.0.0.1".parse().unwrap()]),
            ),
            parameter("ip6.addr", Value::Ip6(vec!["::1".parse().unwrap()])),
        ],
    );
    let found = FreeBsdJails.find(&jail.name).unwrap().unwrap();
    assert_eq!(found.ip4, ["127.0.0.9".parse::<std::net::Ipv4Addr>().unwrap(), "127.0.0.1".parse().unwrap()]);
    assert_eq!(found.ip6, ["::1".parse::<std::net::Ipv6Addr>().unwrap()]);
    let none = Jail::start(false, vec![parameter("ip4.addr", Value::Ip4(vec![]))]);
    // Nothing passed: the kernel's default, no address at all, not a list of none.
    assert_eq!(jls(&none, &["ip4"]), "disable");
}

#[test]
fn parameters_are_checked_before() {
    let good = [
        parameter("allow.mount.fdescfs", Value::Flag(true)),
        parameter("allow.mlock", Value::Flag(false)),
        parameter("allow.mount.linprocfs", Value::Flag(true)),
        parameter("cpuset", Value::Text("0".to_owned())),
        parameter("vnet", Value::Sys(JailSys::New)),
    ];
    assert_eq!(FreeBsdJails.unsupported(&good).unwrap(), None);
    for bad in [
        parameter("allow.frobnicate", Value::Flag(true)),
        parameter("allow.mount.nosuchfs", Value::Flag(true)),
        parameter("allow.mlock", Value::Number(1)),
        parameter("children.max", Value::Text("3".to_owned())),
        parameter("sysvshm", Value::Flag(true)),
        parameter("cpuset", Value::Text("0-9999".to_owned())),
        parameter("osrelease", Value::Text("x".repeat(64))),
    ] {
        let name = bad.name.clone();
        let list = [good[0].clone(), bad.clone()];
        assert_eq!(FreeBsdJails.unsupported(&list).unwrap().as_ref(), Some(&name));
        let root = Root::empty();
        match Jail::in_root(root, false, vec![bad]) {
            Err(JailsError::Parameter { parameter }) => assert_eq!(parameter, name),
            Err(error) => panic!("{name}: {error}"),
            Ok(_) => panic!("{name} was taken"),
        }
    }
}

#[test]
fn the_kernels_own_refusals_are_told_with_both_texts() {
    let out_of_range = vec![parameter("devfs_ruleset", Value::Number(70_000))];
    let Err(JailsError::System { source, .. }) = Jail::in_root(Root::empty(), false, out_of_range) else {
        panic!("it was taken")
    };
    assert!(source.to_string().contains("Invalid argument"), "{source}");
    let both = vec![parameter("ip4.addr", Value::Ip4(vec!["127.0.0.1".parse().unwrap()]))];
    let Err(JailsError::System { source, .. }) = Jail::in_root(Root::empty(), true, both) else {
        panic!("it was taken")
    };
    let text = source.to_string();
    assert!(
        text.contains("vnet jails cannot have IP address restrictions") && text.contains("Invalid"),
        "{text}"
    );
}

#[test]
fn two_jails_of_one_name() {
    let jail = Jail::start(false, vec![]);
    let spec = ioc_platform::jails::JailSpec {
        name: jail.name.clone(),
        path: jail.root.path.clone(),
        hostname: String::new(),
        vnet: false,
        parameters: vec![],
    };
    assert!(matches!(FreeBsdJails.create(&spec), Err(JailsError::Exists { .. })));
}

#[test]
fn parameters_change_while_it_runs() {
    let jail = Jail::start(false, vec![]);
    assert_eq!(jls(&jail, &["allow.raw_sockets", "children.max"]), "false 0");
    let new = [
        parameter("allow.raw_sockets", Value::Flag(true)),
        parameter("children.max", Value::Number(2)),
        parameter("host.hostname", Value::Text("other".to_owned())),
        parameter("cpuset", Value::Text("0".to_owned())),
    ];
    FreeBsdJails.modify(&jail.name, &new).unwrap();
    assert_eq!(jls(&jail, &["allow.raw_sockets", "children.max", "host.hostname"]), "true 2 other");
    let jid = jail.jid.to_string();
    assert!(host("/usr/bin/cpuset", &["-g", "-j", &jid]).ends_with("mask: 0\n"));
    FreeBsdJails.modify(&jail.name, &[parameter("allow.raw_sockets", Value::Flag(false))]).unwrap();
    assert_eq!(jls(&jail, &["allow.raw_sockets"]), "false");
    let fixed = [parameter("osrelease", Value::Text("x".to_owned()))];
    assert!(matches!(FreeBsdJails.modify(&jail.name, &fixed), Err(JailsError::System { .. })));
    let nobody = "ioctest-nobody".parse().unwrap();
    assert!(matches!(FreeBsdJails.modify(&nobody, &new), Err(JailsError::NotRunning { .. })));
}

#[test]
fn removing_ends_every_process() {
    let jail = Jail::start(false, vec![]);
    jail.run(&["sh", "-c", "trap '' TERM HUP INT; (while :; do sleep 1000; done) >/dev/null 2>&1 & echo"]);
    let before = Instant::now();
    FreeBsdJails.remove(&jail.name, Duration::from_secs(10)).unwrap();
    assert!(before.elapsed() < Duration::from_secs(5));
    let ps = host("/bin/ps", &["-ax", "-o", "jid,command"]);
    assert!(!ps.lines().any(|line| line.split_whitespace().next() == Some(&jail.jid.to_string())), "{ps}");
}

#[test]
fn a_dying_jail_is_reported_with_what_holds_it() {
    let jail = Jail::start(false, vec![parameter("ip4", Value::Sys(JailSys::Inherit))]);
    // A socket that the jail made and the host still holds: the kernel keeps the jail for it.
    let jid = jail.jid;
    let socket = std::thread::spawn(move || held_socket(jid)).join().unwrap();
    let Some(_socket) = socket else { return };
    match FreeBsdJails.remove(&jail.name, Duration::from_millis(300)) {
        Err(JailsError::Dying { held_by, .. }) => assert!(held_by.contains("TCP"), "{held_by}"),
        other => panic!("{other:?}"),
    }
    let found = FreeBsdJails.find(&jail.name).unwrap().unwrap();
    assert!(found.dying);
    assert!(FreeBsdJails.list().unwrap().iter().any(|j| j.jid == jid && j.dying));
    assert!(matches!(jail.exec(&Jail::process(&["sync"])), Err(JailsError::NotRunning { .. })));
}

/// Passes a descriptor out of the jail, so that something of it outlives its processes.
#[expect(unsafe_code, reason = "no crate wraps jail_attach(2)")]
fn held_socket(jid: i32) -> Option<std::os::fd::OwnedFd> {
    use nix::sys::socket::{
        AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
        socket, socketpair,
    };
    use nix::unistd::{ForkResult, fork};
    use std::io::IoSliceMut;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::empty()).unwrap();
    // SAFETY: the child only makes system calls and ends.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            // SAFETY: a plain number.
            let joined = unsafe { nix::libc::jail_attach(jid) };
            let made = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None);
            if let (0, Ok(made)) = (joined, made) {
                let fds = [made.as_raw_fd()];
                let _ = sendmsg::<()>(
                    theirs.as_raw_fd(),
                    &[std::io::IoSlice::new(b"x")],
                    &[ControlMessage::ScmRights(&fds)],
                    MsgFlags::empty(),
                    None,
                );
            }
            // SAFETY: no conditions.
            unsafe { nix::libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            drop(theirs);
            let mut byte = [0];
            let mut slices = [IoSliceMut::new(&mut byte)];
            let mut space = nix::cmsg_space!([std::os::fd::RawFd; 1]);
            let message =
                recvmsg::<()>(ours.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::empty()).unwrap();
            let got = message.cmsgs().unwrap().find_map(|m| match m {
                // SAFETY: the descriptor was just received.
                ControlMessageOwned::ScmRights(fds) => {
                    fds.first().map(|&fd| unsafe { OwnedFd::from_raw_fd(fd) })
                }
                _ => None,
            });
            nix::sys::wait::waitpid(child, None).unwrap();
            got
        }
    }
}
