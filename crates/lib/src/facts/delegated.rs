//! Datasets that are given to a jail: `jail_zfs` and `jail_zfs_dataset`; zfs-jail(8).
//!
//! They are the administrator's: ioc makes none, sets `jailed` on none and destroys none.

use std::path::{Path, PathBuf};

use ioc_model::name::{DatasetName, JailName, KernelName, Part};
use ioc_model::property;
use ioc_platform::host::{Host, System};
use ioc_platform::mounts::{MountKind, MountSpec, Mounted};
use ioc_platform::store::DatasetInfo;

use super::jail::JailFacts;
use crate::error::Error;
use crate::ioc::Ioc;
use crate::source::Source;

/// The datasets that a start gives to its jail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delegated {
    /// The datasets, in the order of the property.
    pub datasets: Vec<Given>,
    /// Where the host has mounted them, in the order of mounting: there they cannot stay.
    pub on_host: Vec<MountSpec>,
}

/// A dataset that is given to a jail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its name.
    pub name: DatasetName,
    /// Its properties ask for it to be mounted.
    pub mounts: bool,
}

/// Why a dataset is not given to a jail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Only FreeBSD has such datasets.
    NotHere,
    /// None of the names that it could have is that of a dataset.
    Missing {
        /// These names.
        tried: Vec<DatasetName>,
    },
    /// `jailed` is off.
    NotJailed,
    /// It is encrypted and its key is not loaded.
    Locked,
    /// ioc keeps jails or releases in it.
    Ours {
        /// What it is to ioc, as the end of a sentence: "part of jail web".
        is: String,
    },
    /// Another running jail has mounted it, or something below it.
    Elsewhere {
        /// The jail.
        jail: KernelName,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::NotHere => f.write_str("only on FreeBSD can a jail manage datasets of ZFS"),
            Refusal::Missing { tried } => {
                let tried: Vec<&str> = tried.iter().map(DatasetName::as_str).collect();
                write!(f, "there is no file system {}", tried.join(", nor "))
            }
            Refusal::NotJailed => f.write_str("its property jailed is off"),
            Refusal::Locked => f.write_str("it is encrypted and its key is not loaded"),
            Refusal::Ours { is } => write!(f, "it is {is}"),
            Refusal::Elsewhere { jail } => write!(f, "the running jail {jail} has mounted it"),
        }
    }
}

impl Delegated {
    /// Finds the datasets and makes sure that the jail can have them.
    ///
    /// Without `jail_zfs` nobody is asked; with it zfs(8) is, once.
    pub fn gather(ioc: &Ioc, jail: &JailFacts) -> Result<Self, Error> {
        let asked = names(jail)?;
        let Some(first) = asked.first() else { return Ok(Self::default()) };
        let host = ioc.host();
        if host.facts.system != System::FreeBsd {
            return Err(refused(jail, first, Refusal::NotHere));
        }
        let source = ioc.source(&jail.reference.source)?;
        let tried: Vec<(&String, Vec<DatasetName>)> =
            asked.iter().map(|text| (text, candidates(text, source))).collect();
        let all: Vec<DatasetName> = tried.iter().flat_map(|(_, names)| names.clone()).collect();
        let existing = host.zfs.existing(&all)?;
        let mut datasets: Vec<Given> = Vec::new();
        for (text, names) in tried {
            let found = names.iter().find_map(|name| Some((name, existing.get(name)?)));
            let Some((name, info)) = found else {
                return Err(refused(jail, text, Refusal::Missing { tried: names }));
            };
            if let Some(why) = own(ioc.sources()?, &jail.reference.name, name).or_else(|| unfit(info)) {
                return Err(refused(jail, name, why));
            }
            if !datasets.iter().any(|known| known.name == *name) {
                datasets.push(Given { name: name.clone(), mounts: mounts(info) });
            }
        }
        let on_host = on_host(host, jail, &datasets)?;
        Ok(Delegated { datasets, on_host })
    }

    /// The datasets as the jail's configuration names them, without looking at any.
    pub fn as_named(jail: &JailFacts) -> Result<Self, Error> {
        let datasets = names(jail)?.into_iter().map(|text| {
            let name = text.parse().map_err(|error| jail.wrong(format!("jail_zfs_dataset: {error}")))?;
            Ok(Given { name, mounts: true })
        });
        Ok(Delegated { datasets: datasets.collect::<Result<_, Error>>()?, on_host: Vec::new() })
    }

    /// Their names.
    pub fn names(&self) -> Vec<DatasetName> {
        self.datasets.iter().map(|given| given.name.clone()).collect()
    }
}

/// What a running jail was given, as far as the mount table tells: for one that iocage started, or that was given its
/// datasets by other means.
pub fn mounted_in(ioc: &Ioc, jail: &JailFacts) -> Result<Vec<DatasetName>, Error> {
    let source = ioc.source(&jail.reference.source)?;
    let mut found = Vec::new();
    for name in names(jail)?.iter().flat_map(|text| candidates(text, source)) {
        let one = std::slice::from_ref(&name);
        if own(ioc.sources()?, &jail.reference.name, &name).is_none()
            && places(&ioc.host().mounts.below(Path::new("/"))?, &jail.root, one).next().is_some()
        {
            found.push(name);
        }
    }
    Ok(found)
}

/// Where a jail with this root has mounted any of these datasets, or datasets below them, in the order of mounting.
pub(crate) fn places<'a>(
    table: &'a [Mounted],
    root: &'a Path,
    datasets: &'a [DatasetName],
) -> impl Iterator<Item = (&'a Mounted, DatasetName)> {
    table.iter().filter(move |mounted| mounted.target.starts_with(root)).filter_map(|mounted| {
        let name: DatasetName = mounted.source.parse().ok()?;
        datasets.iter().any(|dataset| name.below(dataset).is_some()).then_some((mounted, name))
    })
}

/// What has to be unmounted so that none of these datasets is mounted in a jail with this root, in the order of
/// mounting.
pub(crate) fn to_unmount(table: &[Mounted], root: &Path, datasets: &[DatasetName]) -> Vec<PathBuf> {
    let places: Vec<&Path> =
        places(table, root, datasets).map(|(mounted, _)| mounted.target.as_path()).collect();
    let targets = table.iter().map(|mounted| &mounted.target);
    targets.filter(|target| places.iter().any(|place| target.starts_with(place))).cloned().collect()
}

fn names(jail: &JailFacts) -> Result<Vec<String>, Error> {
    Ok(if jail.get(&property::JAIL_ZFS)? { jail.get(&property::JAIL_ZFS_DATASET)?.0 } else { Vec::new() })
}

/// The names that a dataset can have: as it is written, or (as iocage has it) below the pool of the jail's source.
fn candidates(text: &str, source: &Source) -> Vec<DatasetName> {
    let below_pool = source.root.pool().map(|pool| format!("{pool}/{text}"));
    [Some(text.to_owned()), below_pool].into_iter().flatten().filter_map(|name| name.parse().ok()).collect()
}

fn refused(jail: &JailFacts, dataset: impl ToString, why: Refusal) -> Error {
    Error::Delegate { jail: jail.reference.name.clone(), dataset: dataset.to_string(), why }
}

fn is(info: &DatasetInfo, property: &str, value: &str) -> bool {
    info.properties.get(property).is_some_and(|found| found.value == value)
}

/// What the dataset lacks.
fn unfit(info: &DatasetInfo) -> Option<Refusal> {
    match (is(info, "jailed", "on"), info.locked) {
        (false, _) => Some(Refusal::NotJailed),
        (true, true) => Some(Refusal::Locked),
        (true, false) => None,
    }
}

/// `zfs mount -a` in the jail mounts it; zfsprops(7), `canmount` and `mountpoint`.
fn mounts(info: &DatasetInfo) -> bool {
    let path = info.properties.get("mountpoint").is_some_and(|found| found.value.starts_with('/'));
    is(info, "canmount", "on") && path
}

/// Datasets below a source's root that are no jail's: of libiocage, and of iocage.
const RESERVED: [&str; 7] = ["jails", "releases", "templates", "pkg", "images", "download", "log"];

/// Tells whether a dataset is part of a source, and of what in it. A jail may have what lies directly below its own
/// dataset, as iocage makes it (`data`), but not its root; and what somebody made beside the datasets of ioc.
fn own(sources: &[Source], jail: &JailName, dataset: &DatasetName) -> Option<Refusal> {
    let ours = |is: String| Some(Refusal::Ours { is });
    for source in sources {
        if source.root.below(dataset).is_some() {
            return ours(format!("where source {} is", source.name));
        }
        let Some(rest) = dataset.below(&source.root) else { continue };
        let mut parts = rest.split('/');
        let (first, name, part) = (parts.next(), parts.next(), parts.next());
        match (first, name, part) {
            (Some("jails"), Some(name), Some(part)) if name == jail.as_str() && part != Part::Root.name() => {
            }
            (Some("jails" | "templates"), Some(name), _) => return ours(format!("part of jail {name}")),
            (Some(first), ..) if RESERVED.contains(&first) => {
                return ours(format!("part of source {}", source.name));
            }
            _ => {}
        }
    }
    None
}

/// Where the host has mounted them; an error if a running jail has.
fn on_host(host: &Host, jail: &JailFacts, datasets: &[Given]) -> Result<Vec<MountSpec>, Error> {
    let names: Vec<DatasetName> = datasets.iter().map(|given| given.name.clone()).collect();
    let table = host.mounts.below(Path::new("/"))?;
    let mut specs = Vec::new();
    for (mounted, name) in places(&table, Path::new("/"), &names) {
        // In its own root only a running jail has it, or nothing may be mounted there.
        if mounted.target.starts_with(&jail.root) {
            continue;
        }
        let jails = host.jails.list()?;
        let elsewhere = jails
            .iter()
            .find(|other| other.path != Path::new("/") && mounted.target.starts_with(&other.path));
        if let Some(other) = elsewhere {
            return Err(refused(jail, name, Refusal::Elsewhere { jail: other.name.clone() }));
        }
        let (Some(root), Some(last)) = (mounted.target.parent(), mounted.target.file_name()) else {
            continue;
        };
        specs.push(MountSpec {
            kind: MountKind::Other { fstype: mounted.fstype.clone(), source: name.to_string() },
            root: root.to_owned(),
            target: last.to_string_lossy().parse()?,
            read_only: mounted.read_only,
            options: Vec::new(),
        });
    }
    Ok(specs)
}

#[cfg(test)]
mod tests {
    use ioc_platform::store::PropertyValue;

    use super::*;

    fn dataset(name: &str) -> DatasetName {
        name.parse().unwrap()
    }

    fn info(properties: &[(&str, &str)]) -> DatasetInfo {
        let properties = properties.iter().map(|(name, value)| {
            ((*name).to_owned(), PropertyValue { value: (*value).to_owned(), local: true })
        });
        DatasetInfo { properties: properties.collect(), ..DatasetInfo::default() }
    }

    fn mounted(source: &str, target: &str) -> Mounted {
        Mounted { target: target.into(), source: source.into(), fstype: "zfs".into(), read_only: false }
    }

    #[test]
    fn a_name_is_tried_as_it_is_and_below_the_pool() {
        let names = |text, source: &str| candidates(text, &source.parse().unwrap());
        assert_eq!(names("tank/data", "tank/iocage"), [dataset("tank/data"), dataset("tank/tank/data")]);
        assert_eq!(names("iocage/x", "tank/iocage"), [dataset("iocage/x"), dataset("tank/iocage/x")]);
        // Below a pool a name may begin with a digit, which a pool's may not.
        assert_eq!(names("7/x", "tank"), [dataset("tank/7/x")]);
        assert_eq!(names("tank/data", "/var/lib/ioc"), [dataset("tank/data")]);
    }

    #[test]
    fn what_holds_jails_and_releases_is_not_given_away() {
        let sources: Vec<Source> = ["tank/iocage", "ssd=fast/ioc"].map(|text| text.parse().unwrap()).into();
        let refused = |name: &str| own(&sources, &"web".parse().unwrap(), &dataset(name));
        for name in [
            "tank",
            "tank/iocage",
            "fast",
            "fast/ioc",
            "tank/iocage/jails",
            "tank/iocage/jails/web",
            "tank/iocage/jails/web/root",
            "tank/iocage/jails/web/root/usr",
            "tank/iocage/jails/db/data",
            "tank/iocage/templates/web/data",
            "tank/iocage/releases/14.2-RELEASE/root",
            "fast/ioc/pkg",
            "fast/ioc/log/x",
        ] {
            assert!(matches!(refused(name), Some(Refusal::Ours { .. })), "{name}");
        }
        for name in ["tank/data", "tank/iocage/jails/web/data", "tank/iocage/shared/a", "other", "fast/i"] {
            assert_eq!(refused(name), None, "{name}");
        }
    }

    #[test]
    fn a_dataset_must_be_meant_for_jails() {
        assert_eq!(unfit(&info(&[("jailed", "off")])), Some(Refusal::NotJailed));
        assert_eq!(unfit(&info(&[])), Some(Refusal::NotJailed));
        let locked = DatasetInfo { locked: true, ..info(&[("jailed", "on")]) };
        assert_eq!(unfit(&locked), Some(Refusal::Locked));
        assert_eq!(unfit(&info(&[("jailed", "on")])), None);
    }

    #[test]
    fn only_what_its_properties_ask_for_is_to_be_mounted() {
        assert!(mounts(&info(&[("canmount", "on"), ("mountpoint", "/data")])));
        for (can, at) in [("noauto", "/data"), ("off", "/data"), ("on", "none"), ("on", "legacy")] {
            assert!(!mounts(&info(&[("canmount", can), ("mountpoint", at)])), "{can} {at}");
        }
    }

    #[test]
    fn only_what_the_jail_mounted_of_them_is_unmounted_with_what_lies_on_it() {
        let table = [
            mounted("tank/data", "/tank/data"),
            mounted("devfs", "/j/web/root/dev"),
            mounted("tank/data", "/j/web/root/data"),
            mounted("tank/data/a", "/j/web/root/data/a"),
            mounted("tmpfs", "/j/web/root/data/a/tmp"),
            mounted("tank/database", "/j/web/root/db"),
            mounted("tank/data/b", "/j/web2/root/b"),
        ];
        let found = to_unmount(&table, Path::new("/j/web/root"), &[dataset("tank/data")]);
        let expected = ["/j/web/root/data", "/j/web/root/data/a", "/j/web/root/data/a/tmp"];
        assert_eq!(found, expected.map(PathBuf::from));
        assert!(to_unmount(&table, Path::new("/j/web/root"), &[]).is_empty());
    }
}
