//! Where releases come from.

use std::path::PathBuf;

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;

/// An archive of a small system: sh and what it needs, taken from this machine.
fn archive(machine: &Machine, extra: &[(&str, tar::EntryType, &str)]) -> PathBuf {
    let path = machine.directory().join("small.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
    for directory in ["bin", "etc", "tmp"] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        tar.append_data(&mut header, directory, std::io::empty()).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(6);
    tar.append_data(&mut header, "etc/motd", &b"hello\n"[..]).unwrap();
    for (name, kind, link) in extra {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(0);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        tar.append(&header, std::io::empty()).unwrap();
    }
    tar.finish().unwrap();
    path
}

fn releases(machine: &Machine) -> Vec<String> {
    let listing = std::fs::read_dir(machine.mounted_at().join("releases"));
    listing.map_or_else(
        |_| Vec::new(),
        |l| l.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect(),
    )
}

scenarios! {
    fn from_an_archive(machine) {
        let path = archive(machine, &[]);
        machine.ok(&["fetch", "-r", "small", "--archive", path.to_str().unwrap()]);
        machine.ok(&["create", "-r", "small", "-nb", "web"]);
        assert_eq!(std::fs::read_to_string(machine.jail_root("web").join("etc/motd")).unwrap(), "hello\n");
        machine.fails(1, &["fetch", "-r", "small", "--archive", path.to_str().unwrap()]);
    }

    fn a_wrong_checksum_leaves_no_release(machine) {
        let path = archive(machine, &[]);
        let wrong = "0".repeat(64);
        machine.fails(1, &["fetch", "-r", "small", "--archive", path.to_str().unwrap(), "--sha256", &wrong]);
        assert_eq!(releases(machine), Vec::<String>::new());
    }

    fn hostile_archives_leave_no_release(machine) {
        use tar::EntryType::{Block, Char, Fifo, Link, Regular};
        for extra in [
            ("../evil", Regular, ""),
            ("/etc/evil", Regular, ""),
            ("etc/passwd", Link, "../../../../etc/passwd"),
            ("dev-sda", Block, ""),
            ("dev-null", Char, ""),
            ("pipe", Fifo, ""),
        ] {
            let path = archive(machine, &[extra]);
            let said = machine.fails(1, &["fetch", "-r", "bad", "--archive", path.to_str().unwrap()]);
            assert!(said.contains(extra.0), "{said}");
            assert_eq!(releases(machine), Vec::<String>::new(), "{}", extra.0);
        }
        assert!(!machine.directory().join("evil").exists());
    }

    fn a_truncated_archive_leaves_no_release(machine) {
        let path = archive(machine, &[]);
        let whole = std::fs::read(&path).unwrap();
        for length in [100, 600, 1500, 2100] {
            std::fs::write(&path, &whole[..length]).unwrap();
            machine.fails(1, &["fetch", "-r", "cut", "--archive", path.to_str().unwrap()]);
            assert_eq!(releases(machine), Vec::<String>::new(), "{length}");
        }
    }

    fn jails_follow_a_release_or_are_pinned_to_a_patch_level(machine) {
        let path = archive(machine, &[]);
        machine.ok(&["fetch", "-r", "small", "--archive", path.to_str().unwrap()]);
        let Some(pool) = machine.pool() else {
            machine.fails(1, &["create", "-r", "small-p0", "pinned"]);
            return;
        };
        let motd = |jail: &str| std::fs::read_to_string(machine.jail_root(jail).join("etc/motd")).unwrap();
        let root = machine.mounted_at().join("releases/small/root");
        std::fs::write(root.join("etc/motd"), "patched\n").unwrap();
        pool.zfs(&["snapshot", &format!("{}/releases/small/root@p3", machine.root())]);
        std::fs::write(root.join("etc/motd"), "not yet a patch level\n").unwrap();
        machine.ok(&["create", "-r", "small-p0", "-nb", "pinned"]);
        machine.ok(&["create", "-r", "small", "-nb", "floating"]);
        assert_eq!((motd("pinned").as_str(), motd("floating").as_str()), ("hello\n", "patched\n"));
        machine.fails(1, &["create", "-r", "small-p9", "web"]);
        machine.ok(&["create", "-r", "small-p0", "base"]);
        let plan = machine.ok(&["start", "--plan", "base"]);
        assert!(plan.contains("/.zfs/snapshot/p0/bin") || plan.contains("small/p0/bin"), "{plan}");
        let listed = machine.ok(&["list", "-r", "-H", "-o", "name,patches"]);
        assert_eq!(listed, "small\tp0,p3\n");
    }

    fn a_pinned_basejail_has_the_base_of_its_patch_level(machine) {
        let path = archive(machine, &[]);
        machine.ok(&["fetch", "-r", "small", "--archive", path.to_str().unwrap()]);
        let Some(pool) = machine.pool() else { return };
        let level = machine.mounted_at().join("releases/small/root/bin/level");
        std::fs::write(&level, "3").unwrap();
        pool.zfs(&["snapshot", &format!("{}/releases/small/root@p3", machine.root())]);
        std::fs::write(&level, "not yet a patch level").unwrap();
        let level_of = |jail: &str| std::fs::read_to_string(machine.jail_root(jail).join("bin/level")).unwrap();
        for jail in ["one", "two"] {
            machine.ok(&["create", "-r", "small-p3", jail]);
            machine.ok(&["start", jail]);
            assert_eq!(level_of(jail), "3");
        }
        machine.ok(&["stop", "one"]);
        assert_eq!(level_of("two"), "3");
        machine.ok(&["stop", "two"]);
        let clone = format!("{}/releases/small/p3", machine.root());
        if machine.mounted_at().join("releases/small/p3").exists() {
            std::fs::write(machine.mounted_at().join("releases/small/p3/bin/level"), "4").unwrap_err();
            assert!(!machine.ok(&["start", "--plan", "one"]).contains(&clone));
            pool.zfs(&["unmount", &clone]);
            machine.ok(&["start", "one"]);
            assert_eq!(level_of("one"), "3");
            machine.ok(&["stop", "one"]);
            pool.zfs(&["destroy", &clone]);
            pool.zfs(&["create", &clone]);
            assert!(machine.fails(1, &["start", "one"]).contains(&clone));
        }
        machine.ok(&["destroy", "-f", "one", "two"]);
        machine.ok(&["destroy", "-f", "-r", "small"]);
        assert_eq!(releases(machine), Vec::<String>::new());
    }

    fn a_release_of_the_host_only_makes_basejails(machine) {
        machine.host_release();
        machine.fails(2, &["create", "-r", "host", "-nb", "web"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "");
    }
}
