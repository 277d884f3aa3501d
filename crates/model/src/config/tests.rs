//! Configurations of all programs, read in place and changed.

use std::sync::Arc;

use super::*;
use crate::filter::Filter;
use crate::property::{self, BasejailKind, Dialect, Property, Ruleset, Sharing, Typed};

const THIN: &str = include_str!("../../fixtures/iocage-thin.json");
const THICK_6: &str = include_str!("../../fixtures/iocage-thick-v6.json");
const THICK_15: &str = include_str!("../../fixtures/iocage-thick-v15.json");
const LIBIOC: &str = include_str!("../../fixtures/libioc.json");
const UCL: &str = include_str!("../../fixtures/legacy.ucl");
const ZFS: &str = include_str!("../../fixtures/zfs.properties");
const DEFAULTS: &str = include_str!("../../fixtures/iocage-defaults.json");

fn json(text: &str) -> JailConfig {
    JailConfig::new(Document::read(Format::Json, text.as_bytes()).unwrap().unwrap(), None)
}

fn ucl(text: &str) -> JailConfig {
    JailConfig::new(Document::read(Format::Ucl, text.as_bytes()).unwrap().unwrap(), None)
}

fn zfs() -> JailConfig {
    let properties = ZFS.lines().filter_map(|line| line.split_once('\t'));
    JailConfig::new(Document::Zfs(ZfsDocument::new(properties)), None)
}

fn value<T: Typed>(config: &JailConfig, property: &Property<T>) -> T {
    config.value(property).unwrap()
}

fn shown(config: &JailConfig, key: &str) -> String {
    config.show(key).unwrap().value.to_string()
}

/// The lines of `after` that are not in `before`, and those that are missing.
fn difference(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let only =
        |a: &str, b: &str| a.lines().filter(|l| !b.lines().any(|o| o == *l)).map(str::to_owned).collect();
    (only(after, before), only(before, after))
}

#[test]
fn no_fixture_has_problems() {
    for (name, config) in [
        ("thin", json(THIN)),
        ("v6", json(THICK_6)),
        ("v15", json(THICK_15)),
        ("libioc", json(LIBIOC)),
        ("ucl", ucl(UCL)),
        ("zfs", zfs()),
        ("defaults", json(DEFAULTS)),
    ] {
        assert_eq!(config.problems(), [], "{name}");
        for key in config.keys() {
            assert!(config.show(key).is_ok(), "{name}: {key}");
        }
    }
}

#[test]
fn iocage_thin() {
    let config = json(THIN);
    assert_eq!(config.dialect(), Dialect::Iocage);
    assert!(value(&config, &property::BOOT) && value(&config, &property::VNET));
    assert_eq!(config.base().unwrap().unwrap().to_string(), "13.2-RELEASE");
    assert_eq!(shown(&config, "release"), "13.2-RELEASE-p4");
    assert_eq!(shown(&config, "ip4_addr"), "vnet0|192.0.2.21/24");
    assert_eq!(shown(&config, "depends"), "db01,cache01");
    assert_eq!(value(&config, &property::DEPENDS), Filter::parse(["db01,cache01"]).unwrap());
    assert_eq!(shown(&config, "memoryuse"), "deny=3G");
    let nic = "vnet0".parse().unwrap();
    assert_eq!(config.mac_of(&nic).unwrap().unwrap().host.to_string(), "5a:9c:fc:10:aa:01");
    assert_eq!(config.limits().unwrap().len(), 1);
    assert!(config.unknown_keys().is_empty());
    // iocage relies on this default, so it holds for its jails.
    let router = config.get(&property::DEFAULTROUTER6).unwrap();
    assert_eq!(router.origin, Origin::Iocage);
}

#[test]
fn iocage_thick() {
    let config = json(THICK_6);
    assert!(value(&config, &property::BOOT) && !value(&config, &property::VNET));
    assert_eq!(shown(&config, "tags"), "mailer");
    assert_eq!(shown(&config, "resolver"), "nameserver 198.51.100.1;search lab.example");
    assert_eq!(config.unknown_keys(), ["CONFIG_VERSION"]);
    assert_eq!(shown(&config, "CONFIG_VERSION"), "6");
    assert_eq!(config.get(&property::DEFAULTROUTER).unwrap().value, None);
    assert!(config.limits().unwrap().is_empty());

    let config = json(THICK_15);
    assert_eq!(config.basejail().unwrap(), Some(BasejailKind::Nullfs));
    assert_eq!(shown(&config, "vnet_interfaces"), "em1,em2");
    assert_eq!(value(&config, &property::IP4), Sharing::Disable);
    assert_eq!(config.ip4_addresses().unwrap().0[0].to_string(), "dhcp");
    assert!(config.bpf().unwrap());
    // rlimits=off was never looked at; neither is it here.
    assert_eq!(config.limits().unwrap()[0].0, "openfiles");
    assert_eq!(shown(&config, "resolver"), "/etc/resolv.conf");
}

#[test]
fn libioc() {
    let config = json(LIBIOC);
    assert_eq!(config.dialect(), Dialect::Libioc);
    assert_eq!(value(&config, &property::PRIORITY), 1);
    assert_eq!(shown(&config, "provision.method"), "puppet");
    assert_eq!(shown(&config, "user.role"), "front");
    assert_eq!(config.base().unwrap().unwrap().to_string(), "13.2-RELEASE-p4");
    assert_eq!(config.get(&property::DEFAULTROUTER).unwrap().origin, Origin::BuiltIn);
    assert_eq!(config.hostname(&"shop-web".parse().unwrap()).unwrap(), "shop-web");
}

#[test]
fn legacy_formats() {
    let config = ucl(UCL);
    assert!(config.is_legacy());
    assert_eq!(config.basejail().unwrap(), Some(BasejailKind::Nullfs));
    assert_eq!(shown(&config, "ip4_addr"), "em0|203.0.113.9/26");
    assert_eq!(shown(&config, "memoryuse"), "log=8G");
    assert_eq!(value(&config, &property::PRIORITY), 50);
    let config = zfs();
    assert!(value(&config, &property::BOOT));
    assert_eq!(shown(&config, "ip4_addr"), "igb0|203.0.113.17/26,igb0|203.0.113.16/26");
    assert_eq!(shown(&config, "tags"), "gateway");
}

#[test]
fn setting_one_property_changes_one_line_of_every_format() {
    let five = [Change::set("priority", "5")];
    for (text, old, new) in [
        (THIN, r#"    "priority": "20","#, r#"    "priority": "5","#),
        (THICK_6, r#"    "priority": "99","#, r#"    "priority": "5","#),
        (LIBIOC, r#"    "priority": "yes","#, r#"    "priority": "5","#),
    ] {
        let mut config = json(text);
        let done = config.set(&five).unwrap();
        assert_eq!(done.config.len(), 1);
        assert_eq!(difference(text, config.document().text().unwrap()), (vec![new.into()], vec![old.into()]));
        assert_eq!(value(&config, &property::PRIORITY), 5);
    }
    let mut config = ucl(UCL);
    config.set(&five).unwrap();
    assert_eq!(config.document().text().unwrap(), UCL.replace("\"50\"", "\"5\""));
    let mut config = zfs();
    config.set(&five).unwrap();
    assert_eq!(config.document().zfs_changes().len(), 1);
}

#[test]
fn new_values_look_like_the_others_of_the_file() {
    for (text, key, wanted, line) in [
        (THIN, "jail_zfs", "yes", r#"    "jail_zfs": 1,"#),
        (THIN, "boot", "no", r#"    "boot": 0,"#),
        (THIN, "depends", "a,b", r#"    "depends": "a b","#),
        (THIN, "vnet0_mac", "02:ff:60:00:00:01", r#"    "vnet0_mac": "02ff60000000 02ff60000001""#),
        (THICK_6, "vnet", "yes", r#"    "vnet": "on","#),
        (THICK_6, "basejail", "1", r#"    "basejail": "yes","#),
        (THICK_6, "allow_mount", "yes", r#"    "allow_mount": "1","#),
        (THICK_6, "memoryuse", "1G", r#"    "memoryuse": "deny=1G","#),
        (THICK_15, "openfiles", "none", r#"    "openfiles": "off","#),
        (LIBIOC, "vnet", "no", r#"    "vnet": "off""#),
        (LIBIOC, "allow_mlock", "1", r#"    "allow_mlock": "yes","#),
        (LIBIOC, "depends", "a b", r#"    "depends": "a,b","#),
        (LIBIOC, "user.owner", "x", r#"        "owner": "x","#),
    ] {
        let mut config = json(text);
        config.set(&[Change::set(key, wanted)]).unwrap();
        let (new, _) = difference(text, config.document().text().unwrap());
        assert_eq!(new.first().map(String::as_str), Some(line), "{key}");
        assert_eq!(config.problems(), []);
    }
}

#[test]
fn what_is_so_already_is_not_written() {
    for (text, key, wanted) in [
        (THIN, "boot", "yes"),
        (THIN, "depends", "db01,cache01"),
        (THICK_6, "boot", "1"),
        (LIBIOC, "priority", "1"),
        (LIBIOC, "ip4_addr", " vnet0 | 192.0.2.21/255.255.255.0 "),
    ] {
        let mut config = json(text);
        assert_eq!(config.set(&[Change::set(key, wanted)]).unwrap(), Changes::default());
        assert_eq!(config.document().text().unwrap(), text);
    }
    let mut config = json(LIBIOC);
    assert_eq!(config.set(&[Change::unset("notes")]).unwrap(), Changes::default());
}

#[test]
fn a_batch_is_made_whole_or_not_at_all() {
    let mut config = json(LIBIOC);
    for (bad, message) in [
        (
            Change::set("boot", "maybe"),
            "\"maybe\" is not a value of boot: neither yes nor no; \
            accepted: yes or no (also on/off, true/false, 1/0)",
        ),
        (Change::set("prioriti", "1"), "no property is called \"prioriti\", did you mean priority?"),
        (Change::set("CONFIG_VERSION", "1"), "no property is called \"CONFIG_VERSION\""),
        (Change::set("jid", "1"), "jid cannot be set"),
        (Change::set("uuid", "x"), "name cannot be set"),
        (
            Change::set("vnet7_mac", "02:ff:60:00:00:01"),
            "vnet7_mac is of no interface that `interfaces` lists",
        ),
        (Change::unset("nonsense"), "no property is called \"nonsense\""),
    ] {
        let error = config.set(&[Change::set("priority", "5"), bad]).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(config.document().text().unwrap(), LIBIOC);
    }
    // The interface may come with the same batch, in any order.
    let batch = [Change::set("vnet7_mac", "02:ff:60:00:00:01"), Change::set("interfaces", "vnet7:bridge0")];
    assert_eq!(config.set(&batch).unwrap().config.len(), 2);
}

#[test]
fn changes_are_reported_and_properties_of_the_dataset_left_to_the_store() {
    let mut config = json(LIBIOC);
    let batch: Vec<Change> = ["vnet=no", "notes=hello", "boot", "quota=10G", "user.role", "tag=a,b"]
        .iter()
        .map(|word| word.parse().unwrap())
        .collect();
    let done = config.set(&batch).unwrap();
    let shown: Vec<String> = done
        .config
        .iter()
        .map(|c| {
            let text =
                |value: &Option<property::Value>| value.as_ref().map_or("unset".into(), |v| v.to_string());
            format!("{}: {} -> {}", c.key, text(&c.old), text(&c.new))
        })
        .collect();
    assert_eq!(
        shown,
        [
            "boot: yes -> unset",
            "notes: unset -> hello",
            "tags: unset -> a,b",
            "user.role: front -> unset",
            "vnet: yes -> no"
        ]
    );
    assert_eq!(done.dataset.len(), 1);
    assert_eq!(
        (done.dataset[0].property, done.dataset[0].value.as_ref().unwrap().to_string()),
        ("quota", "10G".to_owned())
    );
    assert!(!config.document().text().unwrap().contains("user"));
    assert_eq!(config.get(&property::BOOT).unwrap().origin, Origin::BuiltIn);
}

#[test]
fn one_tag_becomes_tags() {
    let mut config = json(THICK_6);
    config.set(&[Change::set("tags", "mail,dmz")]).unwrap();
    let (new, gone) = difference(THICK_6, config.document().text().unwrap());
    assert_eq!(new, [r#"    "tags": "mail,dmz","#]);
    assert_eq!(gone, [r#"    "tag": "mailer","#]);
    config.set(&[Change::unset("tags")]).unwrap();
    assert_eq!(shown(&config, "tags"), "-");
}

#[test]
fn unset_where_the_type_has_no_none() {
    let mut config = json(LIBIOC);
    config.set(&[Change::set("boot", "none")]).unwrap();
    assert!(!config.document().text().unwrap().contains("boot"));
    config.set(&[Change::set("devfs_ruleset", "none"), Change::set("resolver", "-")]).unwrap();
    assert_eq!(value(&config, &property::DEVFS_RULESET), None);
    assert!(config.document().text().unwrap().contains("\"devfs_ruleset\": \"none\""));
}

#[test]
fn a_bad_value_harms_itself_only() {
    let config =
        json(r#"{"boot": "maybe", "vnet": "yes", "odd": {"x": [1, {}]}, "priority": [1, {}], "n": null}"#);
    let problems: Vec<String> = config.problems().iter().map(|problem| problem.to_string()).collect();
    assert_eq!(problems.len(), 2);
    assert!(
        problems[0].starts_with("local configuration: \"maybe\" is not a value of boot:"),
        "{problems:?}"
    );
    assert!(value(&config, &property::VNET));
    assert_eq!(config.unknown_keys(), ["n", "odd.x"]);
}

#[test]
fn hooks_are_told_what_get_prints() {
    let environment = json(LIBIOC).environment();
    let has = |name: &str, value: &str| environment.contains(&(name.to_owned(), value.to_owned()));
    assert!(has("IOC_VNET", "yes") && has("IOC_PRIORITY", "1") && has("IOC_USER_ROLE", "front"));
    assert!(has("IOC_IP4_ADDR", "vnet0|192.0.2.21/24") && has("IOC_NOTES", "-"));
    assert!(environment.iter().all(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')));
}

#[test]
fn layers() {
    let defaults = |text: &str| {
        let document = Document::read(Format::Json, text.as_bytes()).unwrap().unwrap();
        Some(Arc::new(SourceDefaults::new(document)))
    };
    let own = || Document::read(Format::Json, br#"{"boot": "yes", "priority": "none"}"#).unwrap().unwrap();
    let config = JailConfig::new(own(), defaults(r#"{"boot": "no", "priority": "7", "vnet": "x"}"#));
    let origin = |key| config.show(key).unwrap().origin;
    assert_eq!(origin("boot"), Origin::Local);
    // A number cannot be none, so that the jail has not set it.
    assert_eq!(origin("priority"), Origin::SourceDefaults);
    assert_eq!(value(&config, &property::PRIORITY), 7);
    assert_eq!(origin("notes"), Origin::BuiltIn);
    let error = config.get(&property::VNET).unwrap_err();
    assert!(matches!(error, PropertyError::Invalid { origin: Origin::SourceDefaults, .. }), "{error}");

    let over = config.with_overrides(&[Change::set("vnet", "on"), Change::unset("boot")]).unwrap();
    assert_eq!(over.get(&property::VNET).unwrap(), Setting { value: true, origin: Origin::Override });
    assert_eq!(over.get(&property::BOOT).unwrap(), Setting { value: false, origin: Origin::SourceDefaults });
    assert_eq!(over.document().text(), config.document().text());
    assert!(config.with_overrides(&[Change::set("vnet", "x")]).is_err());
}

#[test]
fn defaults_of_iocage_do_not_override_ours() {
    let document = Document::read(Format::Json, DEFAULTS.as_bytes()).unwrap().unwrap();
    let mut defaults = SourceDefaults::new(document);
    let config = JailConfig::new(Document::new(), Some(Arc::new(defaults.clone())));
    assert_eq!(value(&config, &property::PRIORITY), 0);
    assert_eq!(value(&config, &property::EXEC_TIMEOUT), 600);
    assert_eq!(value(&config, &property::DEVFS_RULESET), Some(Ruleset::Number(4)));
    assert_eq!(value(&config, &property::INTERFACES).0, []);
    let set: Vec<&str> = config.set_keys().into_iter().filter(|key| property::find(key).is_some()).collect();
    assert_eq!(set, ["allow_raw_sockets", "mac_prefix", "securelevel"]);
    defaults.set(&[Change::set("boot", "yes")]).unwrap();
    assert!(defaults.document().text().unwrap().contains("\"boot\": 1"));
}

#[test]
fn settings_that_follow_from_others() {
    let config = json(r#"{"id": "a", "allow_mount_tmpfs": "yes"}"#);
    assert!(config.allow_mount().unwrap().value);
    assert_eq!(config.enforce_statfs().unwrap(), Setting { value: 1, origin: Origin::Local });
    let config =
        json(r#"{"id": "a", "allow_mount_tmpfs": "yes", "allow_mount": "no", "enforce_statfs": "2"}"#);
    assert!(!config.allow_mount().unwrap().value);
    assert_eq!(config.enforce_statfs().unwrap().value, 2);
    let config = json(r#"{"id": "a", "jail_zfs": "yes", "allow_mount": "no", "allow_newthing": "1"}"#);
    let permissions = config.permissions().unwrap();
    let allowed: Vec<&str> =
        permissions.iter().filter(|(_, s)| s.value).map(|(name, _)| name.as_ref()).collect();
    for parameter in ["allow.mount", "allow.mount.zfs", "allow.newthing", "allow.set_hostname"] {
        assert!(allowed.contains(&parameter), "{parameter}");
    }
    assert!(!allowed.contains(&"allow.chflags"));
    assert_eq!(config.enforce_statfs().unwrap().value, 1);
    assert!(json(r#"{"id": "a", "rlimits": "no", "maxproc": "10"}"#).limits().unwrap().is_empty());
    assert!(json(r#"{"release": "EMPTY"}"#).base().unwrap().is_none());
}
