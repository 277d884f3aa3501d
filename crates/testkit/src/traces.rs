//! What ioc can leave behind on a host, outside of its source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Mounts, interfaces, cgroups and jails of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces(BTreeSet<String>);

impl Traces {
    /// What there is now, as far as it could belong to a test whose names contain `mark`.
    ///
    /// Tests run side by side, so what bears another test's mark is not looked at.
    pub fn of(mark: &str) -> Self {
        let mut found = BTreeSet::new();
        found.extend(
            mounts().into_iter().filter(|line| line.contains(mark)).map(|line| format!("mount {line}")),
        );
        found.extend(
            interfaces().into_iter().filter(|line| line.contains(mark)).map(|line| format!("link {line}")),
        );
        cgroups(Path::new("/sys/fs/cgroup"), mark, 0, &mut found);
        if cfg!(target_os = "freebsd") {
            let jails = output("/usr/sbin/jls", &["-d", "name"]);
            found.extend(
                jails.into_iter().filter(|name| name.contains(mark)).map(|name| format!("jail {name}")),
            );
            let rules = output("/usr/bin/rctl", &[]);
            found.extend(
                rules.into_iter().filter(|rule| rule.contains(mark)).map(|rule| format!("limit {rule}")),
            );
        }
        found.extend(runtime(mark));
        Traces(found)
    }

    /// What is here and not in `before`.
    pub fn since(&self, before: &Traces) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }

    /// Those that are files: cgroups, and what is kept while jails run.
    pub(crate) fn on_files(&self) -> impl Iterator<Item = &str> {
        let kinds = ["cgroup ", "file "];
        self.0.iter().map(String::as_str).filter(move |line| kinds.iter().any(|kind| line.starts_with(kind)))
    }
}

pub(crate) fn mounts() -> Vec<String> {
    if cfg!(target_os = "linux") {
        lines(&fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default())
    } else {
        output("/sbin/mount", &["-p"])
    }
}

pub(crate) fn interfaces() -> Vec<String> {
    if cfg!(target_os = "linux") { output("ip", &["-o", "link"]) } else { output("/sbin/ifconfig", &["-a"]) }
}

/// Directories of cgroups whose names contain the mark, a few levels deep.
fn cgroups(directory: &Path, mark: &str, depth: usize, found: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if entry.file_name().to_string_lossy().contains(mark) {
            found.insert(format!("cgroup {}", entry.path().display()));
        } else if depth < 3 {
            cgroups(&entry.path(), mark, depth + 1, found);
        }
    }
}

/// Files that are kept while jails run.
fn runtime(mark: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for directory in ["/run/ioc", "/var/run/ioc"] {
        walk(Path::new(directory), &mut |path| {
            if path.to_string_lossy().contains(mark) {
                found.insert(format!("file {}", path.display()));
            }
        });
    }
    found
}

fn walk(directory: &Path, visit: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), visit);
        } else {
            visit(&entry.path());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test looks at the host by its own means, not through ioc")]
pub(crate) fn output(program: &str, args: &[&str]) -> Vec<String> {
    let output = Command::new(program).args(args).output();
    lines(&output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default())
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}
