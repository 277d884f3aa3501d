//! The parts of a FreeBSD host's /etc that every jail needs, and none of its secrets.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Files and directories of /etc that belong to the base system and hold nothing of this host: no passwords, keys,
/// addresses or services. What a host lacks is left out.
const BASE_FILES: [&str; 37] = [
    "csh.cshrc",
    "csh.login",
    "csh.logout",
    "defaults",
    "gettytab",
    "libalias.conf",
    "libmap.conf",
    "locate.rc",
    "login.access",
    "login.conf",
    "mail/mailer.conf",
    "mtree",
    "netconfig",
    "network.subr",
    "newsyslog.conf",
    "networks",
    "pam.d",
    "periodic",
    "profile",
    "protocols",
    "rc",
    "rc.bsdextended",
    "rc.d",
    "rc.firewall",
    "rc.initdiskless",
    "rc.sendmail",
    "rc.shutdown",
    "rc.subr",
    "regdomain.xml",
    "rpc",
    "security",
    "services",
    "shells",
    "ssl/openssl.cnf",
    "syslog.conf",
    "termcap.small",
    "ttys",
];

/// Largest of these files that is copied, in bytes.
const MOST: u64 = 4 << 20;

/// A file, directory or link below /etc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtcItem {
    /// A directory.
    Directory,
    /// A file with its content and mode.
    File(Vec<u8>, u32),
    /// A link with its text.
    Link(PathBuf),
}

/// What was found: paths relative to the root, parents before children, and the host's accounts.
#[derive(Clone, Debug, Default)]
pub struct Etc {
    /// The items.
    pub items: Vec<(String, EtcItem)>,
    /// The host's master.passwd(5); only its system accounts are used, without passwords.
    pub master_passwd: String,
    /// The host's group(5).
    pub group: String,
}

/// Reads the parts of `/etc` below `root`.
pub fn gather(root: &Path) -> Result<Etc, Error> {
    let mut etc = Etc::default();
    for name in BASE_FILES {
        let path = format!("etc/{name}");
        if let Some((parent, _)) = name.split_once('/') {
            let parent = (format!("etc/{parent}"), EtcItem::Directory);
            if !etc.items.contains(&parent) {
                etc.items.push(parent);
            }
        }
        add(root, &path, &mut etc.items)?;
    }
    etc.master_passwd = text(root, "etc/master.passwd")?;
    etc.group = text(root, "etc/group")?;
    Ok(etc)
}

fn add(root: &Path, path: &str, items: &mut Vec<(String, EtcItem)>) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let full = root.join(path);
    let error = |source| Error::Read { path: full.clone(), source };
    let metadata = match fs::symlink_metadata(&full) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(error(e)),
    };
    if metadata.is_symlink() {
        items.push((path.to_owned(), EtcItem::Link(fs::read_link(&full).map_err(error)?)));
    } else if metadata.is_dir() {
        items.push((path.to_owned(), EtcItem::Directory));
        let mut names = Vec::new();
        for entry in fs::read_dir(&full).map_err(error)? {
            names.push(entry.map_err(error)?.file_name());
        }
        names.sort();
        for name in names.iter().filter_map(|name| name.to_str()) {
            add(root, &format!("{path}/{name}"), items)?;
        }
    } else if metadata.is_file() && metadata.len() <= MOST {
        let content = fs::read(&full).map_err(error)?;
        items.push((path.to_owned(), EtcItem::File(content, metadata.permissions().mode() & 0o777)));
    }
    Ok(())
}

fn text(root: &Path, path: &str) -> Result<String, Error> {
    match fs::read(root.join(path)) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(Error::Read { path: root.join(path), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_and_nothing_of_the_host() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        fs::create_dir_all(etc.join("rc.d")).unwrap();
        fs::create_dir_all(etc.join("ssh")).unwrap();
        for (name, text) in [("rc", "#"), ("rc.d/cron", "#"), ("rc.conf", "secret"), ("ssh/key", "secret")] {
            fs::write(etc.join(name), text).unwrap();
        }
        let found = gather(root.path()).unwrap();
        let names: Vec<&str> = found.items.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"etc/rc") && names.contains(&"etc/rc.d/cron"));
        assert!(!names.iter().any(|name| name.contains("rc.conf") || name.contains("ssh")));
    }
}
