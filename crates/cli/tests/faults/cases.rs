//! The commands, with what they need and what takes them back.

use ioc_testkit::machine::Machine;
use ioc_testkit::sweep::{Case, case};

const HOST: &str = "fetch --host -r host";
const WEB: &str = "create -e web";

/// All of them.
pub(crate) const CASES: &[Case] = &[
    case("create_empty", &[], "create -e web", &["destroy -f web"]),
    case("create_basejail", &[HOST], "create -r host web boot=yes", &["destroy -f web"]),
    case("set", &[WEB], "set boot=yes priority=3 web", &["set boot= priority= web"]),
    case("destroy", &[WEB], "destroy -f web", &[WEB]).finishing(),
    case("fetch_host", &[HOST, "destroy -f -r host"], HOST, &["destroy -f -r host"]),
    case(
        "fetch_archive",
        &[HOST, "destroy -f -r host"],
        "fetch -r small --archive @/small.tar",
        &["destroy -f -r small"],
    )
    .prepared(make_archive),
    case("destroy_release", &[HOST], "destroy -f -r host", &[HOST]).finishing(),
    case("start", &[WEB, "start web", "stop web"], "start web", &["stop web"]),
    case("first_start", &[WEB], "start web", &["stop web", "destroy -f web", WEB]),
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
