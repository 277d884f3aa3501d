//! Snapshots: taken, listed, gone back to, removed.

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;

/// A jail with two snapshots and a file that says which state it is in.
fn with_two_snapshots(machine: &Machine) -> std::path::PathBuf {
    machine.jail("web", &[]);
    let state = machine.jail_root("web").join("tmp/state");
    for tag in ["a", "b"] {
        std::fs::write(&state, tag).unwrap();
        machine.ok(&["snapshot", "create", &format!("web@{tag}")]);
    }
    std::fs::write(&state, "now").unwrap();
    state
}

fn tags(machine: &Machine) -> String {
    machine.ok(&["snapshot", "list", "web", "-H", "-o", "name"])
}

scenarios! {
    fn going_back_loses_newer_snapshots_only_if_told_to(machine) {
        let state = with_two_snapshots(machine);
        assert_eq!(tags(machine), "a\nb\n");
        let refused = machine.fails(1, &["snapshot", "rollback", "web@a"]);
        assert!(refused.contains("@b") && refused.contains("-f"), "{refused}");
        assert_eq!(std::fs::read_to_string(&state).unwrap(), "now");
        assert_eq!(tags(machine), "a\nb\n");
        machine.ok(&["snapshot", "rollback", "-f", "web@a"]);
        assert_eq!(std::fs::read_to_string(&state).unwrap(), "a");
        assert_eq!(tags(machine), "a\n");
        machine.ok(&["start", "web"]);
        assert_eq!(machine.ok(&["exec", "web", "--", "cat", "/tmp/state"]), "a");
    }

    fn the_newest_is_gone_back_to_without_force(machine) {
        let state = with_two_snapshots(machine);
        machine.ok(&["set", "notes=later", "web"]);
        machine.ok(&["snapshot", "rollback", "web@b"]);
        assert_eq!(std::fs::read_to_string(&state).unwrap(), "b");
        assert_eq!(machine.ok(&["get", "notes", "web"]), "-\n");
    }

    fn a_running_jail_is_not_rolled_back(machine) {
        let state = with_two_snapshots(machine);
        machine.ok(&["start", "web"]);
        assert!(machine.fails(1, &["snapshot", "rollback", "-f", "web@b"]).contains("running"));
        assert_eq!(std::fs::read_to_string(&state).unwrap(), "now");
        machine.ok(&["snapshot", "web@live"]);
        assert_eq!(tags(machine), "a\nb\nlive\n");
    }

    fn snapshots_are_removed_one_by_one(machine) {
        with_two_snapshots(machine);
        machine.ok(&["snapshot", "remove", "web@a"]);
        assert_eq!(tags(machine), "b\n");
        assert!(machine.fails(1, &["snapshot", "remove", "web@a"]).contains("no snapshot a"));
        assert!(machine.fails(1, &["snapshot", "create", "web@b"]).contains("already"));
        machine.fails(1, &["snapshot", "list", "ghost"]);
        machine.fails(1, &["snapshot", "rollback", "ghost@a"]);
        for nonsense in ["web", "web@", "web@a/b", "web@.."] {
            machine.fails(2, &["snapshot", "remove", nonsense]);
        }
        machine.ok(&["destroy", "-f", "web"]);
        assert!(!machine.mounted_at().join("jails/web").exists());
    }

    fn a_plan_changes_nothing(machine) {
        with_two_snapshots(machine);
        let plan = machine.ok(&["snapshot", "rollback", "-f", "--plan", "web@a"]);
        assert!(plan.contains("@b") && plan.contains("roll back to"), "{plan}");
        machine.ok(&["snapshot", "create", "--plan", "web@c"]);
        machine.ok(&["snapshot", "remove", "--plan", "web@a"]);
        assert_eq!(tags(machine), "a\nb\n");
    }

    fn a_jail_may_be_called_as_a_verb(machine) {
        machine.jail("list", &[]);
        machine.ok(&["snapshot", "create", "list@a"]);
        assert_eq!(machine.ok(&["snapshot", "list", "list", "-H", "-o", "name"]), "a\n");
        let source = machine.source();
        assert_eq!(machine.ok(&["snapshot", &format!("{source}/list"), "-H", "-o", "name"]), "a\n");
    }

    fn sizes_and_times(machine) {
        with_two_snapshots(machine);
        let json = machine.ok(&["snapshot", "list", "web", "--json"]);
        assert!(json.contains("\"schema\": \"ioc.snapshots/1\"") && json.contains("\"created\": 1"), "{json}");
        let table = machine.ok(&["snapshot", "web"]);
        assert!(table.contains("CREATED") && table.contains("REFER"), "{table}");
    }
}
