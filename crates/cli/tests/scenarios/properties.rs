//! `get`, `set`, `list`.

use ioc_testkit::scenarios;
use serde_json::Value;

scenarios! {
    fn set_and_reset(machine) {
        machine.jail("web", &[]);
        assert!(machine.ok(&["set", "boot=yes", "priority=5", "web"]).contains("updated: boot, priority"));
        assert!(machine.ok(&["set", "boot=on", "web"]).contains("unchanged"));
        assert_eq!(machine.ok(&["get", "priority", "web"]), "5\n");
        machine.ok(&["set", "priority", "web"]);
        assert_eq!(machine.ok(&["get", "priority", "web"]), "0\n");
        machine.ok(&["set", "user.role=front", "web"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name", "user.role=front"]), "web\n");
    }

    fn what_a_jail_uses_is_listed(machine) {
        machine.jail("up", &[]);
        machine.jail("down", &[]);
        machine.ok(&["start", "up"]);
        let listed = machine.ok(&["list", "-H", "-o", "name,usage.memoryuse"]);
        let used = |name: &str| {
            let line = listed.lines().find(|line| line.starts_with(name)).expect("a line of the jail");
            line.split('\t').nth(1).expect("a column").to_owned()
        };
        assert!(used("up").parse::<u64>().is_ok(), "{listed}");
        assert_eq!(used("down"), "-");
        assert_eq!(machine.ok(&["list", "-H", "-o", "name", "usage.memoryuse>=0"]), "up\n");
        machine.ok(&["get", "usage.maxproc", "up"]).trim().parse::<u64>().expect("a number");
        assert!(machine.fails(1, &["set", "usage.maxproc=5", "up"]).contains("cannot be set"));
        assert!(machine.fails(2, &["list", "-o", "usage.memory"]).contains("no property"));
        machine.ok(&["stop", "up"]);
    }

    fn one_change_for_many_jails(machine) {
        for name in ["web1", "web2", "db"] {
            machine.jail(name, &[]);
        }
        std::fs::write(machine.mounted_at().join("jails/web2/config.json"), "{ not json").unwrap();
        let said = machine.run(&["set", "priority=5", "notes=front", "web*,db"]);
        assert_eq!(said.status, 1, "{said}");
        assert!(said.stdout.contains("'web1' updated: notes, priority"), "{said}");
        assert!(said.stderr.contains("web2") && said.stderr.contains("priority: 0 -> 5"), "{said}");
        assert_eq!(machine.ok(&["get", "priority", "db"]), "5\n");
        assert!(machine.fails(1, &["set", "priority=5", "mail*"]).contains("mail*"));
        let text = machine.ok(&["--json", "set", "priority", "db"]);
        let json: Value = serde_json::from_str(&text).unwrap();
        let change = serde_json::json!({ "key": "priority", "before": "5", "after": "0", "later": false });
        assert_eq!(json["results"][0]["changes"], serde_json::json!([change]));
    }

    fn a_bad_change_changes_nothing(machine) {
        machine.jail("web", &[]);
        let config = || std::fs::read(machine.mounted_at().join("jails/web/config.json")).unwrap();
        let before = config();
        for (change, word) in [
            ("priority=high", "number"),
            ("priority=99999999999", "number"),
            ("prioritiy=5", "did you mean priority"),
            ("securelevel=4", "from -1 to 3"),
            ("boot=maybe", "yes"),
            ("jid=5", "cannot be set"),
            ("vnet7_mac=none", "interface"),
            ("resolver=nameserver", "resolv.conf"),
            ("host_hostname=a\nb", "control character"),
            ("user.=x", "no property"),
            ("ip4_addr=em0|$(reboot)", "reboot"),
        ] {
            let said = machine.run(&["set", "notes=new", change, "web"]);
            if change == "vnet7_mac=none" && said.status == 0 {
                // To unset what is not set is no mistake.
                machine.ok(&["set", "notes", "web"]);
                continue;
            }
            assert_eq!(said.status, 1, "{change}: {said}");
            assert!(said.stderr.contains(word), "{change}: {said}");
            assert_eq!(config(), before, "{change}");
        }
        machine.fails(2, &["set", "web"]);
        machine.fails(2, &["set", "=x", "web"]);
        assert!(machine.fails(1, &["get", "prioritiy", "web"]).contains("did you mean priority"));
    }

    fn values_that_mean_none(machine) {
        machine.jail("web", &["depends=db", "priority=7", "user.role=front"]);
        for (change, key, shown) in [
            ("depends=-", "depends", "-"), ("priority=none", "priority", "0"), ("user.role", "user.role", "-"),
        ] {
            machine.ok(&["set", change, "web"]);
            assert_eq!(machine.ok(&["get", key, "web"]), format!("{shown}\n"), "{change}");
        }
        assert_eq!(machine.ok(&["get", "-H", "boot", "priority", "web"]), "boot\tno\npriority\t0\n");
        let json: Value = serde_json::from_str(&machine.ok(&["--json", "get", "boot", "jid", "priority", "web"])).unwrap();
        assert_eq!(json["properties"], serde_json::json!({ "boot": false, "jid": null, "priority": 0 }));
        machine.ok(&["set", "template=yes", "web"]);
        machine.ok(&["set", "notes=of a template", "web"]);
        assert_eq!(machine.ok(&["get", "notes", "web"]), "of a template\n");
    }

    fn a_running_jail_heeds_what_it_can(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        let said = machine.run(&["set", "host_hostname=www", "mount_fdescfs=yes", "boot=yes", "web"]);
        assert_eq!(said.status, 0, "{said}");
        assert!(said.stderr.contains("started next: mount_fdescfs\n"), "{said}");
        assert_eq!(machine.ok(&["exec", "web", "--", "hostname"]), "www\n");
        let said = machine.run(&["set", "maxproc=deny=500", "web"]);
        if said.status == 0 {
            machine.ok(&["set", "maxproc", "web"]);
        } else {
            // Limits may be switched off on this machine; then nothing was written.
            assert_eq!(machine.ok(&["get", "maxproc", "web"]), "-\n", "{said}");
        }
        machine.ok(&["set", "host_hostname", "web"]);
        assert_eq!(machine.ok(&["exec", "web", "--", "hostname"]), "web\n");
        // A configuration that somebody broke meanwhile can be repaired key by key.
        let config = machine.mounted_at().join("jails/web/config.json");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text.replacen('{', "{\n\"securelevel\": \"9\", \"children_max\": \"x\",", 1)).unwrap();
        machine.ok(&["set", "securelevel", "web"]);
        machine.ok(&["set", "children_max", "web"]);
        machine.ok(&["restart", "-s", "web"]);
    }

    fn defaults_of_the_source_apply(machine) {
        machine.jail("web", &[]);
        machine.ok(&["set", "priority=42", "defaults"]);
        assert_eq!(machine.ok(&["get", "priority", "web"]), "42\n");
        assert_eq!(machine.ok(&["get", "priority", "defaults"]), "42\n");
    }

    fn lists_in_every_form(machine) {
        machine.jail("a", &["priority=10"]);
        machine.jail("b", &["priority=9"]);
        let json: Value = serde_json::from_str(&machine.ok(&["list", "--json"])).unwrap();
        assert_eq!(json["schema"], "ioc.list/1");
        assert_eq!(json["jails"].as_array().unwrap().len(), 2);
        assert_eq!(json["jails"][0]["running"], false);
        let json: Value = serde_json::from_str(&machine.ok(&["list", "-f", "json"])).unwrap();
        assert!(json.is_array());
        assert_eq!(machine.ok(&["list", "-f", "csv", "-o", "name,priority", "-s", "priority"]).lines().nth(1), Some("b,9"));
        assert_eq!(machine.ok(&["list", "-H", "-o", "name,jid,running"]), "b\t-\tno\na\t-\tno\n");
        assert!(machine.ok(&["list"]).contains("| NAME") || machine.ok(&["list"]).contains("FULL_NAME"));
        assert_eq!(machine.ok(&["list", "-H", "-o", "name", "priority>9"]), "a\n");
        assert!(machine.ok(&["list", "-r", "-H"]).contains("host"));
    }

    fn a_broken_jail_does_not_hide_the_others(machine) {
        machine.jail("good", &[]);
        machine.jail("bad", &[]);
        std::fs::write(machine.mounted_at().join("jails/bad/config.json"), "{ not json").unwrap();
        let said = machine.run(&["list", "-H", "-o", "name"]);
        assert_eq!(said.status, 1, "{said}");
        assert!(said.stdout.contains("good") && said.stdout.contains("bad"), "{said}");
        assert!(said.stderr.contains("bad"), "{said}");
        machine.ok(&["start", "good"]);
    }

    fn reading_writes_nothing(machine) {
        machine.jail("web", &[]);
        let listing = || {
            let mut found = Vec::new();
            let mut todo = vec![machine.mounted_at()];
            while let Some(directory) = todo.pop() {
                for entry in std::fs::read_dir(directory).unwrap().flatten() {
                    if entry.file_type().unwrap().is_dir() && !entry.path().ends_with("root") {
                        todo.push(entry.path());
                    }
                    found.push((entry.path(), entry.metadata().unwrap().modified().unwrap()));
                }
            }
            found.sort();
            found
        };
        let before = listing();
        for args in [&["list"][..], &["list", "-r"], &["get", "all", "web"], &["get", "all", "defaults"], &["list", "-t"]] {
            machine.ok(args);
        }
        assert_eq!(listing(), before);
    }
}
