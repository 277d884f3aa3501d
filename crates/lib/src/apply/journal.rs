//! The journal of a plan: what it was going to do and how far it came.
//!
//! One file per running plan. The first line holds the plan; a line follows for every finished step. The file is
//! locked as long as its process lives, so a journal that can be locked belongs to a dead one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// The form of the file; another one is not understood and left alone.
const SCHEMA: &str = "ioc.journal/1";

/// Says what is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written.
    #[error("cannot {action} the journal {}", .path.display())]
    Io {
        /// "create", "write", ...
        action: &'static str,
        /// The file or its directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A plan cannot be written as JSON.
    #[error("cannot write the plan as JSON")]
    Encode(#[source] serde_json::Error),
    /// It was written by another version of ioc, or is damaged.
    #[error("the journal {} cannot be understood; move it away once you have looked at it", .path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
    },
}

impl JournalError {
    /// Tells whether there was no room for it.
    pub(super) fn is_lack_of_space(&self) -> bool {
        matches!(self, JournalError::Io { source, .. } if super::is_lack_of_space(source))
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    schema: String,
    pid: u32,
    plan: Plan,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    /// It is done.
    Finished {
        /// Which.
        finished: usize,
        /// Whether it changed anything.
        changed: bool,
    },
    /// It failed, and the plan went on.
    Failed {
        /// Which.
        failed: usize,
    },
    /// It was taken back.
    Undone {
        /// Which.
        undone: usize,
    },
    /// Not a step, but the attempt of a later command to bring the plan to an end.
    NotRecovered {
        /// How many commands had tried.
        attempts: usize,
    },
}

/// The journal of the plan that this process carries out, or of a dead process that it recovers.
#[derive(Debug)]
pub(super) struct Journal {
    /// None: nothing is noted.
    file: Option<File>,
    path: PathBuf,
    /// Lines were written that are not on disk yet.
    dirty: bool,
    /// The plan has not come to its end.
    kept: bool,
}

/// What a dead process left.
#[derive(Debug)]
pub(super) struct Orphan {
    /// Its journal, locked by us now.
    pub(super) journal: Journal,
    /// What it was going to do.
    pub(super) plan: Plan,
    /// What became of its steps, in order. The one after the last that is named may be half done.
    pub(super) lines: Vec<Line>,
}

impl Orphan {
    /// The step that had perhaps begun, if there is one.
    pub(super) fn in_doubt(&self) -> Option<usize> {
        let ended = self.lines.iter().filter_map(|line| match *line {
            Line::Finished { finished: at, .. } | Line::Failed { failed: at } => Some(at),
            Line::Undone { .. } | Line::NotRecovered { .. } => None,
        });
        let next = ended.max().map_or(0, |at| at + 1);
        (next < self.plan.steps.len() && !self.is_undone(next)).then_some(next)
    }

    /// The steps that changed something and were not taken back, in order.
    pub(super) fn changed(&self) -> Vec<usize> {
        let changed = self.lines.iter().filter_map(|line| match *line {
            Line::Finished { finished: at, changed: true } => Some(at),
            _ => None,
        });
        changed.filter(|at| !self.is_undone(*at)).collect()
    }

    /// The steps that were not done yet, those that failed among them, but for hooks: they are not run again.
    pub(super) fn to_do(&self) -> Vec<usize> {
        let ended = |at: usize| {
            self.lines.iter().any(|line| match *line {
                Line::Finished { finished, .. } => finished == at,
                Line::Failed { failed } => failed == at && self.plan.steps[at].step.is_hook(),
                Line::Undone { .. } | Line::NotRecovered { .. } => false,
            })
        };
        (0..self.plan.steps.len()).filter(|at| !ended(*at)).collect()
    }

    /// How many commands have tried to bring the plan to an end.
    pub(super) fn attempts(&self) -> usize {
        let attempts = self.lines.iter().filter_map(|line| match *line {
            Line::NotRecovered { attempts } => Some(attempts),
            _ => None,
        });
        attempts.max().unwrap_or(0)
    }

    fn is_undone(&self, at: usize) -> bool {
        self.lines.contains(&Line::Undone { undone: at })
    }
}

impl Journal {
    /// Writes the journal of a plan that is about to begin.
    pub(super) fn create(directory: &Path, plan: &Plan) -> Result<Self, JournalError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let header = Header { schema: SCHEMA.to_owned(), pid: std::process::id(), plan: plan.clone() };
        let mut text = serde_json::to_vec(&header).map_err(JournalError::Encode)?;
        text.push(b'\n');

        let (mut file, path) = loop {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{now:016x}-{}-{count}.json", std::process::id()));
            if let Some(file) = create_locked(directory, &path)? {
                break (file, path);
            }
        };
        let written = file.write_all(&text);
        let mut journal = Journal { file: Some(file), path: path.clone(), dirty: true, kept: false };
        if let Err(source) = written {
            journal.close()?;
            return Err(JournalError::Io { action: "write", path, source });
        }
        if plan.steps.iter().any(|planned| planned.step.survives_reboot()) {
            journal.sync()?;
            let synced = File::open(directory).and_then(|d| d.sync_all());
            synced.map_err(|source| JournalError::Io { action: "sync", path, source })?;
        }
        Ok(journal)
    }

    /// A journal that notes nothing.
    pub(super) fn none() -> Self {
        Journal { file: None, path: PathBuf::new(), dirty: false, kept: false }
    }

    /// Notes that a step is finished. It is on disk on return if `durable`.
    pub(super) fn finished(&mut self, step: usize, changed: bool, durable: bool) -> Result<(), JournalError> {
        self.write(Line::Finished { finished: step, changed })?;
        if durable { self.sync() } else { Ok(()) }
    }

    /// Notes that a step failed and that the plan goes on.
    pub(super) fn failed(&mut self, step: usize) -> Result<(), JournalError> {
        self.write(Line::Failed { failed: step })
    }

    /// Notes that a step was taken back.
    pub(super) fn undone(&mut self, step: usize) -> Result<(), JournalError> {
        self.write(Line::Undone { undone: step })
    }

    /// Notes that so many commands have tried to bring the plan to an end.
    pub(super) fn not_recovered(&mut self, attempts: usize) -> Result<(), JournalError> {
        self.write(Line::NotRecovered { attempts })
    }

    fn write(&mut self, line: Line) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(&line).map_err(JournalError::Encode)?;
        line.push(b'\n');
        let Some(file) = &mut self.file else { return Ok(()) };
        if let Err(error) = file.write_all(&line) {
            return Err(self.error("write", error));
        }
        self.dirty = true;
        Ok(())
    }

    /// Has the next command go on with the plan, as if this process died.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Removes the journal: its plan has come to an end, unless it is to be kept.
    pub(super) fn close(self) -> Result<(), JournalError> {
        if self.file.is_none() || self.kept {
            return Ok(());
        }
        fs::remove_file(&self.path).map_err(|e| self.error("remove", e))
    }

    /// Keeps the journal of a plan that cannot be brought to an end, out of the way of the next command.
    pub(super) fn set_aside(self) -> Result<(), JournalError> {
        fs::rename(&self.path, self.path.with_extension("failed")).map_err(|e| self.error("set aside", e))
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if let Some(file) = self.file.as_ref().filter(|_| self.dirty) {
            file.sync_data().map_err(|e| self.error("sync", e))?;
            self.dirty = false;
        }
        Ok(())
    }

    fn error(&self, action: &'static str, source: io::Error) -> JournalError {
        JournalError::Io { action, path: self.path.clone(), source }
    }
}

/// Makes the file and locks it. None: before it was locked another command took it for that of a dead process.
fn create_locked(directory: &Path, path: &Path) -> Result<Option<File>, JournalError> {
    let io = |action| move |source| JournalError::Io { action, path: path.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(io("create"))?;
    let file =
        OpenOptions::new().append(true).create_new(true).mode(0o600).open(path).map_err(io("create"))?;
    file.lock().map_err(io("lock"))?;
    Ok(path.try_exists().map_err(io("look for"))?.then_some(file))
}

/// The journals in `directory` whose processes are gone, oldest first. No directory: none.
pub(super) fn orphans(directory: &Path) -> Result<Vec<Orphan>, JournalError> {
    let io = |action, path: &Path, source| JournalError::Io { action, path: path.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io("list", directory, e)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| io("list", directory, e))?.path();
        if path.extension().is_some_and(|e| e == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut orphans = Vec::new();
    for path in paths {
        orphans.extend(orphan(&path)?);
    }
    Ok(orphans)
}

/// One journal, if its process is gone and it began anything.
fn orphan(path: &Path) -> Result<Option<Orphan>, JournalError> {
    let io = |action, source| JournalError::Io { action, path: path.to_owned(), source };
    let mut file = match OpenOptions::new().read(true).append(true).open(path) {
        Ok(file) => file,
        // Its process ended, or another one recovered it, since we listed the directory.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io("open", e)),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(e)) => return Err(io("lock", e)),
    }
    if !path.try_exists().map_err(|e| io("look for", e))? {
        return Ok(None);
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(|e| io("read", e))?;
    let journal = Journal { file: Some(file), path: path.to_owned(), dirty: false, kept: false };
    let mut lines = text.split_inclusive(|&b| b == b'\n').filter(|line| line.ends_with(b"\n"));
    let Some(header) = lines.next() else {
        // Cut short while the plan was written: no step had begun.
        journal.close()?;
        return Ok(None);
    };
    let unknown = || JournalError::Unknown { path: path.to_owned() };
    let header: Header = serde_json::from_slice(header).map_err(|_| unknown())?;
    if header.schema != SCHEMA {
        return Err(unknown());
    }
    let steps = header.plan.steps.len();
    let mut read = Vec::new();
    for line in lines {
        let line: Line = serde_json::from_slice(line).map_err(|_| unknown())?;
        let step = match line {
            Line::Finished { finished: at, .. }
            | Line::Failed { failed: at }
            | Line::Undone { undone: at } => Some(at),
            Line::NotRecovered { .. } => None,
        };
        if step.is_some_and(|at| at >= steps) {
            return Err(unknown());
        }
        read.push(line);
    }
    Ok(Some(Orphan { journal, plan: header.plan, lines: read }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Step;

    fn plan() -> Plan {
        let mut plan = Plan::new("create", "web");
        plan.push(Step::DestroyDataset { dataset: "/a/b".parse().unwrap() });
        plan.push(Step::DestroyDataset { dataset: "/a/c".parse().unwrap() });
        plan
    }

    #[test]
    fn a_living_journal_is_no_orphan_and_a_dead_one_tells_how_far_it_came() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(directory.path(), &plan()).unwrap();
        journal.finished(0, true, true).unwrap();
        assert!(orphans(directory.path()).unwrap().is_empty());
        drop(journal); // as the process's end would: unlocked, but not removed
        let found = orphans(directory.path()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].plan, plan());
        assert_eq!(found[0].changed(), [0]);
        assert_eq!(found[0].in_doubt(), Some(1));
        assert_eq!(found[0].to_do(), [1]);
    }

    #[test]
    fn what_was_taken_back_is_not_taken_back_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(directory.path(), &plan()).unwrap();
        journal.finished(0, true, false).unwrap();
        journal.undone(1).unwrap();
        journal.keep();
        journal.close().unwrap();
        let found = orphans(directory.path()).unwrap();
        assert_eq!((found[0].changed(), found[0].in_doubt()), (vec![0], None));
    }

    #[test]
    fn what_failed_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(directory.path(), &plan()).unwrap();
        journal.failed(0).unwrap();
        journal.finished(1, true, false).unwrap();
        drop(journal);
        let found = orphans(directory.path()).unwrap();
        assert_eq!((found[0].to_do(), found[0].in_doubt()), (vec![0], None));
    }

    #[test]
    fn a_journal_cut_short_at_any_byte_is_read_or_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(directory.path(), &plan()).unwrap();
        journal.finished(0, true, false).unwrap();
        journal.finished(1, false, false).unwrap();
        let path = journal.path.clone();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let found = orphans(directory.path()).unwrap();
            let steps = found.first().map_or(0, |o| o.lines.len());
            assert!(steps <= 1, "{length}");
        }
    }

    #[test]
    fn one_that_is_just_being_made_is_nobodys() {
        let directory = tempfile::tempdir().unwrap();
        let ended = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    assert!(orphans(directory.path()).unwrap().is_empty());
                }
            });
            for _ in 0..2000 {
                Journal::create(directory.path(), &Plan::new("start", "web")).unwrap().close().unwrap();
            }
            ended.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_journal_of_another_version_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.json");
        fs::write(&path, "{\"schema\":\"ioc.journal/9\"}\n").unwrap();
        assert!(matches!(orphans(directory.path()), Err(JournalError::Unknown { .. })));
        assert!(path.exists());
    }
}
