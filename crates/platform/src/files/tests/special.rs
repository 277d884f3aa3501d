//! Devices, FIFOs and files of procfs, made and named as Linux does.

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;

use super::fixture::{Ground, path};
use crate::files::{Change, ConfinedFiles, Files, FilesError, Kind};

const FILES: ConfinedFiles = ConfinedFiles;

#[test]
fn devices_and_fifos_are_neither_read_nor_waited_for() {
    let ground = Ground::new();
    mkfifo(&ground.at("fifo"), Mode::S_IRWXU).unwrap();
    mknod(&ground.at("zero"), SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 5)).unwrap();
    for name in ["/fifo", "/zero"] {
        let (root, path) = (ground.root(), path(name));
        assert!(matches!(FILES.read(&root, &path, 5), Err(FilesError::Kind { .. })), "{name}");
        assert!(matches!(FILES.replace(&root, &path, b"", 0o644), Err(FilesError::Kind { .. })), "{name}");
        assert!(matches!(FILES.make_directory(&root, &path, 0o755), Err(FilesError::Kind { .. })), "{name}");
        assert_eq!(FILES.metadata(&root, &path).unwrap(), Some(Kind::Other));
        assert_eq!(FILES.remove_file(&root, &path).unwrap(), Change::Made);
    }
}

#[test]
fn what_a_process_file_says_depends_on_who_reads_it_and_is_refused() {
    let root = std::path::Path::new("/");
    assert!(FILES.read(root, &path("/proc/self/environ"), 1 << 20).is_err());
    assert!(FILES.read(root, &path("/proc/version"), 1 << 20).is_err());
}
