//! Mounts below a root.

use ioc_platform::mounts::{FreeBsdMounts, MountError, MountKind, Mounts};

use crate::root::{Root, host, outside};

fn nullfs(source: impl Into<std::path::PathBuf>) -> MountKind {
    MountKind::Nullfs { source: source.into() }
}

fn names(root: &Root) -> Vec<String> {
    root.mounted()
        .iter()
        .map(|m| {
            let below = m.target.strip_prefix(&root.path).unwrap();
            format!("{} {} {}", m.fstype, below.display(), if m.read_only { "ro" } else { "rw" })
        })
        .collect()
}

#[test]
fn each_kind_of_file_system() {
    let root = Root::empty();
    for directory in ["base", "dev", "proc", "tmp", "linproc", "linsys"] {
        std::fs::create_dir(root.path.join(directory)).unwrap();
    }
    root.mount(nullfs("/rescue"), "/base", true, &[]).unwrap();
    root.mount(MountKind::Devfs { ruleset: 4 }, "/dev", false, &[]).unwrap();
    root.mount(MountKind::Fdescfs, "/dev/fd", false, &["linrdlnk"]).unwrap();
    root.mount(MountKind::Procfs, "/proc", false, &[]).unwrap();
    root.mount(MountKind::Tmpfs, "/tmp", false, &["size=1m", "mode=1777", "noexec,nosuid"]).unwrap();
    root.mount(MountKind::Linprocfs, "/linproc", false, &[]).unwrap();
    root.mount(MountKind::Linsysfs, "/linsys", true, &[]).unwrap();
    assert_eq!(
        names(&root),
        [
            "nullfs base ro",
            "devfs dev rw",
            "fdescfs dev/fd rw",
            "procfs proc rw",
            "tmpfs tmp rw",
            "linprocfs linproc rw",
            "linsysfs linsys ro"
        ]
    );
    assert!(root.path.join("base/sh").is_file());
    assert!(std::fs::write(root.path.join("base/x"), "").is_err());
    // devfs hides: ruleset 4 shows null and not console.
    assert!(root.path.join("dev/null").exists() && !root.path.join("dev/console").exists());
    assert!(std::fs::write(root.path.join("tmp/large"), vec![0; 2 << 20]).is_err());
    let mount = host("/sbin/mount", &["-p"]);
    let tmp = mount.lines().find(|line| line.contains(&format!("{}/tmp", root.path.display()))).unwrap();
    assert!(tmp.contains("noexec") && tmp.contains("nosuid"), "{tmp}");
    for mounted in root.mounted().iter().rev() {
        FreeBsdMounts.unmount(&mounted.target).unwrap();
    }
    assert!(names(&root).is_empty());
}

#[test]
fn no_link_is_followed() {
    let root = Root::empty();
    let outside = outside(&root.path);
    std::fs::create_dir(outside.join("dir")).unwrap();
    std::os::unix::fs::symlink(&outside, root.path.join("link")).unwrap();
    std::os::unix::fs::symlink(".", root.path.join("self")).unwrap();
    std::fs::create_dir(root.path.join("real")).unwrap();
    std::fs::write(root.path.join("file"), "").unwrap();
    for target in ["/link", "/link/dir", "/self/real", "/file", "/missing", "/real/missing"] {
        match root.mount(nullfs("/rescue"), target, true, &[]) {
            Err(MountError::Target { problem, .. }) => {
                let expected = match target {
                    "/file" => "/file is not a directory",
                    "/missing" => "/missing does not exist",
                    "/real/missing" => "/real/missing does not exist",
                    "/self/real" => "/self is a link",
                    _ => "/link is a link",
                };
                assert_eq!(problem, expected);
            }
            other => panic!("{target}: {other:?}"),
        }
    }
    let mount = host("/sbin/mount", &["-p"]);
    assert!(!mount.contains(&*outside.to_string_lossy()) && !mount.contains(&*root.path.to_string_lossy()));
    // A root given through a link could not be found again.
    let alias = root.path.with_extension("alias");
    std::os::unix::fs::symlink(&root.path, &alias).unwrap();
    let spec = ioc_platform::mounts::MountSpec {
        kind: nullfs("/rescue"),
        root: alias.clone(),
        target: "/real".parse().unwrap(),
        read_only: true,
        options: vec![],
    };
    assert!(matches!(FreeBsdMounts.mount(&spec), Err(MountError::Target { .. })));
    std::fs::remove_file(alias).unwrap();
    std::fs::remove_dir_all(outside).unwrap();
}

/// The jail swaps a directory and a link as fast as it can while we mount: never does a mount land outside.
#[test]
fn a_race_against_links_is_lost_by_the_jail() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let root = Root::empty();
    let outside = outside(&root.path);
    let (place, real, link) = (root.path.join("place"), root.path.join("real"), root.path.join("link"));
    std::fs::create_dir(&place).unwrap();
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Even if an assertion fails.
        let _stop = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // place <-> link; a directory that is mounted on can be renamed too.
                let _ = std::fs::rename(&place, &real);
                let _ = std::fs::rename(&link, &place);
                let _ = std::fs::rename(&place, &link);
                let _ = std::fs::rename(&real, &place);
            }
        });
        let mut mounted = 0;
        for _ in 0..200 {
            if root.mount(nullfs("/rescue"), "/place", true, &[]).is_ok() {
                mounted += 1;
            }
            let table = host("/sbin/mount", &["-p"]);
            assert!(!table.contains(&*outside.to_string_lossy()), "{table}");
            for below in root.mounted().iter().rev() {
                FreeBsdMounts.unmount(&below.target).unwrap();
            }
        }
        eprintln!("mounted {mounted} times of 200");
    });
    std::fs::remove_dir_all(outside).unwrap();
}

#[test]
fn what_this_system_does_not_have() {
    let root = Root::empty();
    std::fs::create_dir(root.path.join("mnt")).unwrap();
    let kind = MountKind::Other { fstype: "nosuchfs".to_owned(), source: "x".to_owned() };
    match root.mount(kind, "/mnt", false, &[]) {
        Err(MountError::Unsupported { fstype }) => assert_eq!(fstype, "nosuchfs"),
        other => panic!("{other:?}"),
    }
    match root.mount(MountKind::Tmpfs, "/mnt", false, &["frobnicate"]) {
        Err(MountError::Mount { source, .. }) => {
            assert!(source.to_string().contains("frobnicate"), "{source}")
        }
        other => panic!("{other:?}"),
    }
    match root.mount(nullfs("/nosuch"), "/mnt", false, &[]) {
        Err(MountError::Mount { source, .. }) => {
            assert!(source.to_string().contains("No such file"), "{source}")
        }
        other => panic!("{other:?}"),
    }
    assert!(names(&root).is_empty());
}

#[test]
fn the_last_of_several_is_unmounted_and_never_by_force() {
    let root = Root::empty();
    let place = root.path.join("mnt");
    std::fs::create_dir(&place).unwrap();
    FreeBsdMounts.unmount(&place).unwrap();
    root.mount(MountKind::Tmpfs, "/mnt", false, &[]).unwrap();
    root.mount(nullfs("/rescue"), "/mnt", true, &[]).unwrap();
    assert_eq!(names(&root), ["tmpfs mnt rw", "nullfs mnt ro"]);
    FreeBsdMounts.unmount(&place).unwrap();
    assert_eq!(names(&root), ["tmpfs mnt rw"]);
    let open = std::fs::File::create(place.join("open")).unwrap();
    match FreeBsdMounts.unmount(&place) {
        Err(MountError::Unmount { source, .. }) => assert_eq!(source.raw_os_error(), Some(nix::libc::EBUSY)),
        other => panic!("{other:?}"),
    }
    drop(open);
    FreeBsdMounts.unmount(&place).unwrap();
    assert!(names(&root).is_empty());
}
