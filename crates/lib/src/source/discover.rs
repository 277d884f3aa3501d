//! Finding the sources of a host; the order is that of the design, section 4.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ioc_model::name::{DatasetName, JailName, JailRef, Part, SourceName};
use ioc_model::rcconf::{MOST_BYTES, RcConf, RcError, Syntax};
use ioc_platform::host::Host;

use ioc_platform::store::ACTIVE_PROPERTY;

use super::{Source, parse_root};
use crate::error::Error;
use crate::facts::mounted::MountedDatasets;

/// Begin of the names of variables that configure sources.
const VARIABLE: &str = "ioc_dataset_";

/// The sources of the host; none is no error.
pub(super) fn of_host(host: &Host) -> Result<Vec<Source>, Error> {
    let configured = configured(host)?;
    if !configured.is_empty() {
        return Ok(configured);
    }
    if let Some(root) = active_pool(host)? {
        return Ok(vec![Source { name: SourceName::ioc(), root }]);
    }
    Ok(default_directory(host)?.into_iter().collect())
}

/// Sources from `ioc_dataset_NAME="..."` lines. A later line for the same name wins, in the first one's place.
fn configured(host: &Host) -> Result<Vec<Source>, Error> {
    let mut sources: Vec<Source> = Vec::new();
    for path in &host.facts.source_files {
        let Some(bytes) = read(path)? else { continue };
        let unreadable =
            |e: RcError| Error::Config { subject: path.display().to_string(), problem: e.to_string() };
        let conf = RcConf::from_bytes(&bytes, Syntax::Shell).map_err(unreadable)?;
        for (name, value) in conf.with_prefix(VARIABLE) {
            let wrong = |problem: String| Error::Config { subject: path.display().to_string(), problem };
            let name: SourceName = name.parse().map_err(|e| wrong(format!("{VARIABLE}{name}: {e}")))?;
            let root = parse_root(value).map_err(|e| wrong(format!("{VARIABLE}{name}: {e}")))?;
            match sources.iter_mut().find(|s| s.name == name) {
                Some(source) => source.root = root,
                None => sources.push(Source { name, root }),
            }
        }
    }
    Ok(sources)
}

/// `POOL/iocage` of the first usable pool that is marked active.
fn active_pool(host: &Host) -> Result<Option<DatasetName>, Error> {
    Ok(host.pools.active()?.map(|pool| pool.child(ROOT)).transpose()?)
}

/// Last component of the root of an active pool's source.
const ROOT: &str = "iocage";

/// The source of the running jail of this name, if it runs from `POOL/iocage` as ioc or iocage started it.
pub(super) fn of_running(host: &Host, jail: &str) -> Result<Vec<Source>, Error> {
    let configured = configured(host)?;
    if !configured.is_empty() {
        return Ok(configured);
    }
    if let Ok(name) = jail.parse::<JailName>()
        && let Some(root) = root_of_running(host, &name)?
    {
        return Ok(vec![Source { name: SourceName::ioc(), root }]);
    }
    of_host(host)
}

fn root_of_running(host: &Host, name: &JailName) -> Result<Option<DatasetName>, Error> {
    let reference = JailRef { source: SourceName::ioc(), name: name.clone() };
    for kernel_name in reference.kernel_names() {
        let Some(running) = host.jails.find(&kernel_name)? else { continue };
        let Some(dataset) = MountedDatasets::of(host)?.dataset_at(&running.path) else { continue };
        for part in [Part::Jails, Part::Templates] {
            let end = format!("/{}/{name}/{}", part.name(), Part::Root.name());
            let root = dataset.as_str().strip_suffix(&end).and_then(|root| root.parse::<DatasetName>().ok());
            if let Some(root) = root.filter(|root| root.last() == ROOT && root.parent().is_some()) {
                return Ok(Some(root));
            }
        }
    }
    Ok(None)
}

/// The default directory, if it was activated.
fn default_directory(host: &Host) -> Result<Option<Source>, Error> {
    let Some(path) = host.facts.default_directory.to_str() else { return Ok(None) };
    let root: DatasetName = path.parse()?;
    let Some(info) = host.directories.dataset(&root)? else { return Ok(None) };
    let active = info.properties.get(ACTIVE_PROPERTY).is_some_and(|p| p.value == "yes");
    Ok(active.then(|| Source { name: SourceName::ioc(), root }))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let error = |source| Error::Read { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(error(e)),
    };
    let mut bytes = Vec::new();
    // One byte more than is taken, so that a file that is too large is seen to be.
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(error)?;
    Ok(Some(bytes))
}
