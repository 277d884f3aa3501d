//! What zfs(8) means when it fails: the one place that reads its standard error.

use ioc_model::name::DatasetName;

use crate::command::ExecError;
use crate::store::StoreError;

/// What was attempted, for the error.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    /// A verb phrase.
    pub(super) action: &'a str,
    /// The dataset or snapshot that was worked on.
    pub(super) subject: &'a str,
    /// The dataset or snapshot that was to be made, if any.
    pub(super) target: Option<&'a str>,
}

/// Phrases of libzfs and zfs(8), in lower case, and what they mean. The first that is found counts.
///
/// Sample lines stand in `tests/captured/*/errors`; every one of them is tried by a test.
const PHRASES: &[(Kind, &[&str])] = &[
    (Kind::KeyNotLoaded, &["key not loaded", "key is not loaded", "key must be loaded"]),
    (Kind::Suspended, &["i/o is currently suspended"]),
    (
        Kind::HasDependents,
        &[
            "has children",
            "has dependent clones",
            "more recent snapshots",
            "clones of previous snapshots exist",
            "snapshot is cloned",
        ],
    ),
    (Kind::NoSpace, &["out of space", "no space left", "space quota exceeded", "quota exceeded"]),
    (Kind::ReadOnly, &["pool is read-only", "dataset is read-only", "read-only file system"]),
    (
        Kind::Permission,
        &["permission denied", "insufficient privileges", "must be superuser", "only be mounted by root"],
    ),
    (
        Kind::Exists,
        &["already exists", "dataset exists", "must specify -f to overwrite", "conflicting snapshot"],
    ),
    (
        Kind::NotFound,
        &[
            "does not exist",
            "no such pool",
            "no such parent",
            "no such dataset",
            "could not find any snapshots to destroy",
        ],
    ),
    (Kind::Busy, &["is busy", "device busy", "it's being held", "umount failed"]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    NotFound,
    Exists,
    Busy,
    HasDependents,
    NoSpace,
    ReadOnly,
    Permission,
    Suspended,
    KeyNotLoaded,
}

/// Turns a failure of zfs(8) or zpool(8) into what it means.
pub(super) fn understand(error: ExecError, attempt: Attempt<'_>) -> StoreError {
    let kind = match &error {
        ExecError::Failed { stderr, .. } => kind_of(stderr).map(|kind| (kind, stderr.as_str())),
        _ => None,
    };
    let Some((kind, stderr)) = kind else {
        return StoreError::Command { action: attempt.action.to_owned(), source: error };
    };
    let name = attempt.subject.to_owned();
    match kind {
        Kind::NotFound => StoreError::NotFound { name: missing(stderr, attempt) },
        Kind::Exists => StoreError::Exists { name: attempt.target.unwrap_or(attempt.subject).to_owned() },
        Kind::Busy => StoreError::Busy { name },
        Kind::HasDependents => StoreError::HasDependents { name, dependents: dependents(stderr) },
        Kind::NoSpace => StoreError::NoSpace { name: attempt.target.unwrap_or(attempt.subject).to_owned() },
        Kind::ReadOnly => StoreError::ReadOnly { name },
        Kind::Permission => StoreError::Permission { name },
        Kind::Suspended => StoreError::Suspended { name },
        Kind::KeyNotLoaded => StoreError::KeyNotLoaded { name },
    }
}

/// Tells whether the failure is only that the dataset is what it was asked to become.
pub(super) fn is_already(error: &ExecError, phrase: &str) -> bool {
    matches!(error, ExecError::Failed { stderr, .. } if stderr.contains(phrase))
}

/// What was said besides that datasets do not exist.
pub(super) fn besides_missing(stderr: &str) -> String {
    let others = stderr.lines().filter(|line| kind_of(line) != Some(Kind::NotFound));
    others.collect::<Vec<_>>().join("\n")
}

fn kind_of(stderr: &str) -> Option<Kind> {
    // What follows a "use ..." line are names, which must not be taken for phrases.
    let said = stderr.split("\nuse ").next()?.to_lowercase();
    let said = without_names(&said);
    let found = PHRASES.iter().find(|(_, phrases)| phrases.iter().any(|phrase| said.contains(phrase)))?;
    Some(found.0)
}

/// Takes out what stands in quotes: a dataset may well be called `busy`.
fn without_names(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" '") {
        out.push_str(before);
        match after.split_once('\'') {
            Some((_, after)) => rest = after,
            None => {
                rest = after;
                break;
            }
        }
    }
    out + rest
}

/// The name of what is missing: what zfs could not open, or the parent of what it could not create.
fn missing(stderr: &str, attempt: Attempt<'_>) -> String {
    let quoted = |phrase: &str| Some(stderr.split_once(phrase)?.1.split_once('\'')?.0.to_owned());
    let parent_of = |name: &str| {
        let dataset = name.split('@').next().unwrap_or(name);
        dataset.parse::<DatasetName>().ok().and_then(|name| name.parent()).map(|name| name.to_string())
    };
    let is_target = |name: &String| attempt.target.is_some_and(|target| target.starts_with(name.as_str()));
    let opened = quoted("cannot open '").filter(|name| !is_target(name));
    let pool = quoted("no such pool '");
    let parent = || attempt.target.and_then(parent_of);
    let created = stderr.contains("cannot create '") || stderr.contains("cannot receive");
    let found = opened.or(pool).or_else(|| if created { parent() } else { None });
    found.unwrap_or_else(|| attempt.subject.to_owned())
}

/// The names after the line that begins with "use '-r'" or "use '-R'".
fn dependents(stderr: &str) -> Vec<String> {
    let lines = stderr.lines().skip_while(|line| !line.starts_with("use ")).skip(1);
    lines.map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Status;

    fn failed(stderr: &str) -> ExecError {
        let command = "/sbin/zfs".to_owned();
        ExecError::Failed { command, status: Status::Exited(1), stderr: stderr.trim().to_owned() }
    }

    fn kind_name(error: &StoreError) -> String {
        let debug = format!("{error:?}");
        debug.split([' ', '{']).next().unwrap().to_owned()
    }

    /// A file of samples: blocks that begin with `# KIND: where it is from`, then what was said.
    fn check(samples: &str) {
        let mut count = 0;
        for block in samples.split("\n# ").skip(1) {
            let (head, said) = block.split_once('\n').unwrap();
            let (kind, _) = head.split_once(':').unwrap();
            let attempt = Attempt { action: "do it", subject: "tank/subject", target: None };
            let error = understand(failed(said), attempt);
            assert_eq!(kind_name(&error), kind, "{head}\n{said}");
            count += 1;
        }
        assert!(count > 10);
    }

    #[test]
    fn samples() {
        check(include_str!("../../../tests/captured/zfs-fuse-0.7.0/errors"));
        check(include_str!("../../../tests/captured/openzfs/errors"));
    }

    #[test]
    fn names_are_not_phrases() {
        let attempt = Attempt { action: "set it", subject: "tank/out of space", target: None };
        let error =
            understand(failed("cannot set property for 'tank/out of space': invalid property"), attempt);
        assert!(matches!(error, StoreError::Command { .. }));
        let error = understand(
            failed(
                "cannot destroy 'tank/a': filesystem has children\nuse '-r' to destroy the following datasets:\ntank/a/is busy\ntank/a@x",
            ),
            attempt,
        );
        let StoreError::HasDependents { dependents, .. } = error else { panic!("{error:?}") };
        assert_eq!(dependents, ["tank/a/is busy", "tank/a@x"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let name = |said: &str, subject, target| match understand(
            failed(said),
            Attempt { action: "do it", subject, target },
        ) {
            StoreError::NotFound { name } => name,
            other => panic!("{other:?}"),
        };
        let said = "cannot create 'tank/no/x': parent does not exist";
        assert_eq!(name(said, "tank/no/x", Some("tank/no/x")), "tank/no");
        let said = "cannot open 'tank/a@x': dataset does not exist";
        assert_eq!(name(said, "tank/a@x", Some("tank/b")), "tank/a@x");
        let said = "cannot open 'tank/no/b': dataset does not exist\ncannot receive new filesystem stream: dataset does not exist";
        assert_eq!(name(said, "tank/no/b@x", Some("tank/no/b@x")), "tank/no");
        let said = "cannot create 'gone/y': no such pool 'gone'";
        assert_eq!(name(said, "gone/y", Some("gone/y")), "gone");
        let said = "could not find any snapshots to destroy; check snapshot names.";
        assert_eq!(name(said, "tank/a@x", None), "tank/a@x");
    }

    #[test]
    fn what_exists_is_the_target() {
        let attempt = Attempt { action: "rename it", subject: "tank/b", target: Some("tank/c") };
        let error = understand(failed("cannot rename 'tank/b': dataset already exists"), attempt);
        assert!(matches!(error, StoreError::Exists { name } if name == "tank/c"));
    }
}
