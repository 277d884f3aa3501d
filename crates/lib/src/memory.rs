//! What `start` did and only it knows, kept until the next boot: see [`Remembered`].
//!
//! Everything else that `stop` has to take away is found in the kernel.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use ioc_model::name::KernelName;
use ioc_platform::files::Change;

use crate::apply::StepError;
use crate::plan::Remembered;

fn file(runtime: &Path, jail: &KernelName) -> PathBuf {
    runtime.join("started").join(format!("{jail}.json"))
}

/// Writes what to remember of a jail.
pub(crate) fn write(runtime: &Path, jail: &KernelName, state: &Remembered) -> Result<(), StepError> {
    let path = file(runtime, jail);
    let error = |source| StepError::Io { action: "write", path: path.clone(), source };
    let text = serde_json::to_vec(state).map_err(|e| error(e.into()))?;
    if let Some(directory) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(directory).map_err(error)?;
    }
    fs::write(&path, text).map_err(error)
}

/// Reads it; nothing was remembered: the default.
pub(crate) fn read(runtime: &Path, jail: &KernelName) -> Result<Remembered, StepError> {
    let path = file(runtime, jail);
    let error = |source| StepError::Io { action: "read", path: path.clone(), source };
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|e| error(e.into())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Remembered::default()),
        Err(e) => Err(error(e)),
    }
}

/// Drops it, and its directory with the last one.
pub(crate) fn remove(runtime: &Path, jail: &KernelName) -> Result<Change, StepError> {
    let path = file(runtime, jail);
    match fs::remove_file(&path) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Change::Unchanged),
        Err(source) => return Err(StepError::Io { action: "remove", path, source }),
    }
    // Fails while other jails run, which is the usual case.
    for directory in path.ancestors().skip(1).take(2) {
        if fs::remove_dir(directory).is_err() {
            break;
        }
    }
    Ok(Change::Made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_until_forgotten() {
        let runtime = tempfile::tempdir().unwrap();
        let directory = runtime.path().join("ioc");
        let jail: KernelName = "ioc-web".parse().unwrap();
        assert_eq!(read(&directory, &jail).unwrap(), Remembered::default());
        let state = Remembered { bridges: vec!["bridge0".to_owned()], ..Remembered::default() };
        write(&directory, &jail, &state).unwrap();
        assert_eq!(read(&directory, &jail).unwrap(), state);
        assert_eq!(remove(&directory, &jail).unwrap(), Change::Made);
        assert_eq!(remove(&directory, &jail).unwrap(), Change::Unchanged);
        assert!(!directory.exists());
    }
}
