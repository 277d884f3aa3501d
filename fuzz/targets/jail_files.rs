//! Files that the root user of a jail writes and that are read from outside: users, groups, login classes.

#![no_main]

use ioc_platform::jails::{login_class, userdb};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let user = userdb::find_user(text, "root").unwrap_or_else(userdb::User::root);
    assert_eq!(user.name, "root");
    assert!(userdb::groups_of(text, &user, 16).len() <= 16);
    let class = login_class::class(text, &user.class);
    assert_eq!(class, login_class::class(text, &user.class));
    let _ = login_class::class(text, "default");
});
