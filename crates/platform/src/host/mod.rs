//! The machine as one value, and the few facts about it that decide what is possible.

#[cfg(target_os = "freebsd")]
pub mod freebsd;
#[cfg(target_os = "linux")]
pub mod linux;
pub mod release;

use std::path::PathBuf;
use std::sync::Arc;

use ioc_model::name::DatasetName;

use crate::command::{Commands, Door};
use crate::devfs::Rulesets;
use crate::files::{ConfinedFiles, Files};
use crate::jails::Jails;
use crate::limits::Limits;
use crate::mounts::Mounts;
use crate::network::{Firewall, Network};
use crate::store::{DirectoryStore, Pools, Store, ZfsStore};

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
    /// The pools of zfs.
    pub pools: Arc<dyn Pools>,
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
    /// Rulesets of devfs; none where the system has none (Linux).
    pub rulesets: Option<Arc<dyn Rulesets>>,
    /// Rules of secure bridges; none where the system has none (Linux).
    pub firewall: Option<Arc<dyn Firewall>>,
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
    /// This machine. Looks, and changes nothing.
    pub fn detect() -> Result<Host, HostError> {
        let commands: Arc<dyn Commands> = Arc::new(Door::new());
        let zfs = Arc::new(ZfsStore::new(commands.clone()));
        #[cfg(target_os = "linux")]
        let facts = linux::facts()?;
        #[cfg(target_os = "freebsd")]
        let facts = freebsd::facts()?;
        Ok(Host {
            #[cfg(target_os = "linux")]
            jails: Arc::new(crate::jails::LinuxJails::new(&facts.runtime_directory)),
            #[cfg(target_os = "freebsd")]
            jails: Arc::new(crate::jails::FreeBsdJails),
            #[cfg(target_os = "linux")]
            mounts: Arc::new(crate::mounts::LinuxMounts),
            #[cfg(target_os = "freebsd")]
            mounts: Arc::new(crate::mounts::FreeBsdMounts),
            #[cfg(target_os = "linux")]
            network: Arc::new(crate::network::LinuxNetwork::new(&facts.runtime_directory)),
            #[cfg(target_os = "freebsd")]
            network: Arc::new(crate::network::FreeBsdNetwork),
            #[cfg(target_os = "linux")]
            limits: Arc::new(crate::limits::LinuxLimits),
            #[cfg(target_os = "freebsd")]
            limits: Arc::new(crate::limits::FreeBsdLimits),
            #[cfg(target_os = "linux")]
            rulesets: None,
            #[cfg(target_os = "freebsd")]
            rulesets: Some(Arc::new(crate::devfs::FreeBsdRulesets)),
            #[cfg(target_os = "linux")]
            firewall: None,
            #[cfg(target_os = "freebsd")]
            firewall: Some(Arc::new(crate::network::FreeBsdFirewall::new(commands.clone()))),
            files: Arc::new(ConfinedFiles),
            directories: Arc::new(DirectoryStore::new()),
            pools: zfs.clone(),
            zfs,
            commands,
            facts,
        })
    }

    /// The store that holds `dataset`.
    pub fn store(&self, dataset: &DatasetName) -> &dyn Store {
        if dataset.is_directory() { &*self.directories } else { &*self.zfs }
    }
}
