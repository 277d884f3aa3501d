//! Directories and files that become links while an archive is unpacked.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};

use super::headers::Tar;
use super::unpack;
use crate::files::tests::fixture::Ground;
use crate::files::tests::swap::swapping;

#[test]
fn a_directory_that_is_swapped_for_a_link_meanwhile() {
    let ground = Ground::new();
    ground.file("d/sub/old", "");
    ground.link("other", ground.victim());
    let archive = Tar::new()
        .directory("d")
        .directory("d/sub")
        .file("d/sub/file", b"new")
        .symlink("d/sub/link", "x")
        .hard_link("d/sub/hard", "d/sub/file")
        .file("d/file", b"new")
        .file("away", b"")
        .file("d/sub/deep/er/file", b"new")
        .header("d/sub", b'5', |h| h.set_mode(0o777))
        .end();
    let (one, other) = (ground.at("d"), ground.at("other"));
    swapping(&one, &other, || unpack(&ground.root(), &mut &archive[..], &|_| {}).is_ok());
    ground.check_outside();
    assert!(!fs::metadata(ground.victim().join("file")).unwrap().file_type().is_fifo());
}

#[test]
fn a_file_that_is_swapped_for_a_link_meanwhile() {
    let ground = Ground::new();
    ground.file("f", "");
    ground.link("g", ground.victim().join("file"));
    let archive = Tar::new().header("f", b'0', |h| {
        h.set_mode(0o4777);
        h.set_uid(1234);
        h.set_size(3);
    });
    let archive = archive.content(b"new").hard_link("h", "f").end();
    swapping(&ground.at("f"), &ground.at("g"), || {
        // What is replaced becomes a file, so the link is made again.
        let link = ground.at("made");
        symlink(ground.victim().join("file"), &link).unwrap();
        fs::rename(&link, ground.at("g")).unwrap();
        let _ = unpack(&ground.root(), &mut &archive[..], &|_| {});
        fs::symlink_metadata(ground.at("f")).is_ok_and(|data| data.is_symlink())
    });
    ground.check_outside();
}
