//! The network: each test has one of its own to be the host's, so that none sees another.

use std::net::IpAddr;
use std::time::Duration;

use ioc_platform::jails::{Jails, Process};
use ioc_platform::network::{
    Address, BridgeSpec, DefaultRoute, Interface, JailInterface, LinuxNetwork, Network, NetworkError,
    PairSpec,
};
use rustix::thread::UnshareFlags;

use crate::support::{TestJail, privileged, process};

/// Puts this thread into a new, empty network.
#[expect(deprecated, reason = "the safe form; it is unsafe only with FILES")]
fn new_network() {
    rustix::thread::unshare(UnshareFlags::NEWNET).unwrap();
}

fn network(jail: &TestJail) -> LinuxNetwork {
    LinuxNetwork::new(&jail.scratch.path().join("run"))
}

fn without_jails() -> LinuxNetwork {
    LinuxNetwork::new("/nonexistent".as_ref())
}

fn address(text: &str) -> Address {
    let (ip, prefix) = text.split_once('/').unwrap();
    Address { ip: ip.parse().unwrap(), prefix: prefix.parse().unwrap() }
}

fn pair(number: u8) -> PairSpec {
    PairSpec {
        host: format!("h{number}"),
        jail: format!("j{number}"),
        host_mac: format!("02:00:00:00:00:{number:02x}"),
        jail_mac: format!("02:00:00:00:01:{number:02x}"),
        mtu: 1400,
        description: "ioc: test".into(),
    }
}

fn bridge(name: &str) -> BridgeSpec {
    BridgeSpec { name: name.into(), description: "ioc: bridge".into() }
}

fn interface(network: &LinuxNetwork, name: &str) -> Option<Interface> {
    network.interfaces().unwrap().into_iter().find(|interface| interface.name == name)
}

fn names(network: &LinuxNetwork) -> Vec<String> {
    network.interfaces().unwrap().into_iter().map(|interface| interface.name).collect()
}

#[test]
fn bridges_and_pairs() {
    if !privileged() {
        return;
    }
    new_network();
    let network = without_jails();
    assert_eq!(names(&network), ["lo"]);
    network.create_bridge(&bridge("ioctest0")).unwrap();
    network.create_pair(&pair(1)).unwrap();
    network.join_bridge("ioctest0", "h1").unwrap();
    let made = interface(&network, "ioctest0").unwrap();
    assert!(made.bridge);
    assert_eq!(made.description.as_deref(), Some("ioc: bridge"));
    let mac = made.mac.unwrap();
    for (name, last) in [("h1", "00:01"), ("j1", "01:01")] {
        let end = interface(&network, name).unwrap();
        assert_eq!(end.mac, Some(format!("02:00:00:00:{last}")));
        assert_eq!((end.mtu, end.bridge, end.description.as_deref()), (1400, false, Some("ioc: test")));
        assert_eq!(end.member_of.as_deref(), (name == "h1").then_some("ioctest0"));
        let flags = std::fs::read_to_string(format!(
            "/proc/self/task/{}/net/dev",
            rustix::thread::gettid().as_raw_nonzero()
        ));
        assert!(flags.unwrap().contains(name));
    }
    let exists = |result: Result<(), NetworkError>| match result {
        Err(NetworkError::Exists { name }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(exists(network.create_bridge(&bridge("ioctest0"))), "ioctest0");
    assert_eq!(exists(network.create_pair(&PairSpec { host: "h9".into(), ..pair(1) })), "j1");
    assert_eq!(exists(network.create_pair(&PairSpec { jail: "j9".into(), ..pair(1) })), "h1");
    assert!(interface(&network, "h9").is_none() && interface(&network, "j9").is_none());
    // Another member does not change the bridge's address.
    network.create_pair(&PairSpec { host_mac: "02:00:00:00:00:00".into(), ..pair(2) }).unwrap();
    network.join_bridge("ioctest0", "h2").unwrap();
    assert_eq!(interface(&network, "ioctest0").unwrap().mac, Some(mac));

    let none =
        |result: Result<(), NetworkError>| assert!(matches!(result, Err(NetworkError::NoInterface { .. })));
    none(network.join_bridge("nothing", "h1"));
    none(network.join_bridge("ioctest0", "nothing"));
    none(network.add_address("a-name-that-is-too-long", address("192.0.2.1/24")));
    assert!(network.create_pair(&PairSpec { host: "a-name-that-is-too-long".into(), ..pair(3) }).is_err());
    assert!(network.create_pair(&PairSpec { host_mac: "02:00".into(), ..pair(3) }).is_err());
    assert!(interface(&network, "j3").is_none());
    for name in ["h1", "h2", "ioctest0", "ioctest0", "nothing"] {
        network.destroy_interface(name).unwrap();
    }
    assert_eq!(names(&network), ["lo"]);
}

fn into_jail(jail: &TestJail, number: u8, addresses: &[&str]) -> JailInterface {
    JailInterface {
        jail: jail.name.clone(),
        host_name: format!("j{number}"),
        name: "eth0".into(),
        addresses: addresses.iter().map(|text| address(text)).collect(),
        accept_rtadv: false,
    }
}

#[expect(clippy::disallowed_methods, reason = "pings from the host's side")]
fn host_pings(ip: &str) -> bool {
    let mut ping = std::process::Command::new("ping");
    ping.args(["-c1", "-W2", ip]).stdout(std::process::Stdio::null()).status().unwrap().success()
}

#[test]
fn a_jail_on_a_bridge_is_reached_at_once() {
    if !privileged() {
        return;
    }
    new_network();
    let (web, db) = (TestJail::with_vnet("web"), TestJail::with_vnet("db"));
    let host = network(&web);
    host.create_bridge(&bridge("ioctest0")).unwrap();
    host.add_address("ioctest0", address("10.77.0.1/24")).unwrap();
    host.add_address("ioctest0", address("fd77::1/64")).unwrap();
    for (jail, number) in [(&web, 2), (&db, 3)] {
        let network = network(jail);
        network.create_pair(&pair(number)).unwrap();
        network.join_bridge("ioctest0", &format!("h{number}")).unwrap();
        let (v4, v6) = (format!("10.77.0.{number}/24"), format!("fd77::{number}/64"));
        network.move_into_jail(&into_jail(jail, number, &[&v4, &v6])).unwrap();
        network.setup_loopback(&jail.name).unwrap();
        for router in ["10.77.0.1", "fd77::1"] {
            let router: IpAddr = router.parse().unwrap();
            let route = DefaultRoute { jail: jail.name.clone(), router, interface: None };
            network.add_default_route(&route).unwrap();
        }
    }
    for ip in ["fd77::2", "10.77.0.2", "fd77::3", "10.77.0.3"] {
        assert!(host_pings(ip), "{ip}");
    }
    let pings = |jail: &TestJail, ip: &str| {
        jail.exec(&process(&["ping", "-c1", "-W2", ip])).unwrap().status.success()
    };
    for ip in ["10.77.0.1", "fd77::1", "10.77.0.3", "fd77::3", "127.0.0.1", "::1"] {
        assert!(pings(&web, ip), "{ip}");
    }
    let shown = web.sh("ip -o addr show dev eth0; ip route; ip -6 route").1;
    for part in [
        "inet 10.77.0.2/24 brd 10.77.0.255",
        "inet6 fd77::2/64",
        "default via 10.77.0.1",
        "default via fd77::1",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(!shown.contains("tentative"), "{shown}");
    // The jail's end is not here any more, and its root sets up its own network.
    assert!(interface(&host, "j2").is_none());
    assert!(web.sh("ip addr add 10.77.0.9/32 dev eth0").0.success());
    let ann = Process {
        user: Some("ann".into()),
        ..process(&["ip", "addr", "add", "10.77.0.8/32", "dev", "eth0"])
    };
    assert!(!web.exec(&ann).unwrap().status.success());

    web.jails.remove(&web.name, Duration::from_secs(5)).unwrap();
    for name in ["h2", "h3", "ioctest0"] {
        host.destroy_interface(name).unwrap();
    }
    assert_eq!(names(&host), ["lo"]);
}

#[test]
fn there_and_back() {
    if !privileged() {
        return;
    }
    new_network();
    let jail = TestJail::with_vnet("back");
    let network = network(&jail);
    network.create_pair(&pair(5)).unwrap();
    let given = into_jail(&jail, 5, &["192.0.2.5/24"]);
    network.move_into_jail(&given).unwrap();
    assert_eq!(names(&network), ["lo", "h5"]);
    assert!(matches!(network.move_into_jail(&given), Err(NetworkError::NoInterface { .. })));
    network.move_out_of_jail(&given).unwrap();
    assert_eq!(names(&network), ["lo", "j5", "h5"]);
    assert!(matches!(network.move_out_of_jail(&given), Err(NetworkError::NoInterface { .. })));

    // What cannot be set up in the jail does not stay there.
    let wrong = JailInterface { addresses: vec![Address { prefix: 64, ..address("192.0.2.5/24") }], ..given };
    assert!(matches!(network.move_into_jail(&wrong), Err(NetworkError::System { .. })));
    assert_eq!(names(&network), ["lo", "j5", "h5"]);
    assert!(!jail.sh("cat /proc/net/dev").1.contains("eth0"));

    let shared = TestJail::running("shared");
    let other = self::network(&shared);
    assert!(matches!(other.setup_loopback(&shared.name), Err(NetworkError::Unsupported { .. })));
    assert!(matches!(network.setup_loopback(&shared.name), Err(NetworkError::NoJail { .. })));
}

#[test]
fn addresses_come_and_go_without_touching_others() {
    if !privileged() {
        return;
    }
    new_network();
    let network = without_jails();
    network.create_pair(&pair(1)).unwrap();
    let first = address("10.1.0.1/24");
    let all = [
        first,
        address("10.1.0.2/24"),
        address("10.1.0.3/24"),
        address("10.2.0.1/32"),
        address("fd01::1/64"),
    ];
    for _ in 0..2 {
        for address in all {
            network.add_address("h1", address).unwrap();
        }
    }
    let present = || interface(&network, "h1").unwrap().addresses;
    assert!(all.iter().all(|address| present().contains(address)));
    // The first one of a prefix is what the kernel hangs the others on.
    for _ in 0..2 {
        network.remove_address("h1", first).unwrap();
        assert!(!present().contains(&first));
        assert!(all[1..].iter().all(|address| present().contains(address)), "{:?}", present());
    }
    network.remove_address("h1", Address { prefix: 25, ..all[1] }).unwrap();
    assert!(present().contains(&all[1]));
    network.remove_address("nothing", first).unwrap();
    network.destroy_interface("h1").unwrap();
}

#[test]
fn routers_and_their_advertisements() {
    if !privileged() {
        return;
    }
    new_network();
    let jail = TestJail::with_vnet("routers");
    let network = network(&jail);
    network.create_pair(&pair(1)).unwrap();
    let mut given = into_jail(&jail, 1, &["10.3.0.2/32"]);
    given.accept_rtadv = true;
    network.move_into_jail(&given).unwrap();
    assert_eq!(jail.sh("cat /proc/sys/net/ipv6/conf/eth0/accept_ra").1, "2\n");
    let route = |router: &str, interface: Option<&str>| DefaultRoute {
        jail: jail.name.clone(),
        router: router.parse().unwrap(),
        interface: interface.map(str::to_owned),
    };
    // Not within any prefix of ours: only with the interface.
    assert!(network.add_default_route(&route("10.9.0.1", None)).is_err());
    network.add_default_route(&route("10.9.0.1", Some("eth0"))).unwrap();
    network.add_default_route(&route("10.9.0.2", Some("eth0"))).unwrap();
    network.add_default_route(&route("fe80::1", Some("eth0"))).unwrap();
    assert!(matches!(
        network.add_default_route(&route("10.9.0.1", Some("eth9"))),
        Err(NetworkError::NoInterface { .. })
    ));
    let shown = jail.sh("ip route; ip -6 route").1;
    assert_eq!(shown.lines().filter(|line| line.starts_with("default")).count(), 2, "{shown}");
    assert!(
        shown.contains("default via 10.9.0.2 dev eth0") && shown.contains("default via fe80::1 dev eth0")
    );
    assert!(network.gateways().unwrap().is_empty());
}

#[test]
fn a_host_without_ipv6_says_so() {
    if !privileged() {
        return;
    }
    new_network();
    let network = without_jails();
    network.create_pair(&pair(1)).unwrap();
    std::fs::write("/proc/sys/net/ipv6/conf/h1/disable_ipv6", "1").unwrap();
    let error = network.add_address("h1", address("fd02::1/64")).unwrap_err();
    assert!(matches!(error, NetworkError::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("fd02::1/64"), "{error}");
    network.add_address("h1", address("192.0.2.1/24")).unwrap();
}
