//! Making releases available.

use std::fs;
use std::path::PathBuf;

use ioc_model::name::{JailPath, Part, ReleaseName};
use ioc_model::rcconf::{MOST_BYTES, RcError};
use ioc_platform::archive::{Archive, Checksum, MEMORY};
use ioc_platform::host::{Host, System};

use crate::apply::LockName;
use crate::error::Error;
use crate::facts::release::{self, ReleaseFacts, ReleaseKind, ReleaseRecord};
use crate::facts::skeleton;
use crate::ioc::{Ioc, Operation};
use crate::plan::{Content, Plan};
use crate::planner::etc;
use crate::planner::fetch::{self, Material};
use crate::source::Source;

/// Where a release comes from.
#[derive(Clone, Debug)]
pub enum Kind {
    /// The host's own base directories, read-only.
    Host,
    /// A root file system in an archive.
    Archive {
        /// The file: tar, as it is or compressed by gzip, xz or zstd.
        path: PathBuf,
        /// Its SHA-256, if it is known.
        sha256: Option<Checksum>,
    },
    /// A tree that the administrator put in place.
    Custom,
}

/// Makes a release available to jails.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Where.
    pub source: Source,
    /// Its name; none: that of the host's own release.
    pub name: Option<ReleaseName>,
    /// Where it comes from.
    pub kind: Kind,
}

impl Fetch {
    /// The name that the release is going to have.
    pub fn release(&self, host: &Host) -> Result<ReleaseName, Error> {
        match &self.name {
            Some(name) => Ok(name.clone()),
            None => Ok(host.facts.release.parse()?),
        }
    }
}

impl Operation for Fetch {
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error> {
        ioc.source(&self.source.name).map(Some)
    }

    fn locks(&self) -> Vec<LockName> {
        // Without a name the lock of the source stands for it.
        vec![self.name.clone().map_or(LockName::Source, LockName::Release)]
    }

    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error> {
        let (host, source) = (ioc.host(), &self.source);
        let name = self.release(host)?;
        let dataset = source.release(&name)?;
        let store = host.store(&dataset);
        let exists = store.dataset(&dataset)?.is_some();
        let custom = matches!(self.kind, Kind::Custom);
        if custom && !exists {
            let root = source.directory(host)?.join(Part::Releases.name()).join(name.as_str()).join("root");
            let problem =
                format!("there is nothing in {} yet; put the release's files there first", root.display());
            return Err(Error::Request(problem));
        }
        if exists && !custom {
            return Err(Error::ReleaseExists(name.into()));
        }
        let namespace = source.root.part(Part::Releases);
        let info = store.dataset(&namespace)?;
        let missing = info.is_none();
        let directory = match info.and_then(|info| info.mounted_at) {
            Some(directory) => directory,
            None => source.directory(host)?.join(Part::Releases.name()),
        };
        let (record, material) = self.material(host)?;
        let mut settings = Vec::new();
        if custom {
            let release = ReleaseFacts::gather(host, source, &name)?;
            if release.kind.is_some() {
                let mut plan = Plan::new("fetch", &name);
                plan.notes.push(format!("release {name} is known already"));
                return Ok(plan);
            }
            settings = missing_settings(host, &release)?;
        }
        fetch::plan(fetch::Facts {
            name,
            namespace: (namespace, missing),
            directory,
            store: store.kind(),
            record,
            settings,
            material,
        })
    }
}

impl Fetch {
    fn material(&self, host: &Host) -> Result<(ReleaseRecord, Material), Error> {
        match &self.kind {
            Kind::Custom => Ok((ReleaseRecord::new(ReleaseKind::Custom), Material::InPlace)),
            Kind::Archive { path, sha256 } => {
                let path =
                    fs::canonicalize(path).map_err(|source| Error::Read { path: path.clone(), source })?;
                // Refuse what is no archive before anything is made.
                Archive::open(&path, MEMORY)?;
                let archive = path.file_name().map(|name| name.to_string_lossy().into_owned());
                let record = ReleaseRecord { archive, ..ReleaseRecord::new(ReleaseKind::Archive) };
                Ok((record, Material::Archive { path, sha256: *sha256 }))
            }
            Kind::Host => {
                let host_directories = release::base_directories(host, &PathBuf::from("/"))?;
                let record = ReleaseRecord { host_directories, ..ReleaseRecord::new(ReleaseKind::Host) };
                let skeleton = skeleton::of_host(host)?;
                let password_database = host.facts.system == System::FreeBsd;
                Ok((record, Material::Host { skeleton, password_database }))
            }
        }
    }
}

/// The settings of jails that a root which is there already lacks: file, content now, content then.
fn missing_settings(
    host: &Host,
    release: &ReleaseFacts,
) -> Result<Vec<(JailPath, Option<Content>, Content)>, Error> {
    let root = &release.root;
    if host.files.metadata(root, &etc::freebsd_mark())?.is_none() {
        return Ok(Vec::new());
    }
    let mut settings = Vec::new();
    for file in etc::release_settings()? {
        let before = host.files.read(root, &file.path, MOST_BYTES as u64)?;
        let wrong = |error: RcError| Error::Config {
            subject: root.join(file.path.relative()).display().to_string(),
            problem: error.to_string(),
        };
        if let Some(after) = etc::assigned(before.as_deref(), &file).map_err(wrong)? {
            settings.push((file.path, before.map(Content::from), Content::from(after)));
        }
    }
    Ok(settings)
}
