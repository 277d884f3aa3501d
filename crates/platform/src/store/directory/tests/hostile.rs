//! Trees as a jail's root user may leave them, and mounts that somebody forgot.

use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use nix::fcntl::{OFlag, open, openat};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, SFlag, mkdirat, mknod};
use nix::unistd::mkfifo;

use super::*;

fn order(from: &DatasetName, to: &DatasetName) -> CopyOrder {
    CopyOrder { from: from.clone(), tag: None, to: to.clone(), without: Vec::new() }
}

/// Makes directories in each other, deeper than a path can be.
fn dig(top: &Path, levels: usize) {
    let open_in = |parent: &OwnedFd| openat(parent, "d", OFlag::O_DIRECTORY, Mode::empty()).unwrap();
    let mut at = open(top, OFlag::O_DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..levels {
        mkdirat(&at, "d", Mode::S_IRWXU).unwrap();
        at = open_in(&at);
    }
}

#[test]
fn a_tree_deeper_than_there_are_descriptors_is_removed() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 1000, most).unwrap();
    let (_directory, root, store) = store();
    let (web, web_root) = jail(&store, &root);
    let path = path_of(&web_root).unwrap();
    dig(path, 1500);
    for planted in [".0", ".1/full", ".2"] {
        fs::create_dir_all(path.join("d").join(planted)).unwrap();
        fs::create_dir_all(path.join(planted)).unwrap();
    }
    fs::write(path.join(".3"), "in the way").unwrap();
    let copied = store.copy(&order(&web_root, &child(&web, "copy")), &|_| ());
    assert!(matches!(copied, Err(StoreError::Io { .. })), "{copied:?}");
    assert!(!path_of(&web).unwrap().join(".copy.copying").exists());
    store.destroy(&web_root).unwrap();
    store.destroy(&web).unwrap();
    assert_eq!(fs::read_dir(path_of(&root).unwrap()).unwrap().count(), 0);
}

#[test]
fn a_directory_with_many_names_is_removed() {
    let (_directory, root, store) = store();
    let (_, web_root) = jail(&store, &root);
    let many = path_of(&web_root).unwrap().join("many");
    fs::create_dir(&many).unwrap();
    for number in 0..1200 {
        let name = many.join(number.to_string());
        if number % 3 == 0 { fs::create_dir(name) } else { fs::write(name, "") }.unwrap();
    }
    store.destroy(&web_root).unwrap();
}

#[test]
fn holes_stay_holes() {
    let (_directory, root, store) = store();
    let (web, web_root) = jail(&store, &root);
    let path = path_of(&web_root).unwrap().join("etc/huge");
    let file = fs::File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"middle", 1 << 39).unwrap();
    let copy = child(&web, "copy");
    store.copy(&order(&web_root, &copy), &|_| ()).unwrap();
    let huge = fs::File::open(path_of(&copy).unwrap().join("etc/huge")).unwrap();
    let mut text = [0; 6];
    std::os::unix::fs::FileExt::read_exact_at(&huge, &mut text, 1 << 39).unwrap();
    let metadata = huge.metadata().unwrap();
    assert_eq!((&text, metadata.len()), (b"middle", 1 << 40));
    assert!(metadata.blocks() < 1000, "{}", metadata.blocks());
}

#[test]
fn only_the_newest_snapshot_is_rolled_back_to() {
    let (_directory, root, store) = store();
    let (web, web_root) = jail(&store, &root);
    for tag in ["b", "a", "c"] {
        store.snapshot(&web.at(tag.parse().unwrap()), true).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    let tags: Vec<_> = store.snapshots(&web_root, false).unwrap().into_iter().map(|s| s.name).collect();
    let at = |tag: &str| web_root.at(tag.parse().unwrap());
    assert_eq!(tags, [at("b"), at("a"), at("c")]);
    let refused = store.rollback(&at("b"));
    let Err(StoreError::HasDependents { dependents, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(dependents, [at("a").to_string(), at("c").to_string()]);
    store.rollback(&at("c")).unwrap();
}

#[test]
fn pipes_and_devices_are_copied_and_sockets_are_not() {
    let (_directory, root, store) = store();
    let (web, web_root) = jail(&store, &root);
    let path = path_of(&web_root).unwrap();
    mkfifo(&path.join("pipe"), Mode::from_bits_truncate(0o640)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
    let has_device =
        mknod(&path.join("null"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), 0x103).is_ok();
    let copy = child(&web, "copy");
    store.copy(&order(&web_root, &copy), &|_| ()).unwrap();
    let copy = path_of(&copy).unwrap();
    let pipe = fs::symlink_metadata(copy.join("pipe")).unwrap();
    assert!(pipe.file_type().is_fifo());
    assert_eq!(pipe.mode() & 0o777, 0o640);
    assert!(!copy.join("socket").exists());
    if has_device {
        let original = fs::symlink_metadata(path.join("null")).unwrap();
        let device = fs::symlink_metadata(copy.join("null")).unwrap();
        assert_eq!((device.rdev(), device.mode()), (0x103, original.mode()));
    }
}

/// Binds `source` on `target` until dropped: in the file system of the test itself, so that numbers of devices say
/// nothing.
#[cfg(target_os = "linux")]
struct Bound(PathBuf);

#[cfg(target_os = "linux")]
impl Bound {
    fn new(source: &Path, target: &Path) -> Option<Self> {
        let flags = nix::mount::MsFlags::MS_BIND;
        let bound = nix::mount::mount(Some(source), target, None::<&str>, flags, None::<&str>);
        // Without the right to mount there is nothing to try.
        bound.ok().map(|()| Bound(target.to_owned()))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Bound {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_mounted_is_neither_removed_nor_copied() {
    let (directory, root, store) = store();
    let release = directory.path().join("release");
    fs::create_dir(&release).unwrap();
    fs::write(release.join("sh"), "#").unwrap();
    let (_, web_root) = jail(&store, &root);
    let path = path_of(&web_root).unwrap();
    let other = child(&root, "other");
    store.create(&other, &NewDataset::default()).unwrap();
    fs::create_dir(path.join("bin")).unwrap();
    fs::write(path.join("etc/hosts"), "").unwrap();
    for (source, target) in
        [(release.clone(), path.join("bin")), (release.join("sh"), path.join("etc/hosts"))]
    {
        let Some(bound) = Bound::new(&source, &target) else { return };
        let destroyed = store.destroy(&web_root);
        assert!(matches!(destroyed, Err(StoreError::Busy { .. })), "{destroyed:?}");
        let copy = child(&other, "root");
        store.copy(&order(&web_root, &copy), &|_| ()).unwrap();
        assert_eq!(fs::read_dir(path_of(&copy).unwrap().join("bin")).unwrap().count(), 0);
        assert_eq!(fs::read(path_of(&copy).unwrap().join("etc/hosts")).unwrap(), b"");
        store.destroy(&copy).unwrap();
        drop(bound);
    }
    assert!(path.join("etc/motd").exists() && release.join("sh").exists());
    store.destroy(&web_root).unwrap();
    assert!(release.join("sh").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_mount_that_comes_while_a_tree_is_removed_is_not_entered() {
    let (directory, root, store) = store();
    let release = directory.path().join("release");
    fs::create_dir(&release).unwrap();
    fs::write(release.join("sh"), "#").unwrap();
    let (_, web_root) = jail(&store, &root);
    let path = path_of(&web_root).unwrap();
    fs::create_dir(path.join("bin")).unwrap();
    let Some(_bound) = Bound::new(&release, &path.join("bin")) else { return };
    // As if the mount table had been read before.
    let removed = tree::remove_unmounted(path);
    assert_eq!(removed.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
    assert!(release.join("sh").exists());
}
