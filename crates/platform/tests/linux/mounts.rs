//! Mounts: flags, devices, hostile targets, and exact unmounting.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use ioc_platform::mounts::{LinuxMounts, MountError, MountKind, Mounts};

use crate::support::{Scratch, nullfs, privileged, spec};

#[test]
fn nullfs_is_read_only_from_the_start_and_not_recursive() {
    if !privileged() {
        return;
    }
    let scratch = Scratch::new("nullfs");
    let (root, source) = (scratch.directory("root"), scratch.directory("source with space"));
    std::fs::write(source.join("file"), "x").unwrap();
    scratch.directory("source with space/inner");
    LinuxMounts.mount(&spec(&source, "/inner", MountKind::Tmpfs)).unwrap();
    std::fs::write(source.join("inner/hidden"), "x").unwrap();
    scratch.directory("root/mnt/a b");

    let mut mount = spec(&root, "/mnt/a b", nullfs(&source));
    mount.read_only = true;
    mount.options = vec!["noatime".into(), "noexec".into()];
    LinuxMounts.mount(&mount).unwrap();
    let target = root.join("mnt/a b");
    assert_eq!(std::fs::read(target.join("file")).unwrap(), b"x");
    assert!(!target.join("inner/hidden").exists());
    let refused = std::fs::write(target.join("file"), "y").unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EROFS));

    let below = LinuxMounts.below(&root).unwrap();
    assert_eq!(below.len(), 1);
    assert_eq!(below[0].target, target);
    assert!(below[0].read_only);
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = table.lines().find(|line| line.contains(r"root/mnt/a\040b")).unwrap();
    for flag in ["ro", "nosuid", "nodev", "noexec", "noatime"] {
        assert!(line.split(' ').nth(5).unwrap().split(',').any(|f| f == flag), "{flag} in {line}");
    }

    LinuxMounts.unmount(&target).unwrap();
    LinuxMounts.unmount(&target).unwrap();
    LinuxMounts.unmount(&source.join("inner")).unwrap();
    LinuxMounts.unmount(&root.join("never/there")).unwrap();
}

#[test]
fn a_file_goes_on_a_file() {
    if !privileged() {
        return;
    }
    let scratch = Scratch::new("file");
    let root = scratch.directory("root");
    std::fs::write(scratch.path().join("source"), "host").unwrap();
    std::fs::write(root.join("file"), "jail").unwrap();
    scratch.directory("root/directory");
    let file = nullfs(scratch.path().join("source"));
    LinuxMounts.mount(&spec(&root, "/file", file.clone())).unwrap();
    assert_eq!(std::fs::read(root.join("file")).unwrap(), b"host");
    LinuxMounts.unmount(&root.join("file")).unwrap();
    for (target, kind) in [("/directory", file), ("/file", nullfs(scratch.path())), ("/no", nullfs("/tmp"))] {
        let error = LinuxMounts.mount(&spec(&root, target, kind)).unwrap_err();
        assert!(matches!(error, MountError::Target { .. }), "{target}: {error:?}");
    }
}

#[test]
fn links_in_the_target_are_refused() {
    if !privileged() {
        return;
    }
    let scratch = Scratch::new("links");
    let (root, outside) = (scratch.directory("root"), scratch.directory("outside/sub"));
    symlink(scratch.path().join("outside"), root.join("absolute")).unwrap();
    symlink("../outside", root.join("relative")).unwrap();
    scratch.directory("root/real");
    symlink("real", root.join("inside")).unwrap();
    symlink(&root, scratch.path().join("root-link")).unwrap();
    for (root, target) in [
        (root.clone(), "/absolute"),
        (root.clone(), "/absolute/sub"),
        (root.clone(), "/relative/sub"),
        (root.clone(), "/inside"),
        (scratch.path().join("root-link"), "/real"),
    ] {
        let error = LinuxMounts.mount(&spec(&root, target, MountKind::Tmpfs)).unwrap_err();
        assert!(error.to_string().ends_with("a component of the path is a link"), "{target}: {error}");
    }
    // Nor is anything unmounted through a link.
    LinuxMounts.mount(&spec(&scratch.directory("outside"), "/sub", MountKind::Tmpfs)).unwrap();
    assert!(LinuxMounts.unmount(&root.join("absolute/sub")).is_err());
    assert_eq!(LinuxMounts.below(scratch.path()).unwrap().len(), 1);
    symlink(&outside, root.join("last")).unwrap();
    LinuxMounts.unmount(&root.join("last")).unwrap();
    assert_eq!(LinuxMounts.below(scratch.path()).unwrap().len(), 1);
    LinuxMounts.unmount(&outside).unwrap();
}

#[test]
fn tmpfs_takes_its_options() {
    if !privileged() {
        return;
    }
    let scratch = Scratch::new("tmpfs");
    let root = scratch.directory("root");
    scratch.directory("root/tmp");
    let mut mount = spec(&root, "/tmp", MountKind::Tmpfs);
    mount.options = ["rw", "size=64k", "mode=1777", "uid=12", "inodes=10"].map(String::from).to_vec();
    LinuxMounts.mount(&mount).unwrap();
    let metadata = root.join("tmp").metadata().unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o1777, 12));
    let full = std::fs::write(root.join("tmp/big"), vec![0; 1 << 20]).unwrap_err();
    assert_eq!(full.raw_os_error(), Some(libc::ENOSPC));
    LinuxMounts.unmount(&root.join("tmp")).unwrap();
    mount.options = vec!["size=big".into()];
    assert!(matches!(LinuxMounts.mount(&mount), Err(MountError::Mount { .. })));
    mount.options = vec!["nonsense".into()];
    assert!(matches!(LinuxMounts.mount(&mount), Err(MountError::Mount { .. })));
}

#[test]
fn stacked_mounts_come_off_one_by_one_and_busy_ones_not_at_all() {
    if !privileged() {
        return;
    }
    let scratch = Scratch::new("stack");
    let root = scratch.directory("root");
    scratch.directory("root/a");
    for size in ["64k", "128k"] {
        let mut mount = spec(&root, "/a", MountKind::Tmpfs);
        mount.options = vec![format!("size={size}")];
        LinuxMounts.mount(&mount).unwrap();
    }
    std::fs::create_dir(root.join("a/b")).unwrap();
    LinuxMounts.mount(&spec(&root, "/a/b", MountKind::Tmpfs)).unwrap();
    let targets: Vec<_> = LinuxMounts.below(&root).unwrap().into_iter().map(|m| m.target).collect();
    assert_eq!(targets, [root.join("a"), root.join("a"), root.join("a/b")]);
    let busy = LinuxMounts.unmount(&root.join("a")).unwrap_err();
    assert!(matches!(busy, MountError::Unmount { .. }));
    for target in targets.iter().rev() {
        LinuxMounts.unmount(target).unwrap();
    }
    assert!(LinuxMounts.below(&root).unwrap().is_empty());
}

#[test]
fn devices_are_one_mount_to_the_caller() {
    if !privileged() {
        return;
    }
    let scratch = Scratch::new("devices");
    let root = scratch.directory("root");
    scratch.directory("root/dev");
    LinuxMounts.mount(&spec(&root, "/dev", MountKind::Devfs { ruleset: 4 })).unwrap();
    let dev = root.join("dev");
    std::fs::write(dev.join("null"), "x").unwrap();
    assert_eq!(std::fs::write(dev.join("full"), "x").unwrap_err().raw_os_error(), Some(libc::ENOSPC));
    for name in ["null", "zero", "full", "random", "urandom", "tty", "pts/ptmx"] {
        let metadata = dev.join(name).metadata().unwrap();
        assert!(metadata.file_type().is_char_device(), "{name}");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o666, "{name}");
    }
    assert_eq!(dev.join("shm").metadata().unwrap().mode() & 0o7777, 0o1777);
    assert_eq!(std::fs::read_link(dev.join("stdout")).unwrap(), Path::new("/proc/self/fd/1"));
    let names = std::fs::read_dir(&dev).unwrap().count();
    assert_eq!(names, 13, "nothing else is there");

    LinuxMounts.mount(&spec(&root, "/dev/fd", MountKind::Fdescfs)).unwrap();
    assert!(LinuxMounts.mount(&spec(&root, "/fd", MountKind::Fdescfs)).is_err());
    let types: Vec<_> = LinuxMounts.below(&root).unwrap().into_iter().map(|m| m.fstype).collect();
    assert_eq!(types, ["tmpfs", "devpts"]);
    LinuxMounts.unmount(&root.join("dev/fd")).unwrap();
    LinuxMounts.unmount(&dev).unwrap();
    assert!(LinuxMounts.below(&root).unwrap().is_empty());

    // The plan's way: deepest first.
    LinuxMounts.mount(&spec(&root, "/dev", MountKind::Devfs { ruleset: 4 })).unwrap();
    for mounted in LinuxMounts.below(&root).unwrap().iter().rev() {
        LinuxMounts.unmount(&mounted.target).unwrap();
    }
}

#[test]
fn other_file_systems() {
    if !privileged() {
        return;
    }
    let scratch = Scratch::new("other");
    let root = scratch.directory("root");
    scratch.directory("root/mnt");
    let (lower, upper, work) =
        (scratch.directory("lower"), scratch.directory("upper"), scratch.directory("work"));
    std::fs::write(lower.join("file"), "x").unwrap();
    let other = |fstype: &str| MountKind::Other { fstype: fstype.into(), source: "overlay".into() };
    let mut mount = spec(&root, "/mnt", other("overlay"));
    mount.options = vec![
        format!("lowerdir={}", lower.display()),
        format!("upperdir={}", upper.display()),
        format!("workdir={}", work.display()),
    ];
    match LinuxMounts.mount(&mount) {
        Ok(()) => {
            assert_eq!(std::fs::read(root.join("mnt/file")).unwrap(), b"x");
            LinuxMounts.unmount(&root.join("mnt")).unwrap();
        }
        Err(MountError::Unsupported { fstype }) => println!("this kernel has no {fstype}"),
        Err(error) => panic!("{error:?}"),
    }
    for fstype in ["proc", "sysfs", "cgroup2", "debugfs", "nullfs"] {
        let refused = LinuxMounts.mount(&spec(&root, "/mnt", other(fstype))).unwrap_err();
        assert!(matches!(refused, MountError::Unsupported { .. }), "{fstype}");
    }
    for kind in [MountKind::Linsysfs, MountKind::Procfs] {
        assert!(matches!(LinuxMounts.mount(&spec(&root, "/mnt", kind)), Err(MountError::Unsupported { .. })));
    }
    assert!(LinuxMounts.mount(&spec(&root, "/proc", MountKind::Procfs)).is_ok());
}
