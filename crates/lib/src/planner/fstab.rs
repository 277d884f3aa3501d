//! Changing a jail's fstab, and what a running jail has mounted because of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ioc_model::fstab::{Entry, Fstab};
use ioc_model::name::{JailName, JailPath};
use ioc_platform::files::Kind;
use ioc_platform::host::System;
use ioc_platform::mounts::{MountKind, MountSpec};

use super::start;
use crate::error::Error;
use crate::facts::devfs;
use crate::facts::fstab::{self, LineFacts, SourceKind};
use crate::facts::jail::JailFacts;
use crate::plan::{Content, Plan, Step};

/// What changing an fstab depends on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The jail.
    pub jail: &'a JailFacts,
    /// The directory of its source.
    pub source_directory: PathBuf,
    /// The file now, if there is one.
    pub before: Option<Vec<u8>>,
    /// What it is to be.
    pub after: Fstab,
    /// The lines that are new, and what is known of their ends.
    pub added: Vec<LineFacts>,
    /// Places of the jail that something else than its fstab is mounted on, and what that is.
    pub taken: Vec<(JailPath, &'static str)>,
    /// Whether the jail runs.
    pub running: bool,
    /// Leave a running jail as it is.
    pub later: bool,
    /// What is mounted below its root.
    pub mounted: BTreeSet<PathBuf>,
    /// Directories below its root that exist, as far as the new lines need to know.
    pub existing: BTreeSet<JailPath>,
    /// The operating system of the host.
    pub system: System,
}

/// The lines of `a` that `b` does not have, as far as mounting goes: comments and numbers aside.
pub fn without(a: &Fstab, b: &Fstab) -> Vec<Entry> {
    let key = |entry: &Entry| {
        let Entry { source, destination, kind, options, .. } = entry.clone();
        (source, destination, kind, options)
    };
    let mut left: Vec<_> = b.entries().map(key).collect();
    let mut is_new = |entry: &&Entry| match left.iter().position(|known| *known == key(entry)) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    };
    a.entries().filter(|entry| is_new(entry)).cloned().collect()
}

/// Plans the change: one write of the file; before that, mounts are removed from and added to a running jail.
pub fn plan(facts: &Facts<'_>) -> Result<Plan, Error> {
    let jail = facts.jail;
    let mut plan = Plan::new("fstab", &jail.reference.name);
    let bytes = facts.after.to_bytes();
    if facts.before.as_ref() == Some(&bytes) || facts.before.is_none() && bytes.is_empty() {
        return Ok(plan);
    }
    let removed = without(jail.fstab(), &facts.after);
    for entry in &removed {
        if fstab::is_base(entry, &jail.root, &facts.source_directory) {
            let problem = format!("{} is a base directory of this basejail", entry.destination);
            return Err(refuse(&jail.reference.name, problem));
        }
    }
    check_destinations(facts)?;
    for line in &facts.added {
        check_line(line, &jail.root, facts.system).map_err(|problem| {
            refuse(
                &jail.reference.name,
                format!("{} on {}: {problem}", line.entry.source, line.entry.destination),
            )
        })?;
    }
    if !(removed.is_empty() && facts.added.is_empty()) && facts.running {
        match facts.system {
            _ if facts.later => plan.notes.push(later("it was not to be touched")),
            System::Linux => plan.notes.push(later("on Linux a running jail keeps the mounts it has")),
            System::FreeBsd => live(&mut plan, facts, &removed)?,
        }
    }
    plan.push(Step::WriteFile {
        root: jail.directory.clone(),
        path: fstab::FILE.parse()?,
        content: Content::from(bytes),
        mode: 0o644,
        previous: facts.before.clone().map(Content::from),
    });
    Ok(plan)
}

fn later(why: &str) -> String {
    format!("the jail runs and its mounts change when it is started next: {why}")
}

fn refuse(jail: &JailName, problem: String) -> Error {
    Error::Fstab { jail: jail.clone(), problem }
}

/// Adds the steps that change what a running jail has mounted.
fn live(plan: &mut Plan, facts: &Facts<'_>, removed: &[Entry]) -> Result<(), Error> {
    let jail = facts.jail;
    let ruleset = devfs::configured(jail)?;
    let mounts = |entries: &mut dyn DoubleEndedIterator<Item = &Entry>| -> Vec<MountSpec> {
        let mounted = entries.filter(|entry| fstab::is_mounted(entry));
        // What cannot be mounted is not mounted; new lines were checked.
        mounted.filter_map(|entry| fstab::mount(entry, &jail.root, ruleset).ok()).collect()
    };
    for spec in mounts(&mut removed.iter().rev()) {
        if facts.mounted.contains(&spec.root.join(spec.target.relative())) {
            plan.push(Step::Detach(spec));
        }
    }
    let mut existing = facts.existing.clone();
    for spec in mounts(&mut facts.added.iter().map(|line| &line.entry)) {
        let is_file = matches!(&spec.kind, MountKind::Nullfs { source }
            if facts.added.iter().any(|line| line.source == SourceKind::File && Path::new(&line.entry.source) == source));
        start::make_place(plan, jail, &spec, is_file, &mut existing);
        plan.push(Step::Mount(spec));
    }
    Ok(())
}

/// Every destination once, and none that the jail has something mounted on without its fstab.
fn check_destinations(facts: &Facts<'_>) -> Result<(), Error> {
    let (jail, root) = (&facts.jail.reference.name, &facts.jail.root);
    let targets: Vec<JailPath> = facts
        .after
        .entries()
        .filter(|entry| fstab::is_mounted(entry))
        .filter_map(|entry| fstab::target(&entry.destination, root).ok())
        .collect();
    for line in facts.added.iter().filter(|line| fstab::is_mounted(&line.entry)) {
        let target = fstab::target(&line.entry.destination, root)
            .map_err(|problem| refuse(jail, format!("{}: {problem}", line.entry.destination)))?;
        if targets.iter().filter(|other| **other == target).count() > 1 {
            return Err(refuse(jail, format!("{target} is the destination of another line already")));
        }
        if let Some((_, what)) = facts.taken.iter().find(|(taken, _)| *taken == target) {
            return Err(refuse(jail, format!("{target} is taken: {what} is mounted there")));
        }
    }
    Ok(())
}

/// Whether a line can be mounted, as far as that can be told without trying; the error is what is wrong.
fn check_line(line: &LineFacts, root: &Path, system: System) -> Result<(), String> {
    if !fstab::is_mounted(&line.entry) {
        return Ok(());
    }
    let spec = fstab::mount(&line.entry, root, 0)?;
    if let Some((path, kind)) = line.way.iter().find(|(path, kind)| {
        // The last one may be a file, if the source is one.
        **kind != Kind::Directory && !(**path == spec.target && **kind == Kind::File)
    }) {
        return Err(match kind {
            Kind::Link => format!("{path} in the jail is a link; name the directory that it leads to"),
            _ => format!("{path} in the jail is no directory"),
        });
    }
    let on_file = line.way.get(&spec.target).map(|kind| *kind == Kind::File);
    let is_nullfs = matches!(spec.kind, MountKind::Nullfs { .. });
    match (&line.source, is_nullfs) {
        (SourceKind::Malformed(problem), _) => return Err((*problem).to_owned()),
        (SourceKind::Missing, _) => return Err("the source does not exist".to_owned()),
        (SourceKind::Device, true) => return Err("the source is neither a directory nor a file".to_owned()),
        (SourceKind::File, true) if system == System::FreeBsd => {
            return Err("the source is a file; nullfs mounts directories".to_owned());
        }
        (SourceKind::File, true) if on_file == Some(false) => {
            return Err("the source is a file and the destination is a directory".to_owned());
        }
        (SourceKind::File, true) => {}
        _ if on_file == Some(true) => return Err("the destination is a file".to_owned()),
        _ => {}
    }
    if let Some(option) = spec.options.iter().find(|option| option.starts_with(['-', '='])) {
        return Err(format!("{option:?} is no option of a mount"));
    }
    if spec.kind == MountKind::Tmpfs
        && let Some(option) = spec.options.iter().find(|option| !is_of_tmpfs(option))
    {
        return Err(format!("{option:?} has no value that tmpfs(5) takes"));
    }
    let at = spec.target.relative();
    let is_of_linux = match spec.kind {
        MountKind::Procfs | MountKind::Linprocfs => at == Path::new("proc"),
        MountKind::Fdescfs => at == Path::new("dev/fd"),
        MountKind::Linsysfs => false,
        MountKind::Other { ref fstype, .. } => !FREEBSD_ONLY.contains(&fstype.as_str()),
        _ => true,
    };
    if system == System::Linux && !is_of_linux {
        return Err(format!("{} cannot be mounted there on Linux", line.entry.kind));
    }
    Ok(())
}

/// Tells whether the value of an option is one that tmpfs(5) takes. FreeBSD's kernel takes any, and mounts without the
/// limit that was meant.
fn is_of_tmpfs(option: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match option.split_once('=') {
        Some(("size" | "maxfilesize" | "easize" | "inodes", value)) => {
            digits(value.strip_suffix(|c: char| "kKmMgGtTpP".contains(c)).unwrap_or(value))
        }
        Some(("mode", value)) => u32::from_str_radix(value, 8).is_ok_and(|mode| mode <= 0o1777),
        Some(("uid" | "gid", value)) => digits(value),
        _ => true,
    }
}

/// Types that only FreeBSD has.
const FREEBSD_ONLY: [&str; 9] =
    ["autofs", "cd9660", "ext2fs", "fusefs", "mqueuefs", "msdosfs", "smbfs", "ufs", "unionfs"];

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, source: SourceKind, way: &[(&str, Kind)]) -> LineFacts {
        let way = way.iter().map(|(path, kind)| (path.parse().unwrap(), *kind)).collect();
        LineFacts { entry: Entry::read(text).unwrap(), source, way }
    }

    fn problem(line: &LineFacts, system: System) -> Option<String> {
        check_line(line, Path::new("/j/root"), system).err()
    }

    #[test]
    fn what_can_be_mounted() {
        use SourceKind::{Dataset, Directory, File, Word};
        for good in [
            line("/data /mnt", Directory, &[("/mnt", Kind::Directory)]),
            line("/data /mnt/new", Directory, &[("/mnt", Kind::Directory)]),
            line("tmpfs /tmp tmpfs rw,size=1g", Word, &[]),
            line("devfs /compat/linux/dev devfs", Word, &[]),
            line("proc /proc procfs", Word, &[]),
            line("tank/x /x zfs", Dataset, &[]),
            line("host:/export /n nfs", Word, &[]),
        ] {
            for system in [System::FreeBsd, System::Linux] {
                assert_eq!(problem(&good, system), None, "{good:?}");
            }
        }
        let file =
            line("/etc/hosts /etc/hosts", File, &[("/etc", Kind::Directory), ("/etc/hosts", Kind::File)]);
        assert_eq!(problem(&file, System::Linux), None);
        assert!(problem(&file, System::FreeBsd).unwrap().contains("directories"));
        assert_eq!(problem(&line("x /sys linsysfs", Word, &[]), System::FreeBsd), None);
    }

    #[test]
    fn what_cannot() {
        use SourceKind::{Device, Directory, File, Missing, Word};
        let dir = Kind::Directory;
        for (bad, word) in [
            (line("/gone /mnt", Missing, &[]), "does not exist"),
            (line("/dev/null /mnt", Device, &[]), "neither"),
            (line("/f /mnt", File, &[("/mnt", dir)]), "is a directory"),
            (line("/d /mnt", Directory, &[("/mnt", Kind::File)]), "is a file"),
            (line("/d /home/x", Directory, &[("/home", Kind::Link)]), "is a link"),
            (line("/d /home", Directory, &[("/home", Kind::Link)]), "is a link"),
            (line("/d /f/x", Directory, &[("/f", Kind::File)]), "no directory"),
            (line("/d /x nullfs -o", Directory, &[]), "no option"),
            (line("x /sys linsysfs", Word, &[]), "Linux"),
            (line("x /compat/linux/proc linprocfs", Word, &[]), "Linux"),
            (line("/dev/ada0 /x ufs", Device, &[]), "Linux"),
            (line("/d /", Directory, &[]), "root"),
            (line("tmpfs /tmp tmpfs rw,size=$(id)", Word, &[]), "no value"),
            (line("tmpfs /tmp tmpfs rw,mode=9", Word, &[]), "no value"),
            (line("tmpfs /tmp tmpfs rw,size=", Word, &[]), "no value"),
        ] {
            let problem = problem(&bad, System::Linux).unwrap_or_default();
            assert!(problem.contains(word), "{bad:?}: {problem:?}");
        }
    }

    #[test]
    fn only_what_is_mounted_otherwise_counts_as_changed() {
        let fstab = |text: &str| Fstab::from_bytes(text.as_bytes()).unwrap();
        let before = fstab("/a /x nullfs ro 0 0 # old\n/b /y nullfs ro 0 0\n/b /y nullfs ro 0 0\n");
        let after = fstab("# note\n/b /y nullfs ro 1 0\n/a /x nullfs rw 0 0\n");
        let shown = |entries: Vec<Entry>| -> Vec<String> {
            entries.iter().map(|entry| format!("{} {}", entry.source, entry.options)).collect()
        };
        assert_eq!(shown(without(&before, &after)), ["/a ro", "/b ro"]);
        assert_eq!(shown(without(&after, &before)), ["/a rw"]);
    }
}
