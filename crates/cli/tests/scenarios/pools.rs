//! Pools of iocage, libiocage and iocage-legacy, read in place.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;
use serde_json::{Value, json};

const THIN: &str = include_str!("../../../model/fixtures/iocage-thin.json");
const THICK_V6: &str = include_str!("../../../model/fixtures/iocage-thick-v6.json");
const THICK_V15: &str = include_str!("../../../model/fixtures/iocage-thick-v15.json");
const LIBIOC: &str = include_str!("../../../model/fixtures/libioc.json");
const UCL: &str = include_str!("../../../model/fixtures/legacy.ucl");
const DEFAULTS: &str = include_str!("../../../model/fixtures/iocage-defaults.json");
const PROPERTIES: &str = include_str!("../../../model/fixtures/zfs.properties");

const UUID: &str = "3f1c6a52-8d04-4b7e-9a1f-70c2d5e8b913";

/// Directories of a release, as iocage lists them in the fstab of a basejail.
const BASE: [&str; 6] = ["bin", "libexec", "rescue", "usr/bin", "usr/lib", "usr/share"];

/// A jail that is there as older programs made it.
fn dataset(machine: &Machine, below: &str) -> PathBuf {
    machine.make_dataset(below);
    machine.make_dataset(&format!("{below}/root"));
    machine.mounted_at().join(below)
}

fn with_file(machine: &Machine, below: &str, file: &str, text: &str) -> PathBuf {
    let path = dataset(machine, below).join(file);
    fs::write(&path, text).unwrap();
    path
}

/// The pool: jails of every program, releases, a template, defaults.
fn pool(machine: &Machine) {
    for part in ["releases", "jails", "templates"] {
        machine.make_dataset(part);
    }
    let release = dataset(machine, "releases/13.2-RELEASE").join("root");
    for directory in BASE {
        fs::create_dir_all(release.join(directory)).unwrap();
    }
    with_file(machine, "jails/shop_web", "config.json", THIN);
    with_file(machine, &format!("jails/{UUID}"), "config.json", THICK_V6);
    with_file(machine, "jails/print", "config.json", THICK_V15);
    with_file(machine, "jails/shop-web", "config.json", LIBIOC);
    with_file(machine, "jails/old-mail", "config", UCL);
    let template =
        r#"{"cloned_release": "13.2-RELEASE", "host_hostuuid": "tpl-nginx", "release": "13.2-RELEASE-p4"}"#;
    with_file(machine, "templates/tpl-nginx", "config.json", template);
    if let Some(pool) = machine.pool() {
        dataset(machine, "jails/gateway");
        for (name, value) in PROPERTIES.lines().filter_map(|line| line.split_once('\t')) {
            pool.zfs(&["set", &format!("{name}={value}"), &format!("{}/jails/gateway", machine.root())]);
        }
        // Parts of a jail, not jails.
        machine.make_dataset("jails/shop_web/data");
    }
}

/// The jail called `name` in what `list` says.
fn listed(machine: &Machine, name: &str) -> Value {
    let columns = "name,release,ip4_addr,boot,priority,basejail,basejail_type,template,vnet,depends,tags,memoryuse,\
                   config_format";
    let text = machine.ok(&["list", "-f", "json", "-o", columns, name]);
    let mut jails: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(jails.len(), 1, "{text}");
    jails.remove(0)
}

fn keys_of(text: &str) -> BTreeSet<String> {
    fn flatten(prefix: &str, value: &Value, keys: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    flatten(&key, value, keys);
                }
            }
            _ => {
                keys.insert(prefix.to_owned());
            }
        }
    }
    let mut keys = BTreeSet::new();
    match serde_json::from_str::<Value>(text) {
        Ok(value) => flatten("", &value, &mut keys),
        Err(_) => keys.extend(
            text.lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(|line| Some(line.split_once(" =")?.0.to_owned())),
        ),
    }
    keys
}

scenarios! {
    fn every_jail_is_found_as_it_is(machine) {
        pool(machine);
        let names = machine.ok(&["list", "-NH", "-o", "name", "-s", "name"]);
        let mut expected = vec!["3f1c6a52-8d04-4b7e-9a1f-70c2d5e8b913", "old-mail", "print", "shop-web", "shop_web"];
        if machine.pool().is_some() {
            expected.insert(1, "gateway");
        }
        assert_eq!(names.lines().map(|line| line.trim_matches(['|', ' '])).filter(|line| !line.starts_with('+')).collect::<Vec<_>>(), expected);
        for (name, facts) in [
            ("shop_web", json!({ "release": "13.2-RELEASE-p4", "ip4_addr": ["vnet0|192.0.2.21/24"], "boot": true, "priority": 20,
                "basejail": false, "template": false, "vnet": true, "depends": ["db01", "cache01"], "memoryuse": "deny=3G", "config_format": "json" })),
            (UUID, json!({ "release": "11.0-RELEASE-p9", "ip4_addr": ["em1|198.51.100.14/24"], "boot": true,
                "basejail": false, "template": false, "vnet": false, "depends": null, "tags": ["mailer"], "memoryuse": null })),
            ("print", json!({ "release": "11.2-RELEASE-p5", "ip4_addr": null, "boot": false, "priority": 7, "basejail": true,
                "basejail_type": "nullfs", "template": false, "vnet": true })),
            ("shop-web", json!({ "release": "13.2-RELEASE-p4", "ip4_addr": ["vnet0|192.0.2.21/24"], "boot": true, "priority": 1,
                "basejail": true, "basejail_type": "nullfs", "vnet": true, "depends": ["db01", "cache01"] })),
            ("old-mail", json!({ "release": "10.3-RELEASE", "ip4_addr": ["em0|203.0.113.9/26"], "boot": true, "priority": 50,
                "basejail": true, "tags": ["oldmail"], "config_format": "ucl" })),
            ("gateway", json!({ "release": "10.2-RELEASE", "ip4_addr": ["igb0|203.0.113.17/26", "igb0|203.0.113.16/26"], "boot": true,
                "basejail": false, "template": false, "tags": ["gateway"], "config_format": "zfs" })),
        ] {
            if name == "gateway" && machine.pool().is_none() {
                continue;
            }
            let jail = listed(machine, name);
            for (key, value) in facts.as_object().unwrap() {
                assert_eq!(&jail[key], value, "{name}: {key}");
            }
        }
        // iocage keeps templates apart; what their file says does not matter.
        assert_eq!(machine.ok(&["list", "-H", "-t", "-o", "name,template,release"]), "tpl-nginx\tyes\t13.2-RELEASE-p4\n");
        // By the first characters of a UUID, and by any that fit one name only.
        assert_eq!(machine.ok(&["get", "priority", "3f1c6a52"]), "99\n");
        assert_eq!(machine.ok(&["get", "boot", "old"]), "yes\n");
        // Nobody has to say where they are: iocage marked its pool.
        let Some(pool) = machine.pool() else { return };
        pool.zfs(&["set", "org.freebsd.ioc:active=yes", pool.name()]);
        let said = machine.run_without_source(&["list", "-H", "-o", "full_name,release", "-s", "name"]);
        let listed = machine.ok(&["list", "-H", "-o", "full_name,release", "-s", "name"]);
        assert_eq!((said.status, said.stdout.lines().count()), (0, expected.len()), "{said}");
        assert_eq!(said.stdout, listed);
        assert_eq!(machine.run_without_source(&["get", "priority", "ioc/print"]).stdout, "7\n");
        pool.zfs(&["set", "org.freebsd.ioc:active=no", pool.name()]);
        assert_eq!(machine.run_without_source(&["list"]).status, 3);
    }

    fn every_key_is_shown_and_one_change_changes_one(machine) {
        pool(machine);
        for (name, file, text) in [
            ("shop_web", "config.json", THIN), (UUID, "config.json", THICK_V6), ("print", "config.json", THICK_V15),
            ("shop-web", "config.json", LIBIOC), ("old-mail", "config", UCL),
        ] {
            let said = machine.ok(&["--json", "get", "all", name]);
            let properties = serde_json::from_str::<Value>(&said).unwrap()["properties"].clone();
            for key in keys_of(text) {
                let shown = match key.as_str() {
                    "id" => "name",
                    "tag" => "tags",
                    key => key,
                };
                assert!(properties.get(shown).is_some(), "{name}: {key} is not shown");
            }
            machine.ok(&["set", "priority=5", name]);
            let now = fs::read_to_string(machine.mounted_at().join("jails").join(name).join(file)).unwrap();
            let (before, after): (Vec<&str>, Vec<&str>) = (text.split_inclusive('\n').collect(), now.split_inclusive('\n').collect());
            assert_eq!(before.len(), after.len(), "{name}: {now}");
            let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
            assert!(changed.len() == 1 && changed[0].1.contains("priority"), "{name}: {changed:?}");
            assert_eq!(machine.ok(&["get", "priority", name]), "5\n");
        }
        if let Some(pool) = machine.pool() {
            let dataset = format!("{}/jails/gateway", machine.root());
            let properties = || -> BTreeSet<String> {
                let text = pool.zfs(&["get", "-H", "-o", "property,value", "-s", "local", "all", &dataset]);
                text.lines().map(str::to_owned).collect()
            };
            let before = properties();
            machine.ok(&["set", "priority=5", "gateway"]);
            let after = properties();
            assert_eq!(after.difference(&before).collect::<Vec<_>>(), ["org.freebsd.iocage:priority\t5"]);
            assert_eq!(before.difference(&after).count(), 0);
        }
    }

    fn a_full_file_of_defaults_overrides_only_what_was_changed(machine) {
        pool(machine);
        fs::write(machine.mounted_at().join("defaults.json"), DEFAULTS).unwrap();
        // Of the file of iocage only securelevel and mac_prefix and a permission are not iocage's own defaults.
        for (key, value) in [("securelevel", "1"), ("mac_prefix", "5a9cfc"), ("allow_chflags", "no"), ("exec_timeout", "600")] {
            assert_eq!(machine.ok(&["get", key, "shop-web"]), format!("{value}\n"), "{key}");
        }
        let explained = machine.ok(&["explain", "shop-web", "securelevel"]);
        assert!(explained.contains("securelevel = 1 (defaults, ") && explained.contains("defaults.json"), "{explained}");
        machine.ok(&["set", "securelevel=3", "defaults"]);
        let now = fs::read_to_string(machine.mounted_at().join("defaults.json")).unwrap();
        assert_eq!(now, DEFAULTS.replace("\"securelevel\": \"1\"", "\"securelevel\": \"3\""));
        assert_eq!(machine.ok(&["get", "securelevel", "defaults"]), "3\n");
    }

    fn defaults_in_properties_hold_where_no_file_has_any(machine) {
        pool(machine);
        machine.make_dataset(".defaults");
        let root = machine.mounted_at();
        let file = root.join("defaults.json");
        let Some(zfs) = machine.pool() else {
            // Without properties it is a directory like any other, and defaults go into the file.
            machine.ok(&["set", "securelevel=3", "defaults"]);
            assert!(fs::read_to_string(&file).unwrap().contains("securelevel"));
            return;
        };
        let dataset = format!("{}/.defaults", machine.root());
        for value in ["securelevel=1", "boot=on", "notes=of old", "frobnicate=7"] {
            zfs.zfs(&["set", &format!("org.freebsd.iocage:{value}"), &dataset]);
        }
        let origin = |key: &str, jail: &str| machine.ok(&["get", "-H", "--origin", key, jail]);
        for jail in ["shop-web", "old-mail", "gateway"] {
            assert_eq!(origin("notes", jail), format!("notes\tof old\tdefaults\t{dataset}\n"));
        }
        assert_eq!(origin("frobnicate", "defaults"), format!("frobnicate\t7\tdefaults\t{dataset}\n"));
        assert_eq!(origin("boot", "print").split('\t').nth(2), Some("local"));
        let listed = machine.ok(&["list", "-H", "-o", "name,notes", "notes=of\\ old", "shop-web"]);
        assert_eq!(listed, "shop-web\tof old\n");
        // A change is one of a property, and makes no file.
        machine.ok(&["set", "securelevel=3", "notes", "defaults"]);
        let now = zfs.zfs(&["get", "-H", "-o", "property,value", "-s", "local", "all", &dataset]);
        let mut now: Vec<&str> = now.lines().filter(|line| line.starts_with("org.freebsd.iocage:")).collect();
        now.sort_unstable();
        assert_eq!(now, ["org.freebsd.iocage:boot\ton", "org.freebsd.iocage:frobnicate\t7", "org.freebsd.iocage:securelevel\t3"]);
        assert!(!file.exists());
        // A file wins, whole.
        fs::write(&file, r#"{"owner": "ops"}"#).unwrap();
        assert_eq!(origin("owner", "shop-web"), format!("owner\tops\tdefaults\t{}\n", file.display()));
        assert_eq!(origin("notes", "shop-web"), "notes\t-\tbuilt-in\t-\n");
    }

    fn base_directories_of_iocage_are_mounted_once(machine) {
        pool(machine);
        let text = r#"{"basejail": 1, "cloned_release": "13.2-RELEASE", "host_hostuuid": "based", "release": "13.2-RELEASE-p4"}"#;
        let directory = dataset(machine, "jails/based");
        fs::write(directory.join("config.json"), text).unwrap();
        let root = machine.mounted_at();
        let line = |base: &&str| {
            let (from, to) = (root.join("releases/13.2-RELEASE/root").join(base), directory.join("root").join(base));
            format!("{}\t{}\tnullfs\tro\t0\t0 # Added by iocage on 2023-11-02 06:14:51\n", from.display(), to.display())
        };
        let fstab: String = BASE.iter().map(line).collect();
        fs::write(directory.join("fstab"), &fstab).unwrap();
        let mounts = || -> Vec<String> {
            let plan: Value = serde_json::from_str(&machine.ok(&["--json", "start", "--plan", "based"])).unwrap();
            let steps = plan["plans"][0]["steps"].as_array().unwrap().clone();
            let target = |step: &Value| (step["step"] == "mount").then(|| step["target"].as_str().unwrap().to_owned());
            let mut targets: Vec<String> = steps.iter().filter_map(target).filter(|target| !target.contains("dev")).collect();
            targets.sort();
            targets
        };
        let with_lines = mounts();
        assert_eq!(with_lines.len(), BASE.len(), "{with_lines:?}");
        // Without the lines it is a basejail of ours, with the same mounts.
        fs::write(directory.join("fstab"), "").unwrap();
        assert_eq!(mounts(), with_lines);
    }
}
