//! Finding jails by names and filters.

use std::collections::BTreeSet;

use ioc_model::filter::{Filter, Resolution};
use ioc_model::name::{JailName, JailRef, SourceName};
use ioc_platform::jails::RunningJail;

use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::facts::world::{JailView, World};
use crate::ioc::Ioc;

/// Which jails are asked for besides what the filters say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Select {
    /// Only templates, only others, or both.
    pub templates: Option<bool>,
    /// Values of the datasets are not asked for afterwards: jails given by their exact names are found without a look
    /// at any other.
    pub places_only: bool,
}

/// The jails that were asked for.
#[derive(Debug, Default)]
pub struct Selection {
    /// Those that match, by priority, then by name.
    pub jails: Vec<JailView>,
    /// Names and patterns, as the user wrote them, that match nothing.
    pub unmatched: Vec<String>,
    /// Those of them that are names of running jails in none of the sources.
    pub foreign: Vec<String>,
    /// All running jails in none of the sources.
    pub others: Vec<RunningJail>,
    /// Why it cannot be told of some jails whether they match: a term is about what cannot be read of them.
    pub undecided: Vec<Error>,
}

impl Selection {
    /// The jails among them that cannot be read, and why.
    pub fn broken(&self) -> impl Iterator<Item = (&JailRef, &Error)> {
        self.jails.iter().filter_map(|jail| Some((&jail.reference, jail.facts.as_ref().err()?)))
    }

    /// The jails, as references.
    pub fn references(&self) -> Vec<JailRef> {
        self.jails.iter().map(|jail| jail.reference.clone()).collect()
    }
}

impl Ioc {
    /// The jail that `text` means: `NAME` or `SOURCE/NAME` exactly, else the only one whose name begins so.
    ///
    /// Only if no jail has that very name are the others looked at.
    pub fn jail(&self, text: &str) -> Result<JailRef, Error> {
        let (source, name) = match text.split_once('/') {
            Some((source, name)) => (Some(source.parse::<SourceName>()?), name),
            None => (None, text),
        };
        let name: JailName = name.parse()?;
        if let Some(source) = &source {
            self.source(source)?;
        }
        for candidate in self.sources()?.iter().filter(|s| source.as_ref().is_none_or(|name| s.name == *name))
        {
            match JailFacts::find_mounted(self, &candidate.reference(&name)) {
                Ok(found) => return Ok(found.reference),
                Err(Error::JailUnknown(_) | Error::Name(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let filter = Filter::parse([text]).map_err(|e| Error::Request(e.to_string()))?;
        let world = World::gather(self)?;
        let jails: Vec<JailRef> = world.jails.into_iter().map(|jail| jail.reference).collect();
        match filter.names.first().map_or(Resolution::None, |name| name.resolve(&jails)) {
            Resolution::One(jail) => Ok(jail.clone()),
            Resolution::None if world.foreign.iter().any(|jail| jail.name.as_str() == text) => {
                Err(Error::Foreign(text.to_owned()))
            }
            Resolution::None => Err(Error::JailUnknown(text.to_owned())),
            Resolution::Ambiguous(several) => Err(Error::Ambiguous {
                text: text.to_owned(),
                candidates: several.iter().map(ToString::to_string).collect(),
            }),
        }
    }

    /// The jails whose very names these words are; none if one of them is anything else.
    fn exactly(&self, words: &[String]) -> Result<Option<Vec<JailRef>>, Error> {
        let mut jails = Vec::new();
        for word in words {
            let (source, name) = match word.split_once('/') {
                Some((source, name)) => (source.parse::<SourceName>().ok(), name),
                None => (None, word.as_str()),
            };
            if word.contains('/') && source.is_none() || name.contains(['=', '*', '+', '?', ',', ' ', '!']) {
                return Ok(None);
            }
            let Ok(name) = name.parse::<JailName>() else { return Ok(None) };
            let mut found = Vec::new();
            for candidate in
                self.sources()?.iter().filter(|s| source.as_ref().is_none_or(|name| s.name == *name))
            {
                match JailFacts::find_mounted(self, &candidate.reference(&name)) {
                    Ok(jail) => found.push(jail.reference),
                    Err(Error::JailUnknown(_) | Error::Name(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            if found.is_empty() {
                return Ok(None);
            }
            jails.extend(found);
        }
        Ok((!jails.is_empty()).then_some(jails))
    }

    /// The jails that `words` choose: names are alternatives, property terms must all hold. No words: all jails.
    pub fn select(&self, words: &[String], wanted: Select) -> Result<Selection, Error> {
        let filter =
            Filter::parse(words.iter().map(String::as_str)).map_err(|e| Error::Request(e.to_string()))?;
        let exact = if wanted.places_only { self.exactly(words)? } else { None };
        let world = match exact {
            Some(jails) => World::of(self, &jails)?,
            None => World::gather(self)?,
        };
        let references: Vec<JailRef> = world.jails.iter().map(|jail| jail.reference.clone()).collect();
        let named = filter.select(&references);
        if let Some((name, several)) = named.ambiguous.first() {
            return Err(Error::Ambiguous {
                text: name.to_string(),
                candidates: several.iter().map(ToString::to_string).collect(),
            });
        }
        let named_jails: BTreeSet<&JailRef> = named.jails.iter().copied().collect();
        let mut undecided = Vec::new();
        let chosen = |jail: &JailView| {
            if !named_jails.contains(&jail.reference)
                || wanted.templates.is_some_and(|only| only != jail.is_template())
            {
                return false;
            }
            filter.matches_values(|key| jail.value(key)).unwrap_or_else(|error| {
                // Without its key loaded nobody expects more of one.
                if !jail.is_locked() {
                    undecided.push(error);
                }
                false
            })
        };
        let mut jails: Vec<JailView> = world.jails.into_iter().filter(chosen).collect();
        jails.sort_by_cached_key(|jail| (jail.priority(), jail.reference.clone()));
        let unmatched: Vec<String> = named.unmatched.iter().map(ToString::to_string).collect();
        let is_foreign =
            |name: &&String| world.foreign.iter().any(|jail| jail.name.as_str() == name.as_str());
        let foreign = unmatched.iter().filter(is_foreign).cloned().collect();
        Ok(Selection { jails, unmatched, foreign, others: world.foreign, undecided })
    }
}
