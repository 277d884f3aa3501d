//! From names to jails: exact names, UUIDs cut short, prefixes that fit one jail only.

use super::Filter;
use super::term::NamePattern;
use crate::name::JailRef;

/// What one name without wildcards leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution<'a> {
    /// This jail.
    One(&'a JailRef),
    /// Several, in the order given: the user has to say more.
    Ambiguous(Vec<&'a JailRef>),
    /// None.
    None,
}

/// What the names of a filter lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection<'a> {
    /// The jails, in the order given, each once.
    pub jails: Vec<&'a JailRef>,
    /// Names and patterns that fit no jail.
    pub unmatched: Vec<&'a NamePattern>,
    /// Prefixes that fit several jails, with these.
    pub ambiguous: Vec<(&'a NamePattern, Vec<&'a JailRef>)>,
}

impl NamePattern {
    /// Finds the one jail that a name means.
    ///
    /// An exact name wins over the first 8 characters of a UUID, and those over a prefix. A name with wildcards
    /// means whatever it matches.
    pub fn resolve<'a>(&self, jails: &'a [JailRef]) -> Resolution<'a> {
        let literal = self.literal();
        let exact = |jail: &&JailRef| self.source_is(jail) && literal.as_deref() == Some(jail.name.as_str());
        let matching = |jail: &&JailRef| self.matches(jail);
        let prefix = |jail: &&JailRef| {
            let starts =
                |wanted: &String| !wanted.is_empty() && jail.name.as_str().starts_with(wanted.as_str());
            self.source_is(jail) && literal.as_ref().is_some_and(starts)
        };
        for found in [
            jails.iter().filter(exact).collect::<Vec<_>>(),
            jails.iter().filter(matching).collect(),
            jails.iter().filter(prefix).collect(),
        ] {
            match found.as_slice() {
                [] => {}
                [one] => return Resolution::One(one),
                _ => return Resolution::Ambiguous(found),
            }
        }
        Resolution::None
    }
}

impl Filter {
    /// Finds the jails that the names of the filter mean, of all there are; without names, all of them.
    ///
    /// A name that is in several sources means each of them; a prefix has to fit one jail only.
    pub fn select<'a>(&'a self, jails: &'a [JailRef]) -> Selection<'a> {
        let mut selection = Selection::default();
        let mut chosen = vec![self.names.is_empty(); jails.len()];
        for name in &self.names {
            let mut any = false;
            for (jail, chosen) in jails.iter().zip(&mut chosen) {
                let matches = name.matches(jail);
                any |= matches;
                *chosen |= matches;
            }
            if any {
                continue;
            }
            match name.resolve(jails) {
                Resolution::One(jail) => {
                    if let Some(at) = jails.iter().position(|other| other == jail) {
                        chosen[at] = true;
                    }
                }
                Resolution::Ambiguous(several) => selection.ambiguous.push((name, several)),
                Resolution::None => selection.unmatched.push(name),
            }
        }
        let kept = jails.iter().zip(chosen).filter(|(_, chosen)| *chosen);
        selection.jails = kept.map(|(jail, _)| jail).collect();
        selection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "3f1c6a52-8d04-4b7e-9a1f-70c2d5e8b913";

    fn jails() -> Vec<JailRef> {
        let names = [
            ("ioc", "web"),
            ("ioc", "web01"),
            ("ioc", "db"),
            ("tank", "db"),
            ("tank", "cache"),
            ("tank", UUID),
        ];
        names
            .iter()
            .map(|(source, name)| JailRef { source: source.parse().unwrap(), name: name.parse().unwrap() })
            .collect()
    }

    fn select(words: &[&str]) -> (Vec<String>, usize, usize) {
        let (jails, filter) = (jails(), Filter::parse(words.iter().copied()).unwrap());
        let selection = filter.select(&jails);
        let names = selection.jails.iter().map(|jail| jail.to_string()).collect();
        (names, selection.unmatched.len(), selection.ambiguous.len())
    }

    #[test]
    fn selections() {
        assert_eq!(select(&["web"]), (vec!["ioc/web".to_owned()], 0, 0));
        assert_eq!(select(&["web0"]), (vec!["ioc/web01".to_owned()], 0, 0));
        assert_eq!(select(&["we"]), (vec![], 0, 1));
        assert_eq!(select(&["tank/c", "nope"]), (vec!["tank/cache".to_owned()], 1, 0));
        assert_eq!(select(&["db"]).0, ["ioc/db", "tank/db"]);
        assert_eq!(select(&["ioc/cache,tank/db"]), (vec!["tank/db".to_owned()], 1, 0));
        assert_eq!(select(&["3f1c6a52"]).0, [format!("tank/{UUID}")]);
        assert_eq!(select(&["3f1c"]).0, [format!("tank/{UUID}")]);
        assert_eq!(select(&["w*", "web"]).0, ["ioc/web", "ioc/web01"]);
        assert_eq!(select(&[]).0.len(), 6);
    }

    #[test]
    fn single_jails() {
        let jails = jails();
        let resolve = |name: &str| Filter::parse([name]).unwrap().names[0].resolve(&jails);
        assert!(matches!(resolve("web"), Resolution::One(jail) if jail.name.as_str() == "web"));
        assert!(matches!(resolve("db"), Resolution::Ambiguous(both) if both.len() == 2));
        assert!(matches!(resolve("tank/db"), Resolution::One(jail) if jail.source.as_str() == "tank"));
        assert_eq!(resolve("x"), Resolution::None);
    }
}
