//! A root with something of the host beside it that must never be touched.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use ioc_model::name::JailPath;

/// A directory with `root` and, beside it, `victim`, which stands for the host.
pub(in crate::files) struct Ground {
    directory: tempfile::TempDir,
    before: BTreeMap<PathBuf, String>,
}

pub(in crate::files) const SECRET: &str = "the host's own";

impl Ground {
    pub(in crate::files) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("ioc-files-").tempdir().unwrap();
        let at = directory.path();
        fs::create_dir(at.join("root")).unwrap();
        fs::create_dir_all(at.join("victim/sub/empty")).unwrap();
        for file in ["victim/file", "victim/sub/file"] {
            fs::write(at.join(file), SECRET).unwrap();
        }
        symlink("file", at.join("victim/link")).unwrap();
        let before = described(at);
        Ground { directory, before }
    }

    pub(in crate::files) fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    pub(in crate::files) fn victim(&self) -> PathBuf {
        self.directory.path().join("victim")
    }

    /// A path below the root, as the host sees it.
    pub(in crate::files) fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Makes a file below the root, and its directories.
    pub(in crate::files) fn file(&self, path: &str, content: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Makes a link below the root, and its directories.
    pub(in crate::files) fn link(&self, path: &str, text: impl AsRef<Path>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(text, path).unwrap();
    }

    /// Fails if anything beside the root is not as it was at the beginning.
    #[track_caller]
    pub(in crate::files) fn check_outside(&self) {
        assert_eq!(described(self.directory.path()), self.before);
    }
}

/// Everything there is but the root: kind, mode, owner, times and content.
fn described(ground: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![ground.to_owned()];
    while let Some(path) = ahead.pop() {
        if path == ground.join("root") {
            continue;
        }
        let data = fs::symlink_metadata(&path).unwrap();
        let (mode, user, group, links) = (data.mode(), data.uid(), data.gid(), data.nlink());
        let times = (data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec());
        let content = if data.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if data.is_dir() {
            ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.insert(path, format!("{mode:o} {user}:{group} {links} {times:?} {content:?}"));
    }
    found
}

pub(in crate::files) fn path(text: &str) -> JailPath {
    text.parse().unwrap()
}
