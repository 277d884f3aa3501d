//! Links that the jail planted, in every component of a path and for every operation.

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;
use proptest::prelude::*;

use super::fixture::{Ground, path};
use crate::files::{Change, ConfinedFiles, Files, FilesError, Kind};

const FILES: ConfinedFiles = ConfinedFiles;

#[test]
fn read_follows_links_as_the_jail_would() {
    let ground = Ground::new();
    ground.file("run/resolv.conf", "inside");
    ground.link("etc/resolv.conf", "/run/resolv.conf");
    ground.link("etc/relative", "../run/resolv.conf");
    ground.link("etc/surplus", "../../../../../../run/resolv.conf");
    ground.link("etc/to-directory", "/run/");
    ground.link("etc/chain", "to-directory/../etc/./resolv.conf");
    let read = |name: &str| FILES.read(&ground.root(), &path(name), 100);
    for name in ["resolv.conf", "relative", "surplus", "chain", "to-directory/resolv.conf"] {
        assert_eq!(read(&format!("/etc/{name}")).unwrap().as_deref(), Some(&b"inside"[..]), "{name}");
    }
    assert!(matches!(read("/etc/to-directory"), Err(FilesError::Kind { .. })));
}

#[test]
fn links_in_a_circle_end() {
    let ground = Ground::new();
    ground.link("a", "b");
    ground.link("b", "a/x");
    ground.link("up", "up/../up");
    for name in ["/a", "/a/x", "/up", "/up/x"] {
        assert!(FILES.read(&ground.root(), &path(name), 1).is_err(), "{name}");
        assert!(FILES.entries(&ground.root(), &path(name)).is_err(), "{name}");
    }
    assert!(FILES.replace(&ground.root(), &path("/a/x"), b"", 0o644).is_err());
}

/// For each component of `d/e/file` a root in which it is a link to the same thing of the host.
fn grounds() -> Vec<(Ground, &'static str)> {
    let mut grounds = Vec::new();
    for text in ["absolute", "relative"] {
        for component in ["d", "d/e", "d/e/file"] {
            let ground = Ground::new();
            let depth = component.split('/').count();
            let inside = match component {
                "d" => "",
                "d/e" => "sub",
                _ => "sub/file",
            };
            let absolute = ground.victim().join(inside);
            let relative = Path::new(&"../".repeat(depth)).join("victim").join(inside);
            ground.link(component, if text == "absolute" { &absolute } else { &relative });
            grounds.push((ground, component));
        }
    }
    grounds
}

#[test]
fn no_operation_follows_a_link_out_of_the_root() {
    for (ground, component) in grounds() {
        let root = ground.root();
        // With `d` a link to victim, `d/sub/file` would be the host's; with `d/e` one to victim/sub, `d/e/file`.
        let (directory, file) = match component {
            "d" => ("/d/sub/empty", "/d/sub/file"),
            "d/e" => ("/d/e/empty", "/d/e/file"),
            _ => ("/d/e/file", "/d/e/file"),
        };
        let (directory, file) = (path(directory), path(file));
        assert_eq!(FILES.read(&root, &file, 100).unwrap(), None, "{component}");
        let is_last = component == "d/e/file";
        assert_eq!(FILES.metadata(&root, &file).unwrap(), is_last.then_some(Kind::Link), "{component}");
        assert!(FILES.entries(&root, &directory).is_err(), "{component}");
        let made = FILES.make_directory(&root, &directory, 0o777);
        assert!(matches!(made, Err(FilesError::Link { .. })), "{component}");
        let removed = FILES.remove_directory(&root, &directory);
        assert!(matches!(removed, Err(FilesError::Link { .. })), "{component}");
        let linked = FILES.make_link(&root, &file, "x".as_ref());
        assert_eq!(linked.ok(), is_last.then_some(Change::Unchanged), "{component}");
        ground.check_outside();

        let replaced = FILES.replace(&root, &file, b"new", 0o644);
        assert_eq!(replaced.is_ok(), is_last, "{component}");
        if is_last {
            assert_eq!(FILES.metadata(&root, &file).unwrap(), Some(Kind::File));
            assert_eq!(FILES.read(&root, &file, 9).unwrap().unwrap(), b"new");
        }
        let expected = if is_last { Change::Made } else { Change::Unchanged };
        assert_eq!(FILES.remove_file(&root, &file).unwrap(), expected, "{component}");
        ground.check_outside();
    }
}

#[test]
fn operations_follow_links_below_the_root_where_they_say_so() {
    let ground = Ground::new();
    ground.file("real/f", "old");
    ground.link("d", "/real");
    let root = ground.root();
    FILES.replace(&root, &path("/d/f"), b"new", 0o644).unwrap();
    assert_eq!(fs::read(ground.at("real/f")).unwrap(), b"new");
    assert_eq!(FILES.make_link(&root, &path("/d/l"), "f".as_ref()).unwrap(), Change::Made);
    assert_eq!(FILES.entries(&root, &path("/d")).unwrap().len(), 2);
    assert_eq!(FILES.remove_file(&root, &path("/d/l")).unwrap(), Change::Made);
    assert_eq!(FILES.remove_file(&root, &path("/d")).unwrap(), Change::Made);
    assert!(ground.at("real/f").exists());
}

#[test]
fn a_hundred_directories_are_not_too_deep_but_there_is_an_end() {
    let ground = Ground::new();
    let root = ground.root();
    let deep = |depth| path(&"d/".repeat(depth));
    assert_eq!(FILES.make_directory(&root, &deep(140), 0o755).unwrap(), Change::Made);
    assert_eq!(FILES.metadata(&root, &deep(100)).unwrap(), Some(Kind::Directory));
    // Each is held open, so a link could otherwise have us use up all descriptors.
    assert!(matches!(FILES.metadata(&root, &deep(140)), Err(FilesError::Io { .. })));
}

/// What Linux itself finds when it resolves as if the directory were `/`; none for any error.
fn oracle(root: &Path, name: &str) -> Option<Vec<u8>> {
    let root = open(root, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT);
    let file = loop {
        match openat2(root.as_fd(), name, how) {
            // `..` while anything on the machine is renamed, which the races beside this test do.
            Err(Errno::EAGAIN) => {}
            opened => break fs::File::from(opened.ok()?),
        }
    };
    file.metadata().unwrap().is_file().then(|| {
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut &file, &mut content).unwrap();
        content
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Small trees full of links to each other: what we find must be what RESOLVE_IN_ROOT of openat2(2) finds.
    #[test]
    fn resolution_is_that_of_the_kernel_confined_to_the_root(
        links in proptest::collection::vec(("[ab](/[ab]){0,2}", "/?([ab]|\\.\\.|\\.)(/([ab]|\\.\\.)){0,3}"), 1..6),
    ) {
        let ground = Ground::new();
        let root = ground.root();
        for (number, (at, text)) in links.iter().enumerate() {
            // What is there already stays: then this makes fewer things, or nothing.
            let (parent, _) = at.rsplit_once('/').unwrap_or(("", at));
            if FILES.make_directory(&root, &path(parent), 0o755).is_err() {
                continue;
            }
            let _ = FILES.make_link(&root, &path(at), text.as_ref());
            for file in ["a", "b"] {
                if let Ok(mut new) = fs::File::create_new(ground.at(parent).join(file)) {
                    write!(new, "{number}{file}").unwrap();
                }
            }
        }
        for name in ["a", "b", "a/a", "a/b", "b/a", "b/b", "a/a/a", "a/b/b", "b/a/b", "b/b/a"] {
            let ours = FILES.read(&root, &path(name), 100).ok().flatten();
            prop_assert_eq!(ours, oracle(&root, name), "{} {:?}", name, links);
        }
        ground.check_outside();
    }
}
