//! The fstab of a jail: what it mounts, and where its paths go when the jail gets another directory.

use std::path::{Path, PathBuf};

use ioc_model::fstab::{Entry, Fstab, FstabError};
use ioc_model::name::JailPath;
use ioc_platform::host::Host;
use ioc_platform::mounts::{MountKind, MountSpec};

use crate::error::Error;
use crate::plan::Content;

/// Name of the file, beside the jail's root.
pub const FILE: &str = "fstab";

/// Largest fstab that is read, in bytes.
const MOST: u64 = ioc_model::fstab::MOST_BYTES as u64;

/// Reads the fstab in a jail's directory; no file: an empty one.
pub fn read(host: &Host, directory: &Path) -> Result<Fstab, Error> {
    let bytes = host.files.read(directory, &FILE.parse()?, MOST)?.unwrap_or_default();
    let wrong = |e: FstabError| Error::Config {
        subject: directory.join(FILE).display().to_string(),
        problem: e.to_string(),
    };
    Fstab::from_bytes(&bytes).map_err(wrong)
}

/// The mounts that an fstab asks for, in its order.
///
/// A destination is a path of the host below the jail's root, as iocage and libiocage write it; one that is not is
/// taken as a path in the jail.
pub fn mounts(fstab: &Fstab, root: &Path) -> Result<Vec<MountSpec>, String> {
    let wanted = fstab.entries().filter(|entry| !entry.is_ignored() && !entry.is_generated());
    wanted.map(|entry| mount(entry, root)).collect()
}

fn mount(entry: &Entry, root: &Path) -> Result<MountSpec, String> {
    let line = |problem: String| format!("fstab, {}: {problem}", entry.destination);
    let target = target(&entry.destination, root).map_err(line)?;
    let has = |wanted: &str| entry.options().any(|(name, _)| name == wanted);
    let kind = match entry.kind.as_str() {
        "nullfs" | "bind" => MountKind::Nullfs { source: PathBuf::from(&entry.source) },
        "tmpfs" => MountKind::Tmpfs,
        "procfs" => MountKind::Procfs,
        "linprocfs" => MountKind::Linprocfs,
        "linsysfs" => MountKind::Linsysfs,
        "fdescfs" => MountKind::Fdescfs,
        "devfs" => {
            return Err(line("devfs is mounted by the property mount_devfs, with a ruleset".to_owned()));
        }
        other => MountKind::Other { fstype: other.to_owned(), source: entry.source.clone() },
    };
    let is_plain = |name: &str| matches!(name, "ro" | "rw" | "late" | "bind");
    let options = entry.options.split(',').filter(|option| !option.is_empty() && !is_plain(option));
    let options = options.map(str::to_owned).collect();
    Ok(MountSpec { kind, root: root.to_owned(), target, read_only: has("ro"), options })
}

/// Where in the jail a destination is.
pub fn target(destination: &str, root: &Path) -> Result<JailPath, String> {
    let path = Path::new(destination);
    let inside = path.strip_prefix(root).unwrap_or(path);
    let inside: JailPath = inside.to_string_lossy().parse().map_err(|e| format!("{e}"))?;
    if inside == JailPath::root() { Err("it is the jail's root itself".to_owned()) } else { Ok(inside) }
}

/// The text of an fstab for a jail at `to` that is made from the one at `from`.
pub fn moved(fstab: &Fstab, from: &Path, to: &Path) -> Content {
    let mut fstab = fstab.clone();
    if let (Some(from), Some(to)) = (from.to_str(), to.to_str()) {
        fstab.move_paths(from, to);
    }
    Content::from(fstab.to_bytes())
}
