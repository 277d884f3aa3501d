//! How long a jail takes, beside crun(1) where that is installed. Not a test; run it alone, in a release build:
//! `cargo test --release -p ioc-platform --test linux -- --ignored --nocapture speed`

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ioc_platform::jails::{JailSpec, Jails, LinuxJails};
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::thread::UnshareFlags;

use crate::support::{TestJail, helper_command, helper_jail, privileged, process};

const RUNS: u32 = 100;

/// What crun is to do: run `true` in the same root, with the namespaces and the /proc that a jail has.
fn configuration(root: &Path) -> String {
    let capabilities =
        "[\"CAP_CHOWN\", \"CAP_SETUID\", \"CAP_SETGID\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]";
    format!(
        r#"{{"ociVersion": "1.0.2",
        "process": {{"terminal": false, "user": {{"uid": 0, "gid": 0}}, "args": ["/bin/true"], "cwd": "/",
            "env": ["PATH=/usr/bin:/bin"], "noNewPrivileges": true, "capabilities": {{"bounding": {capabilities},
            "effective": {capabilities}, "permitted": {capabilities}}}}},
        "root": {{"path": "{root}", "readonly": false}}, "hostname": "test.example",
        "mounts": [{{"destination": "/proc", "type": "proc", "source": "proc"}}],
        "linux": {{"namespaces": [{{"type": "pid"}}, {{"type": "mount"}}, {{"type": "uts"}}, {{"type": "ipc"}},
                {{"type": "cgroup"}}, {{"type": "network"}}],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
                "/proc/timer_list", "/proc/timer_stats"],
            "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger", "/proc/acpi", "/proc/asound", "/proc/bus",
                "/proc/fs", "/proc/irq", "/proc/scsi"]}}}}"#,
        root = root.display(),
    )
}

/// The best and the middle one of many times of each, taken in turns, so that what else the machine does hits all.
fn times<const N: usize>(mut runs: [&mut dyn FnMut(); N]) -> [(Duration, Duration); N] {
    let mut all: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..RUNS {
        for (run, times) in runs.iter_mut().zip(&mut all) {
            let before = Instant::now();
            run();
            times.push(before.elapsed());
        }
    }
    all.map(|mut times| {
        times.sort();
        (times[0], times[times.len() / 2])
    })
}

/// Runs a program to its end; whether that was a good one.
fn ends_well(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

#[expect(clippy::disallowed_methods, reason = "another program is what we compare with")]
fn crun(bundle: &Path) -> Command {
    let mut command = Command::new("crun");
    command.args(["--cgroup-manager=disabled", "run", "--bundle"]).arg(bundle).arg("ioc-speed");
    command
}

/// Hides version 2 of control groups, where version 1 is there too: crun 1.8 does not run with both.
#[expect(deprecated, reason = "the safe form; it is unsafe only with FILES")]
fn hide_unified_groups() {
    let unified = "/sys/fs/cgroup/unified";
    if Path::new(unified).exists() {
        rustix::thread::unshare(UnshareFlags::FS | UnshareFlags::NEWNS).unwrap();
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        rustix::mount::mount_change("/", private).unwrap();
        rustix::mount::mount("none", unified, "tmpfs", MountFlags::empty(), None).unwrap();
    }
}

fn cycle(jails: &LinuxJails, spec: &JailSpec) {
    jails.create(spec).unwrap();
    assert!(jails.exec(&spec.name, &process(&["/bin/true"])).unwrap().status.success());
    jails.remove(&spec.name, Duration::from_secs(10)).unwrap();
}

#[test]
#[ignore = "run by others, as another process"]
fn helper_cycles() {
    let (jails, spec) = helper_jail();
    cycle(&jails, &spec);
}

#[test]
#[ignore = "measures, and proves nothing"]
fn speed() {
    if !privileged() {
        return;
    }
    hide_unified_groups();
    let jail = TestJail::prepared("speed");
    let spec = JailSpec { vnet: true, ..jail.spec() };
    std::fs::write(jail.scratch.path().join("config.json"), configuration(&jail.root)).unwrap();
    if !ends_well(&mut crun(jail.scratch.path())) {
        println!("crun is not installed, or does not run");
        return;
    }
    let [here, ours, theirs] = times([
        &mut || cycle(&jail.jails, &spec),
        &mut || assert!(ends_well(&mut helper_command(&jail, &[], "speed::helper_cycles"))),
        &mut || assert!(ends_well(&mut crun(jail.scratch.path()))),
    ]);
    println!("create, exec true, remove of a jail with its own network; best and middle of {RUNS}:");
    for (what, (best, middle)) in
        [("here", here), ("here, as a process of its own", ours), ("crun run", theirs)]
    {
        println!("  {what:<30} {best:>9.2?} {middle:>9.2?}");
    }
    println!("  ratio of the processes {:.2}", ours.1.as_secs_f64() / theirs.1.as_secs_f64());
}
