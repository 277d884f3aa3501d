//! What hangs on a jail or release: clones of its snapshots.

use std::collections::{BTreeMap, BTreeSet};

use ioc_model::name::{DatasetName, JailName, JailRef, Part};
use ioc_platform::store::{SnapshotInfo, StoreKind};

use super::snapshots::JailStorage;
use crate::error::Error;
use crate::ioc::Ioc;

/// The jail or template whose dataset this is, or is below; none if it belongs to none.
pub fn owner(ioc: &Ioc, dataset: &DatasetName) -> Result<Option<JailRef>, Error> {
    let mut best: Option<(usize, JailRef)> = None;
    for source in ioc.sources()? {
        for part in [Part::Jails, Part::Templates] {
            let namespace = source.root.part(part);
            let Some(rest) = dataset.below(&namespace) else { continue };
            let Ok(name) = rest.split('/').next().unwrap_or_default().parse::<JailName>() else { continue };
            // A source may lie within another one.
            let depth = namespace.as_str().len();
            if best.as_ref().is_none_or(|(other, _)| *other < depth) {
                best = Some((depth, source.reference(&name)));
            }
        }
    }
    Ok(best.map(|(_, jail)| jail))
}

/// The jails that own clones of these snapshots, and those that are left of ones whose clone is gone.
pub fn hanging_on(ioc: &Ioc, snapshots: &[SnapshotInfo]) -> Result<BTreeSet<JailRef>, Error> {
    let mut jails = owners_of_clones(ioc, snapshots)?;
    jails.extend(remains(ioc, snapshots)?);
    Ok(jails)
}

/// Jails without a root for which one of these snapshots was taken, as it bears their name: their destruction failed
/// halfway, and asked for again it has to go on.
fn remains(ioc: &Ioc, snapshots: &[SnapshotInfo]) -> Result<BTreeSet<JailRef>, Error> {
    let mut candidates: BTreeMap<DatasetName, JailRef> = BTreeMap::new();
    for SnapshotInfo { name, .. } in snapshots.iter().filter(|info| info.clones.is_empty()) {
        let Ok(jail) = name.tag.as_str().parse::<JailName>() else { continue };
        let root_of = owner(ioc, &name.dataset)?.filter(|_| name.dataset.last() == Part::Root.name());
        let Some(origin) = root_of.filter(|origin| origin.name != jail) else { continue };
        // What a user took is on the jail's own dataset as well.
        let own = name.dataset.parent().map(|dataset| dataset.at(name.tag.clone()));
        if snapshots.iter().any(|info| Some(&info.name) == own.as_ref()) {
            continue;
        }
        let source = ioc.source(&origin.source)?;
        candidates.insert(source.jail(&jail)?, source.reference(&jail));
    }
    let Some((first, _)) = candidates.first_key_value() else { return Ok(BTreeSet::new()) };
    let names: Vec<_> =
        candidates.keys().flat_map(|dataset| [dataset.clone(), dataset.part(Part::Root)]).collect();
    let found = ioc.host().store(first).existing(&names)?;
    let is_rest =
        |dataset: &DatasetName| found.contains_key(dataset) && !found.contains_key(&dataset.part(Part::Root));
    Ok(candidates.into_iter().filter(|(dataset, _)| is_rest(dataset)).map(|(_, jail)| jail).collect())
}

/// The jails that own clones of these snapshots.
fn owners_of_clones(ioc: &Ioc, snapshots: &[SnapshotInfo]) -> Result<BTreeSet<JailRef>, Error> {
    let mut owners = BTreeSet::new();
    for clone in snapshots.iter().flat_map(|info| &info.clones) {
        owners.extend(owner(ioc, clone)?);
    }
    Ok(owners)
}

/// These jails and all that hang on them, directly or not, less those in `known`.
pub fn closure(
    ioc: &Ioc,
    first: BTreeSet<JailRef>,
    known: &BTreeSet<JailRef>,
) -> Result<Vec<JailRef>, Error> {
    let mut seen = known.clone();
    let mut ahead: Vec<JailRef> = first.into_iter().collect();
    let mut found = Vec::new();
    while let Some(jail) = ahead.pop() {
        if !seen.insert(jail.clone()) {
            continue;
        }
        ahead.extend(hanging_on(ioc, &JailStorage::gather(ioc, &jail)?.snapshots)?);
        found.push(jail);
    }
    found.sort();
    Ok(found)
}

impl Ioc {
    /// These jails in an order in which each can be destroyed: those that hang on others of them come first.
    ///
    /// One look at each source.
    pub fn dependents_first(&self, jails: &[JailRef]) -> Result<Vec<JailRef>, Error> {
        let mut hanging: BTreeMap<JailRef, BTreeSet<JailRef>> = BTreeMap::new();
        let of_jails: BTreeSet<_> = jails.iter().map(|jail| &jail.source).collect();
        for source in self.sources()?.iter().filter(|source| of_jails.contains(&source.name)) {
            let store = self.host().store(&source.root);
            if store.kind() == StoreKind::Directory {
                continue;
            }
            for info in store.snapshots(&source.root, true)?.iter().filter(|info| !info.clones.is_empty()) {
                if let Some(jail) = owner(self, &info.name.dataset)? {
                    let clones = owners_of_clones(self, std::slice::from_ref(info))?;
                    hanging.entry(jail).or_default().extend(clones);
                }
            }
        }
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for jail in jails {
            visit(jail, &hanging, &mut seen, &mut order);
        }
        order.retain(|jail| jails.contains(jail));
        Ok(order)
    }
}

fn visit(
    jail: &JailRef,
    hanging: &BTreeMap<JailRef, BTreeSet<JailRef>>,
    seen: &mut BTreeSet<JailRef>,
    order: &mut Vec<JailRef>,
) {
    if !seen.insert(jail.clone()) {
        return;
    }
    for other in hanging.get(jail).into_iter().flatten() {
        visit(other, hanging, seen, order);
    }
    order.push(jail.clone());
}
