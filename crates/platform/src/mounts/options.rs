//! What nmount(2) of FreeBSD takes for a mount: names with or without values, as the mount_* programs give them.

use std::ffi::OsString;

use super::{MountKind, MountSpec};

/// Options of fstab(5) for those who read it; mount(8) does not pass them on (mangle() in sbin/mount/mount.c).
const FOR_READERS: [&str; 7] = ["auto", "noauto", "late", "failok", "userquota", "groupquota", "mountprog"];

/// The type of the file system as the kernel names it.
pub fn fstype(kind: &MountKind) -> &str {
    match kind {
        MountKind::Nullfs { .. } => "nullfs",
        MountKind::Devfs { .. } => "devfs",
        MountKind::Fdescfs => "fdescfs",
        MountKind::Procfs => "procfs",
        MountKind::Linprocfs => "linprocfs",
        MountKind::Linsysfs => "linsysfs",
        MountKind::Tmpfs => "tmpfs",
        MountKind::Other { fstype, .. } => fstype,
    }
}

/// All names and values for `spec` but the place; an option that only a mount_* program understands is an error.
pub fn arguments(spec: &MountSpec) -> Result<Vec<(String, Option<OsString>)>, String> {
    let MountSpec { kind, root: _, target: _, read_only, options } = spec;
    let fstype = fstype(kind);
    let mut arguments = vec![("fstype".to_owned(), Some(fstype.into()))];
    let mut add = |name: &str, value: Option<OsString>| arguments.push((name.to_owned(), value));
    match kind {
        // mount_nullfs(8) calls it `target`, the kernel takes both.
        MountKind::Nullfs { source } => add("target", Some(source.into())),
        MountKind::Other { source, .. } => add("from", Some(source.into())),
        MountKind::Devfs { ruleset } => {
            add("from", Some(fstype.into()));
            add("ruleset", Some(ruleset.to_string().into()));
        }
        _ => add("from", Some(fstype.into())),
    }
    if *read_only {
        add("ro", None);
    }
    for option in options.iter().flat_map(|option| option.split(',')).filter(|option| !option.is_empty()) {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.into())),
            None => (option, None),
        };
        if name.starts_with('-') || name.is_empty() {
            return Err(option.to_owned());
        }
        // Whether writing is refused stands in the specification, and its ruleset with the kind.
        let decided =
            matches!(name, "ro" | "rw") || matches!(kind, MountKind::Devfs { .. }) && name == "ruleset";
        if !decided && !FOR_READERS.contains(&name) {
            add(name, value);
        }
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(kind: MountKind, read_only: bool, options: &[&str]) -> MountSpec {
        MountSpec {
            kind,
            root: "/jails/a/root".into(),
            target: "/mnt".parse().unwrap(),
            read_only,
            options: options.iter().map(|&o| o.to_owned()).collect(),
        }
    }

    fn shown(spec: &MountSpec) -> Vec<String> {
        arguments(spec)
            .unwrap()
            .into_iter()
            .map(|(name, value)| match value {
                Some(value) => format!("{name}={}", value.to_string_lossy()),
                None => name,
            })
            .collect()
    }

    #[test]
    fn each_kind() {
        let nullfs = MountKind::Nullfs { source: "/usr/ports".into() };
        assert_eq!(shown(&spec(nullfs, true, &[])), ["fstype=nullfs", "target=/usr/ports", "ro"]);
        let devfs = MountKind::Devfs { ruleset: 4 };
        assert_eq!(shown(&spec(devfs, false, &[])), ["fstype=devfs", "from=devfs", "ruleset=4"]);
        assert_eq!(shown(&spec(MountKind::Fdescfs, false, &[])), ["fstype=fdescfs", "from=fdescfs"]);
        let zfs = MountKind::Other { fstype: "zfs".to_owned(), source: "tank/x".to_owned() };
        assert_eq!(shown(&spec(zfs, false, &[])), ["fstype=zfs", "from=tank/x"]);
    }

    #[test]
    fn options_with_values_and_those_for_readers() {
        let spec =
            spec(MountKind::Tmpfs, false, &["rw,size=64m", "mode=1777", "noauto", "late", "noexec", ""]);
        assert_eq!(shown(&spec), ["fstype=tmpfs", "from=tmpfs", "size=64m", "mode=1777", "noexec"]);
    }

    #[test]
    fn an_option_never_overrides_what_is_decided() {
        let devfs = spec(MountKind::Devfs { ruleset: 4 }, true, &["ruleset=0", "rw"]);
        assert_eq!(shown(&devfs), ["fstype=devfs", "from=devfs", "ruleset=4", "ro"]);
        let also = spec(MountKind::Tmpfs, false, &["-o"]);
        assert_eq!(arguments(&also), Err("-o".to_owned()));
    }
}
