//! Unpacking a tar stream below a root.
//!
//! | module | is about |
//! |---|---|
//! | `stream` | the archive: members and their contents, in order, in bounded memory |
//! | `member` | what a member asks for, and which members are refused at sight |
//! | `pax` | the records of extended headers |
//! | `tree` | the directories on the way to a member, opened one by one |
//! | `write` | making files and links with their owner, mode and time |
//! | `attributes` | extended attributes |

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::walk::Target;
use super::{FilesError, Unpacked};
use member::{Entry, Member, What, components};
use stream::Stream;
use tree::Tree;
use write::{Owner, Spot};

mod attributes;
mod member;
mod pax;
mod stream;
// They share the ground of the tests beside them.
#[cfg(test)]
mod tests;
mod tree;
mod write;

/// Unpacks an archive, see [`super::Files::unpack`].
pub(super) fn unpack(
    root: &Path,
    archive: &mut dyn Read,
    progress: &(dyn Fn(Unpacked) + Sync),
) -> Result<Unpacked, FilesError> {
    let mut tree = Tree::open(root)?;
    let mut stream = Stream::new(archive);
    let mut counts = Unpacked::default();
    let mut last = Vec::new();
    while let Some(member) = stream.next().map_err(|e| unreadable(&last, e))? {
        counts.members += 1;
        make(root, &mut tree, &member, &mut stream, &mut |bytes| {
            counts.bytes += bytes;
            progress(counts);
        })?;
        progress(counts);
        last = member.name;
    }
    tree.finish()?;
    Ok(counts)
}

fn make(
    root: &Path,
    tree: &mut Tree<'_>,
    member: &Member,
    stream: &mut Stream<'_>,
    wrote: &mut dyn FnMut(u64),
) -> Result<(), FilesError> {
    if let What::Label = member.what {
        return Ok(());
    }
    let components = components(&member.name).map_err(|why| problem(&member.name, why.to_owned()))?;
    let path = components.join(OsStr::new("/"));
    let target = Target { root, path: path.as_bytes() };
    let owner = Owner::of(member)?;
    let entry = match &member.what {
        What::Label => return Ok(()),
        What::Refused(why) => return Err(problem(&member.name, why.clone())),
        What::Directory => {
            tree.enter(&member.name, &components)?;
            write::dress(target, tree.here().as_fd(), member, owner)?;
            tree.set_modified(member.modified);
            return Ok(());
        }
        What::Entry(entry) => entry,
    };
    let Some((name, directories)) = components.split_last() else {
        return Err(problem(&member.name, "is the root itself, but no directory".to_owned()));
    };
    tree.enter(&member.name, directories)?;
    tree.mark_changed();
    let spot = Spot { target, directory: tree.here(), name, member, owner };
    match entry {
        Entry::File(parts, size) => spot.file((parts, *size), stream, wrote),
        Entry::Symlink(text) => spot.symlink(text),
        Entry::HardLink(to) => spot.hard_link(to),
    }
}

/// A member that is refused; `why` is the end of a sentence.
fn problem(member: &[u8], why: String) -> FilesError {
    FilesError::Member { member: String::from_utf8_lossy(member).into_owned(), problem: why }
}

fn unreadable(member: &[u8], source: io::Error) -> FilesError {
    FilesError::Archive { member: String::from_utf8_lossy(member).into_owned(), source }
}
