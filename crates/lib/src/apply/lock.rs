//! Locks on jails and releases: flock(2) on a file in the source's `.ioc/lock`.
//!
//! Whoever holds locks has also locked that directory, together with all others who do. Who finds no room for a file
//! locks it alone instead, and so waits for all others of the source: room can be made where there is none.
//!
//! Where there is no room for a file, the directory stands in for it: who holds locks has locked it shared, and who
//! cannot make a file locks it alone, which waits for all others of the source. So room can be made where there is none.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ioc_model::name::{JailName, ReleaseName};

use super::is_lack_of_space;

/// What can be locked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockName {
    /// A source as a whole: its activation and defaults.
    Source,
    /// A release. Taken before those of jails.
    Release(ReleaseName),
    /// A jail or template.
    Jail(JailName),
    /// The bridges of the host, for the moment that it takes to look at one and change it.
    Bridges,
    /// The journals of dead processes. Taken last, for a moment.
    Recovery,
}

impl LockName {
    fn file(&self) -> String {
        match self {
            LockName::Source => "source".to_owned(),
            LockName::Release(name) => format!("release-{name}"),
            LockName::Jail(name) => format!("jail-{name}"),
            LockName::Bridges => "bridges".to_owned(),
            LockName::Recovery => "recovery".to_owned(),
        }
    }
}

impl std::fmt::Display for LockName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LockName::Source => f.write_str("the source"),
            LockName::Release(name) => write!(f, "release {name}"),
            LockName::Jail(name) => write!(f, "jail {name}"),
            LockName::Bridges => f.write_str("the host's bridges"),
            LockName::Recovery => f.write_str("the journal"),
        }
    }
}

/// Says why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{name} is being changed by another command ({holder}); waited {} s", .waited.as_secs())]
    Held {
        /// What is locked.
        name: LockName,
        /// Its pid and command.
        holder: String,
        /// How long we waited.
        waited: Duration,
    },
    /// The file cannot be made or locked.
    #[error("cannot lock {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Locks that this process holds; dropping gives them back.
#[derive(Debug)]
pub struct Locks<'a> {
    path: &'a Path,
    /// What others are told while we hold them.
    command: &'a str,
    held: Vec<(File, PathBuf)>,
    /// `path` itself, once it is locked.
    directory: Option<File>,
    /// There is no room for a file, so that the directory is to be locked alone.
    alone: bool,
}

impl<'a> Locks<'a> {
    /// None yet of those in the directory `path`. `command` is what others are told while we hold them.
    pub fn new(path: &'a Path, command: &'a str) -> Self {
        Locks { path, command, held: Vec::new(), directory: None, alone: false }
    }

    /// Takes locks, beside those that are held, in a fixed order (so that two commands never wait for each other),
    /// waiting `patience` at the most for all of them together.
    pub fn take(&mut self, mut names: Vec<LockName>, patience: Duration) -> Result<(), LockError> {
        names.sort();
        names.dedup();
        let begin = Instant::now();
        for name in names {
            let path = self.path.join(name.file());
            while !self.try_take(&path).map_err(|source| LockError::Io { path: path.clone(), source })? {
                let waited = begin.elapsed();
                if waited >= patience {
                    return Err(LockError::Held { name, holder: holder(&path), waited });
                }
                std::thread::sleep(Duration::from_millis(20).min(patience - waited));
            }
        }
        Ok(())
    }

    /// Holds one more while `work` is done.
    pub fn during<R>(
        &mut self,
        name: LockName,
        patience: Duration,
        work: impl FnOnce() -> R,
    ) -> Result<R, LockError> {
        let before = self.held.len();
        self.take(vec![name], patience)?;
        let done = work();
        self.give_back(before);
        Ok(done)
    }

    /// Takes a lock if it is free.
    fn try_take(&mut self, path: &Path) -> io::Result<bool> {
        if self.directory.is_none() {
            self.directory = lock_directory(self.path, self.alone)?;
        }
        if self.directory.is_none() {
            return Ok(false);
        }
        match try_take(path, !self.alone, self.command) {
            Ok(Some(file)) => {
                self.held.push((file, path.to_owned()));
                Ok(true)
            }
            Ok(None) => Ok(false),
            // Nobody has it, and nobody can take it while the directory is ours.
            Err(error) if self.alone && error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) if !self.alone && is_lack_of_space(&error) => {
                // Given back first: of two who want to be alone each would wait for the other.
                self.directory = None;
                self.alone = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives back all but those that were taken first.
    fn give_back(&mut self, keep: usize) {
        for (file, path) in self.held.drain(keep..) {
            // Removed while it is locked: who waits for it finds it gone and takes the next one.
            if let Err(error) = fs::remove_file(&path) {
                tracing::debug!(path = %path.display(), %error, "lock file stays");
            }
            drop(file);
        }
    }
}

impl Drop for Locks<'_> {
    fn drop(&mut self) {
        self.give_back(0);
    }
}

/// Locks the directory of the locks, if the others let us.
fn lock_directory(path: &Path, alone: bool) -> io::Result<Option<File>> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let directory = File::open(path)?;
    let locked = if alone { directory.try_lock() } else { directory.try_lock_shared() };
    Ok(is_free(locked)?.then_some(directory))
}

/// Takes the lock if it is free; its file is made if it is missing and `create` says so.
fn try_take(path: &Path, create: bool, command: &str) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(create).truncate(false).mode(0o600).open(path);
    let mut file = match opened {
        Ok(file) => file,
        // Where a file system looks a name up before it makes the file (FUSE), the holder before us may have removed it
        // in between.
        Err(error) if create && error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !is_free(file.try_lock())? {
        return Ok(None);
    }
    // The holder before us may have removed the file between our open and our lock.
    match fs::metadata(path) {
        Ok(now) if now.ino() == file.metadata()?.ino() => {}
        _ => return Ok(None),
    }
    // On a full disk the others are not told who we are; the lock holds all the same.
    let said = file.set_len(0).and_then(|()| file.rewind());
    if let Err(error) = said.and_then(|()| write!(file, "pid {}, {command}", std::process::id())) {
        tracing::debug!(path = %path.display(), %error, "nothing is said in the lock file");
    }
    Ok(Some(file))
}

fn is_free(locked: Result<(), TryLockError>) -> io::Result<bool> {
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes the files of locks that nobody holds: a process that is killed leaves its own. They do no harm, so what
/// cannot be removed stays.
pub(crate) fn remove_abandoned(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(file) = File::open(&path) else { continue };
        let inode = |metadata: io::Result<fs::Metadata>| metadata.map(|metadata| metadata.ino()).ok();
        // Removed while it is locked, as by its holder, and only if it is still the one that we locked.
        if file.try_lock().is_ok() && inode(fs::metadata(&path)) == inode(file.metadata()) {
            let removed = fs::remove_file(&path);
            tracing::debug!(path = %path.display(), ?removed, "an abandoned lock");
        }
    }
}

/// Who holds the lock, as it says itself.
fn holder(path: &Path) -> String {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(300).read_to_string(&mut text));
    if read.is_err() || text.is_empty() { "unknown".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jail(name: &str) -> LockName {
        LockName::Jail(name.parse().unwrap())
    }

    #[test]
    fn the_second_waits_then_names_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let take = |patience, command| {
            let mut locks = Locks::new(directory.path(), command);
            locks.take(vec![jail("web")], patience).map(|()| locks)
        };
        let first = take(Duration::ZERO, "ioc stop web").unwrap();
        let error = take(Duration::from_millis(50), "ioc start web").unwrap_err().to_string();
        assert!(error.contains("ioc stop web") && error.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        drop(take(Duration::ZERO, "ioc start web").unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_more_is_held_for_a_while() {
        let directory = tempfile::tempdir().unwrap();
        let mut locks = Locks::new(directory.path(), "t");
        locks.take(vec![jail("web")], Duration::ZERO).unwrap();
        let files = || fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(locks.during(LockName::Recovery, Duration::ZERO, files).unwrap(), 2);
        assert_eq!(files(), 1);
    }

    /// Locks as they are after there was no room for a file.
    fn without_room<'a>(directory: &'a Path) -> Locks<'a> {
        let mut locks = Locks::new(directory, "ioc destroy");
        locks.alone = true;
        locks
    }

    #[test]
    fn without_room_nobody_else_holds_anything() {
        let directory = tempfile::tempdir().unwrap();
        let with_room = || Locks::new(directory.path(), "ioc start");
        let now = Duration::ZERO;
        let (mut other, mut full) = (with_room(), without_room(directory.path()));
        other.take(vec![jail("db")], now).unwrap();
        assert!(matches!(full.take(vec![jail("web")], now), Err(LockError::Held { .. })));
        drop(other);
        full.take(vec![jail("web")], now).unwrap();
        full.during(LockName::Recovery, now, || ()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(matches!(with_room().take(vec![jail("db")], now), Err(LockError::Held { .. })));
        assert!(without_room(directory.path()).take(vec![jail("db")], now).is_err());
        drop(full);
        with_room().take(vec![jail("db")], now).unwrap();
    }

    #[test]
    fn without_room_a_lock_whose_file_is_there_is_not_taken_twice() {
        let directory = tempfile::tempdir().unwrap();
        let (now, mut first) = (Duration::ZERO, Locks::new(directory.path(), "ioc start"));
        first.take(vec![jail("web")], now).unwrap();
        // It wants to be alone too, and has given the directory back.
        first.directory = None;
        let mut second = without_room(directory.path());
        assert!(matches!(second.take(vec![jail("web")], now), Err(LockError::Held { .. })));
        second.take(vec![jail("db")], now).unwrap();
    }

    #[test]
    fn many_threads_one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (directory, inside) = (directory.path(), &inside);
                scope.spawn(move || {
                    for _ in 0..20 {
                        // Some of them find no room.
                        let mut locks = Locks::new(directory, "t");
                        locks.alone = number % 3 == 0;
                        locks.take(vec![jail("a")], Duration::from_secs(30)).unwrap();
                        use std::sync::atomic::Ordering::SeqCst;
                        assert_eq!(inside.fetch_add(1, SeqCst), 0);
                        inside.fetch_sub(1, SeqCst);
                        drop(locks);
                    }
                });
            }
        });
    }
}
