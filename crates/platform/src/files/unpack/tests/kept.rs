//! What of a member is kept.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;

use super::headers::Tar;
use super::unpack_into;
use crate::files::tests::fixture::Ground;

fn data(ground: &Ground, path: &str) -> Metadata {
    fs::symlink_metadata(ground.at(path)).unwrap()
}

#[test]
fn owner_mode_with_its_set_id_bits_and_time() {
    let ground = Ground::new();
    let dressed = |h: &mut tar::Header| {
        h.set_mode(0o6751);
        h.set_uid(12_345);
        h.set_gid(678);
        h.set_mtime(1_234_567_890);
    };
    let archive = Tar::new()
        .header("d", b'5', dressed)
        .header("d/f", b'0', |h| {
            dressed(h);
            h.set_size(2);
        })
        .content(b"12")
        .header("d/l", b'2', |h| {
            dressed(h);
            h.set_link_name_literal("/any/text").unwrap();
        })
        .hard_link("d/h", "d/f")
        .end();
    unpack_into(&ground, &archive).unwrap();
    for path in ["d", "d/f", "d/l"] {
        let data = data(&ground, path);
        assert_eq!((data.uid(), data.gid(), data.mtime()), (12_345, 678, 1_234_567_890), "{path}");
        if path != "d/l" {
            assert_eq!(data.mode() & 0o7777, 0o6751, "{path}");
        }
    }
    assert_eq!(fs::read_link(ground.at("d/l")).unwrap().to_str(), Some("/any/text"));
    assert_eq!(data(&ground, "d/h").ino(), data(&ground, "d/f").ino());
}

#[test]
fn directories_keep_their_time_whatever_the_order() {
    let ground = Ground::new();
    let time = |seconds| move |h: &mut tar::Header| h.set_mtime(seconds);
    let archive = Tar::new()
        .header(".", b'5', time(1))
        .header("a", b'5', time(2))
        .header("a/b", b'5', time(3))
        .file("a/b/f", b"")
        .header("c", b'5', time(4))
        .file("a/g", b"")
        .file("c/f", b"")
        .file("a/b/h", b"")
        .symlink("a/b/l", "x")
        .file("implied/f", b"")
        .end();
    unpack_into(&ground, &archive).unwrap();
    let times = ["", "a", "a/b", "c"].map(|path| data(&ground, path).mtime());
    assert_eq!(times, [1, 2, 3, 4]);
    assert_eq!(data(&ground, "implied").mode() & 0o7777, 0o755);
}

#[test]
fn a_directory_nobody_may_enter_is_filled_all_the_same() {
    let ground = Ground::new();
    let archive = Tar::new().header("d", b'5', |h| h.set_mode(0)).file("d/f", b"x").end();
    unpack_into(&ground, &archive).unwrap();
    assert_eq!(data(&ground, "d").mode() & 0o7777, 0);
    assert_eq!(fs::read(ground.at("d/f")).unwrap(), b"x");
}

#[test]
fn the_root_itself_may_be_a_member() {
    let ground = Ground::new();
    let archive = Tar::new().header("./", b'5', |h| h.set_mode(0o711)).file("./f", b"").end();
    unpack_into(&ground, &archive).unwrap();
    assert_eq!(data(&ground, "").mode() & 0o7777, 0o711);
}

#[test]
fn times_with_fractions_and_before_1970() {
    let ground = Ground::new();
    let archive = Tar::new()
        .pax(&[("mtime", b"1700000000.123456789"), ("atime", b"5"), ("comment", b"none")])
        .file("f", b"")
        .pax(&[("mtime", b"-1.5")])
        .file("g", b"")
        .end();
    unpack_into(&ground, &archive).unwrap();
    let time = |path| (data(&ground, path).mtime(), data(&ground, path).mtime_nsec());
    assert_eq!(time("f"), (1_700_000_000, 123_456_789));
    assert_eq!(time("g"), (-2, 500_000_000));
}

#[test]
fn long_names_in_both_ways() {
    let ground = Ground::new();
    let long = format!("{}/{}", "d".repeat(200), "f".repeat(255));
    let text = "../".repeat(100);
    let archive = Tar::new()
        .extension(b'L', format!("{long}\0").as_bytes())
        .file("cut", b"gnu")
        .extension(b'K', format!("{text}\0").as_bytes())
        .symlink("l", "cut")
        .pax(&[("path", format!("{long}/../x").replace("/../", "-").as_bytes())])
        .directory("cut")
        .end();
    // The last is one name of more than 255 bytes, which no file system has.
    assert!(unpack_into(&ground, &archive).is_err());
    assert_eq!(fs::read(ground.at(&long)).unwrap(), b"gnu");
    assert_eq!(fs::read_link(ground.at("l")).unwrap().to_str(), Some(&*text));
    let archive = Tar::new().pax(&[("path", long.as_bytes()), ("size", b"3")]).file("cut", b"pax").end();
    unpack_into(&ground, &archive).unwrap();
    assert_eq!(fs::read(ground.at(&long)).unwrap(), b"pax");
}

#[test]
fn old_directories_names_that_are_not_utf8_and_labels() {
    let ground = Ground::new();
    let archive = Tar::new()
        .header("/label", b'V', |_| {})
        .header("old/", 0, |_| {})
        .header("old/x", b'0', |h| h.as_old_mut().name[4] = 0xff)
        .end();
    unpack_into(&ground, &archive).unwrap();
    let names: Vec<_> = fs::read_dir(ground.root()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["old"]);
    let name = fs::read_dir(ground.at("old")).unwrap().next().unwrap().unwrap().file_name();
    assert_eq!(name.as_encoded_bytes(), b"\xff");
}

#[test]
fn a_later_member_replaces_an_earlier_one() {
    let ground = Ground::new();
    let archive = Tar::new()
        .directory("d")
        .file("d/f", b"first")
        .symlink("l", "d")
        .header("d", b'5', |h| h.set_mode(0o700))
        .file("d/f", b"second")
        .symlink("l", "elsewhere")
        .hard_link("d/f", "d/f")
        .symlink("d/f2", "x")
        .hard_link("d/f2", "d/f")
        .end();
    unpack_into(&ground, &archive).unwrap();
    assert_eq!(fs::read(ground.at("d/f")).unwrap(), b"second");
    assert_eq!(data(&ground, "d/f2").ino(), data(&ground, "d/f").ino());
    assert_eq!(data(&ground, "d").mode() & 0o7777, 0o700);
    assert_eq!(fs::read_link(ground.at("l")).unwrap().to_str(), Some("elsewhere"));
}

/// `xx`, a hole, `y` at 1 MiB, a hole to 2 MiB, in all four ways to write it.
fn with_holes() -> Vec<Tar> {
    let old = Tar::new().header("f", b'S', |h| {
        h.set_size(3);
        let gnu = h.as_gnu_mut().unwrap();
        for (at, (offset, length)) in [(0, 2), (1 << 20, 1), (2 << 20, 0)].iter().enumerate() {
            gnu.sparse[at].set_offset(*offset);
            gnu.sparse[at].set_length(*length);
        }
        gnu.set_real_size(2 << 20);
    });
    let size = (2 << 20).to_string();
    let v00 = [
        ("GNU.sparse.size", size.as_bytes()),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.offset", b"0"),
        ("GNU.sparse.numbytes", b"2"),
        ("GNU.sparse.offset", b"1048576"),
        ("GNU.sparse.numbytes", b"1"),
    ];
    let v01 = [
        ("GNU.sparse.size", size.as_bytes()),
        ("GNU.sparse.numblocks", b"2"),
        ("GNU.sparse.name", b"f"),
        ("GNU.sparse.map", b"0,2,1048576,1"),
    ];
    let v10 = [
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"f"),
        ("GNU.sparse.realsize", size.as_bytes()),
    ];
    let map = b"3\n0\n2\n1048576\n1\n2097152\n0\n";
    vec![
        old.content(b"xxy"),
        Tar::new().pax(&v00).file("f", b"xxy"),
        Tar::new().pax(&v01).file("GNUSparseFile.0/f", b"xxy"),
        Tar::new()
            .pax(&v10)
            .header("GNUSparseFile.0/f", b'0', |h| h.set_size(515))
            .content(map)
            .content(b"xxy"),
    ]
}

#[test]
fn holes_in_all_formats() {
    for tar in with_holes() {
        let ground = Ground::new();
        let counts = unpack_into(&ground, &tar.file("after", b"after").end()).unwrap();
        assert_eq!((counts.members, counts.bytes), (2, 8));
        let content = fs::read(ground.at("f")).unwrap();
        assert_eq!(content.len(), 2 << 20);
        assert_eq!((&content[..3], content[1 << 20]), (&b"xx\0"[..], b'y'));
        assert_eq!(content.iter().filter(|b| **b != 0).count(), 3);
        // Blocks of UFS have 32 KiB.
        assert!(data(&ground, "f").blocks() < 400, "the holes are filled");
        assert_eq!(fs::read(ground.at("after")).unwrap(), b"after");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn attributes_that_belong_to_the_file_are_kept() {
    let ground = Ground::new();
    // Version 2 of struct vfs_cap_data: cap_net_raw, permitted and effective; see capabilities(7).
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let archive = Tar::new()
        .pax(&[
            ("SCHILY.xattr.security.capability", &capability[..]),
            ("SCHILY.xattr.user.note", b"a\0b\nc"),
            ("SCHILY.xattr.security.selinux", b"system_u:object_r:etc_t:s0\0"),
            ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
            ("SCHILY.acl.access", b"user::rwx"),
        ])
        .header("ping", b'0', |h| {
            h.set_uid(3);
            h.set_mode(0o755);
            h.set_size(1);
        })
        .content(b"x")
        .pax(&[("SCHILY.xattr.user.note", b"of a directory")])
        .directory("d")
        .end();
    unpack_into(&ground, &archive).unwrap();
    let mut names: Vec<_> = xattr::list(ground.at("ping")).unwrap().collect();
    names.sort();
    assert_eq!(names, ["security.capability", "user.note"]);
    assert_eq!(xattr::get(ground.at("ping"), "security.capability").unwrap().unwrap(), capability);
    assert_eq!(xattr::get(ground.at("ping"), "user.note").unwrap().unwrap(), b"a\0b\nc");
    assert_eq!(xattr::get(ground.at("d"), "user.note").unwrap().unwrap(), b"of a directory");
}
