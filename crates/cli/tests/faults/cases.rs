//! The commands, with what they need and what takes them back.

use ioc_testkit::machine::Machine;
use ioc_testkit::sweep::{Case, case};

const HOST: &str = "fetch --host -r host";
const WEB: &str = "create -e web";
const PINNED: &str = "create -r small-p0 web";

/// All of them.
pub(crate) const CASES: &[Case] = &[
    case("create_empty", &[], "create -e web", &["destroy -f web"]),
    case("create_basejail", &[HOST], "create -r host web boot=yes", &["destroy -f web"]),
    case("create_thick", &[WEB, "set template=yes web"], "create --thick -t web web2", &["destroy -f web2"]),
    case("create_from_template", &[WEB, "set template=yes web"], "create -t web web2", &["destroy -f web2"]),
    case("clone", &[WEB], "clone web web2 priority=3", &["destroy -f web2"]),
    case("clone_thick", &[WEB], "clone --thick web web2", &["destroy -f web2"]),
    case("promote", &[WEB, "clone web web2"], "promote web2", &["promote web"]).on_zfs(),
    case(
        "rename",
        &[WEB, "set template=yes web", "create -t web web2"],
        "rename web www",
        &["rename www web"],
    ),
    case("set", &[WEB], "set boot=yes priority=3 web", &["set boot= priority= web"]),
    case("destroy", &[WEB], "destroy -f web", &[WEB]).finishing(),
    case("fetch_host", &[HOST, "destroy -f -r host"], HOST, &["destroy -f -r host"]),
    case(
        "fetch_archive",
        &[HOST, "destroy -f -r host"],
        "fetch -r small --archive {dir}/small.tar",
        &["destroy -f -r small"],
    )
    .prepared(make_archive),
    case("destroy_release", &[HOST], "destroy -f -r host", &[HOST]).finishing(),
    case("start", &[WEB, "start web", "stop web"], "start web", &["stop web"]),
    case("first_start", &[WEB], "start web", &["stop web", "destroy -f web", WEB]),
    case(
        "start_pinned",
        &["fetch -r small --archive {dir}/small.tar", PINNED],
        "start web",
        &["stop web", "destroy -f web", PINNED],
    )
    .prepared(make_archive)
    .cleaned(without_base)
    .on_zfs(),
    case(
        "set_running",
        &[WEB, "start web"],
        "set host_hostname=www vnet=yes web",
        &["set host_hostname vnet web"],
    ),
    case("snapshot_create", &[WEB], "snapshot create web@a", &["snapshot remove web@a"]),
    case(
        "snapshot_remove",
        &[WEB, "snapshot create web@a"],
        "snapshot remove web@a",
        &["snapshot create web@a"],
    )
    .finishing(),
    case(
        "snapshot_rollback",
        &[WEB, "snapshot create web@a", "set priority=3 web"],
        "snapshot rollback -f web@a",
        &["set priority=3 web"],
    ),
    case("destroy_with_clones", &[WEB, "clone web web2"], "destroy -R -f web", &[WEB, "clone web web2"])
        .on_zfs()
        .finishing(),
    case(
        "start_vnet",
        &[
            WEB,
            "set vnet=yes interfaces=eth0:{mark}br ip4_addr=eth0|{net}.2/24 defaultrouter={net}.1 web",
            "start web",
            "stop web",
        ],
        "start web",
        &["stop web"],
    ),
    case(
        "stop_vnet",
        // Another jail keeps the bridge: a pair that cannot be destroyed goes with its jail, but only after a while.
        &[
            WEB,
            "create -e keep vnet=yes interfaces=eth0:{mark}br",
            "start keep",
            "set vnet=yes interfaces=eth0:{mark}br ip4_addr=eth0|{net}.2/24 web",
            "start web",
        ],
        "stop web",
        &["start web"],
    )
    .finishing(),
    case(
        "start_shared_address",
        &[WEB, "set ip4_addr=lo|{net}.2/32 web", "start web", "stop web"],
        "start web",
        &["stop web"],
    ),
    case(
        "start_with_limits_and_hooks",
        &[
            WEB,
            "set maxproc=50 memoryuse=200M exec_prestart=/bin/true exec_poststart=/bin/true web",
            "start web",
            "stop web",
        ],
        "start web",
        &["stop web"],
    ),
    case(
        "set_limit_of_running",
        &[WEB, "set maxproc=50 web", "start web"],
        "set maxproc=40 web",
        &["set maxproc=50 web"],
    ),
    case("fstab_add", &[WEB], "fstab add {dir} /mnt web", &["fstab rm /mnt web"]),
    case("migrate", &[], "migrate -y web", &["migrate -y --drop web"])
        .prepared(make_legacy)
        .cleaned(back_to_legacy),
    case("migrate_drop", &["migrate -y web"], "migrate -y --drop web", &[])
        .prepared(make_legacy)
        .cleaned(migrate_again)
        .finishing(),
    case("stop", &[WEB, "start web"], "stop web", &["start web"]).finishing(),
];

/// An archive with a few files in it.
fn make_archive(machine: &Machine) {
    let mut archive =
        tar::Builder::new(std::fs::File::create(machine.directory().join("small.tar")).unwrap());
    let mut add = |name: &str, kind, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, name, content).unwrap();
    };
    add("etc/", tar::EntryType::Directory, b"");
    add("etc/motd", tar::EntryType::Regular, b"hello\n");
    archive.into_inner().unwrap();
}

/// Takes away what the start of a basejail of a patch level made for all of that level.
fn without_base(machine: &Machine) {
    if machine.mounted_at().join("releases/small/p0").exists() {
        machine.pool().unwrap().zfs(&["destroy", &format!("{}/releases/small/p0", machine.root())]);
    }
}

/// A jail of iocage-legacy.
fn make_legacy(machine: &Machine) {
    machine.ok(&["create", "-e", "web"]);
    back_to_legacy(machine);
}

fn back_to_legacy(machine: &Machine) {
    let jail = machine.mounted_at().join("jails/web");
    std::fs::write(jail.join("config"), "priority=\"7\";\nrelease=\"EMPTY\";\n").unwrap();
    std::fs::remove_file(jail.join("config.json")).unwrap();
}

fn migrate_again(machine: &Machine) {
    back_to_legacy(machine);
    machine.ok(&["migrate", "-y", "web"]);
}
