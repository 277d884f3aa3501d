//! The fstab of a jail: what it mounts, what is known of a line's source and destination, and where its paths go when
//! the jail gets another directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ioc_model::fstab::{Entry, Fstab, FstabError, NULLFS};
use ioc_model::name::{DatasetName, JailPath, Part};
use ioc_platform::files::Kind;
use ioc_platform::host::Host;
use ioc_platform::mounts::{MountKind, MountSpec};

use crate::error::Error;
use crate::plan::Content;

/// Name of the file, beside the jail's root.
pub const FILE: &str = "fstab";

/// Largest fstab that is read, in bytes.
const MOST: u64 = ioc_model::fstab::MOST_BYTES as u64;

/// The bytes of the fstab in a jail's directory, if there is one.
pub fn bytes(host: &Host, directory: &Path) -> Result<Option<Vec<u8>>, Error> {
    Ok(host.files.read(directory, &FILE.parse()?, MOST)?)
}

/// Reads the fstab in a jail's directory; no file: an empty one.
pub fn read(host: &Host, directory: &Path) -> Result<Fstab, Error> {
    let bytes = bytes(host, directory)?.unwrap_or_default();
    let wrong = |e: FstabError| Error::Config {
        subject: directory.join(FILE).display().to_string(),
        problem: e.to_string(),
    };
    Fstab::from_bytes(&bytes).map_err(wrong)
}

/// The mounts that an fstab asks for, in its order.
///
/// A destination is a path of the host below the jail's root, as iocage and libiocage write it; one that is not is
/// taken as a path in the jail. devfs never comes without a ruleset: with the one given.
pub fn mounts(fstab: &Fstab, root: &Path, ruleset: u16) -> Result<Vec<MountSpec>, String> {
    fstab.entries().filter(|entry| is_mounted(entry)).map(|entry| mount(entry, root, ruleset)).collect()
}

/// Tells whether a start mounts what the line says.
pub fn is_mounted(entry: &Entry) -> bool {
    !entry.is_ignored() && !entry.is_generated()
}

/// The mount that a line asks for.
pub fn mount(entry: &Entry, root: &Path, ruleset: u16) -> Result<MountSpec, String> {
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
        "devfs" => MountKind::Devfs { ruleset },
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

/// What there is where a line's source should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// The type has no source, or one that only its own kernel code understands: `host:/export`.
    Word,
    /// A directory of the host.
    Directory,
    /// A file of the host.
    File,
    /// A device of the host, or something else that is neither file nor directory.
    Device,
    /// A dataset.
    Dataset,
    /// Nothing.
    Missing,
    /// The text cannot name what the type needs.
    Malformed(&'static str),
}

/// Types that are mounted without looking at the first field.
const WITHOUT_SOURCE: [&str; 7] =
    ["devfs", "fdescfs", "linprocfs", "linsysfs", "mqueuefs", "procfs", "tmpfs"];

impl SourceKind {
    /// Looks at the source of a line.
    pub fn of(host: &Host, entry: &Entry) -> Result<Self, Error> {
        let kind = entry.kind.as_str();
        let is_path = entry.source.starts_with('/') && !entry.source.starts_with("//");
        if WITHOUT_SOURCE.contains(&kind) {
            return Ok(SourceKind::Word);
        }
        if kind == "zfs" {
            let Ok(dataset) = entry.source.parse::<DatasetName>() else {
                return Ok(SourceKind::Malformed("the source of a zfs mount is a dataset, POOL/NAME"));
            };
            if dataset.directory().is_some() {
                return Ok(SourceKind::Malformed("the source of a zfs mount is a dataset, POOL/NAME"));
            }
            let exists = host.store(&dataset).dataset(&dataset)?.is_some();
            return Ok(if exists { SourceKind::Dataset } else { SourceKind::Missing });
        }
        if !is_path {
            let needs_path =
                matches!(kind, "nullfs" | "bind" | "unionfs" | "ufs" | "ext2fs" | "cd9660" | "msdosfs");
            return Ok(match needs_path {
                true => SourceKind::Malformed("the source has to be an absolute path of the host"),
                false => SourceKind::Word,
            });
        }
        let path = PathBuf::from(&entry.source);
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => Ok(SourceKind::Directory),
            Ok(found) if found.is_file() => Ok(SourceKind::File),
            Ok(_) => Ok(SourceKind::Device),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(SourceKind::Missing)
            }
            Err(source) => Err(Error::Read { path, source }),
        }
    }
}

/// A line that is to be mounted, and what is known of both its ends.
#[derive(Clone, Debug)]
pub struct LineFacts {
    /// The line.
    pub entry: Entry,
    /// What is at its source.
    pub source: SourceKind,
    /// What is at its destination in the jail, and above it from the root on; what does not exist is left out.
    pub way: BTreeMap<JailPath, Kind>,
}

impl LineFacts {
    /// Looks at both ends of a line. A destination that cannot be one is for the planner to refuse.
    pub fn gather(host: &Host, entry: &Entry, root: &Path) -> Result<Self, Error> {
        let mut way = BTreeMap::new();
        if let Ok(target) = target(&entry.destination, root) {
            let mut upper = String::new();
            for component in target.components() {
                upper.push('/');
                upper.push_str(component);
                let path: JailPath = upper.parse()?;
                let Some(kind) = host.files.metadata(root, &path)? else { break };
                way.insert(path, kind);
                // What lies behind a link is not on the way.
                if kind != Kind::Directory {
                    break;
                }
            }
        }
        Ok(LineFacts { entry: entry.clone(), source: SourceKind::of(host, entry)?, way })
    }
}

/// Tells whether a line mounts a base directory, as iocage writes one for each in the fstab of a basejail: its source
/// is that directory of a release or template of the same source.
pub fn is_base(entry: &Entry, root: &Path, source_directory: &Path) -> bool {
    if entry.is_generated() {
        return true;
    }
    let Ok(target) = target(&entry.destination, root) else { return false };
    let Ok(below) = Path::new(&entry.source).strip_prefix(source_directory) else { return false };
    let mut components = below.components();
    let place = components.next().and_then(|part| part.as_os_str().to_str());
    let (_name, part) = (components.next(), components.next());
    entry.kind == NULLFS
        && place.is_some_and(|place| [Part::Releases.name(), Part::Templates.name()].contains(&place))
        && part.is_some_and(|part| part.as_os_str() == Part::Root.name())
        && components.as_path() == target.relative()
}

/// The text of an fstab for a jail at `to` that is made from the one at `from`.
pub fn moved(fstab: &Fstab, from: &Path, to: &Path) -> Content {
    let mut fstab = fstab.clone();
    if let (Some(from), Some(to)) = (from.to_str(), to.to_str()) {
        fstab.move_paths(from, to);
    }
    Content::from(fstab.to_bytes())
}

/// The bytes of an fstab in which the directory `from` has become `to`; none if it names nothing there.
pub fn moved_bytes(fstab: &Fstab, from: &Path, to: &Path) -> Option<Vec<u8>> {
    let (from, to) = (from.to_str()?, to.to_str()?);
    let mut fstab = fstab.clone();
    (fstab.move_paths(from, to) > 0).then(|| fstab.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_iocage_for_the_base() {
        let is = |source: &str, destination: &str| {
            let entry = Entry::nullfs(source, destination);
            is_base(&entry, Path::new("/iocage/jails/web/root"), Path::new("/iocage"))
        };
        assert!(is("/iocage/releases/13.2-RELEASE/root/usr/bin", "/iocage/jails/web/root/usr/bin"));
        assert!(is("/iocage/templates/base/root/bin", "/iocage/jails/web/root/bin"));
        for (source, destination) in [
            ("/iocage/releases/13.2-RELEASE/root/usr/src", "/iocage/jails/web/root/usr/bin"),
            ("/iocage/jails/db/root/bin", "/iocage/jails/web/root/bin"),
            ("/data/releases/a/root/bin", "/iocage/jails/web/root/bin"),
            ("/iocage/releases/a/bin", "/iocage/jails/web/root/bin"),
            ("/iocage", "/iocage/jails/web/root/bin"),
        ] {
            assert!(!is(source, destination), "{source}");
        }
    }

    #[test]
    fn types_become_mounts() {
        let mount = |line: &str| mount(&Entry::read(line).unwrap(), Path::new("/j/root"), 4);
        let devfs = mount("devfs /compat/linux/dev devfs").unwrap();
        assert_eq!((devfs.kind, devfs.read_only), (MountKind::Devfs { ruleset: 4 }, false));
        let tmpfs = mount("tmpfs /j/root/tmp tmpfs rw,size=1g,mode=1777").unwrap();
        assert_eq!(
            (tmpfs.target.to_string(), tmpfs.options.join(" ")),
            ("/tmp".into(), "size=1g mode=1777".into())
        );
        let zfs = mount("tank/data /data zfs ro").unwrap();
        assert_eq!(zfs.kind, MountKind::Other { fstype: "zfs".into(), source: "tank/data".into() });
        assert!(zfs.read_only);
        for bad in ["/a / nullfs", "/a /j/root nullfs", "/a /../b nullfs"] {
            assert!(mount(bad).is_err(), "{bad}");
        }
    }
}
