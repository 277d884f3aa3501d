//! Sources at their limits: full, gone, one in the other, with names as long as they can be.

use std::fs;
use std::io::Write;
use std::path::Path;

use ioc_testkit::machine::{Machine, Store};
use ioc_testkit::scenarios;

/// The longest name of a jail that is made.
const LONGEST_JAIL: usize = 31;

/// The longest name of a dataset or snapshot.
const LONGEST_DATASET: usize = 255;

fn on_zfs() -> Machine {
    Machine::new(Store::Zfs, env!("CARGO_BIN_EXE_ioc"))
}

/// All datasets and snapshots of the machine's pool.
fn datasets(machine: &Machine) -> String {
    let pool = machine.pool().unwrap();
    pool.zfs(&["list", "-H", "-t", "all", "-o", "name,origin", "-r", pool.name()])
}

/// Writes what cannot be compressed.
fn write_noise(path: &Path, megabytes: u32) {
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u8
    };
    let block: Vec<u8> = (0..1 << 20).map(|_| noise()).collect();
    let mut file = fs::File::create(path).unwrap();
    (0..megabytes).for_each(|_| file.write_all(&block).unwrap());
    file.sync_all().unwrap();
}

/// Fills a file system until not even an empty file can be made.
fn fill(directory: &Path) {
    fs::create_dir(directory).unwrap();
    let mut file = fs::File::create(directory.join("big")).unwrap();
    for size in [1 << 20, 1 << 10] {
        let block = vec![7; size];
        while file
            .write_all(&block)
            .and_then(|()| if size < 1 << 20 { file.sync_all() } else { Ok(()) })
            .is_ok()
        {}
    }
    for number in 0..100_000 {
        let path = directory.join(format!("small{number}"));
        if fs::File::create(path).and_then(|file| file.sync_all()).is_err() {
            return;
        }
    }
    panic!("it does not get full");
}

scenarios! {
    fn a_source_in_another_keeps_its_jails_to_itself(machine) {
        machine.jail("web", &["priority=3"]);
        machine.make_dataset("inner");
        let (name, root) = (format!("{}i", machine.source()), format!("{}/inner", machine.root()));
        let inner = format!("--source={name}={root}");
        let with_both = |args: &[&str]| machine.ok(&[&[inner.as_str()], args].concat());
        let (outer_web, inner_web) = (format!("{}/web", machine.source()), format!("{name}/web"));
        with_both(&["create", "-e", &inner_web, "priority=7"]);
        with_both(&["create", "-e", &format!("{name}/only")]);
        assert!(machine.mounted_at().join("inner/jails/web/config.json").exists());
        // The outer one by itself, and both together, have each jail once.
        assert_eq!(machine.ok(&["list", "-H", "-o", "name,priority"]), "web\t3\n");
        let listed = with_both(&["list", "-H", "-o", "name"]);
        let mut names: Vec<&str> = listed.lines().collect();
        names.sort_unstable();
        assert_eq!(names, ["only", "web", "web"]);
        for (jail, priority) in [(&outer_web, "3\n"), (&inner_web, "7\n")] {
            assert_eq!(with_both(&["get", "priority", jail]), priority);
        }
        with_both(&["start", &inner_web]);
        assert_eq!(with_both(&["get", "running", &outer_web]), "no\n");
        with_both(&["stop", &inner_web]);
        with_both(&["destroy", "-f", &inner_web]);
        assert_eq!(with_both(&["get", "priority", &outer_web]), "3\n");
        with_both(&["destroy", "-f", &outer_web]);
        assert_eq!(with_both(&["get", "running", "only"]), "no\n");
        assert!(machine.mounted_at().join("inner/jails/only/config.json").exists());
    }

    fn the_longest_names(machine) {
        let (name, longer) = ("n".repeat(LONGEST_JAIL), "n".repeat(LONGEST_JAIL + 1));
        machine.jail("short", &["priority=7"]);
        for args in [["create", "-e", &longer], ["rename", "short", &longer], ["clone", "short", &longer]] {
            assert!(machine.fails(1, &args).contains("is longer than"));
        }
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "short\n");
        machine.ok(&["rename", "short", &name]);
        machine.ok(&["start", &name]);
        assert_eq!(machine.ok(&["exec", &name, "--", "echo", "hello"]), "hello\n");
        machine.ok(&["stop", &name]);
        machine.ok(&["snapshot", "create", &format!("{name}@a")]);
        machine.ok(&["clone", &name, "short"]);
        machine.ok(&["destroy", "-f", "short"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name,priority"]), format!("{name}\t7\n"));
        machine.ok(&["destroy", "-f", &name]);
    }
}

#[test]
fn a_jail_whose_dataset_has_the_longest_name() {
    let machine = on_zfs();
    let (name, longer) = ("n".repeat(LONGEST_JAIL - 1), "n".repeat(LONGEST_JAIL));
    let begin = format!("{}/", machine.root());
    let end = format!("/jails/{name}/root");
    let below = "d".repeat(LONGEST_DATASET - begin.len() - end.len());
    machine.make_dataset(&below);
    let source = format!("--source=deep={begin}{below}");
    let with = |args: &[&str]| machine.run(&[&[source.as_str()], args].concat());
    let ok = |args: &[&str]| {
        let said = with(args);
        assert_eq!(said.status, 0, "{said}");
        said.stdout
    };
    let refused = |args: &[&str]| {
        let before = datasets(&machine);
        let said = with(args);
        let told = ["is longer than", "is too long"].iter().any(|words| said.stderr.contains(words));
        assert!(said.status == 1 && told && !said.stderr.contains("left behind"), "{said}");
        assert_eq!(datasets(&machine), before, "{said}");
    };
    let (full, full_longer) = (format!("deep/{name}"), format!("deep/{longer}"));
    refused(&["create", "-e", &full_longer]);
    ok(&["create", "-e", &full, "priority=7"]);
    // The name of a snapshot would be longer still.
    refused(&["snapshot", "create", &format!("{full}@a")]);
    refused(&["rename", &full, &longer]);
    ok(&["set", "priority=8", &full]);
    ok(&["rename", &full, "short"]);
    ok(&["snapshot", "create", "deep/short@a"]);
    refused(&["clone", "deep/short", &full_longer]);
    refused(&["rename", "deep/short", &name]);
    assert_eq!(ok(&["get", "priority", "deep/short"]), "8\n");
    ok(&["destroy", "-f", "deep/short"]);
}

#[test]
fn an_exported_pool_is_told_and_nothing_is_made_in_its_place() {
    let machine = on_zfs();
    machine.jail("web", &[]);
    let (pool, before) = (machine.pool().unwrap(), datasets(&machine));
    pool.export();
    for args in [
        &["list"][..],
        &["get", "boot", "web"],
        &["set", "boot=yes", "web"],
        &["start", "web"],
        &["stop", "web"],
        &["create", "-e", "new"],
        &["destroy", "-f", "web"],
        &["fetch", "--host", "-r", "other"],
    ] {
        let said = machine.run(args);
        assert!((1..=3).contains(&said.status) && said.stderr.contains(machine.root()), "{said}");
    }
    let place = pool.mounted_at();
    assert!(!place.exists() || fs::read_dir(&place).unwrap().count() == 0);
    pool.import();
    assert_eq!(datasets(&machine), before);
    machine.ok(&["start", "web"]);
    machine.ok(&["stop", "web"]);
}

/// What is suspended for good and what is gone are alike for a command: all that it does with the pool fails.
#[test]
#[cfg(target_os = "linux")]
fn a_pool_that_goes_in_mid_command_is_told_and_the_next_command_recovers() {
    let machine = on_zfs();
    let pool = machine.pool().unwrap();
    machine.jail("web", &[]);
    machine.jail("db", &[]);
    // What is not on disk is lost, as it is when the power fails.
    let kept = fs::File::create(machine.jail_root("web").join("kept")).unwrap();
    kept.sync_all().unwrap();
    drop(kept);
    for (hook, args) in [("exec_prestart", ["start", "web"]), ("exec_poststop", ["stop", "web"])] {
        machine.ok(&["set", &format!("{hook}=kill -9 {} && sleep 0.3", pool.daemon()), "web"]);
        let before = datasets(&machine);
        if hook == "exec_poststop" {
            machine.ok(&["start", "web"]);
        }
        machine.fails(1, &args);
        let said = machine.run(&["list"]);
        assert!((1..=3).contains(&said.status) && !said.stderr.contains("panicked"), "{said}");
        pool.revive();
        machine.ok(&["set", &format!("{hook}="), "web"]);
        assert_eq!(datasets(&machine), before);
        assert_eq!(machine.ok(&["get", "running", "web"]), "no\n");
        machine.ok(&["start", "*"]);
        machine.ok(&["stop", "*"]);
    }
    assert!(machine.jail_root("web").join("kept").exists());
}

#[test]
fn no_room_while_receiving_takes_back_all() {
    let machine = on_zfs();
    machine.jail("web", &[]);
    write_noise(&machine.jail_root("web").join("noise"), 24);
    let (pool, before) = (machine.pool().unwrap(), datasets(&machine));
    pool.zfs(&["set", "quota=40M", machine.root()]);
    let said = machine.fails(1, &["clone", "--thick", "web", "copy"]);
    assert!(said.contains("no space left"), "{said}");
    assert_eq!(datasets(&machine), before);
    assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "web\n");
    assert_eq!(fs::metadata(machine.jail_root("web").join("noise")).unwrap().len(), 24 << 20);
    pool.zfs(&["set", "quota=none", machine.root()]);
    machine.ok(&["clone", "--thick", "web", "copy"]);
    assert_eq!(fs::metadata(machine.jail_root("copy").join("noise")).unwrap().len(), 24 << 20);
}

#[test]
fn a_full_source_can_be_read_and_emptied() {
    let machine = on_zfs();
    machine.jail("web", &[]);
    machine.jail("db", &[]);
    write_noise(&machine.jail_root("web").join("noise"), 8);
    machine.pool().unwrap().zfs(&["set", "quota=24M", machine.root()]);
    fill(&machine.mounted_at().join("filler"));
    assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "db\nweb\n");
    machine.ok(&["get", "all", "web"]);
    let said = machine.fails(1, &["create", "-e", "new"]);
    assert!(said.to_lowercase().contains("no space left") || said.contains("quota"), "{said}");
    machine.ok(&["destroy", "-f", "web"]);
    // There is room again, and nothing is left of what could not be done.
    machine.ok(&["create", "-e", "new"]);
    assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "db\nnew\n");
    machine.ok(&["start", "db"]);
    machine.ok(&["stop", "db"]);
}
