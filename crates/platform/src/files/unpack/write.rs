//! Making what a member asks for, in the directory it lies in.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{UtimensatFlags, fchmod, futimens, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, linkat, symlinkat, unlinkat};

use super::member::{Member, Part, components};
use super::stream::Stream;
use super::{attributes, problem};
use crate::files::walk::{Directory, Links, Target, kind, mode_bits, resolve};
use crate::files::{FilesError, Kind};

/// How often a file that is in the way is removed, if somebody puts it there again.
const TRIES: usize = 16;

/// A name in an open directory that a member is for.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) target: Target<'a>,
    pub(super) directory: &'a Directory,
    pub(super) name: &'a OsStr,
    pub(super) member: &'a Member,
    pub(super) owner: Owner,
}

/// The numeric owner of a member.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    user: Uid,
    group: Gid,
}

impl Owner {
    pub(super) fn of(member: &Member) -> Result<Self, FilesError> {
        // The highest number means "leave it" to chown(2).
        let id = |number: u64| u32::try_from(number).ok().filter(|id| *id != u32::MAX);
        match (id(member.user), id(member.group)) {
            (Some(user), Some(group)) => Ok(Owner { user: Uid::from_raw(user), group: Gid::from_raw(group) }),
            _ => Err(problem(
                &member.name,
                format!("belongs to {}:{}, which no system has", member.user, member.group),
            )),
        }
    }
}

impl Spot<'_> {
    /// Makes a regular file; `wrote` is told how many bytes each write had.
    pub(super) fn file(
        self,
        (parts, size): (&[Part], u64),
        stream: &mut Stream<'_>,
        wrote: &mut dyn FnMut(u64),
    ) -> Result<(), FilesError> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let made = self.in_place("make", || openat(self.directory, self.name, flags, mode_bits(0o600)))?;
        let file = File::from(made);
        let mut written = 0;
        for part in parts.iter().filter(|part| part.length > 0) {
            let end = part.offset + part.length;
            let mut offset = part.offset;
            while offset < end {
                let chunk =
                    stream.chunk(end - offset).map_err(|e| super::unreadable(&self.member.name, e))?;
                file.write_all_at(chunk, offset).map_err(|e| self.target.io("write", e))?;
                offset += chunk.len() as u64;
                wrote(chunk.len() as u64);
            }
            written = end;
        }
        if written < size {
            file.set_len(size).map_err(|e| self.target.io("write", e))?;
        }
        dress(self.target, file.as_fd(), self.member, self.owner)?;
        futimens(&file, &TimeSpec::UTIME_OMIT, &self.member.modified)
            .map_err(|e| self.target.io("set the time of", e))
    }

    pub(super) fn symlink(self, text: &OsStr) -> Result<(), FilesError> {
        self.in_place("make", || symlinkat(text, self.directory, self.name))?;
        let Owner { user, group } = self.owner;
        fchownat(self.directory, self.name, Some(user), Some(group), AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|e| self.target.io("set the owner of", e))?;
        let time = &self.member.modified;
        utimensat(self.directory, self.name, &TimeSpec::UTIME_OMIT, time, UtimensatFlags::NoFollowSymlink)
            .map_err(|e| self.target.io("set the time of", e))
    }

    pub(super) fn hard_link(self, to: &[u8]) -> Result<(), FilesError> {
        let refused = |why: &str| {
            problem(
                &self.member.name,
                format!("is a hard link to {:?}, which {why}", String::from_utf8_lossy(to)),
            )
        };
        let components = components(to).map_err(refused)?;
        let path = components.join(OsStr::new("/"));
        let other = Target { root: self.target.root, path: path.as_encoded_bytes() };
        let place = match resolve(other, Links::Refuse) {
            Ok(Some(place)) => place,
            Ok(None) => return Err(refused("is not there")),
            Err(FilesError::Link { .. }) => return Err(refused("lies below a link")),
            Err(FilesError::Kind { .. }) => return Err(refused("lies below a file")),
            Err(error) => return Err(error),
        };
        let Some(name) = &place.name else { return Err(refused("is the root itself")) };
        let stat = place.directory.stat(name).map_err(|e| other.io("look at", e))?;
        match stat.map(|s| kind(&s)) {
            None => return Err(refused("is not there")),
            // Neither system's linkat(2) follows a link unless it is told to.
            Some(Kind::File | Kind::Link) => {}
            Some(Kind::Directory | Kind::Other) => return Err(refused("is no file")),
        }
        let there = self.directory.stat(self.name).map_err(|e| self.target.io("look at", e))?;
        if let (Some(old), Some(new)) = (there, stat)
            && (old.st_dev, old.st_ino) == (new.st_dev, new.st_ino)
        {
            return Ok(());
        }
        self.in_place("link", || {
            linkat(&place.directory, name.as_os_str(), self.directory, self.name, AtFlags::empty())
        })
    }

    /// Calls until nothing is in the way; what is there is removed, but never a directory.
    fn in_place<T>(self, action: &'static str, make: impl Fn() -> Result<T, Errno>) -> Result<T, FilesError> {
        for _ in 0..TRIES {
            match make() {
                Err(Errno::EEXIST) => {}
                made => return made.map_err(|e| self.target.io(action, e)),
            }
            let there = self.directory.stat(self.name).map_err(|e| self.target.io("look at", e))?;
            if there.is_some_and(|s| kind(&s) == Kind::Directory) {
                return Err(problem(&self.member.name, "would replace a directory".to_owned()));
            }
            match unlinkat(self.directory, self.name, UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(error) => return Err(self.target.io("replace", error)),
            }
        }
        Err(self.target.io(action, Errno::EEXIST))
    }
}

/// Gives an open file or directory its owner, attributes and mode, in the order in which none undoes another: a new
/// owner clears set-ID bits and capabilities.
pub(super) fn dress(
    target: Target<'_>,
    file: BorrowedFd<'_>,
    member: &Member,
    owner: Owner,
) -> Result<(), FilesError> {
    fchown(file, Some(owner.user), Some(owner.group)).map_err(|e| target.io("set the owner of", e))?;
    attributes::set(file, &member.attributes).map_err(|e| target.io("set the attributes of", e))?;
    fchmod(file, mode_bits(member.mode)).map_err(|e| target.io("set the mode of", e))
}
