//! What a host release consists of besides the host's base directories: gathered from the host.

use std::path::{Path, PathBuf};

use ioc_platform::host::{Host, System};

use crate::error::Error;
use crate::plan::Entry;
use crate::planner::skeleton;

/// The skeleton of a release made from this host.
pub fn of_host(host: &Host) -> Result<Vec<Entry>, Error> {
    match host.facts.system {
        System::Linux => skeleton::linux(&root_links()?),
        System::FreeBsd => skeleton::freebsd(&crate::facts::etc::gather(Path::new("/"))?),
    }
}

/// Links at the root of a Linux host that lead into its base directories: `/bin` and the like where `/usr` has them.
fn root_links() -> Result<Vec<(String, PathBuf)>, Error> {
    let mut links = Vec::new();
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        let path = Path::new("/").join(name);
        if path.is_symlink() {
            let text = std::fs::read_link(&path).map_err(|source| Error::Read { path, source })?;
            links.push((name.to_owned(), text));
        }
    }
    Ok(links)
}
