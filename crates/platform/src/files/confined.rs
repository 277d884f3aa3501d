//! The operations on single files.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ioc_model::name::JailPath;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fsync, symlinkat, unlinkat};

use super::walk::{self, Directory, Links, Place, Target, kind, mode_bits, resolve};
use super::{Change, Files, FilesError, Kind, Unpacked, unpack};

/// How often an operation begins again because what it had looked at was swapped meanwhile.
const TRIES: usize = 16;
/// The most entries of a directory that are listed.
const MOST_ENTRIES: usize = 100_000;

/// Files below a root, on the calls that take an open directory and a single name. Needs no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConfinedFiles;

fn target<'a>(root: &'a Path, path: &'a JailPath) -> Target<'a> {
    Target { root, path: path.relative().as_os_str().as_bytes() }
}

impl Files for ConfinedFiles {
    fn read(&self, root: &Path, path: &JailPath, most: u64) -> Result<Option<Vec<u8>>, FilesError> {
        let target = target(root, path);
        // Few files are links: whether the last component is one is seen when it is looked at.
        let mut links = Links::KeepLast;
        for _ in 0..TRIES {
            let Some(place) = resolve(target, links)? else { return Ok(None) };
            let Some(name) = &place.name else { return Err(target.not_a("file")) };
            // Looked at before it is opened, as opening a device may do something; and again when it is open.
            match place.directory.stat(name).map_err(|e| target.io("read", e))?.map(|s| kind(&s)) {
                None => return Ok(None),
                Some(Kind::File) => {}
                Some(Kind::Link) => {
                    links = Links::Follow;
                    continue;
                }
                Some(Kind::Directory | Kind::Other) => return Err(target.not_a("file")),
            }
            let flags =
                OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            match openat(&place.directory, name.as_os_str(), flags, Mode::empty()) {
                Ok(file) => return read_open(target, file.into(), most).map(Some),
                Err(Errno::ENOENT) => return Ok(None),
                Err(Errno::ELOOP | Errno::EMLINK) => continue,
                Err(error) => return Err(target.io("read", error)),
            }
        }
        Err(target.io("read", Errno::ELOOP))
    }

    fn metadata(&self, root: &Path, path: &JailPath) -> Result<Option<Kind>, FilesError> {
        let target = target(root, path);
        let Some(place) = resolve(target, Links::KeepLast)? else { return Ok(None) };
        let Some(name) = &place.name else { return Ok(Some(Kind::Directory)) };
        let stat = place.directory.stat(name).map_err(|e| target.io("look at", e))?;
        Ok(stat.map(|stat| kind(&stat)))
    }

    fn replace(&self, root: &Path, path: &JailPath, content: &[u8], mode: u32) -> Result<(), FilesError> {
        let target = target(root, path);
        let (directory, name) = existing_directory(target, "write", "file")?;
        let failed = |error: Errno| target.io("write", error);
        let old = match directory.stat(&name).map_err(failed)? {
            None => None,
            Some(stat) => match kind(&stat) {
                Kind::File => Some(stat),
                Kind::Link => None,
                Kind::Directory | Kind::Other => return Err(target.not_a("file")),
            },
        };
        let (temporary, mut file) = temporary_file(&directory).map_err(failed)?;
        let written = fill(&mut file, content, old, mode)
            .and_then(|()| Ok(renameat(&directory, temporary.as_os_str(), &directory, name.as_os_str())?));
        if let Err(error) = written {
            // The first error is the one to tell; a file left over has a name that says whose it is.
            let _ = unlinkat(&directory, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir);
            return Err(target.io("write", error));
        }
        match fsync(&directory) {
            // Some file systems cannot sync a directory.
            Ok(()) | Err(Errno::EINVAL) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn remove_file(&self, root: &Path, path: &JailPath) -> Result<Change, FilesError> {
        let target = target(root, path);
        let Some(place) = resolve(target, Links::KeepLast)? else { return Ok(Change::Unchanged) };
        let Place { directory, name: Some(name) } = place else { return Err(target.not_a("file")) };
        match directory.stat(&name).map_err(|e| target.io("remove", e))?.map(|s| kind(&s)) {
            None => return Ok(Change::Unchanged),
            Some(Kind::Directory) => return Err(target.not_a("file")),
            Some(Kind::File | Kind::Link | Kind::Other) => {}
        }
        match unlinkat(&directory, name.as_os_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) => Ok(Change::Made),
            Err(Errno::ENOENT) => Ok(Change::Unchanged),
            Err(error) => Err(target.io("remove", error)),
        }
    }

    fn make_directory(&self, root: &Path, path: &JailPath, mode: u32) -> Result<Change, FilesError> {
        let target = target(root, path);
        let mut directory = Directory::root(root).map_err(|e| target.io("open", e))?;
        let mut change = Change::Unchanged;
        let mut components = path.components().peekable();
        while let Some(name) = components.next() {
            let mode = if components.peek().is_none() { mode } else { 0o755 };
            (directory, change) = make_child(target, &directory, OsStr::new(name), mode)?;
        }
        Ok(change)
    }

    fn remove_directory(&self, root: &Path, path: &JailPath) -> Result<Change, FilesError> {
        let target = target(root, path);
        let Some(place) = resolve(target, Links::Refuse)? else { return Ok(Change::Unchanged) };
        let Place { directory, name: Some(name) } = place else {
            return Err(target.io("remove", Errno::EBUSY));
        };
        match directory.stat(&name).map_err(|e| target.io("remove", e))?.map(|s| kind(&s)) {
            None => return Ok(Change::Unchanged),
            Some(Kind::Directory) => {}
            Some(Kind::Link) => return Err(target.link()),
            Some(Kind::File | Kind::Other) => return Err(target.not_a("directory")),
        }
        match unlinkat(&directory, name.as_os_str(), UnlinkatFlags::RemoveDir) {
            Ok(()) => Ok(Change::Made),
            Err(Errno::ENOENT | Errno::ENOTEMPTY | Errno::EEXIST) => Ok(Change::Unchanged),
            Err(error) => Err(target.io("remove", error)),
        }
    }

    fn make_link(&self, root: &Path, path: &JailPath, text: &Path) -> Result<Change, FilesError> {
        let target = target(root, path);
        let Some(place) = resolve(target, Links::KeepLast)? else {
            return Err(target.io("link", Errno::ENOENT));
        };
        let Some(name) = &place.name else { return Ok(Change::Unchanged) };
        match symlinkat(text, &place.directory, name.as_os_str()) {
            Ok(()) => Ok(Change::Made),
            Err(Errno::EEXIST) => Ok(Change::Unchanged),
            Err(error) => Err(target.io("link", error)),
        }
    }

    fn entries(&self, root: &Path, path: &JailPath) -> Result<Vec<(String, bool)>, FilesError> {
        let target = target(root, path);
        let failed = |error: Errno| target.io("list", error);
        let Some(place) = resolve(target, Links::Follow)? else { return Err(failed(Errno::ENOENT)) };
        let directory = match &place.name {
            None => place.directory,
            Some(name) => match place.directory.child(name) {
                Ok(directory) => directory,
                Err(error) if walk::is_no_directory(error) => return Err(target.not_a("directory")),
                Err(error) => return Err(failed(error)),
            },
        };
        list(target, directory)
    }

    fn unpack(
        &self,
        root: &Path,
        archive: &mut dyn Read,
        progress: &(dyn Fn(Unpacked) + Sync),
    ) -> Result<Unpacked, FilesError> {
        unpack::unpack(root, archive, progress)
    }

    fn sync(&self, root: &Path) -> Result<(), FilesError> {
        let target = Target { root, path: b"" };
        let directory = Directory::root(root).map_err(|e| target.io("open", e))?;
        sync_file_system(&directory).map_err(|e| target.io("sync", e))
    }
}

/// The directory in which a path ends, and its name there.
fn existing_directory(
    target: Target<'_>,
    action: &'static str,
    wanted: &'static str,
) -> Result<(Directory, OsString), FilesError> {
    match resolve(target, Links::KeepLast)? {
        None => Err(target.io(action, Errno::ENOENT)),
        Some(Place { name: None, .. }) => Err(target.not_a(wanted)),
        Some(Place { directory, name: Some(name) }) => Ok((directory, name)),
    }
}

/// Largest buffer that is made because a file says to be that large, in bytes.
const MOST_AT_ONCE: usize = 1 << 20;

fn read_open(target: Target<'_>, mut file: File, most: u64) -> Result<Vec<u8>, FilesError> {
    let failed = |error: Errno| target.io("read", error);
    let stat = fstat(&file).map_err(failed)?;
    if kind(&stat) != Kind::File {
        return Err(target.not_a("file"));
    }
    if walk::shows_processes(std::os::fd::AsFd::as_fd(&file)).map_err(failed)? {
        return Err(failed(Errno::EOPNOTSUPP));
    }
    // One byte more than there should be, so that the end is seen by the first read.
    let expected = u64::try_from(stat.st_size).unwrap_or(0).min(most) + 1;
    let mut content = Vec::with_capacity(usize::try_from(expected).unwrap_or(0).min(MOST_AT_ONCE));
    let read = (&mut file).take(most.saturating_add(1)).read_to_end(&mut content);
    read.map_err(|e| target.io("read", e))?;
    if content.len() as u64 > most {
        return Err(FilesError::TooLarge { root: target.root.to_owned(), path: target.name(), most });
    }
    Ok(content)
}

/// Makes a file with a new name that nobody can have guessed.
fn temporary_file(directory: &Directory) -> Result<(OsString, File), Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    for _ in 0..TRIES {
        let name = OsString::from(format!(".ioc-{:016x}.tmp", RandomState::new().hash_one(())));
        match openat(directory, name.as_os_str(), flags, mode_bits(0o600)) {
            Ok(file) => return Ok((name, file.into())),
            Err(Errno::EEXIST) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::EEXIST)
}

fn fill(file: &mut File, content: &[u8], old: Option<FileStat>, mode: u32) -> std::io::Result<()> {
    file.write_all(content)?;
    let mode = match old {
        Some(old) => {
            fchown(&*file, Some(Uid::from_raw(old.st_uid)), Some(Gid::from_raw(old.st_gid)))?;
            Mode::from_bits_truncate(old.st_mode & 0o7777)
        }
        None => mode_bits(mode),
    };
    // After the owner, as changing that clears the set-ID bits.
    fchmod(&*file, mode)?;
    file.sync_all()
}

fn make_child(
    target: Target<'_>,
    parent: &Directory,
    name: &OsStr,
    mode: u32,
) -> Result<(Directory, Change), FilesError> {
    let failed = |error: Errno| target.io("make directory", error);
    let mut change = Change::Unchanged;
    for _ in 0..TRIES {
        match parent.child(name) {
            Ok(child) => {
                if change == Change::Made {
                    fchmod(&child, mode_bits(mode)).map_err(failed)?;
                }
                return Ok((child, change));
            }
            Err(Errno::ENOENT) => match mkdirat(parent, name, mode_bits(0o700)) {
                Ok(()) => change = Change::Made,
                Err(Errno::EEXIST) => change = Change::Unchanged,
                Err(error) => return Err(failed(error)),
            },
            Err(error) if walk::is_no_directory(error) => match parent.link_text(name) {
                Ok(Some(_)) => return Err(target.link()),
                Ok(None) => return Err(target.not_a("directory")),
                Err(Errno::ENOENT) => {}
                Err(error) => return Err(failed(error)),
            },
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(Errno::EAGAIN))
}

fn list(target: Target<'_>, directory: Directory) -> Result<Vec<(String, bool)>, FilesError> {
    let failed = |error: Errno| target.io("list", error);
    let again = directory.child(OsStr::new(".")).map_err(failed)?;
    let mut stream = nix::dir::Dir::from_fd(again.into_fd()).map_err(failed)?;
    let mut entries = Vec::new();
    for entry in stream.iter() {
        let entry = entry.map_err(failed)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        if entries.len() == MOST_ENTRIES {
            let root = target.root.to_owned();
            return Err(FilesError::TooMany { root, path: target.name(), most: MOST_ENTRIES });
        }
        let is_directory = match entry.file_type() {
            Some(known) => known == nix::dir::Type::Directory,
            // Some file systems do not tell; a name that went meanwhile is no directory.
            None => directory.stat(name).map_err(failed)?.is_some_and(|s| kind(&s) == Kind::Directory),
        };
        entries.push((name.to_string_lossy().into_owned(), is_directory));
    }
    entries.sort();
    Ok(entries)
}

#[cfg(target_os = "linux")]
fn sync_file_system(directory: &Directory) -> Result<(), Errno> {
    nix::unistd::syncfs(directory)
}

#[cfg(target_os = "freebsd")]
fn sync_file_system(_: &Directory) -> Result<(), Errno> {
    nix::unistd::sync();
    Ok(())
}
