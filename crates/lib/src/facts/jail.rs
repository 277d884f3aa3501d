//! What is known of a jail.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ioc_model::address::{Ip4Addresses, Ip6Addresses};
use ioc_model::config::{Change, Document, JailConfig, ResourceLimit, Setting, SourceDefaults};
use ioc_model::fstab::Fstab;
use ioc_model::interface::{InterfaceName, Links, Router};
use ioc_model::mac::MacPair;
use ioc_model::name::{DatasetName, JailRef, KernelName, Part, ReleaseName, ReleaseRef};
use ioc_model::property::{self, AnyProperty, Kind, Mtu, Property, Typed, Value};
use ioc_model::uuid::Uuid;
use ioc_platform::host::Host;
use ioc_platform::jails::RunningJail;
use ioc_platform::limits::LimitRule;
use ioc_platform::mounts::{MountSpec, Mounted};
use ioc_platform::store::{DatasetInfo, StoreKind, Tree};

use super::mounted::MountedDatasets;
use super::{config, fstab};
use crate::error::Error;
use crate::ioc::Ioc;
use crate::plan::{Content, Hook};

/// A jail as the store has it, before its configuration is read.
#[derive(Clone, Debug)]
pub struct Found {
    /// The jail.
    pub reference: JailRef,
    /// Its dataset.
    pub dataset: DatasetName,
    /// Which store holds it.
    pub store: StoreKind,
    /// It lies in iocage's place for templates.
    pub among_templates: bool,
    /// Its dataset's state.
    pub info: DatasetInfo,
    /// It has a dataset for its root, mounted or not.
    pub has_root: bool,
    /// Where its root is mounted, if it is.
    pub root: Option<PathBuf>,
    /// It, or its root, is encrypted and the key is not loaded.
    pub locked: bool,
}

impl Found {
    /// Takes a jail out of a tree that holds it; none if `dataset` is not there.
    pub fn in_tree(reference: JailRef, dataset: DatasetName, store: StoreKind, tree: &Tree) -> Option<Self> {
        let info = tree.get(&dataset)?.clone();
        let root = tree.get(&dataset.part(Part::Root));
        let locked = info.locked || root.is_some_and(|root| root.locked);
        let (has_root, root) = (root.is_some(), root.and_then(|root| root.mounted_at.clone()));
        let parent = dataset.parent();
        let among_templates = parent.is_some_and(|p| p.last() == Part::Templates.name());
        Some(Found { reference, dataset, store, among_templates, info, has_root, root, locked })
    }

    /// The running jail, whether ioc or iocage started it.
    pub fn running(&self, host: &Host) -> Result<Option<RunningJail>, Error> {
        for name in self.reference.kernel_names() {
            if let Some(running) = host.jails.find(&name)?
                && self.is(&running)
            {
                return Ok(Some(running));
            }
        }
        Ok(None)
    }

    /// Tells whether this is a jail at all: it has a root or a configuration. What is neither lies among the jails, but
    /// somebody else put it there.
    pub fn is_jail(&self, host: &Host) -> Result<bool, Error> {
        if self.has_root {
            return Ok(true);
        }
        match &self.info.mounted_at {
            Some(directory) => config::exists(host, directory, &self.info),
            None => Ok(false),
        }
    }

    /// Refuses unless the jail is stopped and nothing is mounted below its root.
    pub fn must_rest(&self, host: &Host) -> Result<(), Error> {
        if self.running(host)?.is_some() {
            return Err(Error::JailRunning(self.reference.name.clone()));
        }
        let mounts = self.mounted(host)?;
        match mounts.is_empty() {
            true => Ok(()),
            false => Err(Error::Mounted {
                subject: format!("jail {}", self.reference.name),
                mounts: mounts.iter().map(|mount| mount.target.display().to_string()).collect(),
            }),
        }
    }

    /// What is mounted below its root, in the order of mounting. Datasets below that of its root belong to it: ZFS
    /// mounts them whether it runs or not.
    pub fn mounted(&self, host: &Host) -> Result<Vec<Mounted>, Error> {
        let Some(root) = &self.root else { return Ok(Vec::new()) };
        let own = self.dataset.part(Part::Root);
        let is_own = |mounted: &Mounted| {
            // At its place: a directory of the jail that is mounted once more elsewhere has the same source.
            let dataset = mounted.source.parse::<DatasetName>();
            let place = dataset.ok().and_then(|dataset| Some(root.join(dataset.below(&own)?)));
            self.store == StoreKind::Zfs
                && place.is_some_and(|place| place != *root && place == mounted.target)
        };
        let mut mounted = host.mounts.below(root)?;
        mounted.retain(|mounted| !is_own(mounted));
        Ok(mounted)
    }

    /// Where its dataset and its root are mounted.
    pub fn places(&self) -> Result<(PathBuf, PathBuf), Error> {
        let jail = &self.reference.name;
        let unmounted =
            |dataset: DatasetName, locked| Error::NotMounted { jail: jail.clone(), dataset, locked };
        let directory = self.info.mounted_at.clone();
        let directory = directory.ok_or_else(|| unmounted(self.dataset.clone(), self.info.locked))?;
        match &self.root {
            Some(root) => Ok((directory, root.clone())),
            None if self.has_root => Err(unmounted(self.dataset.part(Part::Root), self.locked)),
            None => Err(Error::Config {
                subject: format!("jail {jail}"),
                problem: "its root dataset does not exist".to_owned(),
            }),
        }
    }

    /// Tells whether a running jail is this one. The name alone does not tell: iocage's scheme is not unique.
    pub fn is(&self, running: &RunningJail) -> bool {
        let named = self.reference.kernel_names().contains(&running.name);
        named && !running.dying && self.root.as_ref().is_none_or(|root| *root == running.path)
    }
}

/// A jail with its configuration, mounted and readable.
#[derive(Clone, Debug)]
pub struct JailFacts {
    /// The jail.
    pub reference: JailRef,
    /// The name it runs under.
    pub kernel_name: KernelName,
    /// Its dataset.
    pub dataset: DatasetName,
    /// Which store holds it.
    pub store: StoreKind,
    /// Its dataset's state.
    pub info: DatasetInfo,
    /// Where its dataset is mounted: configuration and fstab.
    pub directory: PathBuf,
    /// Where its root is mounted.
    pub root: PathBuf,
    /// Its configuration.
    pub config: JailConfig,
    /// It has its own network stack.
    pub vnet: bool,
    fstab: Fstab,
    found: Found,
}

/// The network of a jail, as configured.
#[derive(Clone, Debug)]
pub struct NetworkSettings {
    /// IPv4 addresses.
    pub ip4: Ip4Addresses,
    /// IPv6 addresses.
    pub ip6: Ip6Addresses,
    /// Interfaces of a VNET jail and their bridges.
    pub links: Links,
    /// Interfaces of the host that a VNET jail gets.
    pub given: Vec<String>,
    /// IPv4 router of a VNET jail.
    pub router4: Option<Router<std::net::Ipv4Addr>>,
    /// IPv6 router of a VNET jail.
    pub router6: Option<Router<std::net::Ipv6Addr>>,
}

impl JailFacts {
    /// Finds a jail in its source's `jails` or `templates`, without looking at any other.
    pub fn find(ioc: &Ioc, jail: &JailRef) -> Result<Found, Error> {
        let source = ioc.source(&jail.source)?;
        for dataset in [source.jail(&jail.name)?, source.template(&jail.name)?] {
            let store = ioc.host().store(&dataset);
            let tree = store.tree(&dataset, 1, &[])?;
            if let Some(found) = Found::in_tree(jail.clone(), dataset, store.kind(), &tree)
                && found.is_jail(ioc.host())?
            {
                return Ok(found);
            }
        }
        Err(Error::JailUnknown(jail.name.to_string()))
    }

    /// As [`JailFacts::find`], but asks nobody where the kernel's mount table tells enough: of the dataset only the
    /// place is known then. For what starts, stops and enters jails.
    pub fn find_mounted(ioc: &Ioc, jail: &JailRef) -> Result<Found, Error> {
        let source = ioc.source(&jail.source)?;
        let datasets = [(source.jail(&jail.name)?, false), (source.template(&jail.name)?, true)];
        if datasets[0].0.pool().is_none() {
            return Self::find(ioc, jail);
        }
        let mounted = MountedDatasets::of(ioc.host())?;
        for (dataset, among_templates) in datasets {
            let root = dataset.part(Part::Root);
            let (Some(directory), Some(root)) = (mounted.at(&dataset), mounted.at(&root)) else { continue };
            let info = DatasetInfo { mounted_at: Some(directory.to_owned()), ..DatasetInfo::default() };
            // One without a file has its configuration in properties.
            if !config::exists(ioc.host(), directory, &info)? {
                continue;
            }
            return Ok(Found {
                reference: jail.clone(),
                dataset,
                store: StoreKind::Zfs,
                among_templates,
                info,
                has_root: true,
                locked: false,
                root: Some(root.to_owned()),
            });
        }
        Self::find(ioc, jail)
    }

    /// As [`JailFacts::gather`], of a jail that was found by [`JailFacts::find_mounted`].
    pub fn gather_mounted(ioc: &Ioc, jail: &JailRef) -> Result<Self, Error> {
        let found = Self::find_mounted(ioc, jail)?;
        Self::gather_found(ioc, found)
    }

    /// Gathers the facts about a jail, its fstab included.
    pub fn gather(ioc: &Ioc, jail: &JailRef) -> Result<Self, Error> {
        let found = Self::find(ioc, jail)?;
        Self::gather_found(ioc, found)
    }

    /// As [`JailFacts::gather`], of a jail that was found.
    pub fn gather_found(ioc: &Ioc, found: Found) -> Result<Self, Error> {
        let source = ioc.source(&found.reference.source)?;
        let defaults = config::read_defaults(ioc.host(), source, &source.directory(ioc.host())?)?;
        let mut facts = Self::load(ioc.host(), found, defaults)?;
        facts.fstab = fstab::read(ioc.host(), &facts.directory)?;
        Ok(facts)
    }

    /// Reads the configuration of a jail that was found; its fstab is left out.
    pub fn load(host: &Host, found: Found, defaults: Option<Arc<SourceDefaults>>) -> Result<Self, Error> {
        let name = &found.reference.name;
        let (directory, root) = found.places()?;
        let mut info = found.info.clone();
        let document = match config::read(host, &directory, &format!("jail {name}"))? {
            Some(document) => document,
            None => {
                // What a tree is listed with are not all properties; only jails of old need them.
                if found.store == StoreKind::Zfs {
                    info = host.store(&found.dataset).dataset(&found.dataset)?.unwrap_or(info);
                }
                config::in_properties(&info)
            }
        };
        Ok(Self::assemble(found, info, (directory, root), JailConfig::new(document, defaults)))
    }

    /// A jail that was found, as if nothing was configured: for stopping one whose configuration cannot be read.
    pub fn unconfigured(found: Found) -> Result<Self, Error> {
        let (places, info) = (found.places()?, found.info.clone());
        Ok(Self::assemble(found, info, places, JailConfig::new(Document::new(), None)))
    }

    fn assemble(
        found: Found,
        info: DatasetInfo,
        (directory, root): (PathBuf, PathBuf),
        config: JailConfig,
    ) -> Self {
        JailFacts {
            kernel_name: found.reference.kernel_name(),
            reference: found.reference.clone(),
            dataset: found.dataset.clone(),
            store: found.store,
            info,
            directory,
            root,
            vnet: config.value(&property::VNET).unwrap_or(false),
            config,
            fstab: Fstab::default(),
            found,
        }
    }

    /// These facts with properties for one run only.
    pub fn with_overrides(mut self, overrides: &BTreeMap<String, Option<String>>) -> Result<Self, Error> {
        if overrides.is_empty() {
            return Ok(self);
        }
        let changes = overrides.iter().map(|(key, value)| Change { key: key.clone(), value: value.clone() });
        let changes: Vec<Change> = changes.collect();
        self.config = self.config.with_overrides(&changes).map_err(|e| self.wrong(e))?;
        self.vnet = self.get(&property::VNET)?;
        Ok(self)
    }

    /// The running jail, if it runs.
    pub fn running(&self, host: &Host) -> Result<Option<RunningJail>, Error> {
        self.found.running(host)
    }

    /// What is mounted below its root and is not part of it, in the order of mounting.
    pub fn mounted(&self, host: &Host) -> Result<Vec<Mounted>, Error> {
        self.found.mounted(host)
    }

    /// An error about this jail's configuration.
    pub fn wrong(&self, problem: impl ToString) -> Error {
        Error::Config { subject: format!("jail {}", self.reference.name), problem: problem.to_string() }
    }

    /// The value of a property.
    pub fn get<T: Typed>(&self, property: &Property<T>) -> Result<T, Error> {
        self.config.value(property).map_err(|e| self.wrong(e))
    }

    /// The value of any key, and where it comes from.
    pub fn show(&self, key: &str) -> Result<Setting<Value>, Error> {
        self.config.show(key).map_err(|e| self.wrong(e))
    }

    /// Tells whether a property is set rather than left to its built-in default.
    pub fn is_set(&self, key: &str) -> bool {
        self.config.set_keys().contains(key)
    }

    /// Every property as text, for the environment of hooks; one that cannot be read is left out.
    pub fn texts(&self) -> Vec<(String, String)> {
        let keys = self.config.keys().into_iter();
        let own =
            keys.filter_map(|key| Some((key.to_owned(), self.config.show(key).ok()?.value.to_string())));
        own.chain([
            ("id".to_owned(), self.reference.name.to_string()),
            ("name".to_owned(), self.reference.name.to_string()),
        ])
        .collect()
    }

    /// The release it is based on; none if it has no base.
    pub fn release(&self) -> Result<Option<ReleaseRef>, Error> {
        self.config.base().map_err(|e| self.wrong(e))
    }

    /// Its host UUID: as configured, else made from the host's UUID and its kernel name.
    pub fn host_uuid(&self, host: &str) -> Result<String, Error> {
        let set = self.get(&property::HOST_HOSTUUID)?;
        Ok(set.unwrap_or_else(|| jail_uuid(host, &self.kernel_name)))
    }

    /// Tells whether the jail breaks without that release: it is a basejail of it.
    pub fn uses_release(&self, name: &ReleaseName) -> bool {
        let basejail = self.get(&property::BASEJAIL).unwrap_or(false);
        basejail && matches!(self.release(), Ok(Some(release)) if release.name == *name)
    }

    /// Tells whether it is a template.
    pub fn is_template(&self) -> Result<bool, Error> {
        Ok(self.found.among_templates || self.get(&property::TEMPLATE)?)
    }

    /// Its host name.
    pub fn hostname(&self) -> Result<String, Error> {
        self.config.hostname(&self.reference.name).map_err(|e| self.wrong(e))
    }

    /// The text of a hook, if it has one.
    pub fn hook(&self, hook: Hook) -> Result<Option<String>, Error> {
        let text = match hook {
            Hook::Prestart => self.get(&property::EXEC_PRESTART)?,
            Hook::Created => self.get(&property::EXEC_CREATED)?,
            Hook::Start => Some(self.get(&property::EXEC_START)?),
            Hook::Poststart => self.get(&property::EXEC_POSTSTART)?,
            Hook::Prestop => self.get(&property::EXEC_PRESTOP)?,
            Hook::Stop => Some(self.get(&property::EXEC_STOP)?),
            Hook::Poststop => self.get(&property::EXEC_POSTSTOP)?,
        };
        Ok(text.filter(|text| !text.trim().is_empty()))
    }

    /// The user that the start and stop hooks run as; none: root.
    pub fn exec_user(&self) -> Result<Option<String>, Error> {
        let user = self.get(&property::EXEC_JAIL_USER)?;
        Ok(Some(user).filter(|user| user != "root" && !user.is_empty()))
    }

    /// The routing table of its commands; none: that of the host.
    pub fn fib(&self) -> Result<Option<u32>, Error> {
        Ok(Some(u32::from(self.get(&property::EXEC_FIB)?)).filter(|fib| *fib != 0))
    }

    /// Its network, as configured.
    pub fn network(&self) -> Result<NetworkSettings, Error> {
        Ok(NetworkSettings {
            ip4: self.config.ip4_addresses().map_err(|e| self.wrong(e))?,
            ip6: self.config.ip6_addresses().map_err(|e| self.wrong(e))?,
            links: self.get(&property::INTERFACES)?,
            given: self.get(&property::VNET_INTERFACES)?.0,
            router4: self.get(&property::DEFAULTROUTER)?,
            router6: self.get(&property::DEFAULTROUTER6)?,
        })
    }

    /// The MAC addresses of an interface: the host's end and the jail's.
    ///
    /// Unless they are configured, `mac_prefix` and digits of a hash over source, name and interface; always the
    /// same for the same jail. The jail's end is the host's plus one.
    pub fn macs(&self, nic: &InterfaceName) -> Result<(String, String), Error> {
        let pair = match self.config.mac_of(nic).map_err(|e| self.wrong(e))? {
            Some(pair) => pair,
            None => MacPair::generate(&self.get(&property::MAC_PREFIX)?, &self.reference, nic),
        };
        Ok((pair.host.to_string(), pair.jail.to_string()))
    }

    /// The MAC addresses of the pair between an interface's private bridge and the bridge of the host.
    pub fn uplink_macs(&self, nic: &InterfaceName) -> Result<(String, String), Error> {
        let name: InterfaceName = format!("{nic}.up").parse().map_err(|e| self.wrong(e))?;
        let pair = MacPair::generate(&self.get(&property::MAC_PREFIX)?, &self.reference, &name);
        Ok((pair.host.to_string(), pair.jail.to_string()))
    }

    /// The MTU of an interface, if it is not that of its bridge.
    pub fn mtu(&self, nic: &InterfaceName) -> Result<Option<u32>, Error> {
        Ok(match self.config.mtu_of(nic).map_err(|e| self.wrong(e))? {
            Mtu::Auto => None,
            Mtu::Bytes(bytes) => Some(bytes.into()),
        })
    }

    /// Its resource limits. They apply unless `rlimits=no`.
    pub fn limits(&self) -> Result<Vec<LimitRule>, Error> {
        let limits = self.config.limits().map_err(|e| self.wrong(e))?;
        let rule = |(resource, setting): ResourceLimit| LimitRule {
            resource: resource.to_owned(),
            action: setting.value.action.to_string(),
            amount: setting.value.amount.value,
            per: setting.value.per.to_string(),
        };
        Ok(limits.into_iter().map(rule).collect())
    }

    /// Its fstab.
    pub fn fstab(&self) -> &Fstab {
        &self.fstab
    }

    /// What its fstab mounts; devfs with this ruleset.
    pub fn fstab_mounts(&self, ruleset: u16) -> Result<Vec<MountSpec>, Error> {
        fstab::mounts(&self.fstab, &self.root, ruleset).map_err(|problem| self.wrong(problem))
    }

    /// Its fstab for a jail made from it, whose directory is `directory`.
    pub fn fstab_for(&self, directory: &std::path::Path) -> Content {
        fstab::moved(&self.fstab, &self.directory, directory)
    }

    /// A value of the dataset: one of its ZFS properties, or something found out of it.
    pub fn dataset_value(&self, property: &dyn AnyProperty) -> Option<Value> {
        let facts = property.facts();
        let native = match facts.kind {
            Kind::Dataset(name) => name,
            Kind::Computed => facts.name,
            Kind::Config => return None,
        };
        let text = &self.info.properties.get(native)?.value;
        Some(property.read(facts.name, text).ok().flatten().unwrap_or(Value::None))
    }
}

/// The host UUID of a jail that has none configured.
pub fn jail_uuid(host: &str, jail: &KernelName) -> String {
    // A host whose identity is no UUID still has one jail UUID per jail.
    let host = host.parse().unwrap_or(Uuid::from_bytes([0; 16]));
    Uuid::of_jail(host, jail).to_string()
}

#[cfg(test)]
impl JailFacts {
    /// The jail `web` in `tank/iocage` with this `config.json`, for tests of planners.
    pub(crate) fn of_test(json: &str) -> Self {
        use ioc_model::config::{Document, Format};

        let dataset: DatasetName = "tank/iocage/jails/web".parse().unwrap();
        let reference = JailRef { source: "ioc".parse().unwrap(), name: "web".parse().unwrap() };
        let mounted = |at: &str| DatasetInfo { mounted_at: Some(at.into()), ..DatasetInfo::default() };
        let (directory, root) = ("/j/web", "/j/web/root");
        let tree =
            Tree::from([(dataset.clone(), mounted(directory)), (dataset.part(Part::Root), mounted(root))]);
        let found = Found::in_tree(reference.clone(), dataset.clone(), StoreKind::Zfs, &tree).unwrap();
        let document = Document::read(Format::Json, json.as_bytes()).unwrap().unwrap();
        JailFacts {
            kernel_name: reference.kernel_name(),
            reference,
            dataset,
            store: StoreKind::Zfs,
            info: found.info.clone(),
            directory: directory.into(),
            root: root.into(),
            config: JailConfig::new(document, None),
            vnet: false,
            fstab: Fstab::default(),
            found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A jail in a tree of ZFS, with what is known of its two datasets.
    fn found(jail: DatasetInfo, root: Option<DatasetInfo>) -> Found {
        let dataset: DatasetName = "tank/iocage/jails/web".parse().unwrap();
        let root = root.map(|root| (dataset.part(Part::Root), root));
        let tree = Tree::from_iter([(dataset.clone(), jail)].into_iter().chain(root));
        let reference = JailRef { source: "ioc".parse().unwrap(), name: "web".parse().unwrap() };
        Found::in_tree(reference, dataset, StoreKind::Zfs, &tree).unwrap()
    }

    fn mounted(at: &str) -> DatasetInfo {
        DatasetInfo { mounted_at: Some(at.into()), ..DatasetInfo::default() }
    }

    #[test]
    fn what_is_locked_or_not_mounted_is_named() {
        let locked = DatasetInfo { locked: true, ..DatasetInfo::default() };
        let words = |found: Found| (found.locked, found.places().unwrap_err().to_string());
        assert_eq!(
            words(found(locked.clone(), Some(locked.clone()))),
            (
                true,
                "jail web cannot be used: tank/iocage/jails/web is encrypted and its key is not loaded"
                    .to_owned()
            )
        );
        assert_eq!(
            words(found(mounted("/j"), Some(locked))),
            (
                true,
                "jail web cannot be used: tank/iocage/jails/web/root is encrypted and its key is not loaded"
                    .to_owned()
            )
        );
        assert_eq!(
            words(found(mounted("/j"), Some(DatasetInfo::default()))),
            (false, "jail web cannot be used: tank/iocage/jails/web/root is not mounted".to_owned())
        );
        assert_eq!(
            words(found(mounted("/j"), None)),
            (false, "the configuration of jail web is wrong: its root dataset does not exist".to_owned())
        );
        let whole = found(mounted("/j"), Some(mounted("/j/root")));
        assert_eq!(whole.places().unwrap(), ("/j".into(), "/j/root".into()));
    }
}
