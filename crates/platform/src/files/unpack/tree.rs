//! The directories on the way to a member.
//!
//! They are opened one by one, without following links, and stay open until a member lies elsewhere. Time stamps
//! come last: when a directory is left, it gets back the time that it had, or that its own member gave it. So
//! nothing must be remembered about directories that were left, however many there are.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{fchmod, fstat, futimens, mkdirat};
use nix::sys::time::TimeSpec;

use super::problem;
use crate::files::walk::{self, Directory, Target, mode_bits};
use crate::files::{FilesError, Kind};

/// An open directory and its own name.
struct Level {
    name: OsString,
    directory: Directory,
    /// Its time, to be set again.
    modified: TimeSpec,
    is_changed: bool,
}

/// The open directories, from the root to where the current member lies.
pub(super) struct Tree<'a> {
    root: &'a Path,
    top: Level,
    below: Vec<Level>,
}

impl<'a> Tree<'a> {
    pub(super) fn open(root: &'a Path) -> Result<Self, FilesError> {
        let failed = |error: Errno| Target { root, path: b"" }.io("open", error);
        let top = Level::new(OsString::new(), Directory::root(root).map_err(failed)?).map_err(failed)?;
        Ok(Tree { root, top, below: Vec::new() })
    }

    /// The directory that was entered last.
    pub(super) fn here(&self) -> &Directory {
        &self.last().directory
    }

    /// Says that something is made or removed in [`Tree::here`].
    pub(super) fn mark_changed(&mut self) {
        self.last_mut().is_changed = true;
    }

    /// Gives the time that [`Tree::here`] is to have.
    pub(super) fn set_modified(&mut self, modified: TimeSpec) {
        let level = self.last_mut();
        level.modified = modified;
        level.is_changed = true;
    }

    /// Goes to the directory with these components, making those that are missing, with mode 0755.
    pub(super) fn enter(&mut self, member: &[u8], components: &[&OsStr]) -> Result<(), FilesError> {
        let same = self.below.iter().zip(components).take_while(|(level, name)| level.name == **name).count();
        self.leave(same)?;
        for (position, name) in components.iter().enumerate().skip(same) {
            let path = components[..=position].join(OsStr::new("/"));
            let target = Target { root: self.root, path: path.as_bytes() };
            self.step(target, member, name)?;
        }
        Ok(())
    }

    /// Closes all and sets the last times.
    pub(super) fn finish(mut self) -> Result<(), FilesError> {
        self.leave(0)?;
        self.top.close().map_err(|e| Target { root: self.root, path: b"" }.io("set the time of", e))
    }

    fn step(&mut self, target: Target<'_>, member: &[u8], name: &OsStr) -> Result<(), FilesError> {
        let mut opened = self.here().child(name);
        let mut is_new = false;
        if opened.as_ref().is_err_and(|e| *e == Errno::ENOENT) {
            self.mark_changed();
            match mkdirat(self.here(), name, mode_bits(0o700)) {
                Ok(()) => is_new = true,
                Err(Errno::EEXIST) => {}
                Err(error) => return Err(target.io("make directory", error)),
            }
            opened = self.here().child(name);
        }
        let directory = match opened {
            Ok(directory) => directory,
            Err(error) if walk::is_no_directory(error) => {
                let stat = self.here().stat(name).map_err(|e| target.io("look at", e))?;
                let what = match stat.map(|s| walk::kind(&s)) {
                    Some(Kind::Link) => "a link",
                    _ => "no directory",
                };
                return Err(problem(
                    member,
                    format!("needs {} to be a directory, which is {what}", target.name()),
                ));
            }
            Err(error) => return Err(target.io("open", error)),
        };
        if is_new {
            fchmod(&directory, mode_bits(0o755)).map_err(|e| target.io("set the mode of", e))?;
        }
        let level = Level::new(name.to_owned(), directory).map_err(|e| target.io("look at", e))?;
        self.below.push(level);
        Ok(())
    }

    fn leave(&mut self, keep: usize) -> Result<(), FilesError> {
        while self.below.len() > keep {
            let level = self.below.pop().expect("there are more than are kept");
            let name = level.name.clone();
            let target = Target { root: self.root, path: name.as_bytes() };
            level.close().map_err(|e| target.io("set the time of", e))?;
        }
        Ok(())
    }

    fn last(&self) -> &Level {
        self.below.last().unwrap_or(&self.top)
    }

    fn last_mut(&mut self) -> &mut Level {
        self.below.last_mut().unwrap_or(&mut self.top)
    }
}

impl Level {
    fn new(name: OsString, directory: Directory) -> Result<Self, Errno> {
        let stat = fstat(&directory)?;
        let modified = TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec);
        Ok(Level { name, directory, modified, is_changed: false })
    }

    fn close(self) -> Result<(), Errno> {
        if self.is_changed {
            futimens(&self.directory, &TimeSpec::UTIME_OMIT, &self.modified)?;
        }
        Ok(())
    }
}
