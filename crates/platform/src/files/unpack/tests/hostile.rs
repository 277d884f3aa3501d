//! Archives that try to get out of the root, and roots in which the jail prepared something for them.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::headers::Tar;
use super::{refused, unpack_into};
use crate::files::tests::fixture::{Ground, SECRET};

#[test]
fn names_that_lead_out_of_the_root() {
    let ground = Ground::new();
    let victim = ground.victim().join("new");
    let victim = victim.to_str().unwrap();
    for name in [victim, "/", "//etc", "..", "../victim/new", "a/../../victim/new", "a/..", "./../x"] {
        refused(&ground, &Tar::new().file(name, b"x").end(), name);
        refused(&ground, &Tar::new().directory(name).end(), name);
        refused(&ground, &Tar::new().symlink(name, "x").end(), name);
        refused(&ground, &Tar::new().file("f", b"").hard_link(name, "f").end(), name);
        // The same in the ways to write a long name.
        refused(&ground, &Tar::new().extension(b'L', name.as_bytes()).file("good", b"x").end(), name);
        refused(&ground, &Tar::new().pax(&[("path", name.as_bytes())]).file("good", b"x").end(), name);
    }
    let sparse =
        [("GNU.sparse.map", &b"0,1"[..]), ("GNU.sparse.size", b"1"), ("GNU.sparse.name", b"../victim/new")];
    refused(&ground, &Tar::new().pax(&sparse).file("good", b"x").end(), "../victim/new");
    let prefixed = Tar::new().header("victim/new", b'0', |h| {
        let ustar = tar::Header::new_ustar();
        h.as_mut_bytes()[257..].copy_from_slice(&ustar.as_bytes()[257..]);
        h.as_ustar_mut().unwrap().prefix[..2].copy_from_slice(b"..");
    });
    refused(&ground, &prefixed.end(), "../victim/new");
}

#[test]
fn names_that_are_none() {
    let ground = Ground::new();
    refused(&ground, &Tar::new().pax(&[("path", b"a\0b")]).file("good", b"").end(), "a\0b");
    refused(&ground, &Tar::new().file(".", b"").end(), ".");
    refused(&ground, &Tar::new().symlink("./", "x").end(), "./");
    let deep = "d/".repeat(200);
    refused(&ground, &Tar::new().pax(&[("path", deep.as_bytes())]).directory("good").end(), &deep);
    let long = "d".repeat(300);
    assert!(
        unpack_into(&ground, &Tar::new().pax(&[("path", long.as_bytes())]).file("good", b"").end()).is_err()
    );
    let long = "d/".repeat(5000);
    assert!(
        unpack_into(&ground, &Tar::new().pax(&[("path", long.as_bytes())]).file("good", b"").end()).is_err()
    );
    assert!(unpack_into(&ground, &Tar::new().file("", b"").end()).is_err());
}

#[test]
fn nothing_is_written_through_a_link_from_the_archive() {
    for target in ["../victim", "/", "sub/../../victim", "."] {
        let through = Tar::new().directory("sub").symlink("link", target);
        for (archive, name) in [
            (through.clone().file("link/new", b"x"), "link/new"),
            (through.clone().directory("link"), "link"),
            (through.clone().directory("link/sub"), "link/sub"),
            (through.clone().symlink("link/new", "x"), "link/new"),
            (through.clone().hard_link("link/new", "good"), "link/new"),
            (through.clone().hard_link("new", "link/file"), "new"),
            (through.clone().file("link/sub/deeper/new", b"x"), "link/sub/deeper/new"),
        ] {
            let ground = Ground::new();
            let problem = refused(&ground, &archive.end(), name);
            assert!(problem.contains("link"), "{problem}");
            assert!(fs::symlink_metadata(ground.at("link")).unwrap().is_symlink());
        }
    }
}

#[test]
fn a_link_to_a_file_of_the_host_is_replaced_not_followed() {
    let ground = Ground::new();
    let file = ground.victim().join("file");
    let file = file.to_str().unwrap();
    let archive = Tar::new()
        .symlink("a", file)
        .file("a", b"new")
        .symlink("b", "../victim/file")
        .hard_link("c", "b")
        .file("b", b"new")
        .end();
    unpack_into(&ground, &archive).unwrap();
    assert_eq!(fs::read(ground.at("a")).unwrap(), b"new");
    assert_eq!(fs::read(ground.at("b")).unwrap(), b"new");
    assert!(fs::symlink_metadata(ground.at("c")).unwrap().is_symlink());
}

#[test]
fn hard_links_that_leave_the_root() {
    let ground = Ground::new();
    let file = ground.victim().join("file");
    for to in
        [file.to_str().unwrap(), "../victim/file", "d/../../victim/file", "", ".", "/", "d", "absent", "f/x"]
    {
        let archive = Tar::new().directory("d").file("f", b"").hard_link("new", to).end();
        let problem = refused(&ground, &archive, "new");
        assert!(problem.starts_with("is a hard link to"), "{problem}");
        assert!(!ground.at("new").exists());
    }
    let archive =
        Tar::new().file("f", b"").pax(&[("linkpath", b"../victim/file")]).hard_link("new", "f").end();
    refused(&ground, &archive, "new");
    let archive = Tar::new().file("f", b"").extension(b'K', b"/etc/passwd").hard_link("new", "f").end();
    refused(&ground, &archive, "new");
}

#[test]
fn devices_and_other_things_that_are_no_files() {
    let ground = Ground::new();
    for (kind, word) in
        [(b'3', "device"), (b'4', "device"), (b'6', "FIFO"), (b'D', "'D'"), (b'Z', "'Z'"), (b'M', "'M'")]
    {
        let problem = refused(&ground, &Tar::new().header("odd", kind, |_| {}).end(), "odd");
        assert!(problem.contains(word), "{problem}");
        assert!(fs::symlink_metadata(ground.at("odd")).is_err());
    }
    for kind in [b'1', b'2', b'5'] {
        let archive = Tar::new().header("odd", kind, |h| {
            h.set_size(5);
            h.set_link_name_literal("x").unwrap();
        });
        refused(&ground, &archive.content(b"12345").end(), "odd");
    }
    refused(&ground, &Tar::new().symlink("empty", "").end(), "empty");
}

#[test]
fn owners_that_no_system_has() {
    let ground = Ground::new();
    for id in [u64::from(u32::MAX), 1 << 32, u64::MAX >> 8] {
        let archive = Tar::new().pax(&[("uid", id.to_string().as_bytes())]).file("f", b"").end();
        assert!(refused(&ground, &archive, "f").contains(&id.to_string()));
        assert!(!ground.at("f").exists());
    }
}

#[test]
fn what_the_jail_prepared_is_not_followed() {
    let ground = Ground::new();
    symlink(ground.victim(), ground.at("etc")).unwrap();
    symlink(ground.victim().join("file"), ground.at("file")).unwrap();
    fs::hard_link(ground.at("file"), ground.at("hard-to-link")).unwrap();
    symlink("../victim/absent", ground.at("dangling")).unwrap();
    mkfifo(&ground.at("fifo"), Mode::S_IRWXU).unwrap();

    refused(&ground, &Tar::new().file("etc/new", b"x").end(), "etc/new");
    refused(&ground, &Tar::new().directory("etc").end(), "etc");
    refused(&ground, &Tar::new().directory("./etc/sub/").end(), "./etc/sub/");
    refused(&ground, &Tar::new().file("fifo/x", b"x").end(), "fifo/x");
    refused(&ground, &Tar::new().directory("dangling").end(), "dangling");

    let names = ["file", "hard-to-link", "dangling", "fifo"];
    let archive = names.iter().fold(Tar::new(), |tar, name| tar.file(name, b"new")).end();
    unpack_into(&ground, &archive).unwrap();
    for name in names {
        assert!(fs::symlink_metadata(ground.at(name)).unwrap().is_file(), "{name}");
        assert_eq!(fs::read(ground.at(name)).unwrap(), b"new");
    }
}

#[test]
fn another_name_of_a_file_is_not_written_through() {
    let ground = Ground::new();
    ground.file("kept", SECRET);
    fs::hard_link(ground.at("kept"), ground.at("f")).unwrap();
    unpack_into(&ground, &Tar::new().file("f", b"new").end()).unwrap();
    assert_eq!(fs::read_to_string(ground.at("kept")).unwrap(), SECRET);
    assert_eq!(fs::read(ground.at("f")).unwrap(), b"new");
}

#[test]
fn directories_are_not_replaced_by_files_nor_files_by_directories() {
    let ground = Ground::new();
    ground.file("d/f", "kept");
    assert!(refused(&ground, &Tar::new().file("d", b"").end(), "d").contains("replace a directory"));
    refused(&ground, &Tar::new().symlink("d", "x").end(), "d");
    refused(&ground, &Tar::new().file("x", b"").hard_link("d", "x").end(), "d");
    refused(&ground, &Tar::new().directory("d/f").end(), "d/f");
    refused(&ground, &Tar::new().file("d/f/g", b"").end(), "d/f/g");
    assert_eq!(fs::read_to_string(ground.at("d/f")).unwrap(), "kept");
}
