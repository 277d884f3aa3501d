//! The table of properties as a manual page, in the man(7) macros that every system has.

use std::fmt::Write;

use super::define::{Kind, Support};
use super::docs::notes;
use super::{SUBJECTS, is_none};

/// Name and section of the page.
pub const PAGE: (&str, &str) = ("ioc-properties", "7");

/// The page; `version` is that of the program.
pub fn page(version: &str) -> String {
    let (name, section) = PAGE;
    let mut page = format!(
        ".TH {name} {section} \"\" \"ioc {version}\"\n.SH NAME\n{} \\- properties of jails\n.SH DESCRIPTION\n\
         Set by\n.BR \"ioc create\" ,\n.B \"ioc set\"\nand\n.BR \"ioc start -o\" ;\nshown by\n.B \"ioc get\"\nand\n\
         .BR \"ioc explain\" .\n\
         The words none and \\- and nothing at all mean that there is no value, or that the property is not set.\n",
        escaped(name)
    );
    for subject in SUBJECTS {
        // Writing to text cannot fail.
        let _ = writeln!(page, ".SH {}", escaped(&subject.title.to_uppercase()));
        for property in subject.properties {
            let facts = property.facts();
            let names: Vec<&str> = std::iter::once(facts.name).chain(facts.aliases.iter().copied()).collect();
            let _ = writeln!(page, ".TP\n.B {}", escaped(&names.join(", ")));
            let _ = writeln!(page, "{}.", escaped(facts.help));
            let _ = write!(page, "Values: {}", escaped(&property.accepts()));
            if facts.kind != Kind::Computed && !is_none(facts.default) {
                let _ = write!(page, "; default: {}", escaped(facts.default));
            }
            let _ = writeln!(page, ".");
            if facts.support == Support::Kept {
                page.push_str("Kept and shown, without effect.\n");
            }
            let _ = writeln!(page, "({})", escaped(&notes(*property).join("; ")));
        }
    }
    page.push_str(".SH SEE ALSO\n.BR ioc (1),\n.BR jail (8),\n.BR rctl (8)\n");
    page
}

/// Text as roff prints it: no escapes, no macros, hyphens that can be copied.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::all;

    #[test]
    fn every_property_is_on_the_page_with_what_the_table_says() {
        let page = page("1.2.3");
        for property in all() {
            let facts = property.facts();
            let head = format!(".TP\n.B {}", escaped(facts.name));
            let at = page.find(&format!("{head}\n")).or_else(|| page.find(&format!("{head},")));
            let rest = &page[at.unwrap_or_else(|| panic!("{} is missing", facts.name))..];
            let entry = rest.trim_start_matches(".TP").split("\n.TP\n").next().unwrap_or(rest);
            assert!(entry.contains(&escaped(facts.help)), "{entry}");
            assert_eq!(entry.contains("without effect"), facts.support == Support::Kept, "{entry}");
        }
        // No line begins with a request that is none of ours.
        let known = [".TH", ".SH", ".TP", ".B ", ".BR"];
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(known.iter().any(|request| line.starts_with(request)), "{line}");
        }
    }
}
