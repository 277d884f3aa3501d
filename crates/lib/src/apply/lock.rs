//! Locks on jails and releases: flock(2) on a file in the source's `.ioc/lock`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ioc_model::name::{JailName, ReleaseName};

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
#[derive(Debug, Default)]
pub struct Locks {
    held: Vec<(File, PathBuf)>,
}

impl Locks {
    /// Takes locks in `directory` in a fixed order (so that two commands never wait for each other), waiting
    /// `patience` at the most for all of them together. `command` is what others are told while we hold them.
    pub fn take(
        directory: &Path,
        mut names: Vec<LockName>,
        patience: Duration,
        command: &str,
    ) -> Result<Locks, LockError> {
        names.sort();
        names.dedup();
        let begin = Instant::now();
        let mut locks = Locks::default();
        for name in names {
            let path = directory.join(name.file());
            let io = |source| LockError::Io { path: path.clone(), source };
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(io)?;
            loop {
                if let Some(file) = try_take(&path, command).map_err(io)? {
                    locks.held.push((file, path));
                    break;
                }
                let waited = begin.elapsed();
                if waited >= patience {
                    return Err(LockError::Held { name, holder: holder(&path), waited });
                }
                std::thread::sleep(Duration::from_millis(20).min(patience - waited));
            }
        }
        Ok(locks)
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        for (file, path) in self.held.drain(..) {
            // Removed while it is locked: who waits for it finds it gone and takes the next one.
            if let Err(error) = fs::remove_file(&path) {
                tracing::debug!(path = %path.display(), %error, "lock file stays");
            }
            drop(file);
        }
    }
}

/// Takes the lock if it is free.
fn try_take(path: &Path, command: &str) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let mut file = match opened {
        Ok(file) => file,
        // Where a file system looks a name up before it makes the file (FUSE), the holder before us may have removed it
        // in between.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(e)) => return Err(e),
    }
    // The holder before us may have removed the file between our open and our lock.
    match fs::metadata(path) {
        Ok(now) if now.ino() == file.metadata()?.ino() => {}
        _ => return Ok(None),
    }
    file.set_len(0)?;
    file.rewind()?;
    // On a full disk the others are not told who we are; the lock holds all the same.
    if let Err(error) = write!(file, "pid {}, {command}", std::process::id()) {
        tracing::debug!(path = %path.display(), %error, "nothing is said in the lock file");
    }
    Ok(Some(file))
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
        let take = |patience, command| Locks::take(directory.path(), vec![jail("web")], patience, command);
        let first = take(Duration::ZERO, "ioc stop web").unwrap();
        let error = take(Duration::from_millis(50), "ioc start web").unwrap_err().to_string();
        assert!(error.contains("ioc stop web") && error.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        drop(take(Duration::ZERO, "ioc start web").unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn many_threads_one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let patience = Duration::from_secs(30);
                        let lock = Locks::take(directory.path(), vec![jail("a")], patience, "t").unwrap();
                        use std::sync::atomic::Ordering::SeqCst;
                        assert_eq!(inside.fetch_add(1, SeqCst), 0);
                        inside.fetch_sub(1, SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }
}
