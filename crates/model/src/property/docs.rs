//! What people read about the properties, and what a shell completes: all of it comes from the table.

use std::fmt::Write;

use super::define::{AnyProperty, Kind, Rule, Support};
use super::{SUBJECTS, all, find, is_family, is_none};

/// The whole table as Markdown: `docs/properties.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Properties\n\n\
        Made from the table of properties in `crates/model/src/property/`; a test keeps both the same.\n\n\
        `none`, `-` and nothing mean \"no value\"; where the type has no such value, that the property is not set. \
        *live*: `ioc set` changes a running jail as well. *kept*: stored and shown, without effect.\n",
    );
    for subject in SUBJECTS {
        // Writing to text cannot fail.
        let _ = write!(
            page,
            "\n## {}\n\n| property | values | default | what it is for | |\n|---|---|---|---|---|\n",
            subject.title
        );
        for property in subject.properties {
            page.push_str(&row(*property));
        }
    }
    page
}

fn row(property: &dyn AnyProperty) -> String {
    let facts = property.facts();
    let aliases: Vec<String> = facts.aliases.iter().map(|alias| format!(", `{alias}`")).collect();
    let default = if facts.kind == Kind::Computed || is_none(facts.default) {
        "-".to_owned()
    } else {
        format!("`{}`", facts.default)
    };
    let values = property.accepts().replace('|', "\\|");
    format!(
        "| `{}`{} | {values} | {default} | {} | {} |\n",
        facts.name,
        aliases.concat(),
        facts.help,
        notes(property).join("; ")
    )
}

pub(super) fn notes(property: &dyn AnyProperty) -> Vec<String> {
    let facts = property.facts();
    let mut notes = Vec::new();
    if facts.live && facts.kind != Kind::Computed {
        notes.push("live".to_owned());
    }
    if facts.support == Support::Kept {
        notes.push("kept".to_owned());
    }
    if let Kind::Dataset(name) = facts.kind {
        notes.push(format!("ZFS property {name}"));
    }
    if let Some(kernel) = facts.kernel {
        notes.push(match kernel.since {
            Some(since) => format!("jail(8) {}, FreeBSD {since}", kernel.parameter),
            None => format!("jail(8) {}", kernel.parameter),
        });
    }
    notes.push(format!("since {}", facts.since));
    notes
}

/// What FreeBSD gets for the properties that become a parameter of jail(8) or a rule of rctl(8), as a Markdown table:
/// part of `docs/freebsd.md`.
pub fn kernel_markdown() -> String {
    let mut table =
        String::from("| property | what the kernel gets | FreeBSD | default |\n|---|---|---|---|\n");
    for property in all() {
        let facts = property.facts();
        let (gets, since) = match (facts.kernel, facts.rule) {
            (Some(kernel), _) => (format!("parameter `{}`", kernel.parameter), kernel.since.unwrap_or("9.0")),
            (None, Rule::Limit { throttle, .. }) => {
                let since = if throttle { "11.0" } else { "9.0" };
                (format!("rule `jail:NAME:{}:ACTION=AMOUNT/PER`", facts.name), since)
            }
            (None, _) => continue,
        };
        let default = if is_none(facts.default) { "-" } else { facts.default };
        // Writing to text cannot fail.
        let _ = writeln!(table, "| `{}` | {gets} | {since} | {default} |", facts.name);
    }
    table
}

/// All properties in plain text, one line each: `ioc help properties`.
pub fn text() -> String {
    let mut page = String::new();
    for subject in SUBJECTS {
        let _ = writeln!(page, "{}{}:", if page.is_empty() { "" } else { "\n" }, subject.title);
        for property in subject.properties {
            let facts = property.facts();
            let kept = if facts.support == Support::Kept { " (kept, no effect)" } else { "" };
            let _ = writeln!(page, "  {:<30} {}{kept}", facts.name, facts.help);
        }
    }
    page
}

/// Everything about one property in plain text: `ioc help PROPERTY`.
pub fn text_of(key: &str) -> Option<String> {
    let property = find(key)?;
    let facts = property.facts();
    let mut page = format!("{}: {}\n", facts.name, facts.help);
    let mut line = |label: &str, text: &str| {
        let _ = writeln!(page, "  {label:<9} {text}");
    };
    line("values:", &property.accepts());
    if facts.kind != Kind::Computed {
        line("default:", facts.default);
    }
    if !facts.aliases.is_empty() {
        line("also:", &facts.aliases.join(", "));
    }
    line("notes:", &notes(property).join("; "));
    Some(page)
}

/// Names for completion of `ioc set` and `ioc get`; those that cannot be set only if `settable` is false.
pub fn names(settable: bool) -> Vec<&'static str> {
    let rows = all().filter(|property| !is_family(*property));
    let rows = rows.filter(|property| !settable || property.facts().kind != Kind::Computed);
    let mut names: Vec<&str> = rows.map(|property| property.facts().name).collect();
    names.sort_unstable();
    names
}

/// Values for completion, where a property takes a few words only.
pub fn words_of(key: &str) -> &'static [&'static str] {
    let Some(property) = find(key) else { return &[] };
    match (property.facts().rule, property.type_name()) {
        (Rule::OneOf(words), _) => words,
        (_, "bool") => &["yes", "no"],
        (_, "choice") if property.read(key, "inherit").is_ok() => &["new", "inherit", "disable"],
        (_, "choice") => &["nullfs", "zfs"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Set to write the page instead of comparing it.
    const REGENERATE: &str = "IOC_REGENERATE_DOCS";

    #[test]
    fn the_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/properties.md");
        if std::env::var_os(REGENERATE).is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == markdown(), "docs/properties.md is out of date: run this test with {REGENERATE}=1");
    }

    /// Words in backquotes; `.tmpfs` is short for the last name up to its last dot.
    fn names_in(text: &str) -> BTreeSet<String> {
        let (mut names, mut last) = (BTreeSet::new(), "");
        for word in text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)) {
            match word.starts_with('.') {
                true => names.insert(format!("{}{word}", last.rsplit_once('.').map_or("", |(stem, _)| stem))),
                false => {
                    last = word;
                    names.insert(word.to_owned())
                }
            };
        }
        names
    }

    #[test]
    fn the_page_on_freebsd_has_every_property_and_parameter() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/freebsd.md");
        let (begin, end) = ("<!-- made from the table of properties -->\n\n", "\n<!-- as far as here -->\n");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once(begin).expect("the begin of the table");
        let (table, after) = rest.split_once(end).expect("the end of the table");
        if std::env::var_os(REGENERATE).is_some() {
            std::fs::write(path, [before, begin, &kernel_markdown(), end, after].concat()).unwrap();
        } else {
            assert!(
                table == kernel_markdown(),
                "docs/freebsd.md is out of date: run this test with {REGENERATE}=1"
            );
        }
        let (_, parameters) = before.split_once("## Jail parameters").expect("the parameters");
        let (parameters, _) = parameters.split_once("\n## ").expect("their end");
        let (parameters, others) = (names_in(parameters), names_in(after));
        for property in all() {
            let facts = property.facts();
            if let Some(kernel) = facts.kernel {
                assert!(parameters.contains(kernel.parameter), "{} is no parameter there", kernel.parameter);
            } else if facts.kind == Kind::Config && !matches!(facts.rule, Rule::Limit { .. }) {
                assert!(others.contains(facts.name), "docs/freebsd.md does not say what {} does", facts.name);
            }
        }
        // What the page says has no effect is what the table says so of.
        let (_, kept) = after.split_once("Kept, without effect:").expect("the properties without effect");
        let kept = names_in(kept);
        for property in all().map(AnyProperty::facts) {
            assert_eq!(kept.contains(property.name), property.support == Support::Kept, "{}", property.name);
        }
    }

    #[test]
    fn every_property_is_in_every_text() {
        let (markdown, text) = (markdown(), text());
        for property in all() {
            let name = property.facts().name;
            assert!(markdown.contains(&format!("| `{name}`")), "{name}");
            assert!(text.contains(&format!("\n  {name} ")), "{name}");
            if !is_family(property) {
                assert!(text_of(name).unwrap().starts_with(name));
                assert!(names(false).contains(&name));
            }
        }
        for property in all().filter(|property| property.facts().kernel.is_some()) {
            assert!(kernel_markdown().contains(property.facts().kernel.unwrap().parameter));
        }
        assert!(!names(true).contains(&"jid"));
    }

    #[test]
    fn rows_have_five_cells() {
        for line in markdown().lines().filter(|line| line.starts_with('|')) {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "{line}");
        }
    }

    #[test]
    fn words_that_are_completed_are_accepted() {
        for name in names(false) {
            for word in words_of(name) {
                assert!(find(name).unwrap().read(name, word).is_ok(), "{name}={word}");
            }
        }
        assert_eq!(words_of("vnet"), ["yes", "no"]);
        assert_eq!(words_of("sysvshm").len(), 3);
    }
}
