//! Names of rulesets in devfs.rules(5). The rules themselves are loaded by rc.d/devfs, not by us.

use std::collections::BTreeMap;

/// The files, the system's before the host's own.
pub const FILES: [&str; 2] = ["/etc/defaults/devfs.rules", "/etc/devfs.rules"];

/// Reads the headers `[name=number]` of one file; a name that is given twice has its last number.
pub fn names(text: &str) -> BTreeMap<String, u16> {
    text.lines().filter_map(header).collect()
}

/// `[devfsrules_jail=4]` -> `devfsrules_jail`, 4; as devfs_rulesets_from_file() in rc.subr reads it.
fn header(line: &str) -> Option<(String, u16)> {
    let line = line.split('#').next()?.trim();
    let (name, number) = line.strip_prefix('[')?.strip_suffix(']')?.split_once('=')?;
    let (name, number) = (name.trim(), number.trim().parse().ok()?);
    let legal = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    (legal && number != 0).then(|| (name.to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let text = "# comment\n[devfsrules_jail=4]\nadd include $devfsrules_hide_all\n [My-own = 100] # mine\n[bad]\n[none=0]\n[x=99999]\n";
        let names = names(text);
        assert_eq!(names.len(), 2);
        assert_eq!((names["devfsrules_jail"], names["My-own"]), (4, 100));
    }
}
