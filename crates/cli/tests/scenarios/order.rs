//! In which order jails start and stop.

use ioc_testkit::scenarios;

scenarios! {
    fn dependencies_first_then_priority(machine) {
        let log = machine.directory().join("log");
        let hooks = [
            format!("exec_poststart=echo +$IOC_NAME >> {}", log.display()),
            format!("exec_poststop=echo -$IOC_NAME >> {}", log.display()),
        ];
        let jail = |name: &str, more: &str| machine.jail(name, &[&hooks[0], &hooks[1], more]);
        jail("web", "depends=db");
        jail("db", "priority=9");
        jail("cache", "priority=1");
        machine.ok(&["start", "--jobs", "1", "web", "cache"]);
        machine.ok(&["stop", "--jobs", "1", "*"]);
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(log.split_whitespace().collect::<Vec<_>>(), ["+cache", "+db", "+web", "-web", "-db", "-cache"]);
    }

    fn a_circle_is_named_and_nothing_starts(machine) {
        machine.jail("a", &["depends=b"]);
        machine.jail("b", &["depends=c"]);
        machine.jail("c", &["depends=a"]);
        let said = machine.fails(1, &["start", "a"]);
        assert!(said.contains("a -> b -> c -> a"), "{said}");
        assert_eq!(machine.ok(&["list", "-H", "-o", "name", "running=yes"]), "");
    }

    fn what_a_failed_jail_needed_is_stopped_again(machine) {
        machine.jail("db", &[]);
        machine.jail("web", &["depends=db", "exec_prestart=exit 1"]);
        machine.jail("other", &[]);
        machine.fails(1, &["start", "web", "other"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name", "running=yes"]), "other\n");
    }

    fn at_boot_those_with_boot(machine) {
        machine.jail("a", &["boot=yes"]);
        machine.jail("b", &[]);
        machine.ok(&["start", "--rc"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name", "running=yes"]), "a\n");
        machine.ok(&["start", "--rc"]);
        machine.ok(&["stop", "--rc"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name", "running=yes"]), "");
    }
}
