//! The machine as one value, and the few facts about it that decide what is possible.

#[cfg(target_os = "freebsd")]
pub mod freebsd;
pub mod release;

use std::path::PathBuf;
use std::sync::Arc;

use ioc_model::name::DatasetName;

use crate::command::Commands;
use crate::files::Files;
use crate::jails::Jails;
use crate::limits::Limits;
use crate::mounts::Mounts;
use crate::network::Network;
use crate::store::Store;

/// The operating system of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// FreeBSD and HardenedBSD.
    FreeBsd,
    /// Linux.
    Linux,
}

/// Facts about the host that do not change while ioc runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The operating system.
    pub system: System,
    /// The release of the running system without patch level, as a release of ioc is named: `14.3-RELEASE`,
    /// `debian-12` on Linux.
    pub release: String,
    /// Identity of the host: `kern.hostuuid`, or the machine id on Linux, as a UUID in lower case.
    pub uuid: String,
    /// Effective user id of this process.
    pub uid: u32,
    /// Files that may hold `ioc_dataset_NAME=` lines, in order of reading; the last one wins.
    pub source_files: Vec<PathBuf>,
    /// The file to which `activate` adds such a line.
    pub source_file: PathBuf,
    /// Where what is true until the next boot is kept: `/var/run/ioc`, `/run/ioc` on Linux.
    pub runtime_directory: PathBuf,
    /// The root of the directory store that is used when nothing else is configured.
    pub default_directory: PathBuf,
}

/// The machine: everything that ioc can do to it, behind traits.
#[derive(Clone, Debug)]
pub struct Host {
    /// Facts about it.
    pub facts: Facts,
    /// The door to other programs.
    pub commands: Arc<dyn Commands>,
    /// zfs(8); its own error says if it is not installed.
    pub zfs: Arc<dyn Store>,
    /// The directory store.
    pub directories: Arc<dyn Store>,
    /// Jails.
    pub jails: Arc<dyn Jails>,
    /// Mounts.
    pub mounts: Arc<dyn Mounts>,
    /// The network.
    pub network: Arc<dyn Network>,
    /// Resource limits.
    pub limits: Arc<dyn Limits>,
    /// Files below roots.
    pub files: Arc<dyn Files>,
}

/// Says why this machine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A fact could not be found out.
    #[error("cannot find out {what}")]
    Fact {
        /// Which.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Host {
    /// The store that holds `dataset`.
    pub fn store(&self, dataset: &DatasetName) -> &dyn Store {
        if dataset.is_directory() { &*self.directories } else { &*self.zfs }
    }
}
