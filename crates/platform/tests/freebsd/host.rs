//! Facts about the host.

use ioc_platform::host::{System, freebsd};

use crate::root::host;

#[test]
fn facts_are_what_the_system_says() {
    let facts = freebsd::facts().unwrap();
    assert_eq!(facts.system, System::FreeBsd);
    let userland = host("/bin/freebsd-version", &["-u"]);
    assert!(userland.starts_with(&facts.release), "{} of {userland}", facts.release);
    assert_eq!(facts.release.split('-').count(), 2);
    assert_eq!(facts.uuid, host("/sbin/sysctl", &["-n", "kern.hostuuid"]).trim());
    assert_eq!(facts.uid, 0);
}
