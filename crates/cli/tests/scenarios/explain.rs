//! `explain` and `export --jail-conf`.

use std::fs;

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;
use serde_json::{Value, json};

fn told(machine: &Machine, jail: &str) -> Value {
    serde_json::from_str(&machine.ok(&["--json", "explain", "--all", jail])).unwrap()
}

fn property<'a>(told: &'a Value, name: &str) -> &'a Value {
    let found = told["properties"].as_array().unwrap().iter().find(|p| p["property"] == name);
    found.unwrap_or_else(|| panic!("{name} is told"))
}

scenarios! {
    fn where_values_come_from_and_what_they_become(machine) {
        machine.jail("web", &["ip4_addr=lo|127.0.5.1/32", "exec_poststart=true", "notes=front", "nat=yes"]);
        machine.ok(&["set", "priority=42", "defaults"]);
        let told = told(machine, "web");
        assert_eq!((&told["running"], &told["startable"]), (&json!(false), &json!(true)), "{told:#}");
        let address = property(&told, "ip4_addr");
        assert_eq!(address["origin"], "local");
        assert!(address["place"].as_str().unwrap().ends_with("jails/web/config.json"));
        let becomes = address["becomes"].to_string();
        assert!(becomes.contains("127.0.5.1") && becomes.contains("ip4.addr"), "{becomes}");
        let priority = property(&told, "priority");
        assert_eq!((&priority["origin"], &priority["value"]), (&json!("defaults"), &json!(42)));
        assert!(priority["place"].as_str().unwrap().ends_with("defaults.json"));
        assert!(property(&told, "exec_poststart")["becomes"].to_string().contains("on the host: true"));
        assert!(property(&told, "allow_raw_sockets")["becomes"].to_string().contains("allow.noraw_sockets"));
        assert_eq!(property(&told, "allow_raw_sockets")["origin"], "built-in");
        assert!(property(&told, "basejail")["becomes"].to_string().contains("read-only"));
        assert_eq!(property(&told, "nat")["implemented"], false);

        let text = machine.ok(&["explain", "web", "nat", "ip4_addr"]);
        assert!(text.contains("nothing is in the way") && text.contains("kept, without effect"), "{text}");
        assert!(!text.contains("priority"), "{text}");
        assert!(machine.fails(1, &["explain", "web", "prioritiy"]).contains("priority"));
        machine.fails(1, &["explain", "ghost"]);
    }

    fn a_running_jail_is_told_as_it_was_started(machine) {
        machine.jail("web", &["ip4_addr=lo|127.0.5.2/32"]);
        let stopped = property(&told(machine, "web"), "ip4_addr").clone();
        machine.ok(&["start", "web"]);
        let now = told(machine, "web");
        assert_eq!((&now["running"], &now["obstacles"]), (&json!(true), &json!([])), "{now:#}");
        assert_eq!(property(&now, "ip4_addr"), &stopped);
        machine.ok(&["stop", "web"]);
    }

    fn why_a_jail_will_not_start(machine) {
        machine.jail("db", &[]);
        machine.jail("web", &["depends=db", "ip4_addr=lo|127.0.5.3/32,lo|127.0.5.4/32"]);
        machine.jail("other", &["ip4_addr=lo|127.0.5.4/32"]);
        machine.ok(&["start", "other"]);
        let obstacles = |jail: &str| {
            let told = told(machine, jail);
            assert_eq!(told["startable"], told["obstacles"].as_array().unwrap().is_empty());
            told["obstacles"].to_string()
        };
        // Whatever keeps explain from "startable" keeps start from starting, and with the same words.
        let said = obstacles("web");
        assert!(said.contains("127.0.5.4 is in use by running jail"), "{said}");
        assert!(machine.fails(1, &["start", "web"]).contains("127.0.5.4 is in use by running jail"));
        machine.ok(&["stop", "other"]);
        assert_eq!(obstacles("web"), "[]");

        let config = machine.mounted_at().join("jails/db/config.json");
        let good = fs::read(&config).unwrap();
        fs::write(&config, "{ not json").unwrap();
        assert!(obstacles("db").contains("config.json"));
        let said = obstacles("web");
        assert!(said.contains("config.json") && said.contains("/db\""), "{said}");
        fs::write(&config, good).unwrap();

        // Several at once.
        let config = machine.mounted_at().join("jails/web/config.json");
        let text = fs::read_to_string(&config).unwrap().replacen('{', "{\"securelevel\": \"9\", \"release\": \"9.9-RELEASE\",", 1);
        let text = text.replace("\"release\": \"host\"", "\"x\": \"y\"");
        fs::write(&config, text).unwrap();
        let said = obstacles("web");
        assert!(said.contains("9.9-RELEASE is not fetched") && said.contains("securelevel"), "{said}");

        machine.ok(&["set", "template=yes", "db"]);
        assert!(obstacles("db").contains("template"));
        machine.ok(&["set", "template=no", "depends=nobody", "db"]);
        assert!(obstacles("db").contains("there is no jail nobody"));
        machine.ok(&["set", "depends=other", "db"]);
        machine.ok(&["set", "depends=db", "other"]);
        assert!(obstacles("db").contains("circle"));
    }

    fn a_jail_conf_without_ioc(machine) {
        machine.jail("web", &["exec_prestart=echo \"it's $IOC_NAME\"", "allow_raw_sockets=yes", "vnet=yes",
            "interfaces=vnet0:bridge7", "ip4_addr=vnet0|10.9.8.7/24", "maxproc=deny=50"]);
        let said = machine.run(&["export", "--jail-conf", "web"]);
        assert_eq!(said.status, 0, "{said}");
        let conf = said.stdout;
        for part in [
            "persist;", "exec.clean;", "allow.raw_sockets;", "allow.nochflags;", "vnet;", "/usr", "ro 0 0",
            "devfs", "ruleset=4", "exec.prepare += ", "bridge7 create up", "10.9.8.7/24 alias", "vnet.interface += ",
            "maxproc:deny=50/jail", "exec.release += ", "it\\'s $IOC_NAME", "export IOC_NAME=web;",
        ] {
            assert!(conf.contains(part), "{part}: {conf}");
        }
        assert!(conf.ends_with("}\n") && conf.lines().skip(2).all(|line| line == "}" || line.ends_with(';')), "{conf}");
        // The same, whether the jail runs or not.
        machine.ok(&["set", "vnet=no", "ip4_addr=lo|127.0.5.6/32", "web"]);
        let stopped = machine.ok(&["export", "--jail-conf", "web"]);
        assert!(stopped.contains("ip4.addr += 'lo|127.0.5.6/32'"), "{stopped}");
        machine.fails(2, &["export", "web"]);
        machine.ok(&["set", "template=yes", "web"]);
        machine.fails(1, &["export", "--jail-conf", "web"]);
    }
}
