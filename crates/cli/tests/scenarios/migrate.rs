//! `migrate`: jails of older programs.

use std::fs;
use std::path::PathBuf;

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;

fn directory(machine: &Machine, jail: &str) -> PathBuf {
    machine.mounted_at().join("jails").join(jail)
}

/// Gives a jail the configuration that iocage-legacy wrote.
fn make_legacy(machine: &Machine, jail: &str, ucl: &str) {
    fs::write(directory(machine, jail).join("config"), ucl).unwrap();
    fs::remove_file(directory(machine, jail).join("config.json")).unwrap();
}

const UCL: &str = "# by iocage-legacy\nboot=\"on\";\nhost_hostname=\"www\";\npriority=\"42\";\nodd_key=\"kept\";\n\
                   release=\"host\";\ntype=\"basejail\";\n";

scenarios! {
    fn a_file_of_iocage_legacy(machine) {
        machine.jail("web", &[]);
        machine.jail("new", &[]);
        make_legacy(machine, "web", UCL);
        assert_eq!(machine.ok(&["get", "-H", "legacy", "priority", "web"]), "legacy\tyes\npriority\t42\n");
        let planned = machine.ok(&["migrate", "--plan", "web"]);
        assert!(planned.contains("take snapshot") && planned.contains("config.json"), "{planned}");
        // Nobody is there to answer.
        machine.fails(1, &["migrate", "web"]);
        assert!(!directory(machine, "web").join("config.json").exists());

        let said = machine.run(&["migrate", "-y", "web", "new"]);
        assert_eq!(said.status, 0, "{said}");
        assert!(said.stdout.contains("web migrated") && said.stdout.contains("new is current"), "{said}");
        assert!(said.stderr.contains("--drop web"), "{said}");
        assert!(!directory(machine, "web").join("config").exists());
        for (key, value) in [
            ("legacy", "no"), ("boot", "yes"), ("priority", "42"), ("odd_key", "kept"), ("basejail", "yes"),
            ("host_hostname", "www"), ("release", "host"),
        ] {
            assert_eq!(machine.ok(&["get", key, "web"]), format!("{value}\n"), "{key}");
        }
        machine.ok(&["start", "web"]);
        assert_eq!(machine.ok(&["exec", "web", "--", "hostname"]), "www\n");
        machine.ok(&["stop", "web"]);
        assert!(machine.ok(&["migrate", "-y", "--all"]).contains("web is current"));

        assert!(machine.ok(&["migrate", "-y", "--drop", "web"]).contains("removed"));
        assert!(machine.ok(&["migrate", "-y", "--drop", "web"]).contains("no old state"));
        assert_eq!(machine.ok(&["get", "priority", "web"]), "42\n");
    }

    fn properties_of_the_dataset(machine) {
        let Some(pool) = machine.pool() else { return };
        machine.jail("web", &[]);
        fs::remove_file(directory(machine, "web").join("config.json")).unwrap();
        let dataset = format!("{}/jails/web", machine.root());
        for property in ["boot=on", "priority=42", "type=basejail", "release=host", "notes=a b", "odd_key=kept"] {
            pool.zfs(&["set", &format!("org.freebsd.iocage:{property}"), &dataset]);
        }
        assert_eq!(machine.ok(&["list", "-H", "-o", "name,priority,config_format"]), "web\t42\tzfs\n");
        machine.ok(&["set", "priority=43", "web"]);
        assert!(pool.zfs(&["get", "-H", "-o", "value", "org.freebsd.iocage:priority", &dataset]).contains("43"));
        machine.ok(&["migrate", "-y", "web"]);
        assert_eq!(machine.ok(&["get", "-H", "legacy", "priority", "notes", "odd_key", "web"]),
            "legacy\tno\npriority\t43\nnotes\ta b\nodd_key\tkept\n");
        // The old ones are there, and are not read.
        assert!(pool.zfs(&["get", "-H", "-o", "value", "org.freebsd.iocage:boot", &dataset]).contains("on"));
        machine.ok(&["start", "web"]);
        machine.ok(&["stop", "web"]);
        machine.ok(&["migrate", "-y", "--drop", "web"]);
        assert_eq!(pool.zfs(&["get", "-H", "-o", "value", "org.freebsd.iocage:boot", &dataset]), "-\n");
        assert_eq!(pool.zfs(&["list", "-H", "-r", "-t", "snapshot", "-o", "name", &dataset]), "");
    }

    fn a_zfs_basejail(machine) {
        let Some(pool) = machine.pool() else { return };
        machine.jail("web", &[]);
        let root = format!("{}/jails/web/root", machine.root());
        let base = if cfg!(target_os = "freebsd") { "bin" } else { "usr" };
        // One that is a base directory, and one that is the jail's own.
        pool.zfs(&["create", &format!("{root}/{base}")]);
        pool.zfs(&["create", &format!("{root}/srv")]);
        fs::write(machine.jail_root("web").join("srv/own"), "own\n").unwrap();
        machine.ok(&["set", "basejail_type=zfs", "web"]);
        assert!(machine.fails(1, &["start", "web"]).contains("migrate"));
        machine.ok(&["migrate", "-y", "web"]);
        assert_eq!(machine.ok(&["get", "basejail_type", "web"]), "nullfs\n");
        machine.ok(&["start", "web"]);
        assert_eq!(machine.ok(&["exec", "web", "--", "cat", "/srv/own"]), "own\n");
        machine.ok(&["stop", "web"]);
        assert!(machine.jail_root("web").join("srv/own").exists());
        assert!(machine.ok(&["migrate", "web"]).contains("current"));
        machine.ok(&["migrate", "-y", "--drop", "web"]);
        let left = pool.zfs(&["list", "-H", "-r", "-o", "name", &root]);
        assert_eq!(left, format!("{root}\n{root}/srv\n"));
        machine.ok(&["destroy", "-f", "web"]);
    }

    fn what_is_not_migrated(machine) {
        machine.jail("web", &[]);
        machine.fails(2, &["migrate"]);
        machine.fails(2, &["migrate", "--all", "web"]);
        machine.fails(1, &["migrate", "ghost"]);
        make_legacy(machine, "web", "basejail=\"on\"\nrelease=\"host\"\n");
        machine.ok(&["start", "web"]);
        assert!(machine.fails(1, &["migrate", "-y", "web"]).contains("running"));
        machine.ok(&["stop", "web"]);
        fs::write(directory(machine, "web").join("config"), "a { b = ").unwrap();
        machine.fails(1, &["migrate", "-y", "web"]);
        assert!(directory(machine, "web").join("config").exists());
    }
}
