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
