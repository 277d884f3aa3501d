//! Sources, pools and datasets: what is counted, what reading leaves alone, and what other hands do to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ioc_testkit::machine::{Machine, Said, Store};
use ioc_testkit::scenarios;
use serde_json::Value;

/// Jails of the source whose commands are counted.
const MANY: usize = 200;

/// Of these, those that are whole; mounts of zfs-fuse take their time, so that the others' roots are not mounted.
const WHOLE: usize = 20;

/// The programs that a command ran, by what it says of them at the level debug.
fn programs(machine: &Machine, args: &[&str]) -> Vec<String> {
    let said = machine.run(&[&["-d", "debug"], args].concat());
    // Of many jails some may be such that they cannot be listed well.
    assert!(said.status == 0 || args == ["list"], "{said}");
    let ran = said.stderr.lines().filter_map(|line| line.split_once("ran command="));
    // Less what is random in it: the property that guards the answer.
    let words = |command: &str| -> Vec<String> {
        let words = command.split(" status=").next().unwrap_or_default().split(' ');
        words.filter(|word| !word.starts_with("org.freebsd.ioc.guard:")).map(str::to_owned).collect()
    };
    ran.map(|(_, command)| words(command).join(" ")).collect()
}

/// Makes a jail by other means than ioc.
fn foreign_jail(machine: &Machine, name: &str) {
    for dataset in [format!("jails/{name}"), format!("jails/{name}/root")] {
        machine.make_dataset(&dataset);
    }
    let config = machine.mounted_at().join("jails").join(name).join("config.json");
    fs::write(config, r#"{"release": "host", "basejail": "yes"}"#).unwrap();
}

/// Every file below a directory, with what tells that it was written to.
fn files(directory: &Path) -> BTreeMap<String, String> {
    use std::os::unix::fs::MetadataExt;
    let mut found = BTreeMap::new();
    let mut todo = vec![directory.to_owned()];
    while let Some(path) = todo.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let state = format!("{} {}.{:09} {}", about.size(), about.mtime(), about.mtime_nsec(), about.mode());
        found.insert(path.display().to_string(), state);
    }
    found
}

/// A machine whose source is in a pool, for what a directory cannot be.
fn on_zfs() -> Machine {
    Machine::new(Store::Zfs, env!("CARGO_BIN_EXE_ioc"))
}

/// Runs `ioc` about the host's own sources, which must succeed.
fn about_host(machine: &Machine, args: &[&str]) -> Said {
    let said = machine.run_without_source(args);
    assert_eq!(said.status, 0, "{said}");
    said
}

scenarios! {
    fn commands_run_as_many_programs_with_many_jails(machine) {
        machine.jail("web", &[]);
        let all: [&[&str]; 5] =
            [&["get", "boot", "web"], &["get", "all", "web"], &["start", "web"], &["exec", "web", "true"], &["stop", "web"]];
        let count = || -> Vec<Vec<String>> { all.iter().map(|args| programs(machine, args)).collect() };
        let alone = count();
        for number in 1..MANY {
            let name = format!("more{number}");
            match machine.pool().filter(|_| number >= WHOLE) {
                None => foreign_jail(machine, &name),
                Some(pool) => {
                    let root = format!("{}/jails/{name}/root", machine.root());
                    pool.zfs(&["create", "-p", "-o", "canmount=noauto", &root]);
                }
            }
        }
        assert_eq!(count(), alone);
        let list = programs(machine, &["list"]);
        match machine.store() {
            // They were counted at all.
            Store::Zfs => assert!((1..=2).contains(&list.len()) && !alone[0].is_empty(), "{list:?} {alone:?}"),
            Store::Directory => assert!(list.is_empty() && alone.iter().all(Vec::is_empty), "{list:?} {alone:?}"),
        }
        assert_eq!(machine.run(&["list", "-H", "-o", "name"]).stdout.lines().count(), MANY);
    }

    fn reading_leaves_everything_as_it_is(machine) {
        let state = || {
            let datasets = machine.pool().map(|pool| {
                pool.zfs(&["list", "-H", "-t", "all", "-o", "name,mountpoint,mounted,quota", "-r", pool.name()])
            });
            (datasets, files(&machine.mounted_at()))
        };
        let read = |commands: &[&[&str]]| {
            let before = state();
            for args in commands {
                let said = machine.run(args);
                assert!(said.status < 2, "{said}");
                assert_eq!(state(), before, "{said}");
            }
        };
        // An empty source, in which there is not even a place for jails.
        read(&[&["list"], &["list", "-r"], &["list", "-t"], &["list", "-p"], &["get", "boot", "defaults"], &["start", "web"]]);
        machine.jail("web", &[]);
        machine.ok(&["snapshot", "create", "web@a"]);
        read(&[
            &["list"], &["list", "-r"], &["list", "-t"], &["list", "-p"], &["get", "all", "web"], &["get", "boot", "defaults"],
            &["snapshot", "list", "web"], &["explain", "web"], &["export", "--jail-conf", "web"], &["fstab", "show", "web"],
            &["start", "--plan", "web"], &["stop", "--plan", "web"], &["destroy", "--plan", "web"],
            &["clone", "--plan", "web", "other"], &["set", "--plan", "boot=yes", "web"], &["snapshot", "rollback", "--plan", "web@a"],
        ]);
    }

    fn jails_of_several_sources(machine) {
        machine.jail("web", &[]);
        machine.jail("only", &["priority=3"]);
        let (name, root) = (format!("{}b", machine.source()), format!("{}-b", machine.root()));
        match machine.pool() {
            None => fs::create_dir(&root).unwrap(),
            Some(pool) => pool.create(&root),
        }
        let second = format!("--source={name}={root}");
        let with_both = |args: &[&str]| machine.ok(&[&[second.as_str()], args].concat());
        let (here, there) = (format!("{}/web", machine.source()), format!("{name}/web"));
        with_both(&["create", "-e", &there, "priority=7"]);
        assert_eq!(
            with_both(&["list", "-p", "-H"]),
            format!("{}\t{}\n{name}\t{root}\n", machine.source(), machine.root())
        );
        // Without a source the first one that has the jail is meant.
        assert_eq!(with_both(&["get", "priority", &there]), "7\n");
        assert_eq!(with_both(&["get", "priority", "web"]), with_both(&["get", "priority", &here]));
        assert_eq!(with_both(&["get", "priority", "only"]), "3\n");
        let running = || {
            let said = with_both(&["list", "--json"]);
            let said: Value = serde_json::from_str(&said).unwrap();
            let jails = said["jails"].as_array().unwrap().iter().filter(|jail| jail["running"] == true);
            jails.map(|jail| jail["full_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        with_both(&["start", &here]);
        assert_eq!(running(), [here.as_str()]);
        // By the environment, as by options.
        let both = format!("{}={} {name}={root}", machine.source(), machine.root());
        let said = machine.run_with_sources(&both, &["get", "running", &there]);
        assert_eq!((said.status, said.stdout.as_str()), (0, "no\n"), "{said}");
        with_both(&["set", "boot=yes", &there]);
        assert_eq!((with_both(&["get", "boot", &here]), with_both(&["get", "boot", &there])), ("no\n".into(), "yes\n".into()));
        with_both(&["snapshot", "create", &format!("{there}@a")]);
        with_both(&["destroy", "-f", &there]);
        assert_eq!(running(), [here.as_str()]);
        let said = machine.run(&[&second, "get", "boot", &format!("{}c/web", machine.source())]);
        assert!(said.status == 1 && said.stderr.contains("there is no source"), "{said}");
    }
}

#[test]
fn a_pool_is_activated_and_no_other_is_touched() {
    let (machine, other) = (on_zfs(), on_zfs());
    let (pool, second) = (machine.pool().unwrap(), other.pool().unwrap());
    let properties = |pool: &ioc_testkit::zfs_pool::TestPool| {
        pool.zfs(&["get", "-H", "-r", "-s", "local", "-o", "name,property,value", "all", pool.name()])
    };
    about_host(&other, &["activate", second.name()]);
    let untouched = properties(second);
    let place = machine.directory().join("with a space");
    let place = place.to_str().unwrap();
    let said = about_host(&machine, &["activate", pool.name(), "-m", place]);
    assert!(said.stderr.contains(&format!("pool {} is active too", second.name())), "{said}");
    assert!(Path::new(place).join("jails").is_dir());
    let dataset = format!("{}/iocage", pool.name());
    assert!(properties(pool).contains(&format!("{dataset}\tmountpoint\t{place}\n")));
    // What is so already is not set again; jails work where the name has a space.
    let now = properties(pool);
    about_host(&machine, &["activate", pool.name(), "-m", place]);
    about_host(&machine, &["activate", pool.name()]);
    assert_eq!(properties(pool), now);
    machine.ok(&["create", "-e", "spaced"]);
    assert!(machine.ok(&["get", "mountpoint", "spaced"]).starts_with(place));
    machine.ok(&["destroy", "-f", "spaced"]);
    about_host(&machine, &["deactivate", pool.name()]);
    assert!(about_host(&machine, &["deactivate", pool.name()]).stderr.contains("is not active"));
    assert!(properties(pool).contains("org.freebsd.ioc:active\tno\n"));
    assert_eq!(properties(second), untouched);
    about_host(&other, &["deactivate", second.name()]);
}

#[test]
fn properties_of_the_dataset_are_written_when_they_differ() {
    let machine = on_zfs();
    let pool = machine.pool().unwrap();
    machine.jail("web", &["quota=40M", "compression=on"]);
    let dataset = format!("{}/jails/web", machine.root());
    let native = |property: &str| pool.zfs(&["get", "-Hp", "-o", "value", property, &dataset]);
    let steps = |change: &str| {
        let plan: Value =
            serde_json::from_str(&machine.ok(&["--json", "set", "--plan", change, "web"])).unwrap();
        plan["plans"][0]["steps"].as_array().unwrap().len()
    };
    assert_eq!((native("quota"), native("compression")), ("41943040\n".into(), "on\n".into()));
    assert_eq!(
        (machine.ok(&["get", "quota", "web"]), steps("quota=40M"), steps("quota=40960K")),
        ("40M\n".into(), 0, 0)
    );
    // No quota has three names.
    assert_eq!((steps("reservation=none"), steps("reservation=0"), steps("reservation=-")), (0, 0, 0));
    let said = machine.run(&["-d", "verbose", "set", "reservation=10M", "web"]);
    assert!(said.status == 0 && said.stderr.contains("reservation: - -> 10M"), "{said}");
    assert_eq!((native("reservation"), steps("reservation=10M")), ("10485760\n".into(), 0));
    assert_eq!(machine.ok(&["get", "reservation", "web"]), "10M\n");
    let told: Value = serde_json::from_str(&machine.ok(&["--json", "df", "web"])).unwrap();
    let told = &told["jails"][0];
    assert_eq!((&told["quota"], &told["reservation"]), (&(40 << 20).into(), &(10 << 20).into()), "{told}");
    assert!(told["used"].as_u64() > Some(0) && told["available"].as_u64() < Some(40 << 20), "{told}");
    assert!(told["compressratio"].as_str().is_some_and(|ratio| ratio.ends_with('x')), "{told}");
    machine.ok(&["set", "reservation", "web"]);
    assert_eq!((native("reservation"), steps("reservation=0")), ("0\n".into(), 0));
    machine.ok(&["set", "refquota=30M", "refreservation=1M", "dedup=on", "web"]);
    let given = machine.ok(&["list", "-H", "-o", "refquota,refreservation,dedup"]);
    assert_eq!(given, "30M\t1M\ton\n");
    assert_eq!((steps("refquota=30M"), steps("refreservation=1M"), steps("dedup=on")), (0, 0, 0));
    machine.ok(&["set", "refquota", "refreservation", "dedup", "web"]);
    // The dataset outgrew it, or would: refused whole, and what is so already is no change.
    fs::write(machine.jail_root("web").join("big"), vec![7; 4 << 20]).unwrap();
    machine.fails(1, &["set", "quota=64K", "web"]);
    assert_eq!(native("quota"), "41943040\n");
    machine.ok(&["set", "quota=none", "web"]);
    assert_eq!(machine.ok(&["get", "quota", "web"]), "-\n");
    machine.fails(1, &["set", "compression=loud", "web"]);
    machine.fails(1, &["set", "quota=1M", "defaults"]);
}

#[test]
fn what_other_hands_do_to_datasets_is_told_and_loses_nothing() {
    let machine = on_zfs();
    let pool = machine.pool().unwrap();
    machine.jail("web", &[]);
    machine.jail("db", &[]);
    let dataset = format!("{}/jails/web", machine.root());
    fs::write(machine.jail_root("web").join("kept"), "1").unwrap();

    // Not mounted.
    pool.zfs(&["unmount", &format!("{dataset}/root")]);
    for args in [["start", "web"], ["list", "web"]] {
        let said = machine.fails(1, &args);
        assert!(
            said.contains(&format!("{dataset}/root is not mounted")) && said.contains("zfs mount"),
            "{said}"
        );
    }
    let said = machine.fails(1, &["get", "boot", "web"]);
    assert_eq!(said.matches("cannot be used").count(), 1, "{said}");
    assert!(machine.run(&["list", "-H", "-o", "name"]).stdout.contains("db\n"));
    pool.zfs(&["mount", &format!("{dataset}/root")]);
    machine.ok(&["start", "web"]);
    machine.ok(&["stop", "web"]);

    // A dataset of somebody else's, and one whose name no jail can have.
    for foreign in ["backup", "no jail.s"] {
        machine.make_dataset(&format!("jails/{foreign}"));
        fs::write(machine.mounted_at().join("jails").join(foreign).join("kept"), "1").unwrap();
        machine.fails(1, &["destroy", "-f", foreign]);
        machine.fails(1, &["start", foreign]);
        assert!(machine.mounted_at().join("jails").join(foreign).join("kept").exists());
    }
    machine.fails(1, &["create", "-r", "host", "backup"]);
    assert!(machine.mounted_at().join("jails/backup/kept").exists());
    assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "db\nweb\n");

    // Renamed and destroyed by hand.
    pool.zfs(&["rename", &dataset, &dataset.replace("jails/web", "jails/moved")]);
    machine.fails(1, &["start", "web"]);
    machine.ok(&["start", "moved"]);
    machine.ok(&["stop", "moved"]);
    assert!(machine.jail_root("moved").join("kept").exists());
    pool.zfs(&["destroy", "-r", &format!("{}/jails/db", machine.root())]);
    machine.fails(1, &["stop", "db"]);
    assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "moved\n");

    // No space left: told as that, and what is there can still be read.
    let filler = machine.mounted_at().join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &vec![7; 1 << 20]).is_ok() {}
    let said = machine.fails(1, &["create", "-r", "host", "full"]);
    assert!(said.to_lowercase().contains("no space left"), "{said}");
    assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "moved\n");
    fs::remove_file(&filler).unwrap();
    drop(file);
}
