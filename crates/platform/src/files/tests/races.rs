//! A jail that swaps a directory for a link to the host and back, as fast as it can, while we work.

use std::fs;

use super::fixture::{Ground, SECRET, path};
use super::swap::swapping;
use crate::files::{ConfinedFiles, Files, Kind};

const FILES: ConfinedFiles = ConfinedFiles;

/// A root in which `d` is a directory with `file`, and `other` a link to the host's.
fn ground() -> Ground {
    let ground = Ground::new();
    ground.file("d/file", "the jail's");
    ground.file("d/sub/file", "the jail's");
    ground.link("other", ground.victim());
    ground
}

#[test]
fn read_never_gives_what_is_the_hosts() {
    let ground = ground();
    let (root, file) = (ground.root(), path("/d/sub/file"));
    swapping(&ground.at("d"), &ground.at("other"), || match FILES.read(&root, &file, 100) {
        Ok(Some(content)) => {
            assert_ne!(content, SECRET.as_bytes());
            true
        }
        Ok(None) | Err(_) => false,
    });
    ground.check_outside();
}

#[test]
fn entries_never_lists_what_is_the_hosts() {
    let ground = ground();
    let (root, directory) = (ground.root(), path("/d/sub"));
    swapping(&ground.at("d"), &ground.at("other"), || match FILES.entries(&root, &directory) {
        Ok(entries) => {
            assert_eq!(entries, [("file".to_owned(), false)]);
            true
        }
        Err(_) => false,
    });
}

#[test]
fn replace_never_writes_to_the_host() {
    let ground = ground();
    let (root, file) = (ground.root(), path("/d/file"));
    swapping(&ground.at("d"), &ground.at("other"), || FILES.replace(&root, &file, b"new", 0o666).is_ok());
    ground.check_outside();
}

#[test]
fn removing_never_removes_what_is_the_hosts() {
    let ground = ground();
    let (root, file, directory) = (ground.root(), path("/d/sub/file"), path("/d/sub/empty"));
    swapping(&ground.at("d"), &ground.at("other"), || {
        // With the link in place both names lead to something of the host's, but for us there is nothing.
        let _ = FILES.remove_directory(&root, &directory);
        let _ = FILES.remove_file(&root, &file);
        matches!(FILES.metadata(&root, &path("/d")), Ok(Some(Kind::Link)))
    });
    ground.check_outside();
}

#[test]
fn making_never_makes_anything_of_the_hosts() {
    let ground = ground();
    let root = ground.root();
    let mut number = 0;
    swapping(&ground.at("d"), &ground.at("other"), || {
        number += 1;
        let _ = FILES.make_link(&root, &path(&format!("/d/sub/link{number}")), "x".as_ref());
        FILES.make_directory(&root, &path(&format!("/d/sub/made{number}/below")), 0o777).is_ok()
    });
    ground.check_outside();
}

#[test]
fn a_last_component_that_is_swapped_is_not_followed_either() {
    let ground = ground();
    ground.file("f", "the jail's");
    ground.link("g", ground.victim().join("file"));
    let root = ground.root();
    swapping(&ground.at("f"), &ground.at("g"), || {
        let read = FILES.read(&root, &path("/f"), 100);
        if let Ok(Some(content)) = &read {
            assert_ne!(content, SECRET.as_bytes());
        }
        matches!(read, Ok(Some(_)))
    });
    swapping(&ground.at("f"), &ground.at("g"), || {
        FILES.replace(&root, &path("/f"), b"new", 0o666).unwrap();
        // Both are files soon, so this makes the link again.
        let before = matches!(FILES.metadata(&root, &path("/g")), Ok(Some(Kind::Link)));
        let _ = fs::remove_file(ground.at("again"));
        std::os::unix::fs::symlink(ground.victim().join("file"), ground.at("again")).unwrap();
        fs::rename(ground.at("again"), ground.at("g")).unwrap();
        before
    });
    ground.check_outside();
}
