//! Jails made from jails: cloned, promoted, destroyed with what hangs on them.

use ioc_testkit::machine::{Machine, Store};
use ioc_testkit::scenarios;

/// A jail with a file of its own, and a clone of it.
fn web_and_its_clone(machine: &Machine) {
    machine.jail("web", &["notes=original"]);
    std::fs::write(machine.jail_root("web").join("etc/motd"), "from web\n").unwrap();
    machine.ok(&["clone", "web", "web2"]);
}

fn motd(machine: &Machine, jail: &str) -> String {
    machine.ok(&["exec", "--fork", jail, "--", "cat", "/etc/motd"])
}

/// Snapshots of the host release that the jails were made from.
fn release_snapshots(machine: &Machine) -> String {
    machine.snapshots_of("releases/host/root")
}

scenarios! {
    fn a_clone_is_a_jail_of_its_own(machine) {
        machine.jail("web", &["notes=original", "host_hostname=web.example"]);
        std::fs::write(machine.jail_root("web").join("etc/motd"), "from web\n").unwrap();
        machine.ok(&["clone", "web", "web2", "priority=7"]);
        assert_eq!(machine.ok(&["get", "notes", "web2"]), "original\n");
        assert_eq!(machine.ok(&["get", "priority", "web2"]), "7\n");
        assert_ne!(machine.ok(&["get", "host_hostuuid", "web"]), machine.ok(&["get", "host_hostuuid", "web2"]));
        std::fs::write(machine.jail_root("web2").join("etc/motd"), "from web2\n").unwrap();
        assert_eq!(motd(machine, "web"), "from web\n");
        assert_eq!(motd(machine, "web2"), "from web2\n");
        assert!(machine.fails(1, &["clone", "web", "web2"]).contains("exists"));
        machine.fails(1, &["clone", "ghost", "web3"]);
        machine.fails(1, &["clone", "web", "a b"]);
        machine.fails(1, &["clone", "web@nothing", "web3"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "web\nweb2\n");
    }

    fn a_promoted_clone_outlives_its_origin(machine) {
        machine.host_release();
        let before = release_snapshots(machine);
        web_and_its_clone(machine);
        machine.ok(&["promote", "web2"]);
        machine.ok(&["destroy", "-f", "web"]);
        assert_eq!(motd(machine, "web2"), "from web\n");
        assert_eq!(release_snapshots(machine), before);
        machine.jail("web", &[]);
    }

    fn what_hangs_on_a_jail_keeps_it(machine) {
        web_and_its_clone(machine);
        if machine.store() == Store::Zfs {
            let refused = machine.fails(1, &["destroy", "-f", "web"]);
            assert!(refused.contains("web2") && refused.contains("-R"), "{refused}");
            assert_eq!(motd(machine, "web"), "from web\n");
        }
        let plan = machine.ok(&["destroy", "-R", "--plan", "web"]);
        assert_eq!(machine.store() == Store::Zfs, plan.contains("jails/web2/root"), "{plan}");
        machine.ok(&["start", "web2"]);
        if machine.store() == Store::Zfs {
            machine.fails(1, &["destroy", "-R", "-y", "web"]);
            assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "web\nweb2\n");
        }
        machine.ok(&["destroy", "-R", "-f", "web"]);
        if machine.store() == Store::Zfs {
            assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "");
        }
    }

    fn what_a_failed_destruction_left_goes_with_the_next_one(machine) {
        web_and_its_clone(machine);
        machine.jail("db", &[]);
        machine.ok(&["snapshot", "create", "web@db"]);
        let Some(pool) = machine.pool() else { return };
        for jail in ["web2", "db"] {
            pool.zfs(&["destroy", &format!("{}/jails/{jail}/root", machine.root())]);
        }
        let plan = machine.ok(&["destroy", "-R", "--plan", "web"]);
        assert!(plan.contains("jails/web2") && !plan.contains("jails/db"), "{plan}");
        machine.ok(&["destroy", "-R", "-f", "web"]);
        assert_eq!(machine.run(&["list", "-H", "-o", "name"]).stdout, "db\n");
        machine.ok(&["destroy", "-f", "db"]);
    }

    fn several_are_destroyed_in_the_right_order(machine) {
        web_and_its_clone(machine);
        machine.ok(&["clone", "web2", "web3"]);
        machine.ok(&["destroy", "-f", "web", "web2", "web3"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "");
        machine.ok(&["destroy", "-r", "-f", "host"]);
    }

    fn a_destroyed_clone_leaves_its_origin_as_it_was(machine) {
        machine.jail("web", &[]);
        machine.ok(&["snapshot", "web@mine"]);
        let before = machine.snapshots_of("jails/web/root");
        machine.ok(&["clone", "web", "web2"]);
        machine.ok(&["destroy", "-f", "web2"]);
        assert_eq!(machine.snapshots_of("jails/web/root"), before);
        // A snapshot of the user's stays, whatever its name.
        machine.ok(&["snapshot", "web@web3"]);
        machine.ok(&["clone", "web@web3", "web3"]);
        machine.ok(&["destroy", "-f", "web3"]);
        assert_eq!(machine.ok(&["snapshot", "list", "web", "-H", "-o", "name"]), "mine\nweb3\n");
    }

    fn a_clone_of_a_snapshot_is_as_that_was(machine) {
        machine.jail("web", &[]);
        let motd_file = machine.jail_root("web").join("etc/motd");
        std::fs::write(&motd_file, "then\n").unwrap();
        machine.ok(&["snapshot", "web@then"]);
        std::fs::write(&motd_file, "now\n").unwrap();
        machine.ok(&["clone", "web@then", "old"]);
        assert_eq!(motd(machine, "old"), "then\n");
    }

    fn many_and_full_copies(machine) {
        machine.jail("web", &[]);
        machine.ok(&["clone", "-c", "2", "web", "n"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "n_1\nn_2\nweb\n");
        machine.ok(&["clone", "--thick", "web", "copy"]);
        assert_eq!(machine.ok(&["get", "origin", "copy"]), "-\n");
        machine.ok(&["destroy", "-f", "n_1", "n_2", "web"]);
        machine.ok(&["exec", "--fork", "copy", "--", "true"]);
    }

    fn a_release_goes_with_its_jails_only_if_told_to(machine) {
        web_and_its_clone(machine);
        assert!(machine.fails(1, &["destroy", "-r", "-f", "host"]).contains("web"));
        assert_eq!(motd(machine, "web2"), "from web\n");
        machine.ok(&["destroy", "-r", "-R", "-f", "host"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "");
        assert_eq!(machine.ok(&["list", "-r", "-H"]), "");
    }

    fn a_jail_is_not_promoted_over_its_release(machine) {
        machine.jail("web", &[]);
        let before = release_snapshots(machine);
        match machine.store() {
            Store::Zfs => assert!(machine.fails(1, &["promote", "web"]).contains("release")),
            Store::Directory => assert_eq!(machine.ok(&["promote", "web"]), "web hangs on nothing\n"),
        }
        assert_eq!(release_snapshots(machine), before);
    }

    fn what_lies_among_the_jails_and_is_none_stays(machine) {
        machine.jail("web", &[]);
        machine.make_dataset("jails/backup");
        let file = machine.mounted_at().join("jails/backup/precious");
        std::fs::write(&file, "data").unwrap();
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "web\n");
        machine.fails(1, &["destroy", "-f", "backup"]);
        machine.fails(1, &["create", "-r", "host", "backup"]);
        machine.ok(&["destroy", "-f", "*"]);
        assert_eq!(std::fs::read_to_string(file).unwrap(), "data");
    }
}
