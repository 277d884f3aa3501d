//! Files below a root that a jail may have touched.
//!
//! A jail's root user may replace any file or directory of the jail by a link to a path of the host. Nothing here
//! ever follows one out of the root, even if it is planted between two of our calls: [`ConfinedFiles`] opens one
//! component at a time, relative to the directory before it, and reads the text of a link itself. Where a link is
//! followed, it leads where it leads inside the jail: `/x` and surplus `..` begin and end at the root.
//!
//! The root itself is a path of the host and trusted. A file system mounted below the root is part of it.
//!
//! | module | is about |
//! |---|---|
//! | `walk` | resolving a path |
//! | `confined` | the trait's operations on single files |
//! | `unpack` | archives |

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

mod confined;
#[cfg(test)]
mod tests;
mod unpack;
mod walk;

pub use confined::ConfinedFiles;

use ioc_model::name::JailPath;

/// Says what could not be done with a file below a root.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// There is a link where none may be.
    #[error("{path} in {} is or goes through a link, which is not followed here", .root.display())]
    Link {
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
    /// The directory has more entries than are taken.
    #[error("{path} in {} has more than {most} entries", .root.display())]
    TooMany {
        /// The root.
        root: PathBuf,
        /// The path below it.
        path: String,
        /// The most that are taken.
        most: usize,
    },
    /// A member of an archive that cannot be unpacked safely.
    #[error("member {member:?} of the archive {problem}")]
    Member {
        /// Its name.
        member: String,
        /// What is wrong with it, as the end of a sentence.
        problem: String,
    },
    /// The archive is damaged or cut short, or its reader failed.
    #[error("cannot read on in the archive {}", place(.member))]
    Archive {
        /// The last member that was begun; empty if there was none.
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

/// Where reading an archive ended, as the end of a sentence.
fn place(member: &str) -> String {
    if member.is_empty() { "at its beginning".to_owned() } else { format!("at or after member {member:?}") }
}

/// What there is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, FIFO or socket.
    Other,
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
///
/// Unless an operation says otherwise, links in the directories on the way are followed as the jail itself would
/// follow them, never out of the root. That a root does not exist is an error of every operation.
pub trait Files: Send + Sync + fmt::Debug {
    /// Reads a regular file of at most `most` bytes; none if it, or a directory on the way, does not exist.
    /// A link is followed, also as the last component. Devices, FIFOs and files of procfs are refused unread.
    fn read(&self, root: &Path, path: &JailPath, most: u64) -> Result<Option<Vec<u8>>, FilesError>;

    /// What there is at the path, without following a link as its last component; none if it, or a directory on
    /// the way, does not exist.
    fn metadata(&self, root: &Path, path: &JailPath) -> Result<Option<Kind>, FilesError>;

    /// Replaces a regular file atomically (temporary file, synced, renamed), keeping owner and mode if it existed,
    /// else with `mode`. If the last component is a link, the link itself is replaced. Its directory must exist.
    fn replace(&self, root: &Path, path: &JailPath, content: &[u8], mode: u32) -> Result<(), FilesError>;

    /// Removes a file or link, not a directory. Absent: `Unchanged`.
    fn remove_file(&self, root: &Path, path: &JailPath) -> Result<Change, FilesError>;

    /// Makes a directory with `mode` unless it is there; its parents (mode 0755) too. No component may be a link.
    fn make_directory(&self, root: &Path, path: &JailPath, mode: u32) -> Result<Change, FilesError>;

    /// Removes an empty directory. Absent or not empty: `Unchanged`. No component may be a link.
    fn remove_directory(&self, root: &Path, path: &JailPath) -> Result<Change, FilesError>;

    /// Makes a symbolic link with this text unless something is there. Its directory must exist.
    fn make_link(&self, root: &Path, path: &JailPath, text: &Path) -> Result<Change, FilesError>;

    /// Names in a directory, with whether each is a directory itself (links are not); sorted. Bytes that are not
    /// UTF-8 show as U+FFFD. More than 100,000 entries are refused.
    fn entries(&self, root: &Path, path: &JailPath) -> Result<Vec<(String, bool)>, FilesError>;

    /// Unpacks an uncompressed tar stream below the root, and reads the stream to its end.
    ///
    /// Nothing is ever written through a link, whether it was there before or came with the archive. Members that
    /// name another place than one below the root (absolute, `..`), lie below a link, are hard links to such, or
    /// are devices, FIFOs or of unknown kind are refused; so is an archive that is cut short, has no end mark, or
    /// goes on after it. Directories that are there are taken over, other files replaced.
    ///
    /// Kept: numeric owner, mode with its set-ID bits, modification time, holes, and on Linux the extended
    /// attributes `security.capability` and `user.*`. Not kept: other extended attributes, ACLs, user and group
    /// names, and file flags: base sets of FreeBSD mark some files `schg`, which keeps nobody out below
    /// securelevel 1, but keeps us from removing or updating the tree.
    ///
    /// After an error, what was unpacked so far is still there: unpack into a directory that can be thrown away.
    /// What was written is not synced, see [`Files::sync`].
    fn unpack(
        &self,
        root: &Path,
        archive: &mut dyn Read,
        progress: &(dyn Fn(Unpacked) + Sync),
    ) -> Result<Unpacked, FilesError>;

    /// Has all that was written below the root brought to the disk, for a rename that declares it complete.
    ///
    /// FreeBSD has no call for one file system: there it is sync(2), whose writes UFS may still have under way
    /// when it returns.
    fn sync(&self, root: &Path) -> Result<(), FilesError>;
}
