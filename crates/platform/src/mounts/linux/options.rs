//! Options of fstab(5) lines, as Linux takes them.

use std::io;

use rustix::mount::MountAttrFlags;

/// What the options of a mount come down to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// Flags of the mount.
    pub(super) flags: MountAttrFlags,
    /// Options of the file system: a name, and a value where it takes one.
    pub(super) parameters: Vec<(String, Option<String>)>,
}

/// Options that tell mount(8) or rc(8) when to mount, and nothing to the kernel.
const FOR_PROGRAMS: [&str; 8] = ["rw", "defaults", "auto", "noauto", "late", "failok", "nofail", "_netdev"];

/// Splits options into flags of the mount and options of the file system.
///
/// `nosuid` and `nodev` are always set: a jail makes no device nodes, and its programs gain no privilege from a file,
/// so the two only take from users of the host what a jail's root user may have left there.
pub(super) fn parse(options: &[String], read_only: bool) -> Options {
    let mut parsed = Options {
        flags: MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
        parameters: Vec::new(),
    };
    if read_only {
        parsed.flags |= MountAttrFlags::MOUNT_ATTR_RDONLY;
    }
    for option in options.iter().flat_map(|option| option.split(',')).filter(|option| !option.is_empty()) {
        match option {
            "ro" => parsed.flags |= MountAttrFlags::MOUNT_ATTR_RDONLY,
            "noexec" => parsed.flags |= MountAttrFlags::MOUNT_ATTR_NOEXEC,
            "noatime" => parsed.flags |= MountAttrFlags::MOUNT_ATTR_NOATIME,
            "nosymfollow" => parsed.flags |= MountAttrFlags::MOUNT_ATTR_NOSYMFOLLOW,
            "nosuid" | "nodev" => {}
            known if FOR_PROGRAMS.contains(&known) => {}
            other => parsed.parameters.push(match other.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (other.to_owned(), None),
            }),
        }
    }
    parsed
}

impl Options {
    /// Refuses all options of the file system.
    pub(super) fn without_parameters(&self) -> io::Result<()> {
        self.parameters.first().map_or(Ok(()), |(name, _)| Err(unknown(name)))
    }

    /// The options of the file system, checked to be ones of tmpfs(5) and brought into the kernel's form.
    pub(super) fn for_tmpfs(&self) -> io::Result<Vec<(String, String)>> {
        let each = self.parameters.iter().map(|(name, value)| {
            let value = value.as_deref().ok_or_else(|| unknown(name))?;
            let invalid = || invalid(format!("{value:?} is no value of the option {name}"));
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let kernel_name = match name.as_str() {
                "size" => {
                    let number = value.strip_suffix(|c: char| "kKmMgGtT".contains(c)).unwrap_or(value);
                    digits(number).then_some("size").ok_or_else(invalid)?
                }
                "mode" => {
                    let mode = u32::from_str_radix(value, 8).map_err(|_| invalid())?;
                    (mode <= 0o1777).then_some("mode").ok_or_else(invalid)?
                }
                "uid" | "gid" => digits(value).then_some(name.as_str()).ok_or_else(invalid)?,
                "inodes" | "nr_inodes" => digits(value).then_some("nr_inodes").ok_or_else(invalid)?,
                _ => return Err(unknown(name)),
            };
            Ok((kernel_name.to_owned(), value.to_owned()))
        });
        each.collect()
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn unknown(name: &str) -> io::Error {
    invalid(format!("the option {name:?} is unknown here"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options(list: &[&str]) -> Options {
        parse(&list.iter().map(|&o| o.to_owned()).collect::<Vec<_>>(), false)
    }

    #[test]
    fn flags_and_parameters() {
        let parsed = options(&["rw", "late", "noexec", "size=64m"]);
        assert!(parsed.flags.contains(MountAttrFlags::MOUNT_ATTR_NOEXEC | MountAttrFlags::MOUNT_ATTR_NODEV));
        assert!(!parsed.flags.contains(MountAttrFlags::MOUNT_ATTR_RDONLY));
        assert!(parsed.without_parameters().is_err());
        assert_eq!(parsed.for_tmpfs().unwrap(), [("size".to_owned(), "64m".to_owned())]);
        assert!(parse(&[], true).flags.contains(MountAttrFlags::MOUNT_ATTR_RDONLY));
    }

    #[test]
    fn tmpfs_values_are_checked() {
        for good in ["size=1", "size=1g", "mode=1777", "mode=700", "uid=80", "inodes=99"] {
            assert!(options(&[good]).for_tmpfs().is_ok(), "{good}");
        }
        for bad in
            ["size", "size=", "size=m", "size=-1", "size=1m,mode=8", "mode=8", "mode=4755", "uid=a", "huge=1"]
        {
            assert!(options(&[bad]).for_tmpfs().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn only_plain_values_reach_the_kernel(option in ".{0,20}") {
            for (_, value) in options(&[&option]).for_tmpfs().unwrap_or_default() {
                prop_assert!(value.bytes().all(|b| b.is_ascii_alphanumeric()));
            }
        }
    }
}
