//! The user that a process in a jail runs as, from the jail's own files, read from outside.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::jails::login_class::{self, Class};
use crate::jails::userdb::{self, User};

/// Larger user databases are refused; the kernel's own limits are far below.
const MOST: u64 = 64 << 20;

/// NGROUPS_MAX of sys/syslimits.h.
const MOST_GROUPS: usize = 1023;

/// A user with everything that a process of theirs gets.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) user: User,
    /// Primary group first: setgroups(2) up to FreeBSD 14 takes the first as effective group.
    pub(super) groups: Vec<u32>,
    pub(super) class: Class,
}

/// The account `name` of the jail with this root; none if it has no such user.
pub(super) fn named(root: &Path, name: &str) -> io::Result<Option<Account>> {
    let root = open_root(root)?;
    for file in userdb::PASSWD_FILES {
        let Some(text) = read(root.as_fd(), file)? else { continue };
        let Some(user) = userdb::find_user(&text, name) else { continue };
        let groups = read(root.as_fd(), userdb::GROUP_FILE)?.unwrap_or_default();
        let groups = userdb::groups_of(&groups, &user, MOST_GROUPS);
        let wanted = match (user.class.as_str(), user.uid) {
            ("", 0) => "root",
            ("", _) => "default",
            (class, _) => class,
        };
        let class = read(root.as_fd(), login_class::FILE)?.map(|text| login_class::class(&text, wanted));
        return Ok(Some(Account { user, groups, class: class.unwrap_or_default() }));
    }
    Ok(None)
}

/// Root of the jail, without a login class: its processes keep our limits. A jail needs no files for it.
pub(super) fn root(path: &Path) -> Account {
    let user = open_root(path)
        .ok()
        .and_then(|root| {
            userdb::PASSWD_FILES
                .iter()
                .filter_map(|file| read(root.as_fd(), file).ok().flatten())
                .find_map(|text| userdb::find_user(&text, "root"))
        })
        .filter(|user| user.uid == 0)
        .unwrap_or_else(User::root);
    Account { user: User { gid: 0, ..user }, groups: vec![0], class: Class::default() }
}

fn open_root(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open(path, flags, Mode::empty())?)
}

/// Reads a regular file below the root; none if it is not there. A link that leads out is an error (ENOTCAPABLE).
fn read(root: std::os::fd::BorrowedFd<'_>, path: &str) -> io::Result<Option<String>> {
    // O_NONBLOCK: the jail may have put a FIFO there, whose opening would wait for a writer.
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | RESOLVE_BENEATH;
    let file = match openat(root, path, flags, Mode::empty()) {
        Ok(file) => std::fs::File::from(file),
        Err(nix::errno::Errno::ENOENT | nix::errno::Errno::ENOTDIR) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    let refused = |text: &'static str| io::Error::new(io::ErrorKind::InvalidData, text);
    if !file.metadata()?.is_file() {
        return Err(refused("a file of the jail's user database is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(refused("a file of the jail's user database is too large"));
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// open(2) of FreeBSD 13 and later: no component leads out of the directory.
const RESOLVE_BENEATH: OFlag = OFlag::from_bits_retain(nix::libc::O_RESOLVE_BENEATH);
