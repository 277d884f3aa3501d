use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

mod hostile;

fn store() -> (tempfile::TempDir, DatasetName, DirectoryStore) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().to_str().unwrap().parse().unwrap();
    (directory, root, DirectoryStore::new())
}

fn child(parent: &DatasetName, name: &str) -> DatasetName {
    parent.child(name).unwrap()
}

/// A jail's dataset and its root, with something in each.
fn jail(store: &DirectoryStore, root: &DatasetName) -> (DatasetName, DatasetName) {
    let web = child(root, "web");
    let web_root = child(&web, "root");
    store.create(&web, &NewDataset::default()).unwrap();
    store.create(&web_root, &NewDataset::default()).unwrap();
    fs::write(path_of(&web).unwrap().join("config.json"), "{}").unwrap();
    fs::create_dir(path_of(&web_root).unwrap().join("etc")).unwrap();
    fs::write(path_of(&web_root).unwrap().join("etc/motd"), "first").unwrap();
    (web, web_root)
}

#[test]
fn a_directory_is_not_given_to_a_jail() {
    let place = tempfile::tempdir().unwrap();
    let name: DatasetName = place.path().join("data").to_str().unwrap().parse().unwrap();
    let (store, jail) = (DirectoryStore::new(), "ioc-web".parse().unwrap());
    store.create(&name, &NewDataset::default()).unwrap();
    for refused in [store.attach(&name, &jail), store.detach(&name, &jail)] {
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("ioc-web") && said.contains("fstab"), "{said}");
    }
    let missing = name.parent().unwrap().child("missing").unwrap();
    let existing = store.existing(&[name.clone(), missing]).unwrap();
    assert_eq!(existing.into_keys().collect::<Vec<_>>(), [name]);
}

#[test]
fn a_jails_own_directories_are_no_datasets() {
    let (_directory, root, store) = store();
    let (web, web_root) = jail(&store, &root);
    let tree = store.tree(&root, usize::MAX, &[]).unwrap();
    assert_eq!(tree.into_keys().collect::<Vec<_>>(), [root, web, web_root]);
}

#[test]
fn destroyed_from_the_leaves_up() {
    let (_directory, root, store) = store();
    let (web, web_root) = jail(&store, &root);
    assert!(matches!(store.destroy(&web), Err(StoreError::HasDependents { .. })));
    store.destroy(&web_root).unwrap();
    store.destroy(&web).unwrap();
    assert!(matches!(store.destroy(&web), Err(StoreError::NotFound { .. })));
    assert_eq!(fs::read_dir(path_of(&root).unwrap()).unwrap().count(), 0);
}

#[test]
fn links_are_removed_not_followed() {
    let (directory, root, store) = store();
    let victim = directory.path().join("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("file"), "x").unwrap();
    let (_, web_root) = jail(&store, &root);
    symlink(&victim, path_of(&web_root).unwrap().join("link")).unwrap();
    symlink(victim.join("file"), path_of(&web_root).unwrap().join("etc/link")).unwrap();
    let copy = child(&root, "copy");
    let order = CopyOrder { from: web_root.clone(), tag: None, to: copy.clone(), without: Vec::new() };
    store.copy(&order, &|_| ()).unwrap();
    assert_eq!(fs::read_link(path_of(&copy).unwrap().join("link")).unwrap(), victim);
    store.destroy(&web_root).unwrap();
    assert!(victim.join("file").exists());
}

#[test]
fn a_copy_is_like_its_source() {
    let (_directory, root, store) = store();
    let (_, web_root) = jail(&store, &root);
    let from = path_of(&web_root).unwrap();
    fs::set_permissions(from.join("etc/motd"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::hard_link(from.join("etc/motd"), from.join("second")).unwrap();
    fs::create_dir_all(from.join("usr/bin")).unwrap();
    fs::write(from.join("usr/bin/sh"), "#").unwrap();
    xattr::set(from.join("second"), "user.note", b"kept").unwrap();
    let copy = child(&child(&root, "web"), "copy");
    let without = vec!["usr/bin".parse().unwrap()];
    let order = CopyOrder { from: web_root.clone(), tag: None, to: copy.clone(), without };
    store.copy(&order, &|_| ()).unwrap();
    let to = path_of(&copy).unwrap();
    let (old, new) = (fs::metadata(from.join("second")).unwrap(), fs::metadata(to.join("second")).unwrap());
    assert_eq!((new.mode(), new.mtime(), new.nlink()), (old.mode(), old.mtime(), 2));
    assert_eq!(new.ino(), fs::metadata(to.join("etc/motd")).unwrap().ino());
    assert_ne!(new.ino(), old.ino());
    assert_eq!(xattr::get(to.join("second"), "user.note").unwrap().unwrap(), b"kept");
    assert!(to.join("usr/bin").is_dir() && !to.join("usr/bin/sh").exists());
}

#[test]
fn snapshots_and_rollback() {
    let (_directory, root, store) = store();
    let (web, web_root) = jail(&store, &root);
    let snapshot = web.at("a".parse().unwrap());
    store.snapshot(&snapshot, true).unwrap();
    assert!(matches!(store.snapshot(&snapshot, false), Err(StoreError::Exists { .. })));
    let motd = path_of(&web_root).unwrap().join("etc/motd");
    fs::write(&motd, "second").unwrap();
    fs::write(path_of(&web).unwrap().join("config.json"), "{1}").unwrap();
    assert_eq!(store.snapshots(&web, true).unwrap().len(), 2);
    assert!(matches!(store.destroy(&web_root), Err(StoreError::HasDependents { .. })));
    store.rollback(&web_root.at("a".parse().unwrap())).unwrap();
    store.rollback(&snapshot).unwrap();
    assert_eq!(fs::read_to_string(&motd).unwrap(), "first");
    assert_eq!(fs::read_to_string(path_of(&web).unwrap().join("config.json")).unwrap(), "{}");
    store.destroy_snapshot(&web_root.at("a".parse().unwrap())).unwrap();
    store.destroy(&web_root).unwrap();
    assert!(!path_of(&web).unwrap().join(".root.ioc").exists());
}

#[test]
fn renamed_with_everything() {
    let (_directory, root, store) = store();
    let (web, web_root) = jail(&store, &root);
    store.set_property(&web_root, "org.ioc:a", Some("1")).unwrap();
    store.rename(&web, &child(&root, "www")).unwrap();
    let moved = web_root.moved(&web, &child(&root, "www")).unwrap();
    let info = store.dataset(&moved).unwrap().unwrap();
    assert_eq!(info.properties["org.ioc:a"].value, "1");
    assert!(store.dataset(&web).unwrap().is_none());
    assert!(matches!(store.rename(&moved, &root), Err(StoreError::Exists { .. })));
    assert!(matches!(store.set_property(&moved, "quota", Some("1")), Err(StoreError::Unsupported { .. })));
}

#[test]
fn what_a_dead_process_left_is_cleared() {
    let (_directory, root, store) = store();
    let web = child(&root, "web");
    for leftover in [".web.copying", ".web.removing"] {
        fs::create_dir_all(path_of(&root).unwrap().join(leftover).join("deep")).unwrap();
    }
    assert!(matches!(store.destroy(&web), Err(StoreError::NotFound { .. })));
    assert_eq!(fs::read_dir(path_of(&root).unwrap()).unwrap().count(), 0);
    store.create(&web, &NewDataset::default()).unwrap();
    assert!(matches!(store.create(&web, &NewDataset::default()), Err(StoreError::Exists { .. })));
}

#[test]
fn no_space_and_no_parent_are_told_apart() {
    let (_directory, root, store) = store();
    let orphan = child(&child(&root, "nowhere"), "web");
    assert!(matches!(store.create(&orphan, &NewDataset::default()), Err(StoreError::NotFound { .. })));
    let full = error("write".into(), "x", io::Error::from_raw_os_error(nix::libc::ENOSPC));
    assert!(matches!(full, StoreError::NoSpace { .. }));
}
