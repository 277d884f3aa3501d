//! Facts about a FreeBSD host.

use std::io;
use std::path::PathBuf;

use super::release::{release_of, userland_version};
use super::{Facts, HostError, System};
use crate::freebsd::sysctl;

/// Finds out the facts. Needs no privilege and changes nothing.
pub fn facts() -> Result<Facts, HostError> {
    let fact = |what| move |source| HostError::Fact { what, source };
    Ok(Facts {
        system: System::FreeBsd,
        release: release().map_err(fact("the release of this system"))?,
        uuid: text("kern.hostuuid").map_err(fact("the UUID of this host"))?.to_ascii_lowercase(),
        uid: nix::unistd::geteuid().as_raw(),
        // As rc.subr(8) reads them for a service called ioc; the last assignment wins.
        source_files: [
            "/etc/rc.conf",
            "/etc/rc.conf.local",
            "/etc/rc.conf.d/ioc",
            "/usr/local/etc/rc.conf.d/ioc",
        ]
        .map(PathBuf::from)
        .to_vec(),
        source_file: PathBuf::from("/etc/rc.conf.d/ioc"),
        runtime_directory: PathBuf::from("/var/run/ioc"),
        default_directory: PathBuf::from("/var/db/ioc"),
    })
}

/// The release of the userland, or of the kernel where the userland does not say.
fn release() -> io::Result<String> {
    let script = std::fs::read_to_string("/bin/freebsd-version").unwrap_or_default();
    if let Some(release) = userland_version(&script).and_then(release_of) {
        return Ok(release.to_owned());
    }
    let version = text("kern.osrelease")?;
    release_of(&version)
        .map(str::to_owned)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("kern.osrelease is {version:?}")))
}

fn text(name: &'static str) -> io::Result<String> {
    sysctl::text(name)?.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, name))
}
