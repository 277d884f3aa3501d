//! Bad input: one clear error, the right status, and nothing changed.

use ioc_testkit::scenarios;

scenarios! {
    fn bad_names_and_properties(machine) {
        machine.host_release();
        let create = |name: &str, property: &str| {
            machine.run(&["create", "-r", "host", name, property])
        };
        for (name, property, word) in [
            ("-web", "boot=yes", "-web"),
            ("a b", "boot=yes", "a b"),
            ("../x", "boot=yes", ".."),
            ("1234", "boot=yes", "1234"),
            ("web", "boot", "boot"),
            ("web", "colour=red", "colour"),
            ("web", "boot=maybe", "maybe"),
            ("web", "priority=high", "high"),
            ("web", "ip4_addr=em0|300.1.1.1", "300.1.1.1"),
        ] {
            let said = create(name, property);
            assert!(matches!(said.status, 1 | 2), "{said}");
            assert!(said.stderr.contains(word), "{said}");
        }
        assert!(!machine.mounted_at().join("jails").exists() || machine.ok(&["list", "-H"]).is_empty());
    }

    fn what_does_not_exist(machine) {
        machine.jail("web", &[]);
        machine.fails(1, &["start", "ghost"]);
        machine.fails(1, &["exec", "ghost", "--", "true"]);
        machine.fails(1, &["get", "boot", "ghost"]);
        machine.fails(1, &["get", "colour", "web"]);
        machine.fails(1, &["create", "-r", "99.9-RELEASE", "x"]);
        machine.fails(1, &["create", "-t", "web", "x"]);
        machine.fails(2, &["frobnicate"]);
        machine.fails(2, &["create"]);
        assert!(!machine.mounted_at().join("jails/x").exists());
    }

    fn a_name_is_taken_once(machine) {
        machine.jail("web", &["priority=5"]);
        assert!(machine.fails(1, &["create", "-r", "host", "web"]).contains("exists"));
        assert_eq!(machine.ok(&["get", "priority", "web"]), "5\n");
    }

    fn a_running_jail_is_not_destroyed_unasked(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        machine.fails(1, &["destroy", "--yes", "web"]);
        assert_eq!(machine.ok(&["get", "running", "web"]), "yes\n");
        machine.fails(1, &["destroy", "web"]);
        machine.ok(&["destroy", "-f", "web"]);
        assert_eq!(machine.left_behind(), Vec::<String>::new());
    }

    fn a_release_in_use_stays(machine) {
        machine.jail("web", &[]);
        assert!(machine.fails(1, &["destroy", "-f", "-r", "host"]).contains("web"));
        machine.ok(&["destroy", "-f", "web"]);
        machine.ok(&["destroy", "-f", "-r", "host"]);
        assert!(!machine.mounted_at().join("releases/host").exists());
    }

    fn datasets_are_given_to_jails_on_freebsd_only(machine) {
        if cfg!(target_os = "freebsd") {
            return;
        }
        machine.jail("web", &["jail_zfs=yes", "exec_prestart=touch /nonexistent/x"]);
        // Without datasets there is nothing to give.
        machine.ok(&["set", "exec_prestart", "web"]);
        machine.ok(&["start", "web"]);
        machine.ok(&["stop", "web"]);
        machine.ok(&["set", "jail_zfs_dataset=tank/data other/data", "exec_prestart=false", "web"]);
        for command in ["start", "explain"] {
            let said = machine.run(&[command, "web"]);
            let text = format!("{}{}", said.stdout, said.stderr);
            assert!(text.contains("cannot be given dataset tank/data: only on FreeBSD"), "{said}");
            assert!(text.contains("ioc set jail_zfs=no web"), "{said}");
            assert!(command == "explain" || said.status == 1, "{said}");
        }
        assert_eq!(machine.left_behind(), Vec::<String>::new());
        let conf = machine.ok(&["export", "--jail-conf", "web"]);
        for part in ["zfs jail ", " tank/data'", " other/data'", "/sbin/zfs mount -a", "allow.mount.zfs;", "allow.mount;"] {
            assert!(conf.contains(part), "{part}: {conf}");
        }
        machine.ok(&["set", "jail_zfs=no", "exec_prestart", "web"]);
        machine.ok(&["start", "web"]);
        machine.ok(&["stop", "web"]);
    }

    fn what_was_given_to_a_jail_is_kept(machine) {
        let Some(pool) = machine.pool() else { return };
        machine.ok(&["create", "-e", "web"]);
        let data = format!("{}/jails/web/data", machine.root());
        let jailed = if cfg!(target_os = "freebsd") { "jailed" } else { "zoned" };
        pool.zfs(&["create", &data]);
        pool.zfs(&["set", &format!("{jailed}=on"), &data]);
        let said = machine.fails(1, &["destroy", "-f", "web"]);
        assert!(said.contains(&data) && said.contains("zfs rename"), "{said}");
        assert_eq!(machine.ok(&["get", "boot", "web"]), "no\n");
        let elsewhere = format!("{}/kept", pool.name());
        pool.zfs(&["set", &format!("{jailed}=off"), &data]);
        pool.zfs(&["rename", &data, &elsewhere]);
        machine.ok(&["destroy", "-f", "web"]);
        assert!(pool.zfs(&["list", "-H", "-o", "name", &elsewhere]).contains("kept"));
    }

    fn two_commands_on_one_jail(machine) {
        machine.jail("web", &["exec_prestart=sleep 2"]);
        let mut first = machine.command(&["start", "web"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(700));
        let said = machine.fails(1, &["--lock-timeout", "0", "set", "boot=yes", "web"]);
        assert!(said.contains(&first.id().to_string()) && said.contains("start"), "{said}");
        machine.ok(&["set", "boot=yes", "web"]);
        assert!(first.wait().unwrap().success());
    }

    fn links_of_the_jail_are_not_followed(machine) {
        machine.jail("web", &["resolver=nameserver 192.0.2.1"]);
        let outside = machine.directory().join("victim");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("resolv.conf"), "untouched\n").unwrap();
        let etc = machine.jail_root("web").join("etc");
        std::fs::rename(&etc, machine.jail_root("web").join("etc.old")).unwrap();
        std::os::unix::fs::symlink(&outside, &etc).unwrap();
        let said = machine.run(&["start", "web"]);
        assert_eq!(std::fs::read_to_string(outside.join("resolv.conf")).unwrap(), "untouched\n", "{said}");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1, "{said}");
        assert!(!said.stderr.contains("left behind") && !said.stderr.contains("taken back"), "{said}");
        machine.run(&["stop", "-f", "web"]);

        let dev = machine.jail_root("web").join("dev");
        std::fs::remove_dir(&dev).unwrap();
        std::os::unix::fs::symlink(&outside, &dev).unwrap();
        let said = machine.run(&["start", "web"]);
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
        // What was refused needs no undo, now or by the next command.
        assert!(!said.stderr.contains("left behind") && !said.stderr.contains("taken back"), "{said}");
        let next = machine.run(&["set", "notes=x", "web"]);
        assert!(next.status == 0 && !next.stderr.contains("interrupted"), "{next}");
        let mounts = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
        assert!(!mounts.contains(&*outside.to_string_lossy()), "{mounts}");
    }
}
