//! Which devices a jail sees: the configured ruleset of devfs(8), or one of its own that shows more.

use std::collections::BTreeMap;
use std::fs;

use ioc_model::name::KernelName;
use ioc_model::property::{self, Ruleset};
use ioc_platform::devfs::{self, Rule, Rulesets, files};
use ioc_platform::host::Host;

use super::delegated::Delegated;
use super::jail::JailFacts;
use crate::error::Error;

/// The ruleset `devfsrules_jail`, which every FreeBSD host loads.
pub const JAIL_RULESET: u16 = 4;

/// The ruleset of a jail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JailRuleset {
    /// Its number.
    pub number: u16,
    /// Its rules, if it is one of the jail's own and must be made.
    pub define: Option<Vec<Rule>>,
}

impl Default for JailRuleset {
    /// The ruleset that every host loads.
    fn default() -> Self {
        JailRuleset { number: JAIL_RULESET, define: None }
    }
}

impl JailRuleset {
    /// Finds the ruleset that the jail is to have. What its configuration needs beyond the configured one makes it
    /// need one of its own.
    pub fn gather(host: &Host, jail: &JailFacts, delegated: &Delegated) -> Result<Self, Error> {
        let number = configured(jail)?;
        let Some(rulesets) = &host.rulesets else { return Ok(JailRuleset { number, define: None }) };
        rulesets
            .check(number)
            .map_err(|error| Error::Ruleset { jail: jail.reference.name.clone(), source: error })?;
        let more = needed(jail, delegated)?;
        if more.is_empty() {
            return Ok(JailRuleset { number, define: None });
        }
        let with_error = |source| Error::Ruleset { jail: jail.reference.name.clone(), source };
        let mut rules = rulesets.flattened(number).map_err(with_error)?;
        rules.extend(more);
        let own = own_number(&**rulesets, &jail.kernel_name).map_err(with_error)?;
        let own = own.ok_or_else(|| jail.wrong("all numbers for devfs rulesets of jails are taken"))?;
        Ok(JailRuleset { number: own, define: Some(rules) })
    }
}

/// The number of the configured ruleset. Never none: devfs without rules shows all devices of the host.
pub fn configured(jail: &JailFacts) -> Result<u16, Error> {
    match jail.get(&property::DEVFS_RULESET)? {
        Some(Ruleset::Number(number)) => Ok(number),
        Some(Ruleset::Name(name)) => names().get(&name).copied().ok_or_else(|| {
            jail.wrong(format!(
                "devfs_ruleset: no ruleset is called {name:?} in {}",
                files::FILES.join(" or ")
            ))
        }),
        None => Ok(JAIL_RULESET),
    }
}

/// The named rulesets of the host; a file that is missing names none.
fn names() -> BTreeMap<String, u16> {
    let texts = files::FILES.iter().filter_map(|path| fs::read_to_string(path).ok());
    texts.flat_map(|text| files::names(&text)).collect()
}

/// The number of the jail's own ruleset: made from its name, so that jails that start side by side do not choose the
/// same; the next free one if that is taken.
fn own_number(rulesets: &dyn Rulesets, jail: &KernelName) -> Result<Option<u16>, devfs::RulesetError> {
    let used = rulesets.numbers()?;
    let (first, last) = (*devfs::OWN.start(), *devfs::OWN.end());
    let preferred = first + (super::hash(jail.as_str()) % u64::from(last - first + 1)) as u16;
    Ok(devfs::free_number(&used, preferred..=last).or_else(|| devfs::free_number(&used, devfs::OWN)))
}

/// Rules for devices that the configuration asks for.
fn needed(jail: &JailFacts, delegated: &Delegated) -> Result<Vec<Rule>, Error> {
    let mut paths: Vec<String> = Vec::new();
    let dhcp = jail.network()?.ip4.iter().any(|assigned| assigned.address.is_automatic());
    if jail.vnet && (dhcp || jail.get(&property::BPF)?) {
        paths.push("bpf*".to_owned());
    }
    if jail.get(&property::ALLOW_MOUNT_ZFS)? {
        paths.push("zfs".to_owned());
    }
    if jail.get(&property::JAIL_ZFS)? {
        paths.push("zfs".to_owned());
        for dataset in delegated.names() {
            paths.extend(volume_paths(dataset.as_str()));
        }
    }
    if jail.get(&property::ALLOW_VMM)? {
        paths.extend(["vmm", "vmm/*", "nmdm*"].map(str::to_owned));
    }
    if jail.get(&property::ALLOW_TUN)? {
        paths.push("tun*".to_owned());
    }
    let mut seen = std::collections::BTreeSet::new();
    paths.retain(|path| seen.insert(path.clone()));
    Ok(paths.iter().map(|path| Rule::unhide(path)).collect())
}

/// The directories that lead to the volumes below a dataset, and the volumes.
fn volume_paths(dataset: &str) -> Vec<String> {
    let mut upper = "zvol".to_owned();
    let mut paths = vec![upper.clone()];
    for component in dataset.split('/') {
        upper = format!("{upper}/{component}");
        paths.push(upper.clone());
    }
    paths.push(format!("{upper}/*"));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_and_the_way_to_them() {
        assert_eq!(volume_paths("p/a"), ["zvol", "zvol/p", "zvol/p/a", "zvol/p/a/*"]);
    }
}
