//! Errors as people see them: what failed, why, and what to do next.

use std::error::Error as StdError;
use std::fmt;

use libioc::apply::{ApplyError, FailedStep, LockError};
use libioc::facts::delegated::Refusal;
use libioc::{Category, Error};
use serde::Serialize;

use super::exit::Exit;
use super::text::visible;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The library says why.
    #[error(transparent)]
    Library(#[from] Error),
    /// A name or pattern fits no jail.
    #[error("no jail matches {given}")]
    NoJail {
        /// The words of the user.
        given: String,
        /// What to try instead.
        hint: &'static str,
    },
    /// A jail cannot be listed as it should be.
    #[error("jail {jail} cannot be read")]
    Broken {
        /// The jail.
        jail: String,
        /// Why.
        source: Box<Error>,
    },
    /// A name or pattern fits no release.
    #[error("no release matches {0}")]
    NoRelease(String),
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// The answer was no.
    #[error("nothing was done")]
    Declined,
    /// Results cannot be printed.
    #[error("cannot write to standard output")]
    Output(#[source] std::io::Error),
    /// Signals cannot be caught, or a manual page not be written.
    #[error("cannot {what}")]
    System {
        /// What was attempted.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Failure {
    /// The exit status that tells this failure.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Library(error) => match error.category() {
                Category::Target => Exit::Failed,
                Category::Usage => Exit::Usage,
                Category::Host => Exit::Host,
            },
            Failure::Usage(_) => Exit::Usage,
            Failure::NoJail { .. }
            | Failure::Broken { .. }
            | Failure::NoRelease(_)
            | Failure::Declined
            | Failure::Output(_)
            | Failure::System { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Failure::Library(error) => hint(error),
            Failure::Broken { source, .. } => hint(source),
            Failure::NoJail { hint, .. } => (!hint.is_empty()).then(|| (*hint).to_owned()),
            Failure::NoRelease(_) => Some("`ioc list -r` shows the releases".to_owned()),
            Failure::Usage(_) | Failure::Declined | Failure::Output(_) | Failure::System { .. } => None,
        }
    }
}

/// An error taken apart. `Display` prints a line for each part; the form in JSON is in docs/json.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    /// Further steps that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<String>,
    /// Steps that could not be taken back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_behind: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl From<&Failure> for Report {
    fn from(failure: &Failure) -> Self {
        let mut report = Report {
            message: failure.to_string(),
            causes: causes(failure),
            also: Vec::new(),
            left_behind: Vec::new(),
            hint: failure.hint(),
        };
        if let Failure::Library(Error::Apply { source: ApplyError::Failed(failed), .. }) = failure {
            report.also = failed.causes.iter().skip(1).map(step).collect();
            report.left_behind = failed.left_behind.iter().map(step).collect();
        }
        report
    }
}

impl Report {
    /// A report of an error that is a result, not a failure of ours.
    pub(crate) fn of(error: &Error) -> Self {
        Report {
            message: error.to_string(),
            causes: causes(error),
            also: Vec::new(),
            left_behind: Vec::new(),
            hint: hint(error),
        }
    }

    /// The message and its causes in one line.
    pub(crate) fn to_line(&self) -> String {
        let parts: Vec<&str> =
            std::iter::once(&self.message).chain(&self.causes).map(String::as_str).collect();
        parts.join(": ")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible(&self.message))?;
        let parts = [("cause", &self.causes), ("also", &self.also), ("left behind", &self.left_behind)];
        for (head, lines) in parts {
            for line in lines {
                write!(f, "\n  {head}: {}", visible(line))?;
            }
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {}", visible(hint)),
            None => Ok(()),
        }
    }
}

fn causes(error: &dyn StdError) -> Vec<String> {
    std::iter::successors(error.source(), |cause| (*cause).source()).map(ToString::to_string).collect()
}

fn step(failed: &FailedStep) -> String {
    let chain: Vec<String> = std::iter::once(failed.error.to_string()).chain(causes(&failed.error)).collect();
    format!("{}: {}", failed.step, chain.join(": "))
}

/// What to do about a dataset that a jail cannot be given.
fn delegate_hint(jail: &str, dataset: &str, why: &Refusal) -> String {
    match why {
        Refusal::NotHere => {
            format!("run `ioc set jail_zfs=no {jail}`, or mount a directory with `ioc fstab add`")
        }
        Refusal::Missing { tried } => {
            let name = tried.last().map_or(dataset, |name| name.as_str());
            format!("run `zfs create -o jailed=on {name}`, or take it out of jail_zfs_dataset")
        }
        Refusal::NotJailed => {
            format!(
                "run `zfs set jailed=on {dataset}` if the jail may have it: the host does not mount it then"
            )
        }
        Refusal::Locked => format!("run `zfs load-key {dataset}` (or that of its encryptionroot) first"),
        Refusal::Ours { .. } => {
            format!("give it one of its own: `ioc set jail_zfs_dataset=POOL/DATASET {jail}`")
        }
        Refusal::Elsewhere { jail } => format!("stop jail {jail} first"),
    }
}

/// What to do about an error of the library: only the command line knows its commands.
fn hint(error: &Error) -> Option<String> {
    Some(match error {
        Error::NotActivated => "run `ioc activate POOL`, or `ioc activate DIRECTORY` without ZFS".to_owned(),
        Error::SourceUnknown(_) => "`ioc list --pools` shows the sources".to_owned(),
        Error::SourceUnusable { .. } => "`ioc activate` makes what is missing of a source".to_owned(),
        Error::JailUnknown(_) => "`ioc list` shows the jails, `ioc list -t` the templates".to_owned(),
        Error::Ambiguous { .. } => "give more of the name".to_owned(),
        Error::ReleaseUnknown(release) => {
            format!("`ioc fetch` fetches releases, `ioc list -r` shows those that are there (not {release})")
        }
        Error::ReleaseUsed { .. } => "destroy these jails first, or give -R to destroy them too".to_owned(),
        Error::Dependents { action: "destroyed", .. } => {
            "give -R to destroy what hangs on it too, or make it independent with `ioc promote`".to_owned()
        }
        Error::JailRunning(name) => format!("run `ioc stop {name}` first"),
        Error::JailStopped(name) => format!("run `ioc start {name}` first"),
        Error::Template { is: true, name } => format!("make a jail of it with `ioc create -t {name} NAME`"),
        Error::Template { is: false, name } => format!("make it one with `ioc set template=yes {name}`"),
        Error::OtherHost { jail, .. } => {
            format!("if it is to run here, run `ioc set hostid_strict_check=no {jail}`")
        }
        Error::Mounted { .. } => "unmount it first".to_owned(),
        Error::NotMounted { dataset, locked: true, .. } => {
            format!(
                "run `zfs load-key {dataset}` (or that of its encryptionroot) and `zfs mount {dataset}` first"
            )
        }
        Error::NotMounted { dataset, locked: false, .. } => format!("run `zfs mount {dataset}` first"),
        Error::Lock(LockError::Held { .. }) => {
            "wait for the other command, or give --lock-timeout more seconds".to_owned()
        }
        Error::Lock(LockError::Io { source, .. }) if source.kind() == std::io::ErrorKind::StorageFull => {
            "make room in the pool or on the disk first, by removing files or snapshots".to_owned()
        }
        Error::Fstab { jail, .. } => format!("`ioc fstab list {jail}` shows the lines and their numbers"),
        Error::HangsOnRelease { jail, .. } => {
            format!("`ioc clone --thick {jail} NEW` makes a copy of it that hangs on nothing")
        }
        Error::SnapshotUnknown { jail, .. } => format!("`ioc snapshot list {jail}` shows its snapshots"),
        Error::SnapshotExists { jail, tag } => {
            format!("choose another name, or run `ioc snapshot remove {jail}@{tag}` first")
        }
        Error::NewerSnapshots { .. } => "give -f to destroy the newer ones".to_owned(),
        Error::Ruleset { .. } => {
            "put devfs_load_rulesets=\"YES\" in /etc/rc.conf and run `service devfs start`, or set another devfs_ruleset"
                .to_owned()
        }
        Error::Delegate { jail, dataset, why } => delegate_hint(jail.as_str(), dataset, why),
        Error::KeepsData { datasets, .. } => {
            let dataset = datasets.first().map_or("DATASET", String::as_str);
            format!(
                "run `zfs set jailed=off {dataset}`, and then `zfs rename {dataset} POOL/NAME` unless it is to be \
                 destroyed as well"
            )
        }
        Error::Cycle { .. } => "change `depends` of one of them with `ioc set`".to_owned(),
        Error::Foreign(_) => "jls(8) and jail(8) know it; `ioc list --all` shows it".to_owned(),
        Error::Host(_)
        | Error::Name(_)
        | Error::Request(_)
        | Error::Names { .. }
        | Error::JailExists(_)
        | Error::ReleaseExists(_)
        | Error::Dependents { .. }
        | Error::Config { .. }
        | Error::Set { .. }
        | Error::DependencyFailed { .. }
        | Error::Lock(LockError::Io { .. })
        | Error::NotRoot(_)
        | Error::Apply { .. }
        | Error::Store(_)
        | Error::Jails(_)
        | Error::Mounts(_)
        | Error::Network(_)
        | Error::Limits(_)
        | Error::Files(_)
        | Error::Archive(_)
        | Error::Memory(_)
        | Error::Read { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use libioc::apply::Failed;

    use super::*;

    fn report(failure: Failure) -> String {
        Report::from(&failure).to_string()
    }

    #[test]
    fn what_failed_why_and_what_to_do() {
        let error = Error::JailUnknown("web\x1b[2J".to_owned());
        assert_eq!(
            report(error.into()),
            "there is no jail web\\u{1b}[2J\n  hint: `ioc list` shows the jails, `ioc list -t` the templates"
        );
        let source = std::io::Error::other("disk on fire");
        let error = Error::Read { path: "/etc/rc.conf".into(), source };
        assert_eq!(report(error.into()), "cannot read /etc/rc.conf\n  cause: disk on fire");
    }

    #[test]
    fn all_failing_steps_are_told() {
        let io = |path: &str| libioc::apply::StepError::Io {
            action: "remove",
            path: path.into(),
            source: std::io::Error::other("busy"),
        };
        let step = |step: &str, path: &str| FailedStep { step: step.to_owned(), error: io(path) };
        let failed = Failed {
            causes: vec![step("unmount /a", "/a"), step("unmount /b", "/b")],
            left_behind: vec![step("make /c", "/c")],
        };
        let error = Error::Apply {
            operation: "stop".into(),
            subject: "web".into(),
            source: ApplyError::Failed(failed),
        };
        assert_eq!(
            report(error.into()),
            "cannot stop web\n  cause: could not unmount /a (and 1 more)\n  cause: cannot remove /a\n  cause: busy\n  \
             also: unmount /b: cannot remove /b: busy\n  left behind: make /c: cannot remove /c: busy"
        );
    }

    #[test]
    fn statuses() {
        assert_eq!(Failure::from(Error::NotActivated).exit(), Exit::Host);
        assert_eq!(Failure::from(Error::NotRoot("start jails")).exit(), Exit::Host);
        assert_eq!(Failure::from(Error::Request("no".into())).exit(), Exit::Usage);
        assert_eq!(Failure::from(Error::JailUnknown("x".into())).exit(), Exit::Failed);
        assert_eq!(Failure::Declined.exit(), Exit::Failed);
    }
}
