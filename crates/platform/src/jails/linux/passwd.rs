//! Users and groups by the jail's own files; passwd(5), group(5).
//!
//! The files are the jail's, so they say what they want; at worst a process of the jail runs as another user of the
//! jail. Malformed lines are passed over, as the C library does.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use rustix::process::{Gid, Uid};

use crate::linux::procfs::read_all;

/// The largest file that is read.
const MOST: u64 = 4 << 20;

/// The most groups of one user that are used; `NGROUPS_MAX` of FreeBSD is 1023, of Linux 65536.
const MOST_GROUPS: usize = 1024;

/// Who a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    pub(super) groups: Vec<Gid>,
    pub(super) home: String,
    pub(super) shell: String,
}

/// The user of that name; none: root, even if the files do not know it.
///
/// To be called where the jail's root is the root: links in it then stay in it.
pub(super) fn look_up(name: Option<&str>) -> io::Result<Option<User>> {
    let passwd = read("/etc/passwd")?;
    let known = match name {
        Some(name) => user(&passwd, |candidate, _| candidate == name),
        None => Some(user(&passwd, |_, uid| uid == Uid::ROOT).unwrap_or_else(root)),
    };
    let Some(mut user) = known else { return Ok(None) };
    user.groups = groups(&read("/etc/group")?, &user);
    Ok(Some(user))
}

fn root() -> User {
    User {
        name: "root".to_owned(),
        uid: Uid::ROOT,
        gid: Gid::ROOT,
        groups: Vec::new(),
        home: "/root".to_owned(),
        shell: "/bin/sh".to_owned(),
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

fn user(passwd: &str, wanted: impl Fn(&str, Uid) -> bool) -> Option<User> {
    passwd.lines().find_map(|line| {
        let [name, _, uid, gid, _, home, shell] = fields(line)?;
        let uid = Uid::from_raw(number(uid)?);
        let gid = Gid::from_raw(number(gid)?);
        let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
        wanted(name, uid).then(|| User {
            name: name.to_owned(),
            uid,
            gid,
            groups: Vec::new(),
            home: or(home, "/"),
            shell: or(shell, "/bin/sh"),
        })
    })
}

fn groups(group: &str, user: &User) -> Vec<Gid> {
    let member_of = group.lines().filter_map(|line| {
        let [_, _, gid, members] = fields(line)?;
        members.split(',').any(|member| member == user.name).then_some(Gid::from_raw(number(gid)?))
    });
    let mut groups = vec![user.gid];
    for gid in member_of {
        if groups.len() < MOST_GROUPS && !groups.contains(&gid) {
            groups.push(gid);
        }
    }
    groups
}

fn fields<const N: usize>(line: &str) -> Option<[&str; N]> {
    let fields: Vec<&str> = line.split(':').collect();
    fields
        .try_into()
        .ok()
        .filter(|fields: &[&str; N]| !fields[0].is_empty() && !fields[0].starts_with(['+', '-', '#']))
}

/// A user or group id; the highest one means "unchanged" to the kernel.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|&id| id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWD: &str = "# comment\n+::::::\nbroken:x:1\ntoor:*:0:0::/toor:\nroot:*:0:0:Charlie:/root:/bin/csh\n\
        www:*:80:80:World Wide Web:/var/www:/usr/sbin/nologin\nbig:*:4294967295:1::/:/bin/sh\nneg:*:-1:1::/:/x\n";

    fn named(name: &str) -> Option<User> {
        user(PASSWD, |candidate, _| candidate == name)
    }

    #[test]
    fn users() {
        let www = named("www").unwrap();
        assert_eq!((www.uid.as_raw(), www.gid.as_raw()), (80, 80));
        assert_eq!((www.home.as_str(), www.shell.as_str()), ("/var/www", "/usr/sbin/nologin"));
        assert_eq!(user(PASSWD, |_, uid| uid == Uid::ROOT).unwrap().name, "toor");
        assert_eq!(named("toor").unwrap().shell, "/bin/sh");
        for nobody in ["", "+", "broken", "big", "neg", "# comment", "ww"] {
            assert_eq!(named(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn groups_once_each() {
        let file = "wheel:*:0:root,www\nwww:*:80:www\nmail:*:6:wwwx,xwww\nftp:*:14:a,www\nbad:*:x:www\n";
        let groups: Vec<u32> = groups(file, &named("www").unwrap()).iter().map(|gid| gid.as_raw()).collect();
        assert_eq!(groups, [80, 0, 14]);
    }

    proptest! {
        #[test]
        fn any_text(text in "([a-z0-9:,+#-]{0,12}\n){0,6}") {
            if let Some(user) = user(&text, |_, _| true) {
                prop_assert!(groups(&text, &user).len() <= MOST_GROUPS);
            }
        }
    }
}
