//! Bridges, pairs, addresses, routes, and what passes.

use std::net::IpAddr;
use std::num::NonZeroU16;

use ioc_platform::command::Door;
use ioc_platform::jails::{Parameter, ParameterValue};
use ioc_platform::network::ipfw::FirewallSpec;
use ioc_platform::network::{
    Address, BridgeSpec, DefaultRoute, Firewall, FreeBsdFirewall, FreeBsdNetwork, Interface, JailInterface,
    Network, NetworkError, PairSpec,
};

use crate::root::{Jail, host, unique};

/// Names of interfaces have 15 characters at most.
fn short(what: &str) -> String {
    let mut name = format!("{what}{}", unique());
    name.truncate(15);
    name
}

/// Interfaces that end with the test.
struct Made(Vec<String>);

impl Drop for Made {
    fn drop(&mut self) {
        for name in self.0.iter().rev() {
            if let Err(error) = FreeBsdNetwork.destroy_interface(name) {
                eprintln!("{error}");
            }
        }
    }
}

fn bridge(made: &mut Made) -> String {
    let name = short("ibr");
    FreeBsdNetwork
        .create_bridge(&BridgeSpec { name: name.clone(), description: "ioc test".to_owned() })
        .unwrap();
    made.0.push(name.clone());
    name
}

fn pair(made: &mut Made, number: u8) -> PairSpec {
    let host = short("ih");
    let pair = PairSpec {
        jail: format!("{host}j"),
        host,
        host_mac: format!("02:11:22:{:02x}:00:{number:02x}", std::process::id() & 0xff),
        jail_mac: format!("02:11:22:{:02x}:01:{number:02x}", std::process::id() & 0xff),
        mtu: 1500,
        description: format!("ioc test {number}"),
    };
    FreeBsdNetwork.create_pair(&pair).unwrap();
    made.0.push(pair.host.clone());
    pair
}

fn interface(name: &str) -> Option<Interface> {
    FreeBsdNetwork.interfaces().unwrap().into_iter().find(|i| i.name == name)
}

fn address(text: &str) -> Address {
    let (ip, prefix) = text.split_once('/').unwrap();
    Address { ip: ip.parse().unwrap(), prefix: prefix.parse().unwrap() }
}

fn raw_sockets() -> Vec<Parameter> {
    vec![Parameter { name: "allow.raw_sockets".to_owned(), value: ParameterValue::Flag(true) }]
}

#[test]
fn two_jails_on_a_bridge_reach_each_other() {
    let mut made = Made(vec![]);
    let bridge = bridge(&mut made);
    let jails = [Jail::start(true, raw_sockets()), Jail::start(true, raw_sockets())];
    for (jail, number) in jails.iter().zip(1u8..) {
        let pair = pair(&mut made, number);
        FreeBsdNetwork.join_bridge(&bridge, &pair.host).unwrap();
        FreeBsdNetwork.join_bridge(&bridge, &pair.host).unwrap();
        let joined = interface(&pair.host).unwrap();
        assert_eq!(joined.member_of.as_deref(), Some(bridge.as_str()));
        assert_eq!(joined.description.as_deref(), Some(pair.description.as_str()));
        assert_eq!((joined.mac.as_deref(), joined.mtu), (Some(pair.host_mac.as_str()), 1500));
        assert_eq!(joined.addresses, []);
        let into = JailInterface {
            jail: jail.name.clone(),
            host_name: pair.jail.clone(),
            name: "vnet0".to_owned(),
            addresses: vec![
                address(&format!("10.98.7.{number}/24")),
                address(&format!("10.98.8.{number}/24")),
                address(&format!("fd98::{number}/64")),
            ],
            accept_rtadv: false,
        };
        FreeBsdNetwork.move_into_jail(&into).unwrap();
        FreeBsdNetwork.setup_loopback(&jail.name).unwrap();
        assert_eq!(interface(&pair.jail), None);
        let inside = jail.run(&["ifconfig", "vnet0"]);
        assert!(inside.contains(&pair.jail_mac) && inside.contains("UP"), "{inside}");
        assert!(inside.contains("inet 10.98.8.") && inside.contains("netmask 0xffffff00"), "{inside}");
        assert!(inside.contains("prefixlen 64") && !inside.contains("tentative"), "{inside}");
    }
    assert!(interface(&bridge).unwrap().bridge);
    let [one, two] = &jails;
    one.run(&["ping", "-c", "1", "-t", "5", "10.98.7.2"]);
    one.run(&["ping", "-c", "1", "-t", "5", "10.98.8.2"]);
    two.run(&["ping", "-6", "-c", "1", "-t", "5", "fd98::1"]);
    two.run(&["ping", "-c", "1", "-t", "5", "127.0.0.1"]);
    two.run(&["ping", "-6", "-c", "1", "-t", "5", "::1"]);
    // A default route for both families; another call changes it.
    for router in ["10.98.7.2", "10.98.7.2", "10.98.8.2", "fd98::2"] {
        let router: IpAddr = router.parse().unwrap();
        FreeBsdNetwork
            .add_default_route(&DefaultRoute { jail: one.name.clone(), router, interface: None })
            .unwrap();
    }
    let route = |args: &[&str]| one.run(&[&["route", "-n", "get"], args].concat());
    assert!(route(&["192.0.2.9"]).contains("gateway: 10.98.8.2"));
    assert!(route(&["-inet6", "2001:db8::9"]).contains("gateway: fd98::2"));
    // Of two, a link-local router, and one that is in no prefix of ours.
    for (router, expected) in [("fe80::1", "gateway: fe80::1%vnet0"), ("192.0.2.1", "gateway: 192.0.2.1")] {
        let router: IpAddr = router.parse().unwrap();
        let target = if router.is_ipv6() { vec!["-inet6", "2001:db8::9"] } else { vec!["198.51.100.9"] };
        let default = DefaultRoute { jail: two.name.clone(), router, interface: Some("vnet0".to_owned()) };
        FreeBsdNetwork.add_default_route(&default).unwrap();
        let said = two.run(&[&["route", "-n", "get"], target.as_slice()].concat());
        assert!(said.contains(expected) && said.contains("interface: vnet0"), "{said}");
    }
    drop(jails);
}

#[test]
fn an_interface_comes_back() {
    let mut made = Made(vec![]);
    let pair = pair(&mut made, 9);
    let jail = Jail::start(true, vec![]);
    let moved = JailInterface {
        jail: jail.name.clone(),
        host_name: pair.jail.clone(),
        name: "vnet7".to_owned(),
        addresses: vec![address("10.98.9.1/24")],
        accept_rtadv: true,
    };
    FreeBsdNetwork.move_into_jail(&moved).unwrap();
    let inside = jail.run(&["ifconfig", "vnet7"]);
    assert!(inside.contains("ACCEPT_RTADV") && !inside.contains("IFDISABLED"), "{inside}");
    FreeBsdNetwork.move_out_of_jail(&moved).unwrap();
    let back = interface(&pair.jail).unwrap();
    assert_eq!((back.mac.as_deref(), back.addresses.len()), (Some(pair.jail_mac.as_str()), 0));
    // Destroying the host's end takes the other with it.
    FreeBsdNetwork.destroy_interface(&pair.host).unwrap();
    assert_eq!(interface(&pair.jail), None);
    FreeBsdNetwork.destroy_interface(&pair.host).unwrap();
}

#[test]
fn the_end_in_the_jail_goes_with_the_hosts_end() {
    let mut made = Made(vec![]);
    let pair = pair(&mut made, 8);
    let jail = Jail::start(true, vec![]);
    let moved = JailInterface {
        jail: jail.name.clone(),
        host_name: pair.jail.clone(),
        name: "vnet0".to_owned(),
        addresses: vec![],
        accept_rtadv: false,
    };
    FreeBsdNetwork.move_into_jail(&moved).unwrap();
    FreeBsdNetwork.destroy_interface(&pair.host).unwrap();
    assert_eq!(jail.run(&["ifconfig", "-l"]), "lo0");
}

#[test]
fn a_failure_leaves_nothing() {
    let mut made = Made(vec![]);
    let bridge = bridge(&mut made);
    let before = host("/sbin/ifconfig", &["-l"]);
    let count = before.split_whitespace().filter(|name| name.starts_with("epair")).count();
    let mut pair = PairSpec {
        host: bridge.clone(),
        jail: short("ij"),
        host_mac: "02:11:22:33:44:55".to_owned(),
        jail_mac: "02:11:22:33:44:56".to_owned(),
        mtu: 1500,
        description: String::new(),
    };
    match FreeBsdNetwork.create_pair(&pair) {
        Err(NetworkError::Exists { name }) => assert_eq!(name, bridge),
        other => panic!("{other:?}"),
    }
    std::mem::swap(&mut pair.host, &mut pair.jail);
    match FreeBsdNetwork.create_pair(&pair) {
        Err(NetworkError::Exists { name }) => assert_eq!(name, bridge),
        other => panic!("{other:?}"),
    }
    let twice = BridgeSpec { name: bridge.clone(), description: String::new() };
    assert!(matches!(FreeBsdNetwork.create_bridge(&twice), Err(NetworkError::Exists { .. })));
    pair.jail = "much too long a name".to_owned();
    assert!(matches!(FreeBsdNetwork.create_pair(&pair), Err(NetworkError::Unsupported { .. })));
    assert_eq!(interface(&pair.host), None);
    let after = host("/sbin/ifconfig", &["-l"]);
    // Other tests run at the same time, but none leaves a pair under its first name.
    let left = after.split_whitespace().filter(|name| name.starts_with("epair")).count();
    assert!(left <= count + 2, "{before} {after}");
    let nobody = "ioctest-nobody".parse().unwrap();
    assert!(matches!(FreeBsdNetwork.setup_loopback(&nobody), Err(NetworkError::NoJail { .. })));
    assert!(matches!(
        FreeBsdNetwork.join_bridge(&bridge, "nosuch0"),
        Err(NetworkError::NoInterface { name }) if name == "nosuch0"
    ));
    assert!(matches!(
        FreeBsdNetwork.join_bridge("nosuch0", &bridge),
        Err(NetworkError::NoInterface { name }) if name == "nosuch0"
    ));
}

#[test]
fn shared_addresses() {
    let mut made = Made(vec![]);
    let bridge = bridge(&mut made);
    for text in ["10.98.77.5/32", "fd98:77::5/128"] {
        let address = address(text);
        FreeBsdNetwork.add_address(&bridge, address).unwrap();
        assert!(interface(&bridge).unwrap().addresses.contains(&address), "{text}");
        FreeBsdNetwork.remove_address(&bridge, address).unwrap();
        FreeBsdNetwork.remove_address(&bridge, address).unwrap();
        assert!(!interface(&bridge).unwrap().addresses.contains(&address), "{text}");
        FreeBsdNetwork.remove_address("nosuch0", address).unwrap();
        match FreeBsdNetwork.add_address("nosuch0", address) {
            Err(NetworkError::NoInterface { name }) => assert_eq!(name, "nosuch0"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_bridge_says_why_it_takes_no_member() {
    let mut made = Made(vec![]);
    let bridge = bridge(&mut made);
    let first = pair(&mut made, 5);
    FreeBsdNetwork.join_bridge(&bridge, &first.host).unwrap();
    let mut other = pair(&mut made, 6);
    FreeBsdNetwork.destroy_interface(&other.host).unwrap();
    other.mtu = 1400;
    FreeBsdNetwork.create_pair(&other).unwrap();
    match FreeBsdNetwork.join_bridge(&bridge, &other.host) {
        Err(NetworkError::Unsupported { what }) => assert!(what.contains("1400"), "{what}"),
        // Since FreeBSD 14 the bridge sets the MTU of its members.
        Ok(()) => assert_eq!(interface(&other.host).unwrap().mtu, 1500),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_hosts_way_out() {
    let gateways = FreeBsdNetwork.gateways().unwrap();
    // route(8) says nothing and fails where there is no default route.
    #[expect(clippy::disallowed_methods, reason = "compares with what the system's own program says")]
    let said = std::process::Command::new("/sbin/route").args(["-n", "get", "default"]).output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let field = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let v4 = gateways.iter().find(|gateway| gateway.router.is_ipv4());
    assert_eq!(v4.map(|gateway| gateway.router.to_string()).as_deref(), field("gateway:"));
    assert_eq!(v4.map(|gateway| gateway.interface.as_str()), field("interface:").filter(|_| v4.is_some()));
}

/// A sysctl that is put back.
struct Sysctl(&'static str, String);

impl Sysctl {
    fn set(name: &'static str, value: &str) -> Self {
        let before = host("/sbin/sysctl", &["-n", name]).trim().to_owned();
        host("/sbin/sysctl", &[&format!("{name}={value}")]);
        Sysctl(name, before)
    }
}

impl Drop for Sysctl {
    fn drop(&mut self) {
        host("/sbin/sysctl", &[&format!("{}={}", self.0, self.1)]);
    }
}

#[test]
fn a_secure_bridge_keeps_a_jail_to_its_addresses() {
    // With the default of ipfw, to deny, loading it would cut everybody off.
    let accepts = host("/bin/kenv", &["-q"]).contains("net.inet.ip.fw.default_to_accept=\"1\"");
    if !accepts {
        eprintln!("skipped: kenv net.inet.ip.fw.default_to_accept is not 1");
        return;
    }
    host("/sbin/kldload", &["-n", "ipfw"]);
    let firewall = FreeBsdFirewall::new(std::sync::Arc::new(Door::new()));
    let mut made = Made(vec![]);
    let (target, private) = (bridge(&mut made), bridge(&mut made));
    let switches = ["net.link.ether.ipfw", "net.link.bridge.ipfw", "net.link.bridge.ipfw_arp"];
    let _switches = switches.map(|name| Sysctl::set(name, "1"));
    assert_eq!(firewall.unavailable().unwrap(), None);

    let jails = [Jail::start(true, raw_sockets()), Jail::start(true, raw_sockets())];
    let pairs = [pair(&mut made, 21), pair(&mut made, 22)];
    let between = pair(&mut made, 23);
    // The first jail: private bridge, second pair, target. The second jail: target.
    for (bridge, member) in [
        (&private, &pairs[0].host),
        (&private, &between.jail),
        (&target, &between.host),
        (&target, &pairs[1].host),
    ] {
        FreeBsdNetwork.join_bridge(bridge, member).unwrap();
    }
    for (number, (jail, pair)) in jails.iter().zip(&pairs).enumerate() {
        FreeBsdNetwork
            .move_into_jail(&JailInterface {
                jail: jail.name.clone(),
                host_name: pair.jail.clone(),
                name: "vnet0".to_owned(),
                addresses: vec![
                    address(&format!("10.97.7.{}/24", number + 1)),
                    address(&format!("fd97::{}/64", number + 1)),
                ],
                accept_rtadv: false,
            })
            .unwrap();
    }
    let number = NonZeroU16::new(20_000 + (std::process::id() % 10_000) as u16).unwrap();
    let spec = FirewallSpec {
        number,
        from_jail: between.jail.clone(),
        to_jail: pairs[0].host.clone(),
        mac: pairs[0].jail_mac.clone(),
        addresses: vec!["10.97.7.1".parse().unwrap(), "fd97::1".parse().unwrap()],
    };
    firewall.apply(&spec).unwrap();
    assert!(firewall.numbers().unwrap().contains(&number));

    let [one, two] = &jails;
    let passes = |jail: &Jail, args: &[&str]| {
        let argv = [&["ping", "-c", "2", "-t", "3"], args].concat();
        jail.exec(&Jail::process(&argv)).unwrap().status.success()
    };
    assert!(passes(one, &["10.97.7.2"]) && passes(two, &["10.97.7.1"]));
    assert!(passes(one, &["-6", "fd97::2"]) && passes(two, &["-6", "fd97::1"]));
    // An address that is not its own, in both directions.
    one.run(&["ifconfig", "vnet0", "inet", "10.97.7.9/24", "alias"]);
    assert!(!passes(one, &["-S", "10.97.7.9", "10.97.7.2"]));
    assert!(!passes(two, &["10.97.7.9"]));
    one.run(&["ifconfig", "vnet0", "inet6", "fd97::9/64", "alias", "no_dad"]);
    assert!(!passes(one, &["-6", "-S", "fd97::9", "fd97::2"]));
    assert!(passes(one, &["10.97.7.2"]));
    // A MAC that is not its own.
    one.run(&["ifconfig", "vnet0", "ether", "02:11:22:33:44:99"]);
    assert!(!passes(one, &["10.97.7.2"]));
    one.run(&["ifconfig", "vnet0", "ether", &pairs[0].jail_mac]);
    firewall.remove(number).unwrap();
    firewall.remove(number).unwrap();
    assert!(!firewall.numbers().unwrap().contains(&number));
    // Without rules the alias passes: it was they that kept it.
    assert!(passes(one, &["-S", "10.97.7.9", "10.97.7.2"]));
}
