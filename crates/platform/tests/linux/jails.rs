//! Jails: their life, what runs in them, and what they keep out.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ioc_platform::command::Status;
use ioc_platform::jails::{JailSpec, JailSys, Jails, JailsError, Parameter, ParameterValue, Process};
use ioc_platform::mounts::{LinuxMounts, MountKind, Mounts};

use crate::support::{
    TestJail, eventually, helper_command, helper_jail, privileged, process, processes_below, spec,
};

#[test]
fn from_creation_to_removal() {
    if !privileged() {
        return;
    }
    let jail = TestJail::prepared("life");
    assert!(jail.jails.list().unwrap().is_empty());
    assert!(matches!(jail.exec(&process(&["true"])), Err(JailsError::NotRunning { .. })));
    let jid = jail.jails.create(&jail.spec()).unwrap();

    let found = jail.jails.find(&jail.name).unwrap().unwrap();
    assert_eq!((found.jid, &found.path, found.dying), (jid, &jail.root, false));
    assert_eq!(jail.jails.list().unwrap(), [found]);
    assert!(matches!(jail.jails.create(&jail.spec()), Err(JailsError::Exists { .. })));
    assert_eq!(jail.jid(), jid);

    assert_eq!(jail.sh("hostname; id -u; pwd; tty").1, "test.example\n0\n/\nnot a tty\n");
    assert_eq!(jail.sh("exit 7").0, Status::Exited(7));
    assert_eq!(jail.sh("kill -9 $$").0, Status::Signaled(9));
    assert_eq!(jail.sh("kill -TERM $$").0, Status::Signaled(15));
    assert_eq!(jail.sh("echo out; echo err >&2").1, "out\nerr\n");
    assert_eq!(jail.sh("cat; echo end").1, "end\n");

    jail.jails.remove(&jail.name, Duration::from_secs(5)).unwrap();
    assert!(jail.jails.find(&jail.name).unwrap().is_none());
    assert!(!Path::new(&format!("/proc/{jid}/root")).exists());
    assert!(matches!(
        jail.jails.remove(&jail.name, Duration::from_secs(5)),
        Err(JailsError::NotRunning { .. })
    ));
    jail.jails.create(&jail.spec()).unwrap();
    assert_eq!(jail.sh("true").0, Status::Exited(0));
}

#[test]
fn its_processes_are_killed_and_it_stays() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("killed");
    jail.sh("sleep 600 >/dev/null 2>&1 & sleep 601 >/dev/null 2>&1 &");
    let sleeping = || jail.sh("cat /proc/[0-9]*/comm").1.contains("sleep");
    assert!(sleeping());
    jail.jails.kill_processes(&jail.name).unwrap();
    eventually("its processes end", || !sleeping());
    assert_eq!(jail.sh("echo here").1, "here\n");
    jail.jails.remove(&jail.name, Duration::from_secs(5)).unwrap();
    assert!(matches!(jail.jails.kill_processes(&jail.name), Err(JailsError::NotRunning { .. })));
}

#[test]
fn users_and_environment() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("users");
    let ann = |argv: &[&str]| Process { user: Some("ann".into()), ..process(argv) };
    let output = |process: &Process| String::from_utf8(jail.exec(process).unwrap().stdout).unwrap();
    assert_eq!(output(&ann(&["sh", "-c", "id -u; id -g; id -G"])), "1001\n1002\n1002 8\n");
    let mut one = ann(&["env"]);
    one.env.push(("HOME".into(), "/else".into()));
    let mut lines: Vec<String> = output(&one).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(
        lines,
        ["HOME=/else", "LOGNAME=ann", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SHELL=/bin/sh", "USER=ann"]
    );
    assert_eq!(
        output(&ann(&["sh", "-c", "grep -E 'Cap(Prm|Eff|Inh|Amb)' /proc/self/status | sort -u -k2"]))
            .lines()
            .count(),
        1
    );

    match jail.exec(&Process { user: Some("bob".into()), ..process(&["true"]) }) {
        Err(JailsError::NoUser { user, .. }) => assert_eq!(user, "bob"),
        other => panic!("{other:?}"),
    }
    let errno = |argv: &[&str]| match jail.exec(&process(argv)) {
        Err(JailsError::Program { source, .. }) => source.raw_os_error().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(errno(&["no-such-program"]), libc::ENOENT);
    assert_eq!(errno(&["/no/such/program"]), libc::ENOENT);
    assert_eq!(errno(&["/etc/passwd"]), libc::EACCES);
    assert_eq!(errno(&["/etc"]), libc::EACCES);

    // Without a passwd file there is still root.
    std::fs::remove_file(jail.root.join("etc/passwd")).unwrap();
    assert_eq!(jail.sh("echo $USER $HOME").1, "root /\n");
}

#[test]
fn captured_output_ends_with_the_process() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("capture");
    let before = Instant::now();
    assert_eq!(jail.sh("sleep 60 & echo started").1, "started\n");
    assert!(before.elapsed() < Duration::from_secs(10));

    let (_, output) = jail.sh("seq 1 100000; echo last");
    assert_eq!(output.len(), 64 << 10);
    assert!(output.ends_with("\n99999\n100000\nlast\n"));

    let slow =
        Process { timeout: Some(Duration::from_millis(200)), ..process(&["sh", "-c", "sleep 59; true"]) };
    assert!(matches!(jail.exec(&slow), Err(JailsError::TimedOut { .. })));
    eventually("the whole group is killed", || {
        !jail.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").1.contains("sleep 59")
    });
    // A program that another thread of ours has open does not get into the jail, nor do our descriptors.
    let leaked = rustix::io::dup(std::fs::File::open("/").unwrap()).unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    assert_eq!(
        jail.sh("echo /proc/self/fd/*").1.trim(),
        "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3"
    );
    let init = format!("/proc/{}/fd", jail.jid());
    let mut descriptors: Vec<_> = std::fs::read_dir(init).unwrap().map(|e| e.unwrap().file_name()).collect();
    descriptors.sort();
    assert_eq!(descriptors, ["0", "1", "2"]);
}

#[test]
fn orphans_are_reaped_and_pid_1_cannot_be_ended_from_inside() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("orphans");
    jail.sh("for i in 1 2 3 4 5; do (sleep 0.05 & ) ; done");
    eventually("orphans are gone", || {
        jail.sh("cat /proc/[0-9]*/stat").1.lines().all(|line| !line.contains("(sleep)"))
    });
    assert!(!jail.sh("cat /proc/[0-9]*/stat").1.contains(" Z "));
    jail.sh("for s in HUP INT QUIT TERM KILL STOP USR1 CHLD SEGV; do kill -$s 1; done");
    assert_eq!(jail.sh("cat /proc/1/comm; tr '\\0' ' ' </proc/1/cmdline").1.lines().next(), Some("ioc-jail"));
    let shown = std::fs::read(format!("/proc/{}/cmdline", jail.jid())).unwrap();
    let wanted = format!("ioc-jail\0{}\0", jail.name).into_bytes();
    assert_eq!(shown[..wanted.len()], wanted);
}

#[test]
fn what_the_jail_cannot_do() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("confined");
    let refused = |line: &str| assert!(!jail.sh(line).0.success(), "{line}");
    refused("mknod /tmp/sda b 8 0");
    refused("mount -t tmpfs none /tmp");
    refused("umount /proc/sys");
    refused("mount -o remount,rw /proc/sys");
    refused("hostname other");
    refused("test -w /proc/sys/kernel/core_pattern");
    refused("test -w /proc/sysrq-trigger");
    refused("test -s /proc/kcore");
    refused("touch /usr/x");
    refused("chroot /proc/1/root true; ls /proc/1/fd/0");
    refused("cat /proc/1/environ");
    refused("nice -n -5 true 2>&1 | grep -q . && exit 1");
    refused("ip link add x type dummy");
    let status = jail.sh("cat /proc/self/status").1;
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    // AUDIT_WRITE SYS_CHROOT NET_BIND_SERVICE SETFCAP SETPCAP SETUID SETGID KILL FSETID FOWNER DAC_OVERRIDE CHOWN
    for set in ["CapBnd", "CapEff", "CapPrm"] {
        assert!(status.contains(&format!("{set}:\t00000000a00405fb")), "{status}");
    }
    assert!(status.contains("CapInh:\t0000000000000000"), "{status}");

    // Nothing of the host's file systems is there, whichever way one looks.
    let mounts = jail.sh("cat /proc/1/mountinfo").1;
    for line in mounts.lines() {
        let target = line.split(' ').nth(4).unwrap();
        let known = ["/", "/proc", "/dev", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/dev/pts"];
        assert!(known.contains(&target) || target.starts_with("/proc/"), "{line}");
        assert!(
            target == "/dev"
                || target.starts_with("/dev/")
                || line.contains("nodev")
                || target.starts_with("/proc/"),
            "{line}"
        );
    }
    let pids = jail.sh("echo /proc/[0-9]*").1;
    assert!(pids.split_whitespace().count() <= 3, "{pids}");
    // The device that the pipe to grep needs, nothing more.
    refused("head -c1 /dev/mem");
}

#[test]
fn parameters() {
    if !privileged() {
        return;
    }
    let jail = TestJail::prepared("parameters");
    let set = |name: &str, value: ParameterValue| Parameter { name: name.into(), value };
    let ipc = ["sysvmsg", "sysvsem", "sysvshm"].map(|name| set(name, ParameterValue::Sys(JailSys::Inherit)));
    let mut parameters = ipc.to_vec();
    parameters.extend([
        set("allow.raw_sockets", ParameterValue::Flag(true)),
        set("host.domainname", ParameterValue::Text("nis.example".into())),
        set("ip4.addr", ParameterValue::Ip4(vec!["192.0.2.1".parse().unwrap()])),
        set("securelevel", ParameterValue::Number(2)),
    ]);
    assert_eq!(jail.jails.unsupported(&parameters).unwrap(), None);
    jail.jails.create(&JailSpec { parameters, ..jail.spec() }).unwrap();
    let own = std::fs::read_link("/proc/self/ns/ipc").unwrap();
    assert_eq!(jail.sh("readlink /proc/self/ns/ipc").1.trim(), own.to_str().unwrap());
    assert_eq!(jail.sh("cat /proc/sys/kernel/domainname").1, "nis.example\n");
    assert!(jail.sh("cat /proc/self/status").1.contains("CapBnd:\t00000000a00425fb"));
    let found = jail.jails.find(&jail.name).unwrap().unwrap();
    assert_eq!(found.ip4, ["192.0.2.1".parse::<std::net::Ipv4Addr>().unwrap()]);

    let hostname = set("host.hostname", ParameterValue::Text("new.example".into()));
    jail.jails.modify(&jail.name, &[hostname]).unwrap();
    assert_eq!(jail.sh("hostname").1, "new.example\n");
    assert_eq!(jail.jails.find(&jail.name).unwrap().unwrap().hostname, "new.example");
    assert_ne!(rustix::system::uname().nodename(), c"new.example");
}

#[test]
fn a_jail_with_its_own_network_has_only_loopback() {
    if !privileged() {
        return;
    }
    let jail = TestJail::with_vnet("vnet");
    assert!(jail.jails.find(&jail.name).unwrap().unwrap().vnet);
    let devices = jail.sh("tail -n +3 /proc/net/dev").1;
    assert!(devices.lines().any(|line| line.trim().starts_with("lo:")), "{devices}");
    assert!(!devices.contains("eth0"), "{devices}");
    assert!(jail.sh("ip link set lo up").0.success());
}

#[test]
fn hostile_roots() {
    if !privileged() {
        return;
    }
    // /proc leads out: the jail is not made, and nothing is left.
    let jail = TestJail::prepared("hostile");
    std::fs::remove_dir(jail.root.join("proc")).unwrap();
    let outside = jail.scratch.directory("outside");
    symlink(&outside, jail.root.join("proc")).unwrap();
    let error = jail.jails.create(&jail.spec()).unwrap_err();
    assert!(matches!(&error, JailsError::System { action, .. } if action == "open its /proc"), "{error:?}");
    assert!(jail.jails.find(&jail.name).unwrap().is_none());
    assert!(processes_below(&jail.root).is_empty());
    std::fs::remove_file(jail.root.join("proc")).unwrap();

    // A missing one is made.
    jail.jails.create(&jail.spec()).unwrap();
    assert!(jail.root.join("proc").is_dir());

    // The user database is that of the jail, whatever is in its place.
    let passwd = jail.root.join("etc/passwd");
    let secret = jail.scratch.path().join("secret");
    std::fs::write(&secret, "eve:x:0:0::/:/bin/sh\n").unwrap();
    std::fs::remove_file(&passwd).unwrap();
    symlink(&secret, &passwd).unwrap();
    let eve = Process { user: Some("eve".into()), ..process(&["true"]) };
    assert!(matches!(jail.exec(&eve), Err(JailsError::NoUser { .. })));
    std::fs::remove_file(&passwd).unwrap();
    symlink("/proc/self/root/../../../../../../etc/passwd", &passwd).unwrap();
    let _ = jail.exec(&eve).unwrap_err();
    std::fs::remove_file(&passwd).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &passwd, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let _ = jail.exec(&eve).unwrap_err();
    std::fs::remove_file(&passwd).unwrap();
    symlink("/dev/zero", &passwd).unwrap();
    let _ = jail.exec(&eve).unwrap_err();
    std::fs::remove_file(&passwd).unwrap();
    std::fs::File::create(&passwd).unwrap().set_len(1 << 40).unwrap();
    let _ = jail.exec(&eve).unwrap_err();

    // A path of the host is no path of the jail.
    std::fs::remove_file(&passwd).unwrap();
    let program = jail.scratch.path().join("program");
    std::fs::copy("/bin/true", &program).unwrap();
    let path = program.to_str().unwrap().to_owned();
    assert!(matches!(jail.exec(&process(&[&path])), Err(JailsError::Program { .. })));
}

#[test]
fn a_jail_pins_no_mounts() {
    if !privileged() {
        return;
    }
    let jail = TestJail::prepared("pins");
    jail.scratch.directory("root/mnt");
    LinuxMounts.mount(&spec(&jail.root, "/mnt", MountKind::Tmpfs)).unwrap();
    std::fs::write(jail.root.join("mnt/file"), "x").unwrap();
    jail.jails.create(&jail.spec()).unwrap();
    assert_eq!(jail.sh("cat /mnt/file; echo y >/mnt/file").1, "x");
    assert_eq!(std::fs::read(jail.root.join("mnt/file")).unwrap(), b"y\n");
    // What is mounted later is not seen, and what is unmounted is unmounted.
    LinuxMounts.mount(&spec(&jail.root, "/tmp", MountKind::Tmpfs)).unwrap();
    std::fs::write(jail.root.join("tmp/later"), "x").unwrap();
    assert!(!jail.sh("test -e /tmp/later").0.success());
    LinuxMounts.unmount(&jail.root.join("tmp")).unwrap();
    LinuxMounts.unmount(&jail.root.join("mnt")).unwrap();
    jail.jails.remove(&jail.name, Duration::from_secs(5)).unwrap();
    let ours = LinuxMounts.below(&jail.root).unwrap();
    for mounted in ours.iter().rev() {
        LinuxMounts.unmount(&mounted.target).unwrap();
    }
    assert!(LinuxMounts.below(jail.scratch.path()).unwrap().is_empty());
}

#[test]
fn threads_and_rivals() {
    if !privileged() {
        return;
    }
    let jail = TestJail::prepared("rivals");
    let namespaces = || {
        let mut links: Vec<PathBuf> = Vec::new();
        for name in ["mnt", "uts", "ipc", "net", "pid_for_children", "cgroup"] {
            links.push(std::fs::read_link(format!("/proc/thread-self/ns/{name}")).unwrap());
        }
        links
    };
    let before = namespaces();
    let directory = std::env::current_dir().unwrap();
    let made: Vec<bool> = std::thread::scope(|scope| {
        let rivals: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| match jail.jails.create(&jail.spec()) {
                    Ok(_) => true,
                    Err(JailsError::Exists { .. }) => false,
                    Err(error) => panic!("{error:?}"),
                })
            })
            .collect();
        rivals.into_iter().map(|rival| rival.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|&&made| made).count(), 1);
    eventually("the others are gone", || processes_below(&jail.root).len() == 1);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let jail = &jail;
            scope.spawn(move || {
                assert_eq!(jail.sh(&format!("echo {n}; exit {n}")), (Status::Exited(n), format!("{n}\n")))
            });
        }
    });
    assert_eq!(namespaces(), before);
    assert_eq!(std::env::current_dir().unwrap(), directory);
}

#[test]
#[ignore = "run by others, as another process"]
fn helper_creates() {
    let (jails, spec) = helper_jail();
    jails.create(&spec).unwrap();
}

#[test]
fn a_jail_outlives_its_maker() {
    if !privileged() {
        return;
    }
    let jail = TestJail::prepared("outlives");
    assert!(helper_command(&jail, &[], "jails::helper_creates").status().unwrap().success());
    let found = jail.jails.find(&jail.name).unwrap().unwrap();
    assert_eq!(found.hostname, "helped");
    assert_eq!(jail.sh("hostname").1, "helped\n");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", found.jid)).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    assert_eq!(fields[1], "1", "its parent is the host's init");
    assert_eq!(fields[3], found.jid.to_string(), "it leads a session of its own");
}

#[test]
fn killed_at_any_time_the_maker_leaves_a_whole_jail_or_none() {
    if !privileged() {
        return;
    }
    let (mut whole, mut none) = (0, 0);
    for step in 0..40 {
        let jail = TestJail::prepared("killed");
        let mut maker = helper_command(&jail, &[], "jails::helper_creates")
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(500 * step));
        maker.kill().unwrap();
        maker.wait().unwrap();
        if jail.jails.find(&jail.name).unwrap().is_some() {
            // A pid 1 that waits for its maker is seen until it notices that there is none.
            std::thread::sleep(Duration::from_millis(20));
        }
        match jail.jails.find(&jail.name).unwrap() {
            Some(_) => {
                whole += 1;
                assert_eq!(jail.sh("hostname").1, "helped\n");
                jail.jails.remove(&jail.name, Duration::from_secs(5)).unwrap();
            }
            None => none += 1,
        }
        eventually("no process is left", || processes_below(&jail.root).is_empty());
    }
    println!("{whole} whole, {none} none");
    assert!(none > 0);
}
