//! Who a process in a jail runs as, by the jail's own files.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use rustix::process::{Gid, Uid};

use crate::jails::userdb::{self, User};
use crate::linux::procfs::read_all;

/// The largest file that is read.
const MOST: u64 = 4 << 20;

/// The most groups of one user that are used, as on FreeBSD (`NGROUPS_MAX`).
const MOST_GROUPS: usize = 1023;

/// A user and what the kernel is to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) user: User,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    pub(super) groups: Vec<Gid>,
}

impl Account {
    /// The account of that name; none: root's, even if the files do not know it.
    ///
    /// To be called where the jail's root is the root: links in it then stay in it.
    pub(super) fn look_up(name: Option<&str>) -> io::Result<Option<Self>> {
        let passwd = read("/etc/passwd")?;
        let user = match name {
            Some(name) => userdb::find_user(&passwd, name),
            None => {
                let root = userdb::find_user(&passwd, "root").filter(|user| user.uid == 0);
                Some(root.unwrap_or_else(User::root))
            }
        };
        let Some(user) = user else { return Ok(None) };
        let groups = userdb::groups_of(&read("/etc/group")?, &user, MOST_GROUPS);
        Ok(Account::of(user, &groups))
    }

    /// None if an id is the highest one, which means "unchanged" to the kernel.
    fn of(user: User, groups: &[u32]) -> Option<Self> {
        let id = |id: u32| (id != u32::MAX).then_some(id);
        let (uid, gid) = (Uid::from_raw(id(user.uid)?), Gid::from_raw(id(user.gid)?));
        let groups = groups.iter().filter_map(|&group| id(group)).map(Gid::from_raw).collect();
        Some(Account { user, uid, gid, groups })
    }
}

/// The text of a file; empty if there is none. A fifo or device in its place is not waited for.
fn read(path: &str) -> io::Result<String> {
    let file = match File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{path} is not a file")));
    }
    Ok(String::from_utf8_lossy(&read_all(file, MOST)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_means_unchanged() {
        let user = |uid, gid| User { uid, gid, ..User::root() };
        let www = Account::of(user(80, 81), &[81, u32::MAX, 6]).unwrap();
        assert_eq!((www.uid.as_raw(), www.gid.as_raw()), (80, 81));
        assert_eq!(www.groups.iter().map(|gid| gid.as_raw()).collect::<Vec<_>>(), [81, 6]);
        assert_eq!(Account::of(user(u32::MAX, 0), &[]), None);
        assert_eq!(Account::of(user(0, u32::MAX), &[]), None);
    }
}
