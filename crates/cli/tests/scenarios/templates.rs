//! Templates: jails that others are made from.

use ioc_testkit::machine::{Machine, Store};
use ioc_testkit::scenarios;

/// Puts a jail where iocage has its templates, as `iocage set template=yes` does, but for `readonly=on`: zfs-fuse does
/// not heed a change of that before the dataset is mounted anew.
fn as_iocage_has_it(machine: &Machine, jail: &str) {
    let pool = machine.pool().expect("iocage needs a pool");
    let (from, to) =
        (format!("{}/jails/{jail}", machine.root()), format!("{}/templates/{jail}", machine.root()));
    machine.make_dataset("templates");
    pool.zfs(&["unmount", &format!("{from}/root")]);
    pool.zfs(&["unmount", &from]);
    pool.zfs(&["rename", &from, &to]);
    pool.zfs(&["mount", &to]);
    pool.zfs(&["mount", &format!("{to}/root")]);
}

scenarios! {
    fn a_running_jail_becomes_no_template(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        assert!(machine.fails(1, &["set", "template=yes", "web"]).contains("running"));
        assert_eq!(machine.ok(&["get", "template", "web"]), "no\n");
        machine.ok(&["stop", "web"]);
        machine.ok(&["set", "template=yes", "web"]);
        machine.fails(1, &["start", "web"]);
        machine.ok(&["set", "template=no", "web"]);
        machine.ok(&["start", "web"]);
    }

    fn a_full_copy_of_a_template_leaves_nothing_on_it(machine) {
        machine.jail("base", &["template=yes", "notes=original"]);
        let before = machine.snapshots_of("jails/base/root");
        machine.ok(&["create", "--thick", "-t", "base", "web"]);
        assert_eq!(machine.snapshots_of("jails/base/root"), before);
        assert_eq!(machine.ok(&["get", "origin", "web"]), "-\n");
        machine.ok(&["destroy", "-t", "-f", "base"]);
        assert_eq!(machine.ok(&["get", "notes", "web"]), "original\n");
        machine.ok(&["exec", "--fork", "web", "--", "true"]);
    }

    fn a_template_of_iocage_stays_where_it_is(machine) {
        if machine.store() == Store::Directory {
            return;
        }
        machine.jail("base", &["template=yes"]);
        as_iocage_has_it(machine, "base");
        machine.ok(&["set", "notes=mine", "base"]);
        assert_eq!(machine.ok(&["get", "notes", "base"]), "mine\n");
        machine.ok(&["create", "-t", "base", "web"]);
        machine.ok(&["exec", "--fork", "web", "--", "touch", "/etc/mine"]);
        machine.ok(&["rename", "base", "ground"]);
        assert_eq!(machine.ok(&["get", "source_template", "web"]), "ground\n");
        assert!(machine.fails(2, &["set", "template=no", "ground"]).contains("clone"));
        assert_eq!(machine.ok(&["list", "-t", "-H", "-o", "name"]), "ground\n");
    }
}
