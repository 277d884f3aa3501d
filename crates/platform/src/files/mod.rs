//! Files below a root that a jail may have touched.
//!
//! A jail's root user may replace any file or directory of the jail by a link to a path of the host. Nothing here
//! ever follows one out of the root, even if it is planted between two of our calls.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use ioc_model::name::JailPath;

/// Says what could not be done with a file below a root.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A component is a link that leads out of the root, or a link where none may be.
    #[error("{path} in {} leads out of it through a link", .root.display())]
    Escapes {
        /// The root.
        root: PathBuf,
        /// The path below it.
        path: String,
    },
    /// There is something else than a regular file or directory.
    #[error("{path} in {} is not a {wanted}", .root.display())]
    Kind {
        /// The root.
        root: PathBuf,
        /// The path below it.
        path: String,
        /// "file" or "directory".
        wanted: &'static str,
    },
    /// The file is larger than the caller would take.
    #[error("{path} in {} is larger than {most} bytes", .root.display())]
    TooLarge {
        /// The root.
        root: PathBuf,
        /// The path below it.
        path: String,
        /// The most that was asked for.
        most: u64,
    },
    /// A member of an archive that cannot be unpacked safely.
    #[error("member {member:?} of the archive {problem}")]
    Member {
        /// Its name.
        member: String,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// The archive is damaged or cut short.
    #[error("the archive is damaged after member {member:?}")]
    Archive {
        /// The last member that was read.
        member: String,
        /// What the reader said.
        source: std::io::Error,
    },
    /// A system call failed.
    #[error("cannot {action} {path} in {}", .root.display())]
    Io {
        /// What was attempted: "read", "write", ...
        action: &'static str,
        /// The root.
        root: PathBuf,
        /// The path below it.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What an operation that makes sure of something did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was made now.
    Made,
    /// It was there already.
    Unchanged,
}

/// Counts of an unpacked archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Members, of any kind.
    pub members: u64,
    /// Bytes of regular files.
    pub bytes: u64,
}

/// Files below a root.
pub trait Files: Send + Sync + fmt::Debug {
    /// Reads a regular file of at most `most` bytes; none if it, or a directory on the way, does not exist.
    /// A link is followed as long as it stays below the root.
    fn read(&self, root: &Path, path: &JailPath, most: u64) -> Result<Option<Vec<u8>>, FilesError>;

    /// Replaces a regular file atomically (temporary file, synced, renamed), keeping owner and mode if it existed,
    /// else with `mode`. If the last component is a link, the link itself is replaced.
    fn replace(&self, root: &Path, path: &JailPath, content: &[u8], mode: u32) -> Result<(), FilesError>;

    /// Removes a file or link, not a directory. Absent: `Unchanged`.
    fn remove_file(&self, root: &Path, path: &JailPath) -> Result<Change, FilesError>;

    /// Makes a directory with `mode` unless it is there; its parents (mode 0755) too. No component may be a link.
    fn make_directory(&self, root: &Path, path: &JailPath, mode: u32) -> Result<Change, FilesError>;

    /// Removes an empty directory. Absent or not empty: `Unchanged`.
    fn remove_directory(&self, root: &Path, path: &JailPath) -> Result<Change, FilesError>;

    /// Makes a symbolic link with this text unless something is there.
    fn make_link(&self, root: &Path, path: &JailPath, text: &Path) -> Result<Change, FilesError>;

    /// Names in a directory, with whether each is a directory itself (links are not); sorted.
    fn entries(&self, root: &Path, path: &JailPath) -> Result<Vec<(String, bool)>, FilesError>;

    /// Unpacks an uncompressed tar stream below the root. Refuses members with absolute names, `..`, links that are
    /// later used as directories, hard links that leave the root, and device nodes; keeps owner, mode, times.
    fn unpack(
        &self,
        root: &Path,
        archive: &mut dyn Read,
        progress: &(dyn Fn(Unpacked) + Sync),
    ) -> Result<Unpacked, FilesError>;
}
