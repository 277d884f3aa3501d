//! Finding releases by names and patterns.

use std::collections::BTreeMap;

use ioc_model::filter::Glob;
use ioc_model::name::{DatasetName, Part, ReleaseName};
use ioc_platform::store::{SnapshotInfo, StoreKind};

use crate::error::Error;
use crate::ioc::Ioc;
use crate::source::Source;

/// Levels below a source's root that hold releases: `releases`, the release, its root.
const DEPTH: usize = 3;

/// A release as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseView {
    /// Where it is.
    pub source: Source,
    /// Its name.
    pub name: ReleaseName,
    /// Its dataset.
    pub dataset: DatasetName,
    /// It has its root; what is left of a destruction that failed has not.
    pub complete: bool,
    /// Its patch levels, lowest first; none in the directory store.
    pub patches: Vec<u32>,
    several_sources: bool,
}

impl ReleaseView {
    /// `SOURCE/NAME` if there are several sources, else the name.
    pub fn full_name(&self) -> String {
        if self.several_sources {
            format!("{}/{}", self.source.name, self.name)
        } else {
            self.name.to_string()
        }
    }
}

/// The releases that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseSelection {
    /// Those that match, by source, then by name.
    pub releases: Vec<ReleaseView>,
    /// Words that match nothing.
    pub unmatched: Vec<String>,
}

impl Ioc {
    /// The releases that `words` choose: `[SOURCE/]NAME`, with the wildcards `*`, `+` and `?`, and commas between
    /// alternatives. No words: all releases.
    pub fn select_releases(&self, words: &[String]) -> Result<ReleaseSelection, Error> {
        let mut releases = self.releases()?;
        releases.retain(|release| release.complete);
        Ok(choose(releases, words))
    }

    /// The same, and what is left of releases whose destruction failed.
    pub fn select_releases_to_destroy(&self, words: &[String]) -> Result<ReleaseSelection, Error> {
        Ok(choose(self.releases()?, words))
    }

    /// All releases, one look at each source.
    fn releases(&self) -> Result<Vec<ReleaseView>, Error> {
        let sources = self.sources()?;
        let mut releases = Vec::new();
        for source in sources {
            // Fails if the source is not there; a source without releases is no failure.
            source.directory(self.host())?;
            let namespace = source.root.part(Part::Releases);
            let store = self.host().store(&namespace);
            let tree = store.tree(&namespace, DEPTH - 1, &[])?;
            let mut patches = match store.kind() {
                StoreKind::Zfs if !tree.is_empty() => patches(&store.snapshots(&namespace, true)?),
                _ => BTreeMap::new(),
            };
            let inside = |dataset: &&DatasetName| dataset.parent().as_ref() == Some(&namespace);
            releases.extend(tree.keys().filter(inside).filter_map(|dataset| {
                Some(ReleaseView {
                    source: source.clone(),
                    name: dataset.last().parse().ok()?,
                    dataset: dataset.clone(),
                    complete: tree.contains_key(&dataset.part(Part::Root)),
                    patches: patches.remove(&dataset.part(Part::Root)).unwrap_or_default(),
                    several_sources: sources.len() > 1,
                })
            }));
        }
        Ok(releases)
    }
}

/// The patch levels among snapshots, by dataset, lowest first.
fn patches(snapshots: &[SnapshotInfo]) -> BTreeMap<DatasetName, Vec<u32>> {
    let mut patches: BTreeMap<DatasetName, Vec<u32>> = BTreeMap::new();
    for name in snapshots.iter().map(|info| &info.name) {
        if let Some(level) = name.tag.patch_level() {
            patches.entry(name.dataset.clone()).or_default().push(level);
        }
    }
    patches.values_mut().for_each(|levels| levels.sort_unstable());
    patches
}

fn choose(releases: Vec<ReleaseView>, words: &[String]) -> ReleaseSelection {
    if words.is_empty() {
        return ReleaseSelection { releases, unmatched: Vec::new() };
    }
    let mut chosen = vec![false; releases.len()];
    let mut unmatched = Vec::new();
    for word in words.iter().flat_map(|word| word.split(',')) {
        let (source, pattern) = match word.split_once('/') {
            Some((source, pattern)) => (Some(source), pattern),
            None => (None, word),
        };
        let glob = Glob::new(pattern);
        let mut any = false;
        for (release, chosen) in releases.iter().zip(&mut chosen) {
            let matches = source.is_none_or(|source| source == release.source.name.as_str())
                && glob.as_ref().is_some_and(|glob| glob.matches(release.name.as_str()));
            any |= matches;
            *chosen |= matches;
        }
        if !any {
            unmatched.push(word.to_owned());
        }
    }
    let releases = releases.into_iter().zip(chosen).filter_map(|(release, chosen)| chosen.then_some(release));
    ReleaseSelection { releases: releases.collect(), unmatched }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(source: &str, name: &str) -> ReleaseView {
        let source: Source = format!("{source}=/{source}").parse().unwrap();
        let name: ReleaseName = name.parse().unwrap();
        let dataset = source.release(&name).unwrap();
        ReleaseView { source, name, dataset, complete: true, patches: vec![], several_sources: true }
    }

    fn chosen(words: &[&str]) -> (Vec<String>, Vec<String>) {
        let all =
            vec![release("a", "13.2-RELEASE"), release("a", "14.3-RELEASE"), release("b", "14.3-RELEASE")];
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let selection = choose(all, &words);
        (selection.releases.iter().map(ReleaseView::full_name).collect(), selection.unmatched)
    }

    #[test]
    fn by_name_pattern_and_source() {
        assert_eq!(chosen(&[]).0.len(), 3);
        assert_eq!(chosen(&["14.3-RELEASE"]).0, ["a/14.3-RELEASE", "b/14.3-RELEASE"]);
        assert_eq!(chosen(&["b/14*,13*"]).0, ["a/13.2-RELEASE", "b/14.3-RELEASE"]);
        assert_eq!(chosen(&["a/1", "c/*", "14+"]).1, ["a/1", "c/*"]);
    }
}
