//! What a host release consists of besides the host's own base directories.

use std::path::PathBuf;

use super::etc as etc_settings;
use crate::error::Error;
use crate::facts::etc::{Etc, EtcItem};
use crate::plan::{Content, Entry, EntryKind};

/// Directories of an empty Linux system and their modes.
const LINUX_DIRECTORIES: [(&str, u32); 22] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("srv", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/local", 0o755),
    ("var/log", 0o755),
    ("var/mail", 0o755),
    ("var/opt", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
    ("etc/skel", 0o755),
];

/// Files of an empty Linux system. No password can be used: there is no shadow file to hold one.
const LINUX_FILES: [(&str, &str); 5] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\n\
         daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         bin:x:2:2:bin:/bin:/usr/sbin/nologin\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    ("etc/group", "root:x:0:\ndaemon:x:1:\nbin:x:2:\ntty:x:5:\nutmp:x:43:\nmail:x:8:\nnogroup:x:65534:\n"),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"),
    (
        "etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    ),
    ("etc/shells", "/bin/sh\n/bin/bash\n"),
];

/// The skeleton of a Linux host release: empty directories, a few files, and the host's own links at its root
/// (`/bin` to `usr/bin` and the like).
pub fn linux(links: &[(String, PathBuf)]) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for (path, mode) in LINUX_DIRECTORIES {
        entries.push(Entry { path: path.parse()?, kind: EntryKind::Directory(mode) });
    }
    for (path, text) in LINUX_FILES {
        entries.push(file(path, text, 0o644)?);
    }
    for (name, text) in links {
        entries.push(Entry { path: name.parse()?, kind: EntryKind::Link(text.clone()) });
    }
    entries.push(Entry { path: "var/run".parse()?, kind: EntryKind::Link("../run".into()) });
    entries.push(Entry { path: "etc/mtab".parse()?, kind: EntryKind::Link("../proc/self/mounts".into()) });
    Ok(entries)
}

/// A file with this text.
pub fn file(path: &str, text: impl Into<Content>, mode: u32) -> Result<Entry, Error> {
    Ok(Entry { path: path.parse()?, kind: EntryKind::File { content: text.into(), mode } })
}

/// Directories of an empty FreeBSD system that are no base directories, and their modes; mtree(8),
/// BSD.root.dist and BSD.var.dist.
const FREEBSD_DIRECTORIES: [(&str, u32); 41] = [
    ("dev", 0o555),
    ("etc", 0o755),
    ("etc/rc.conf.d", 0o755),
    ("etc/newsyslog.conf.d", 0o755),
    ("etc/syslog.d", 0o755),
    ("etc/ssl", 0o755),
    ("etc/ssh", 0o755),
    ("etc/pkg", 0o755),
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("net", 0o755),
    ("proc", 0o555),
    ("root", 0o750),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/home", 0o755),
    ("usr/local", 0o755),
    ("usr/obj", 0o755),
    ("usr/ports", 0o755),
    ("usr/src", 0o755),
    ("usr/tests", 0o755),
    ("var", 0o755),
    ("var/account", 0o755),
    ("var/at", 0o755),
    ("var/audit", 0o700),
    ("var/backups", 0o750),
    ("var/cache", 0o755),
    ("var/crash", 0o750),
    ("var/cron", 0o750),
    ("var/cron/tabs", 0o700),
    ("var/db", 0o755),
    ("var/db/pkg", 0o755),
    ("var/empty", 0o555),
    ("var/log", 0o755),
    ("var/mail", 0o775),
    ("var/msgs", 0o755),
    ("var/preserve", 0o755),
    ("var/run", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
];

/// The skeleton of a FreeBSD host release: empty directories, the base system's part of /etc, and accounts of the
/// system only, none of which has a password.
pub fn freebsd(etc: &Etc) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for (path, mode) in FREEBSD_DIRECTORIES {
        entries.push(Entry { path: path.parse()?, kind: EntryKind::Directory(mode) });
    }
    for (path, item) in &etc.items {
        let kind = match item {
            EtcItem::Directory => EntryKind::Directory(0o755),
            EtcItem::Link(text) => EntryKind::Link(text.clone()),
            EtcItem::File(content, mode) => {
                EntryKind::File { content: Content::from(content.clone()), mode: *mode }
            }
        };
        entries.push(Entry { path: path.parse()?, kind });
    }
    entries.push(file("etc/master.passwd", system_accounts(&etc.master_passwd), 0o600)?);
    entries.push(file("etc/group", system_groups(&etc.group), 0o644)?);
    entries.push(file(
        "etc/hosts",
        "::1\t\tlocalhost localhost.my.domain\n127.0.0.1\tlocalhost localhost.my.domain\n",
        0o644,
    )?);
    entries.push(file("etc/nsswitch.conf", "group: files\nhosts: files dns\nnetgroup: files\nnetworks: files\npasswd: files\nshells: files\nservices: files\nprotocols: files\nrpc: files\n", 0o644)?);
    entries.push(file("etc/fstab", "", 0o644)?);
    entries.push(file("etc/motd", "", 0o644)?);
    for variables in etc_settings::release_settings()? {
        let content = etc_settings::assigned(None, &variables).expect("an empty file takes all settings");
        let content = Content::from(content.unwrap_or_default());
        entries.push(Entry { path: variables.path, kind: EntryKind::File { content, mode: 0o644 } });
    }
    entries.push(Entry { path: "sys".parse()?, kind: EntryKind::Link("usr/src/sys".into()) });
    Ok(entries)
}

/// Highest number of an account that belongs to the base system; above are people and packages.
const LAST_SYSTEM_ID: u32 = 999;

/// `nobody` and `nogroup`.
const NOBODY: u32 = 65534;

/// The lines of master.passwd(5) for accounts of the system, passwords replaced by one that never fits.
fn system_accounts(master: &str) -> String {
    let mut text = String::new();
    for line in master.lines().filter(|line| !line.starts_with('#')) {
        let mut fields: Vec<&str> = line.split(':').collect();
        if fields.len() != 10 || !is_system(fields[2]) {
            continue;
        }
        fields[1] = "*";
        if fields[0] == "root" {
            fields[8] = "/root";
            fields[9] = "/bin/sh";
        }
        text.push_str(&fields.join(":"));
        text.push('\n');
    }
    text
}

/// The lines of group(5) for groups of the system, without members but root.
fn system_groups(group: &str) -> String {
    let mut text = String::new();
    for line in group.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(':').collect();
        if let [name, _, id, members] = fields[..]
            && is_system(id)
        {
            let root = if members.split(',').any(|m| m == "root") { "root" } else { "" };
            text.push_str(&format!("{name}:*:{id}:{root}\n"));
        }
    }
    text
}

fn is_system(id: &str) -> bool {
    id.parse().is_ok_and(|id: u32| id <= LAST_SYSTEM_ID || id == NOBODY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_and_no_person_leaves_the_host() {
        let master = "# comment\nroot:$6$secret:0:0::0:0:Charlie &:/root:/bin/csh\n\
                      www:*:80:80::0:0:World Wide Web Owner:/nonexistent:/usr/sbin/nologin\n\
                      ann:$6$secret:1001:1001::0:0:Ann:/home/ann:/bin/sh\n\
                      nobody:*:65534:65534::0:0:Unprivileged user:/nonexistent:/usr/sbin/nologin\n";
        let text = system_accounts(master);
        assert!(!text.contains("secret") && !text.contains("ann"));
        assert_eq!(text.lines().count(), 3);
        assert_eq!(system_groups("wheel:*:0:root,ann\nann:*:1001:\n"), "wheel:*:0:root\n");
    }
}
