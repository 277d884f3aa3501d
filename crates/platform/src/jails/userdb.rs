//! The user database of a jail, read as text: passwd(5), master.passwd(5) and group(5).
//!
//! The host's getpwnam(3) knows the host's users only, and in the jail it would run the jail's own name service
//! modules with our rights. So the jail's files are read from outside and understood here. Everything in them was
//! written by the jail's root user: a line that makes no sense is skipped, never fatal.

/// Where the text files stand below the jail's root, the one with login classes first.
pub const PASSWD_FILES: [&str; 2] = ["etc/master.passwd", "etc/passwd"];
/// The groups.
pub const GROUP_FILE: &str = "etc/group";

/// A user of a jail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Group id of the primary group.
    pub gid: u32,
    /// Login class; empty in passwd(5), which has none, and for users of the default class.
    pub class: String,
    /// Home directory, in the jail.
    pub home: String,
    /// Shell, in the jail; `/bin/sh` where the file says nothing.
    pub shell: String,
}

impl User {
    /// Root as it is where a jail has no passwd file.
    pub fn root() -> Self {
        User {
            name: "root".to_owned(),
            uid: 0,
            gid: 0,
            class: String::new(),
            home: "/".to_owned(),
            shell: "/bin/sh".to_owned(),
        }
    }
}

/// Finds a user by name in a passwd file of either format.
pub fn find_user(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().filter_map(user).find(|user| user.name == name)
}

fn user(line: &str) -> Option<User> {
    let line = line.trim_end_matches('\r');
    if line.starts_with('#') {
        return None;
    }
    let fields: Vec<&str> = line.split(':').collect();
    // passwd(5): name:password:uid:gid:gecos:home:shell
    // master.passwd(5): name:password:uid:gid:class:change:expire:gecos:home:shell
    let (name, uid, gid, class, home, shell) = match *fields.as_slice() {
        [name, _, uid, gid, _, home, shell] => (name, uid, gid, "", home, shell),
        [name, _, uid, gid, class, _, _, _, home, shell] => (name, uid, gid, class, home, shell),
        _ => return None,
    };
    // A leading + or - is a reference to NIS, not a user.
    if name.is_empty() || name.starts_with(['+', '-']) {
        return None;
    }
    Some(User {
        name: name.to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        class: class.to_owned(),
        home: if home.is_empty() { "/" } else { home }.to_owned(),
        shell: if shell.is_empty() { "/bin/sh" } else { shell }.to_owned(),
    })
}

/// The groups of a user: the primary one first, then those that list the user, without duplicates, at most `most`.
pub fn groups_of(group: &str, user: &User, most: usize) -> Vec<u32> {
    let mut groups = vec![user.gid];
    for line in group.lines().filter(|line| !line.starts_with(['#', '+', '-'])) {
        let mut fields = line.trim_end_matches('\r').split(':').skip(2);
        let (Some(gid), Some(members)) = (fields.next(), fields.next()) else { continue };
        let Ok(gid) = gid.parse::<u32>() else { continue };
        let member = members.split(',').any(|member| member.trim() == user.name);
        if member && !groups.contains(&gid) && groups.len() < most {
            groups.push(gid);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Lines of etc/master.passwd, etc/passwd and etc/group as in FreeBSD 13.2 (usr.sbin sources).
    const MASTER: &str = "# $FreeBSD$\n#\nroot::0:0::0:0:Charlie &:/root:/bin/csh\ntoor:*:0:0::0:0:Bourne-again Superuser:/root:\nwww:*:80:80::0:0:World Wide Web Owner:/nonexistent:/usr/sbin/nologin\nann:$6$x:1001:1001:staff:0:0:Ann:/home/ann:/bin/sh\n+:::::::::\nbroken:x:notanumber:1::0:0:::\n";
    const PASSWD: &str = "root:*:0:0:Charlie &:/root:/bin/csh\nann:*:1001:1001:Ann:/home/ann:/bin/sh\n";
    const GROUP: &str = "# $FreeBSD$\nwheel:*:0:root,ann\noperator:*:5:root\nann:*:1001:\nweb:*:80:ann, www\nweb:*:80:ann\nbad:*:x:ann\nshort:*:7\n";

    #[test]
    fn users_of_both_formats() {
        let ann = find_user(MASTER, "ann").unwrap();
        assert_eq!(
            (ann.uid, ann.gid, ann.class.as_str(), ann.home.as_str()),
            (1001, 1001, "staff", "/home/ann")
        );
        let ann = find_user(PASSWD, "ann").unwrap();
        assert_eq!((ann.uid, ann.class.as_str(), ann.shell.as_str()), (1001, "", "/bin/sh"));
        assert_eq!(find_user(MASTER, "toor").unwrap().shell, "/bin/sh");
        for missing in ["broken", "+", "", "nobody", "#"] {
            assert_eq!(find_user(MASTER, missing), None, "{missing}");
        }
    }

    #[test]
    fn groups_primary_first_and_once() {
        let ann = find_user(MASTER, "ann").unwrap();
        assert_eq!(groups_of(GROUP, &ann, 16), [1001, 0, 80]);
        assert_eq!(groups_of(GROUP, &ann, 2), [1001, 0]);
        assert_eq!(groups_of("", &ann, 16), [1001]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String, name: String) {
            if let Some(user) = find_user(&text, &name) {
                prop_assert_eq!(&user.name, &name);
                prop_assert!(!groups_of(&text, &user, 8).is_empty());
            }
        }
    }
}
