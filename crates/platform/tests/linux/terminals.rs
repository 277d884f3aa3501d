//! Processes that are used from the caller's terminal or streams.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use ioc_platform::jails::{Jails, Process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::support::{TestJail, eventually, helper_command, helper_jail, privileged, process};

const LINE: &str = "IOC_TEST_LINE";

#[test]
#[ignore = "run by others, as another process"]
fn helper_execs() {
    let (jails, spec) = helper_jail();
    let process = Process {
        argv: vec!["sh".into(), "-c".into(), std::env::var_os(LINE).unwrap()],
        stdio: ioc_platform::jails::Stdio::Inherit,
        env: vec![("PATH".into(), "/usr/bin:/bin".into()), ("TERM".into(), "dumb".into())],
        timeout: None,
        ..process(&[])
    };
    let finished = jails.exec(&spec.name, &process).unwrap();
    println!("<{}>", finished.status);
}

/// A terminal whose other end a person would have.
struct Terminal {
    person: File,
    slave: OwnedFd,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    fn new() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut reader, all) = (File::from(master.try_clone().unwrap()), Arc::clone(&shown));
        // Ends with the program.
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length) = reader.read(&mut bytes) {
                all.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        });
        let terminal = Terminal { person: master.into(), slave, shown };
        terminal.resize(33, 101);
        terminal
    }

    fn resize(&self, ws_row: u16, ws_col: u16) {
        tcsetwinsize(&self.person, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    }

    fn stream(&self) -> Stdio {
        self.slave.try_clone().unwrap().into()
    }

    fn settings(&self) -> Termios {
        tcgetattr(&self.slave).unwrap()
    }

    /// Runs a shell line in the jail from this terminal.
    fn run(&self, jail: &TestJail, line: &str) -> Child {
        let mut command = helper_command(jail, &["setsid", "--ctty", "--wait"], "terminals::helper_execs");
        command.env(LINE, line).stdin(self.stream()).stdout(self.stream()).stderr(self.stream());
        command.spawn().unwrap()
    }

    fn type_in(&self, text: &str) {
        (&self.person).write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the text is shown, and forgets all up to it.
    fn wait_for(&self, text: &str) {
        let wanted = format!("{text:?} is shown");
        eventually(&wanted, || {
            let mut shown = self.shown.lock().unwrap();
            let Some(at) = shown.find(text) else { return false };
            shown.drain(..at + text.len());
            true
        });
    }
}

#[test]
fn a_terminal_of_the_jail() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("tty");
    let terminal = Terminal::new();
    let before = terminal.settings();
    let line = "tty; stty size; trap 'echo int' INT; trap 'stty size' WINCH; echo ready; \
        while [ \"$x\" != quit ]; do read x && echo got:$x; done; cat; echo end; exit 5";
    let mut child = terminal.run(&jail, line);
    terminal.wait_for("/dev/pts/0\r\n33 101\r\nready\r\n");
    terminal.type_in("hello\n");
    terminal.wait_for("got:hello\r\n");
    terminal.type_in("\x03");
    terminal.wait_for("int\r\n");
    terminal.resize(12, 34);
    // The shell runs its trap after the next line.
    terminal.type_in("\n");
    terminal.wait_for("12 34\r\n");
    let pasted = "x".repeat(100) + "\n";
    terminal.type_in(&pasted.repeat(200));
    terminal.type_in("quit\n");
    terminal.wait_for("got:quit\r\n");
    terminal.type_in("\x04");
    terminal.wait_for("end\r\n");
    assert!(child.wait().unwrap().success());
    terminal.wait_for("<exit status 5>");
    let after = terminal.settings();
    assert_eq!(
        (after.input_modes, after.output_modes, after.local_modes),
        (before.input_modes, before.output_modes, before.local_modes)
    );
}

#[test]
fn a_jail_cannot_type_into_the_callers_terminal() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("sti");
    // TIOCSTI pushes one byte into the input of a terminal.
    let push = "perl -e 'for my $f (0..2) { open(my $h, \"+<&=$f\"); my $b = \"!\"; \
        print ioctl($h, 0x5412, $b) ? \"pushed\\n\" : \"refused\\n\" }'";
    let terminal = Terminal::new();
    assert!(terminal.run(&jail, push).wait().unwrap().success());
    terminal.wait_for("<exit status 0>");
    assert_eq!(rustix::io::ioctl_fionread(&terminal.slave).unwrap(), 0);

    // With input from elsewhere, the terminal itself is the output, but nothing more.
    let mut command = helper_command(&jail, &[], "terminals::helper_execs");
    let read = "tty; perl -e 'print defined sysread(STDERR, my $b, 1) ? \"read\\n\" : \"unreadable\\n\"'";
    command.env(LINE, format!("{push}; {read}")).stdout(terminal.stream()).stderr(terminal.stream());
    assert!(command.status().unwrap().success());
    terminal.wait_for("refused\r\nrefused\r\nrefused\r\nnot a tty\r\nunreadable\r\n");
    assert_eq!(rustix::io::ioctl_fionread(&terminal.slave).unwrap(), 0);
}

#[test]
fn without_devices_a_terminal_of_the_host_is_lent() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("lent");
    // The jail's root user may have put anything there.
    jail.sh("rm /dev/ptmx; mkfifo /dev/ptmx");
    let terminal = Terminal::new();
    let mut child = terminal.run(&jail, "test -t 0 && stty size");
    terminal.wait_for("33 101\r\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn signals_are_passed_on_and_streams_are_those_of_the_caller() {
    if !privileged() {
        return;
    }
    let jail = TestJail::running("signals");
    let mut command = helper_command(&jail, &[], "terminals::helper_execs");
    command.env(LINE, "cat; echo err >&2; echo ready; sleep 58");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"from the caller\n").unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut seen = String::new();
    let mut bytes = [0; 512];
    while !seen.contains("ready") {
        let length = output.read(&mut bytes).unwrap();
        assert_ne!(length, 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    assert!(seen.contains("from the caller"));
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    output.read_to_string(&mut seen).unwrap();
    assert!(seen.contains("<killed by signal 15>"), "{seen}");
    assert!(child.wait().unwrap().success());
    eventually("the whole group is ended", || !jail.sh("cat /proc/[0-9]*/cmdline").1.contains("sleep"));
}
