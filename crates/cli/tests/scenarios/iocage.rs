//! Options that iocage has, besides or instead of those of libioc.

use ioc_testkit::machine::{Machine, Store};
use ioc_testkit::scenarios;

const UUID: &str = "0f6c2b1a-77de-4e0c-8a5b-2f9d1c3e4b5a";

fn names(machine: &Machine) -> Vec<String> {
    machine.ok(&["list", "-H", "-o", "name"]).lines().map(str::to_owned).collect()
}

scenarios! {
    fn jails_are_named_by_options(machine) {
        machine.host_release();
        machine.ok(&["create", "-r", "host", "-n", "web", "priority=1"]);
        assert_eq!(machine.ok(&["get", "priority", "web"]), "1\n");
        machine.ok(&["create", "-r", "host", "-u", UUID, "priority=2"]);
        // By the first characters, as it is shown.
        assert_eq!(machine.ok(&["get", "priority", &UUID[..8]]), "2\n");
        machine.ok(&["destroy", "-f", UUID]);
        machine.ok(&["create", "-r", "host", "-s", "-u", UUID]);
        assert_eq!(machine.ok(&["get", "name", &UUID[..8]]), format!("{}\n", &UUID[..8]));
        machine.ok(&["clone", "web", "--name", "web2", "-N", "priority=3"]);
        assert_eq!(machine.ok(&["get", "priority", "web2"]), "3\n");
        machine.ok(&["clone", "web", "-u", UUID]);
        assert!(machine.fails(1, &["clone", "web", "-u", UUID]).contains("exists"));
        assert_eq!(machine.ok(&["get", "name", UUID]), format!("{UUID}\n"));
    }

    fn jails_without_a_name_are_called_at_random(machine) {
        machine.host_release();
        let said = machine.ok(&["create", "-r", "host", "boot=yes", "priority=1"]);
        let first = names(machine).remove(0);
        assert!(first.len() == 36 && said.starts_with(&first), "{first} {said}");
        assert_eq!(machine.ok(&["get", "boot", "priority", &first]), "boot:yes\npriority:1\n");
        machine.ok(&["create", "-s", "-c", "2", "-e", "notes=short"]);
        let short = machine.ok(&["list", "-H", "-o", "name", "notes=short"]);
        assert!(short.lines().count() == 2 && short.lines().all(|name| name.len() == 8), "{short}");
        machine.ok(&["clone", "-c", "2", &first, "notes=clone"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name", "notes=clone"]).lines().count(), 2);
    }

    fn a_jail_has_one_name(machine) {
        machine.jail("web", &[]);
        for words in [
            &["create", "-r", "host", "-n", "x", "y"][..],
            &["create", "-r", "host", "-u", UUID, "y"],
            &["create", "-r", "host", "-s", "y"],
            &["create", "-r", "host", "-u", UUID, "-c", "2"],
            &["create", "-r", "host", "-n", "x", "colour"],
            &["create", "boot=yes"],
            &["clone", "web", "x", "-n", "y"],
            &["clone", "web", "-s", "y"],
        ] {
            machine.fails(2, words);
        }
        assert_eq!(names(machine), ["web"]);
    }

    fn no_basejail_in_two_letters(machine) {
        machine.host_release();
        // From the host's own files there are only basejails.
        assert!(machine.fails(2, &["create", "-r", "host", "-nb", "web"]).contains("basejail"));
        assert!(machine.fails(2, &["create", "-r", "host", "-nb"]).contains("`ioc create b`"));
        assert!(machine.fails(2, &["create", "-e", "-nb", "web"]).contains("release"));
        machine.ok(&["create", "-r", "host", "-B", "b"]);
        assert_eq!(machine.ok(&["get", "basejail", "b"]), "yes\n");
    }

    fn full_copies_by_their_older_name(machine) {
        machine.jail("base", &["template=yes"]);
        machine.ok(&["create", "-T", "-t", "base", "web"]);
        machine.ok(&["clone", "--thickjail", "web", "web2"]);
        assert_eq!(machine.ok(&["get", "origin", "web"]), "-\n");
        assert_eq!(machine.ok(&["get", "origin", "web2"]), "-\n");
    }

    fn a_user_of_the_jail(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        assert_eq!(machine.ok(&["exec", "-U", "nobody", "web", "id", "-un"]), "nobody\n");
        assert_eq!(machine.ok(&["exec", "--jail_user=nobody", "web", "id", "-un"]), "nobody\n");
        assert!(machine.fails(2, &["exec", "--host_user=root", "web", "id"]).contains("--user"));
    }

    fn one_property_of_all_jails(machine) {
        machine.jail("base", &["template=yes", "priority=2"]);
        machine.jail("web", &["priority=1"]);
        assert_eq!(machine.ok(&["get", "-r", "-H", "priority"]), "web\t1\nbase\t2\n");
        let table = machine.ok(&["get", "--recursive", "boot", "state"]);
        assert!(table.contains("BOOT") && table.contains("STATE"), "{table}");
        let json: serde_json::Value =
            serde_json::from_str(&machine.ok(&["get", "-r", "boot", "--json"])).unwrap();
        assert_eq!(json["schema"], "ioc.list/1");
        assert_eq!(json["jails"][1]["boot"], false);
        machine.fails(2, &["get", "-r", "colour"]);
        machine.fails(2, &["get", "-r"]);
    }

    fn state_number_and_pool(machine) {
        machine.jail("web", &[]);
        assert_eq!(machine.ok(&["get", "-s", "web"]), "down\n");
        assert_eq!(machine.ok(&["get", "-j", "web"]), "-\n");
        let jid = machine.ok(&["start", "web"]).split_whitespace().last().unwrap().to_owned();
        assert_eq!(machine.ok(&["get", "--state", "web"]), "up\n");
        assert_eq!(machine.ok(&["get", "--jid", "web"]), format!("{jid}\n"));
        machine.fails(2, &["get", "-s", "boot", "web"]);
        match machine.pool() {
            Some(pool) => assert_eq!(machine.ok(&["get", "-p"]), format!("{}\n", pool.name())),
            None => assert!(machine.fails(2, &["get", "-p"]).contains("directory")),
        }
    }

    fn lists_of_some(machine) {
        machine.jail("web", &["ip4_addr=lo0|127.0.0.9/32"]);
        machine.ok(&["create", "-e", "void"]);
        assert_eq!(machine.ok(&["list", "-q", "-H"]), "void\t-\nweb\tlo0|127.0.0.9/32\n");
        assert_eq!(machine.ok(&["list", "-B", "-H", "-o", "name"]), "web\n");
        assert_eq!(machine.ok(&["list", "-B", "-H", "-o", "name", "v*"]), "");
        assert_eq!(machine.ok(&["list", "-q", "-t", "-H"]), "");
        let plugins = ["list", "-H", "-o", "full_name,plugin_name", "plugin_name!=none"];
        assert_eq!(machine.ok(&plugins), "");
        machine.ok(&["set", "plugin_name=gitlab", "void"]);
        assert_eq!(machine.ok(&plugins), "void\tgitlab\n");
    }

    fn failures_that_do_not_count(machine) {
        machine.jail("bad", &["exec_prestart=false"]);
        machine.jail("good", &[]);
        let said = machine.run(&["start", "-i", "bad", "good"]);
        assert!(said.status == 0 && said.stderr.contains("cannot start bad"), "{said}");
        assert_eq!(machine.ok(&["get", "state", "good"]), "up\n");
        machine.fails(1, &["start", "bad"]);
        // A name that no jail has is no failure of a jail.
        machine.fails(1, &["start", "-i", "ghost", "good"]);
        machine.ok(&["set", "exec_prestop=false", "good"]);
        let said = machine.run(&["stop", "--ignore", "good"]);
        assert!(said.status == 0 && said.stderr.contains("exec_prestop"), "{said}");
    }

    fn snapshots_by_name_and_time(machine) {
        machine.jail("web", &[]);
        machine.ok(&["snapshot", "web", "-n", "a"]);
        machine.ok(&["snapshot", "create", "-n", "b", "web"]);
        assert_eq!(machine.ok(&["snapshot", "list", "web", "-H", "-o", "name"]), "a\nb\n");
        machine.fails(2, &["snapshot", "web@c", "-n", "d"]);
        machine.fails(2, &["snapshot", "remove", "web"]);
        machine.fails(2, &["snapshot", "web", "-n", "c/d"]);
        machine.ok(&["snapshot", "rollback", "web", "-n", "b"]);
        machine.ok(&["snapshot", "remove", "-n", "b", "web"]);
        machine.ok(&["snapshot", "remove", "web@a"]);
        machine.ok(&["snapshot", "create", "web"]);
        let name = machine.ok(&["snapshot", "web", "-H", "-o", "name"]);
        let digits = name.trim().replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!(digits, "0000-00-00_00:00:00");
        assert_eq!(machine.store() == Store::Zfs, machine.snapshots_of("jails/web/root").contains(name.trim()));
    }

    fn a_report_for_somebody_else(machine) {
        let mount = machine.directory().join("data");
        std::fs::create_dir(&mount).unwrap();
        machine.jail("web", &["notes=first", "priority=7"]);
        machine.ok(&["fstab", "add", mount.to_str().unwrap(), "/mnt", "web"]);
        let config = machine.mounted_at().join("jails/web/config.json");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, text.replacen('{', "{\"odd\": \"red\\u001b[31m\",", 1)).unwrap();
        machine.jail("bad", &[]);
        std::fs::write(machine.mounted_at().join("jails/bad/config.json"), "{").unwrap();
        machine.ok(&["start", "web"]);
        let before = std::fs::read_dir(machine.mounted_at().join(".ioc/journal")).map(Iterator::count).ok();
        let text = machine.ok(&["debug"]);
        for part in [
            "ioc, version ", "== sources\n", machine.root(), "== releases\nhost", "== interfaces\n", "lo",
            "state: up\n", "set: priority=7 (local)\n", "set: odd=red\\u{1b}[31m", "root/mnt nullfs ro 0 0\n", "mounted: ", "problem: ",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("set: boot="), "{text}");
        let json: serde_json::Value = serde_json::from_str(&machine.ok(&["debug", "--json"])).unwrap();
        assert_eq!(json["schema"], "ioc.debug/1");
        assert_eq!(json["jails"][1]["facts"]["state"], "up");
        assert!(json["jails"][0]["problems"][0].as_str().unwrap().contains("config.json"), "{json}");
        assert_eq!(json["jails"][1]["problems"], serde_json::json!([]), "{json}");
        assert_eq!(before, std::fs::read_dir(machine.mounted_at().join(".ioc/journal")).map(Iterator::count).ok());
    }

    fn a_report_on_a_host_where_nothing_works(machine) {
        let said = machine.run_with_sources("none=/nonexistent/place", &["debug"]);
        assert!(said.status == 0 && said.stdout.contains("== problems\n"), "{said}");
        assert!(said.stdout.contains("none  /nonexistent/place"), "{said}");
    }
}
