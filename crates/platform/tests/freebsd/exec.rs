//! Processes in jails.

use std::time::{Duration, Instant};

use ioc_platform::command::Status;
use ioc_platform::jails::{JailsError, Process};

use crate::root::{Jail, Root, outside};

#[test]
fn status_and_streams_are_passed_on() {
    let jail = Jail::start(false, vec![]);
    let finished = jail.exec(&Jail::process(&["sh", "-c", "echo out; echo err >&2; exit 7"])).unwrap();
    assert_eq!(finished.status, Status::Exited(7));
    assert_eq!((finished.stdout.as_slice(), finished.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
    let killed = jail.exec(&Jail::process(&["sh", "-c", "kill -9 $$"])).unwrap();
    assert_eq!((killed.status, killed.status.code()), (Status::Signaled(9), 137));
    // Input is closed: cat ends at once.
    assert_eq!(jail.run(&["cat"]), "");
}

#[test]
fn the_process_is_in_the_jail() {
    let jail = Jail::start(false, vec![]);
    assert_eq!(jail.run(&["sysctl", "-n", "security.jail.jailed"]), "1");
    assert_eq!(jail.run(&["sh", "-c", "pwd; echo /*"]), "/\n/bin /dev /etc /mnt /rescue /tmp");
    // No descriptor of ours is open in it: the next one is the lowest.
    assert_eq!(jail.run(&["sh", "-c", "exec 3</etc/group && cat <&3 | head -1"]), "wheel:*:0:root");
}

#[test]
fn the_environment_is_what_was_given_and_the_users() {
    let jail = Jail::start(false, vec![]);
    // /rescue has no env(1); sh(1) prints what was exported to it.
    let mut process = Jail::process(&["sh", "-c", "export -p"]);
    process.env.push(("A".into(), "b c".into()));
    let exported = |process: &Process| {
        let text = String::from_utf8(jail.exec(process).unwrap().stdout).unwrap();
        let mut lines: Vec<String> =
            text.lines().map(|line| line.trim_start_matches("export ").to_owned()).collect();
        // The shell's own.
        lines.retain(|line| !line.starts_with("PWD="));
        lines.sort();
        lines
    };
    assert_eq!(
        exported(&process),
        ["A='b c'", "HOME=/root", "LOGNAME=root", "PATH=/rescue", "SHELL=/bin/sh", "USER=root"]
    );
    process.user = Some("ann".to_owned());
    process.env.push(("HOME".into(), "/elsewhere".into()));
    assert_eq!(
        exported(&process),
        ["A='b c'", "HOME=/elsewhere", "LOGNAME=ann", "PATH=/rescue", "SHELL=/rescue/sh", "USER=ann"]
    );
}

#[test]
fn users_are_those_of_the_jail() {
    let jail = Jail::start(false, vec![]);
    let as_user = |user: Option<&str>, argv: &[&str]| {
        let mut process = Jail::process(argv);
        process.user = user.map(str::to_owned);
        jail.exec(&process).map(|f| String::from_utf8(f.stdout).unwrap().trim().to_owned())
    };
    // id(1) looks for names in pwd.db, which there is none, and in group.
    let ids = ["id"];
    assert_eq!(as_user(Some("ann"), &ids).unwrap(), "uid=1001 gid=1002(ann) groups=1002(ann),80(web)");
    assert_eq!(as_user(None, &ids).unwrap(), "uid=0 gid=0(wheel) groups=0(wheel)");
    // Limits and umask of the login class, in the user's file of the jail.
    assert_eq!(as_user(Some("ann"), &["sh", "-c", "ulimit -n; umask"]).unwrap(), "100\n0027");
    assert_eq!(as_user(Some("root"), &["sh", "-c", "ulimit -n"]).unwrap(), "500");
    match as_user(Some("operator"), &ids) {
        Err(JailsError::NoUser { user, .. }) => assert_eq!(user, "operator"),
        other => panic!("the host's user was taken: {other:?}"),
    }
}

#[test]
fn a_jail_without_passwd_file_has_root_all_the_same() {
    let jail = Jail::start(false, vec![]);
    std::fs::remove_file(jail.root.path.join("etc/master.passwd")).unwrap();
    assert_eq!(jail.run(&["sh", "-c", "echo $HOME $USER"]), "/ root");
    let mut process = Jail::process(&["sync"]);
    process.user = Some("ann".to_owned());
    assert!(matches!(jail.exec(&process), Err(JailsError::NoUser { .. })));
}

#[test]
fn the_user_database_is_not_read_outside_of_the_root() {
    let jail = Jail::start(false, vec![]);
    let outside = outside(&jail.root.path);
    std::fs::write(outside.join("master.passwd"), "evil::0:0::0:0:::\n").unwrap();
    let file = jail.root.path.join("etc/master.passwd");
    let mut process = Jail::process(&["sync"]);
    process.user = Some("evil".to_owned());

    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(outside.join("master.passwd"), &file).unwrap();
    assert!(matches!(jail.exec(&process), Err(JailsError::System { .. })));
    // A directory on the way.
    std::fs::rename(jail.root.path.join("etc"), jail.root.path.join("etc.old")).unwrap();
    std::os::unix::fs::symlink(&outside, jail.root.path.join("etc")).unwrap();
    assert!(matches!(jail.exec(&process), Err(JailsError::System { .. })));
    std::fs::remove_file(jail.root.path.join("etc")).unwrap();
    std::fs::create_dir(jail.root.path.join("etc")).unwrap();
    // A FIFO would block whoever opens it.
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::from_bits_retain(0o600)).unwrap();
    assert!(matches!(jail.exec(&process), Err(JailsError::System { .. })));
    assert_eq!(jail.run(&["echo", "root goes on"]), "root goes on");
    std::fs::remove_dir_all(outside).unwrap();
}

#[test]
fn programs_that_cannot_run() {
    let jail = Jail::start(false, vec![]);
    std::fs::write(jail.root.path.join("tmp/plain"), "echo no rights").unwrap();
    for (argv, errno) in [
        (&["nosuch"][..], nix::libc::ENOENT),
        (&["/nosuch/program"], nix::libc::ENOENT),
        (&["/tmp/plain"], nix::libc::EACCES),
        (&["/tmp"], nix::libc::EACCES),
    ] {
        match jail.exec(&Jail::process(argv)) {
            Err(JailsError::Program { source, program, .. }) => {
                assert_eq!((source.raw_os_error(), program.as_str()), (Some(errno), argv[0]));
            }
            other => panic!("{argv:?}: {other:?}"),
        }
    }
    assert!(matches!(jail.exec(&Jail::process(&[])), Err(JailsError::Program { .. })));
    assert!(matches!(jail.exec(&Jail::process(&["echo", "a\0b"])), Err(JailsError::Program { .. })));
    // A script without interpreter line is for sh(1), as with execvp(3).
    let script = jail.root.path.join("tmp/script");
    std::fs::write(&script, "echo $0 $1").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(jail.run(&["/tmp/script", "x"]), "/tmp/script x");
    let nobody = "ioctest-nobody".parse().unwrap();
    use ioc_platform::jails::Jails;
    let result = ioc_platform::jails::FreeBsdJails.exec(&nobody, &Jail::process(&["sync"]));
    assert!(matches!(result, Err(JailsError::NotRunning { .. })));
}

#[test]
fn time_is_limited_for_the_whole_group() {
    let jail = Jail::start(false, vec![]);
    let process = Process {
        timeout: Some(Duration::from_millis(300)),
        ..Jail::process(&["sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000; echo"])
    };
    let before = Instant::now();
    assert!(matches!(jail.exec(&process), Err(JailsError::TimedOut { .. })));
    assert!(before.elapsed() < Duration::from_secs(5));
    assert!(!jail.run(&["ps", "-axo", "command"]).contains("sleep 1000"));
}

#[test]
fn a_daemon_that_holds_the_streams_does_not_hold_us() {
    let jail = Jail::start(false, vec![]);
    let before = Instant::now();
    let finished = jail.exec(&Jail::process(&["sh", "-c", "echo started; sleep 1000 & exit 3"])).unwrap();
    assert!(before.elapsed() < Duration::from_secs(5));
    assert_eq!((finished.status, finished.stdout.as_slice()), (Status::Exited(3), &b"started\n"[..]));
}

#[test]
fn the_end_of_much_output_is_kept() {
    let jail = Jail::start(false, vec![]);
    let finished = jail.exec(&Jail::process(&[
        "sh",
        "-c",
        "dd if=/rescue/sh bs=65536 count=64 2>/dev/null; echo the end",
    ]));
    let finished = finished.unwrap();
    assert_eq!(finished.stdout.len(), 64 << 10);
    assert!(finished.stdout.ends_with(b"the end\n"));
}

#[test]
fn many_at_once() {
    let jail = Jail::start(false, vec![]);
    std::thread::scope(|scope| {
        for number in 0..16 {
            let jail = &jail;
            scope.spawn(move || {
                let text = number.to_string();
                assert_eq!(jail.run(&["sh", "-c", &format!("sleep 0.1; echo {text}")]), text);
            });
        }
    });
}

#[test]
fn routing_tables() {
    let jail = Jail::start(false, vec![]);
    let mut process = Jail::process(&["sysctl", "-n", "net.my_fibnum"]);
    process.fib = Some(0);
    assert_eq!(jail.exec(&process).unwrap().stdout, b"0\n");
    process.fib = Some(9999);
    assert!(matches!(jail.exec(&process), Err(JailsError::System { .. })));
}

#[test]
fn a_root_that_is_empty() {
    let jail = Jail::in_root(Root::empty(), false, vec![]).unwrap();
    assert!(matches!(jail.exec(&Jail::process(&["sh"])), Err(JailsError::Program { .. })));
}
