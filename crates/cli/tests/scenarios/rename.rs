//! Jails that get another name.

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;

/// The address of `vnet0` in a running jail, as ip(8) or ifconfig(8) says.
fn mac_address(machine: &Machine, jail: &str) -> String {
    let shown = machine.ok(&["exec", jail, "--", "sh", "-c", "ip link show vnet0 || ifconfig vnet0"]);
    let words: Vec<&str> = shown.split_whitespace().collect();
    let at = words.iter().position(|word| word.ends_with("ether")).expect("an Ethernet interface");
    words[at + 1].to_owned()
}

scenarios! {
    fn a_renamed_jail_is_the_same_jail(machine) {
        machine.jail("web", &["vnet=yes", "interfaces=vnet0:", "notes=mine"]);
        std::fs::write(machine.jail_root("web").join("etc/motd"), "web\n").unwrap();
        let data = machine.directory().join("data");
        std::fs::create_dir(&data).unwrap();
        machine.ok(&["fstab", "add", data.to_str().unwrap(), "/mnt/data", "web"]);
        machine.ok(&["snapshot", "web@a"]);
        let uuid = machine.ok(&["get", "host_hostuuid", "web"]);
        machine.ok(&["start", "web"]);
        let mac = mac_address(machine, "web");
        assert!(machine.fails(1, &["rename", "web", "www"]).contains("running"));
        machine.ok(&["stop", "web"]);
        machine.ok(&["rename", "web", "www"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "www\n");
        assert_eq!(machine.ok(&["get", "host_hostuuid", "www"]), uuid);
        assert_eq!(machine.ok(&["get", "notes", "www"]), "mine\n");
        assert_eq!(machine.ok(&["snapshot", "list", "www", "-H", "-o", "name"]), "a\n");
        let fstab = std::fs::read_to_string(machine.mounted_at().join("jails/www/fstab")).unwrap();
        assert!(fstab.contains("jails/www/root/mnt/data") && !fstab.contains("jails/web/"), "{fstab}");
        machine.ok(&["start", "www"]);
        assert_eq!(mac_address(machine, "www"), mac);
        assert_eq!(machine.ok(&["exec", "www", "--", "cat", "/etc/motd"]), "web\n");
        machine.ok(&["stop", "www"]);
    }

    fn what_refers_to_it_follows(machine) {
        machine.jail("base", &[]);
        machine.ok(&["set", "template=yes", "base"]);
        machine.ok(&["create", "-t", "base", "web"]);
        machine.jail("db", &[]);
        machine.ok(&["set", "depends=db", "web"]);
        machine.ok(&["rename", "base", "golden"]);
        machine.ok(&["rename", "db", "sql"]);
        assert_eq!(machine.ok(&["get", "depends", "web"]), "sql\n");
        assert_eq!(machine.ok(&["get", "source_template", "web"]), "golden\n");
        machine.ok(&["start", "web"]);
        assert_eq!(machine.ok(&["get", "running", "sql"]), "yes\n");
    }

    fn a_rename_is_refused_or_planned(machine) {
        machine.jail("web", &[]);
        machine.jail("db", &[]);
        assert!(machine.fails(1, &["rename", "web", "db"]).contains("exists"));
        machine.fails(1, &["rename", "ghost", "spirit"]);
        machine.fails(1, &["rename", "web", "a b"]);
        machine.fails(1, &["rename", "web", "123"]);
        machine.fails(2, &["rename", "web", "other/web"]);
        assert!(machine.ok(&["rename", "--plan", "web", "www"]).contains("rename dataset"));
        assert_eq!(machine.ok(&["list", "-H", "-o", "name"]), "db\nweb\n");
    }

    fn the_release_keeps_its_snapshots(machine) {
        machine.jail("web", &[]);
        let before = machine.snapshots_of("releases/host/root");
        machine.ok(&["rename", "web", "www"]);
        assert_eq!(machine.snapshots_of("releases/host/root"), before);
        machine.ok(&["destroy", "-f", "www"]);
    }
}
