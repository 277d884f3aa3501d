//! What each operation does where nobody is hostile, and with things that are no files.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use super::fixture::{Ground, path};
use crate::files::{Change, ConfinedFiles, Files, FilesError, Kind};

const FILES: ConfinedFiles = ConfinedFiles;

fn mode(ground: &Ground, path: &str) -> u32 {
    fs::metadata(ground.at(path)).unwrap().mode() & 0o7777
}

#[test]
fn read_takes_files_up_to_a_size() {
    let ground = Ground::new();
    ground.file("etc/rc.conf", "12345");
    let read = |name: &str, most| FILES.read(&ground.root(), &path(name), most);
    assert_eq!(read("/etc/rc.conf", 5).unwrap().unwrap(), b"12345");
    assert!(matches!(read("/etc/rc.conf", 4), Err(FilesError::TooLarge { most: 4, .. })));
    assert_eq!(read("/etc/rc.conf", u64::MAX).unwrap().unwrap(), b"12345");
    assert_eq!(read("/etc/absent", 5).unwrap(), None);
    assert_eq!(read("/absent/rc.conf", 5).unwrap(), None);
    assert!(matches!(read("/etc", 5), Err(FilesError::Kind { wanted: "file", .. })));
    assert!(matches!(read("/", 5), Err(FilesError::Kind { wanted: "file", .. })));
    assert!(matches!(read("/etc/rc.conf/x", 5), Err(FilesError::Kind { wanted: "directory", .. })));
}

#[test]
fn a_root_that_is_not_there_is_an_error_not_an_absent_file() {
    let ground = Ground::new();
    let root = ground.at("gone");
    assert!(FILES.read(&root, &path("/f"), 5).is_err());
    assert!(FILES.metadata(&root, &path("/")).is_err());
    assert!(FILES.remove_file(&root, &path("/f")).is_err());
    assert!(FILES.make_directory(&root, &path("/d"), 0o755).is_err());
}

#[test]
fn replace_makes_a_file_with_exactly_this_mode() {
    let ground = Ground::new();
    FILES.replace(&ground.root(), &path("/new"), b"content", 0o666).unwrap();
    assert_eq!(fs::read(ground.at("new")).unwrap(), b"content");
    assert_eq!(mode(&ground, "new"), 0o666);
    assert!(FILES.replace(&ground.root(), &path("/absent/new"), b"", 0o644).is_err());
    fs::create_dir(ground.at("directory")).unwrap();
    let error = FILES.replace(&ground.root(), &path("/directory"), b"", 0o644);
    assert!(matches!(error, Err(FilesError::Kind { wanted: "file", .. })));
    assert_eq!(FILES.entries(&ground.root(), &path("/")).unwrap().len(), 2, "temporary files are left");
}

#[test]
fn replace_keeps_owner_and_mode_and_does_not_write_into_other_names_of_the_file() {
    let ground = Ground::new();
    ground.file("old", "old");
    chown(ground.at("old"), Some(1234), Some(567)).unwrap();
    fs::set_permissions(ground.at("old"), PermissionsExt::from_mode(0o4751)).unwrap();
    fs::hard_link(ground.at("old"), ground.at("other")).unwrap();
    FILES.replace(&ground.root(), &path("/old"), b"new", 0o600).unwrap();
    let data = fs::metadata(ground.at("old")).unwrap();
    assert_eq!((data.uid(), data.gid(), data.mode() & 0o7777), (1234, 567, 0o4751));
    assert_eq!(fs::read(ground.at("old")).unwrap(), b"new");
    assert_eq!(fs::read(ground.at("other")).unwrap(), b"old");
}

#[test]
fn remove_file_removes_one_name() {
    let ground = Ground::new();
    ground.file("d/f", "");
    let remove = |name: &str| FILES.remove_file(&ground.root(), &path(name));
    assert_eq!(remove("/d/f").unwrap(), Change::Made);
    assert_eq!(remove("/d/f").unwrap(), Change::Unchanged);
    assert_eq!(remove("/absent/f").unwrap(), Change::Unchanged);
    assert!(matches!(remove("/d"), Err(FilesError::Kind { .. })));
    assert!(matches!(remove("/"), Err(FilesError::Kind { .. })));
}

#[test]
fn directories_are_made_with_their_parents_and_removed_when_empty() {
    let ground = Ground::new();
    let make = |name: &str, mode| FILES.make_directory(&ground.root(), &path(name), mode);
    let remove = |name: &str| FILES.remove_directory(&ground.root(), &path(name));
    assert_eq!(make("/a/b/c", 0o1777).unwrap(), Change::Made);
    assert_eq!((mode(&ground, "a"), mode(&ground, "a/b"), mode(&ground, "a/b/c")), (0o755, 0o755, 0o1777));
    assert_eq!(make("/a/b/c", 0o700).unwrap(), Change::Unchanged);
    assert_eq!(mode(&ground, "a/b/c"), 0o1777);
    assert_eq!(make("/", 0o700).unwrap(), Change::Unchanged);
    assert_eq!(remove("/a/b").unwrap(), Change::Unchanged, "not empty");
    assert_eq!(remove("/a/b/c").unwrap(), Change::Made);
    assert_eq!(remove("/a/b/c").unwrap(), Change::Unchanged);
    assert_eq!(remove("/absent/c").unwrap(), Change::Unchanged);
    ground.file("f", "");
    assert!(matches!(remove("/f"), Err(FilesError::Kind { wanted: "directory", .. })));
    assert!(matches!(make("/f/g", 0o755), Err(FilesError::Kind { wanted: "directory", .. })));
    assert!(remove("/").is_err());
}

#[test]
fn a_link_is_made_where_nothing_is() {
    let ground = Ground::new();
    let make = |name: &str| FILES.make_link(&ground.root(), &path(name), "/usr/home".as_ref());
    assert_eq!(make("/home").unwrap(), Change::Made);
    assert_eq!(fs::read_link(ground.at("home")).unwrap().to_str(), Some("/usr/home"));
    assert_eq!(make("/home").unwrap(), Change::Unchanged);
    ground.file("f", "content");
    assert_eq!(make("/f").unwrap(), Change::Unchanged);
    assert!(make("/absent/home").is_err());
}

#[test]
fn entries_are_sorted_and_tell_directories() {
    let ground = Ground::new();
    ground.file("d/z", "");
    ground.file("d/a/x", "");
    ground.link("d/link", "a");
    fs::write(ground.at("d").join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    let found = FILES.entries(&ground.root(), &path("/d")).unwrap();
    let expected = [("a", true), ("link", false), ("z", false), ("\u{fffd}", false)];
    assert_eq!(found, expected.map(|(name, is_directory)| (name.to_owned(), is_directory)));
    assert!(FILES.entries(&ground.root(), &path("/absent")).is_err());
    assert!(matches!(FILES.entries(&ground.root(), &path("/d/z")), Err(FilesError::Kind { .. })));
    assert_eq!(FILES.entries(&ground.root(), &path("/")).unwrap(), [("d".to_owned(), true)]);
}

#[test]
fn metadata_tells_kinds() {
    let ground = Ground::new();
    ground.file("d/f", "");
    ground.link("l", "d");
    let kind = |name: &str| FILES.metadata(&ground.root(), &path(name)).unwrap();
    assert_eq!(kind("/"), Some(Kind::Directory));
    assert_eq!(kind("/d"), Some(Kind::Directory));
    assert_eq!(kind("/d/f"), Some(Kind::File));
    assert_eq!(kind("/l"), Some(Kind::Link));
    assert_eq!(kind("/l/f"), Some(Kind::File));
    assert_eq!(kind("/d/absent"), None);
    assert_eq!(kind("/absent/f"), None);
}

#[test]
fn sync_works() {
    let ground = Ground::new();
    FILES.sync(&ground.root()).unwrap();
    assert!(FILES.sync(&ground.at("gone")).is_err());
}
