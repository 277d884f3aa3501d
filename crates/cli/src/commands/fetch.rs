//! `ioc fetch`

use std::path::PathBuf;

use libioc::model::name::ReleaseName;
use libioc::operation::{Fetch, Kind};
use libioc::platform::archive::Checksum;

use super::PlanOption;
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure};

/// Make a release available to jails
///
/// A release comes from the host itself, from an archive of a root file system, or from files that were put in its
/// root directory by hand.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("kind").required(true).args(["host", "archive", "copy_basejail_only"]))]
pub(crate) struct Arguments {
    /// Name of the release; that of the host's own release if it comes from the host and this is not given
    #[arg(short, long, value_name = "RELEASE")]
    release: Option<ReleaseName>,

    /// Use the base directories of the host, read-only: nothing is copied, and the version is always the host's
    #[arg(long)]
    host: bool,

    /// Unpack this archive of a root file system: tar, as it is or compressed by gzip, xz or zstd
    #[arg(long, value_name = "FILE", requires = "release")]
    archive: Option<PathBuf>,

    /// Refuse the archive unless it has this SHA-256 checksum
    #[arg(long, value_name = "HEX", requires = "archive")]
    sha256: Option<Checksum>,

    /// Take the files that are in the release's root directory
    #[arg(short = 'b', long, requires = "release")]
    copy_basejail_only: bool,

    #[command(flatten)]
    plan: PlanOption,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let kind = match &arguments.archive {
        Some(path) => Kind::Archive { path: path.clone(), sha256: arguments.sha256 },
        None if arguments.host => Kind::Host,
        None => Kind::Custom,
    };
    let source = session.ioc.main_source()?.clone();
    let operation = Fetch { source, name: arguments.release.clone(), kind };
    if arguments.plan.plan {
        return tasks::show_plans(session, [&operation as _]);
    }
    let release = operation.release(session.ioc.host())?;
    let task = Task {
        target: release.to_string(),
        operation: Box::new(operation),
        done: format!("release {release} fetched"),
        unchanged: format!("release {release} is there already"),
    };
    tasks::carry_out(session, "fetch releases", vec![task], Results::new(session))
}
