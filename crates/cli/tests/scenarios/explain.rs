//! `explain` and `export --jail-conf`.

use std::fs;

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;
use serde_json::{Value, json};

fn told(machine: &Machine, jail: &str) -> Value {
    serde_json::from_str(&machine.ok(&["--json", "explain", "--all", jail])).unwrap()
}

/// The loopback interface of the host.
const LOOPBACK: &str = if cfg!(target_os = "freebsd") { "lo0" } else { "lo" };

/// The setting for an address of the host's loopback interface.
fn lent(address: &str) -> String {
    format!("ip4_addr={LOOPBACK}|{address}/32")
}

fn property<'a>(told: &'a Value, name: &str) -> &'a Value {
    let found = told["properties"].as_array().unwrap().iter().find(|p| p["property"] == name);
    found.unwrap_or_else(|| panic!("{name} is told"))
}

scenarios! {
    fn where_values_come_from_and_what_they_become(machine) {
        machine.jail("web", &[&lent("127.0.5.1"), "exec_poststart=true", "notes=front", "nat=yes"]);
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

    fn origins_of_values(machine) {
        machine.jail("web", &["boot=yes"]);
        machine.ok(&["set", "priority=42", "defaults"]);
        let config = machine.mounted_at().join("jails/web/config.json").display().to_string();
        let defaults = machine.mounted_at().join("defaults.json").display().to_string();
        assert_eq!(
            machine.ok(&["get", "-H", "--origin", "boot", "priority", "notes", "running", "web"]),
            format!("boot\tyes\tlocal\t{config}\npriority\t42\tdefaults\t{defaults}\nnotes\t-\tbuilt-in\t-\n\
                running\tno\tcomputed\t-\n")
        );
        let all = machine.ok(&["get", "--origin", "all", "web"]);
        assert!(all.lines().count() > 150 && all.contains("local"), "{all}");
        let text = machine.ok(&["--json", "get", "--origin", "boot", "web"]);
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["origins"]["boot"], json!({ "origin": "local", "place": config }));
        assert_eq!(machine.ok(&["get", "-H", "--origin", "priority", "boot", "defaults"]),
            format!("priority\t42\tdefaults\t{defaults}\nboot\tno\tbuilt-in\t-\n"));
        if let Some(pool) = machine.pool() {
            pool.zfs(&["set", "quota=1G", &format!("{}/jails/web", machine.root())]);
            let said = machine.ok(&["get", "-H", "--origin", "quota", "compression", "web"]);
            assert!(said.contains("quota\t1G\tlocal\t") && said.contains("inherited"), "{said}");
        }
    }

    fn jails_of_others_are_shown_and_left_alone(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        // For an ioc with another source it is somebody else's.
        let elsewhere = machine.directory().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let (program, source) = (machine.command(&[]).get_program().to_owned(), format!("--source=x={}", elsewhere.display()));
        let run = |args: &[&str]| {
            let mut command = other_program(&program);
            let output = command.arg(&source).args(args).env_remove("IOC_SOURCE").output().unwrap();
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
        };
        let name = format!("{}-web", machine.source());
        assert!(!run(&["list", "-H"]).1.contains(&name));
        let (status, listed, _) = run(&["list", "--all", "--json"]);
        let json: Value = serde_json::from_str(&listed).unwrap();
        let found = json["jails"].as_array().unwrap().iter().find(|jail| jail["name"] == name.as_str());
        assert_eq!((status, &found.unwrap()["foreign"]), (0, &json!(true)), "{listed}");
        for args in [&["stop", &name][..], &["exec", &name, "--", "true"], &["set", "boot=yes", &name], &["destroy", "-f", &name],
            &["start", &name], &["get", "boot", &name], &["explain", &name]]
        {
            let (status, _, said) = run(args);
            assert!(status == 1 && said.contains("somebody else's"), "{args:?}: {status} {said}");
        }
        let mine: Value = serde_json::from_str(&machine.ok(&["list", "--all", "--json"])).unwrap();
        let mine = mine["jails"].as_array().unwrap().iter().find(|jail| jail["name"] == "web").cloned();
        assert_eq!(mine.unwrap()["foreign"], false);
        machine.ok(&["stop", "web"]);
    }

    fn a_running_jail_is_told_as_it_was_started(machine) {
        machine.jail("web", &[&lent("127.0.5.2")]);
        let stopped = property(&told(machine, "web"), "ip4_addr").clone();
        machine.ok(&["start", "web"]);
        let now = told(machine, "web");
        assert_eq!((&now["running"], &now["obstacles"]), (&json!(true), &json!([])), "{now:#}");
        assert_eq!(property(&now, "ip4_addr"), &stopped);
        machine.ok(&["stop", "web"]);
    }

    fn why_a_jail_will_not_start(machine) {
        machine.jail("db", &[]);
        machine.jail("web", &["depends=db", &format!("{},{LOOPBACK}|127.0.5.4/32", lent("127.0.5.3"))]);
        machine.jail("other", &[&lent("127.0.5.4")]);
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
        machine.ok(&["set", "vnet=no", &lent("127.0.5.6"), "web"]);
        let stopped = machine.ok(&["export", "--jail-conf", "web"]);
        assert!(stopped.contains(&format!("ip4.addr += '{LOOPBACK}|127.0.5.6/32'")), "{stopped}");
        machine.fails(2, &["export", "web"]);
        machine.ok(&["set", "template=yes", "web"]);
        machine.fails(1, &["export", "--jail-conf", "web"]);
    }
}

#[expect(clippy::disallowed_methods, reason = "the binary is what is tested")]
fn other_program(program: &std::ffi::OsStr) -> std::process::Command {
    std::process::Command::new(program)
}
