//! The network of a jail: names, bridges, pairs, addresses, routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;

use ioc_model::address::{Addresses, Assigned, Family};
use ioc_model::interface::{Bridge, InterfaceName, Link, Router};
use ioc_model::name::KernelName;
use ioc_platform::network::ipfw::FirewallSpec;
use ioc_platform::network::{Address, BridgeSpec, DefaultRoute, Interface, JailInterface, PairSpec};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::facts::jail::JailFacts;
use crate::facts::network::{FirewallFacts, NetworkFacts};
use crate::plan::{Plan, Remembered, Step};

/// Description of the bridges that ioc makes, by which it knows them again.
pub const BRIDGE_MARK: &str = "made by ioc";

/// MTU of a pair whose bridge does not exist yet, in bytes.
const USUAL_MTU: u32 = 1500;

/// Names of the two ends of a jail's pair on the host, `a` stays there and `b` goes into the jail.
///
/// Begin of the jail's name for people, and eight digits of a hash over kernel name and interface: always the same
/// for the same jail, at most 15 characters as if_name(9) demands.
pub fn pair_names(jail: &KernelName, nic: &InterfaceName) -> (String, String) {
    let name = jail.as_str().split_once('-').map_or(jail.as_str(), |(_, name)| name);
    let shown: String = name.chars().filter(char::is_ascii_alphanumeric).take(5).collect();
    let hash = Sha256::digest(format!("{jail}\0{nic}"));
    let digits: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    (format!("{shown}-{digits}a"), format!("{shown}-{digits}b"))
}

/// Adds the steps that give a jail without VNET its addresses on interfaces of the host. Those that are there
/// already belong to the host and stay when the jail stops.
pub fn shared_addresses(
    plan: &mut Plan,
    jail: &JailFacts,
    facts: &NetworkFacts,
    memory: &mut Remembered,
) -> Result<(), Error> {
    let settings = jail.network()?;
    taken_addresses(plan, jail, facts)?;
    let v4 = settings.ip4.iter().map(|a| (a.interface.as_ref(), fixed(&a.address)));
    let v6 = settings.ip6.iter().map(|a| (a.interface.as_ref(), fixed(&a.address)));
    for (interface, address) in v4.chain(v6) {
        let Some(address) = address else {
            return Err(jail.wrong("an address that is found out (dhcp, accept_rtadv) needs vnet=yes"));
        };
        if facts.has_address(address.ip) {
            continue;
        }
        let interface = match (interface, facts.default_interface(address.ip)) {
            (Some(name), _) => name.as_str(),
            (None, Some(name)) => name,
            (None, None) => {
                let problem = format!("{address} names no interface and the host has no default route");
                return Err(jail.wrong(problem));
            }
        };
        if facts.interface(interface).is_none() {
            return Err(jail.wrong(format!("there is no interface {interface} on this host for {address}")));
        }
        plan.push(Step::AddAddress { interface: interface.to_owned(), address });
        memory.addresses.push((interface.to_owned(), address));
    }
    Ok(())
}

/// Refuses an address that another running jail has. Two jails may share one only if it is the only one of both:
/// so the kernel has it (sys/kern/kern_jail.c), and processes of the two find each other's ports taken.
fn taken_addresses(plan: &mut Plan, jail: &JailFacts, facts: &NetworkFacts) -> Result<(), Error> {
    let (v4, v6) = kernel_addresses(jail)?;
    for other in &facts.jails {
        let shared = v4
            .iter()
            .find(|ip| other.ip4.contains(ip))
            .map(|ip| (IpAddr::from(*ip), v4.len(), other.ip4.len()));
        let shared6 = || {
            v6.iter()
                .find(|ip| other.ip6.contains(ip))
                .map(|ip| (IpAddr::from(*ip), v6.len(), other.ip6.len()))
        };
        match shared.or_else(shared6) {
            None => {}
            Some((ip, 1, 1)) => {
                plan.notes.push(format!("running jail {} has the address {ip} as well", other.name))
            }
            Some((ip, _, _)) => {
                return Err(jail.wrong(format!("the address {ip} is in use by running jail {}", other.name)));
            }
        }
    }
    Ok(())
}

/// Adds the steps that set up the network stack of a VNET jail. The jail exists when they are taken.
pub fn vnet(
    plan: &mut Plan,
    jail: &JailFacts,
    facts: &NetworkFacts,
    memory: &mut Remembered,
) -> Result<(), Error> {
    let settings = jail.network()?;
    plan.push(Step::SetupLoopback { jail: jail.kernel_name.clone() });
    for link in &settings.links.0 {
        pair(plan, jail, facts, link, memory)?;
    }
    for name in &settings.given {
        if facts.interface(name).is_none() {
            return Err(jail.wrong(format!("vnet_interfaces: there is no interface {name} on this host")));
        }
        plan.push(Step::GiveInterface(inside(jail, name, name)?));
        memory.given.push(name.clone());
    }
    // Who gives the addresses names the router too; before there is an address, none can be reached.
    if !settings.ip4.iter().any(|assigned| assigned.address.is_automatic()) {
        default_route(plan, jail, facts.gateway4, &settings.router4);
    } else if settings.router4.is_some() {
        plan.notes.push("defaultrouter is left to DHCP".to_owned());
    }
    if !settings.ip6.iter().any(|assigned| assigned.address.is_automatic()) {
        default_route(plan, jail, facts.gateway6, &settings.router6);
    } else if settings.router6.is_some() {
        plan.notes.push("defaultrouter6 is left to router advertisements".to_owned());
    }
    Ok(())
}

fn pair(
    plan: &mut Plan,
    jail: &JailFacts,
    facts: &NetworkFacts,
    link: &Link,
    memory: &mut Remembered,
) -> Result<(), Error> {
    let (host, end) = pair_names(&jail.kernel_name, &link.nic);
    if facts.interface(&host).or_else(|| facts.interface(&end)).is_some() {
        return Err(
            jail.wrong(format!("the host has an interface {host} already; destroy it if it is a leftover"))
        );
    }
    let bridge = link.bridge.as_ref().map(|bridge| bridge.name.as_str());
    let mut mtu = USUAL_MTU;
    let mut ours = true;
    if let Some(name) = bridge {
        match facts.interface(name) {
            Some(found @ Interface { bridge: true, .. }) => {
                mtu = found.mtu;
                ours = found.description.as_deref() == Some(BRIDGE_MARK);
            }
            Some(_) => return Err(jail.wrong(format!("interfaces: {name} is not a bridge"))),
            None => {
                plan.push(Step::CreateBridge(BridgeSpec {
                    name: name.to_owned(),
                    description: BRIDGE_MARK.to_owned(),
                }));
                plan.notes.push(format!(
                    "bridge {name} does not exist; it is made, and nothing but jails is on it"
                ));
            }
        }
        memory.bridges.push(name.to_owned());
    }
    let mtu = jail.mtu(&link.nic)?.unwrap_or(mtu);
    let (host_mac, jail_mac) = jail.macs(&link.nic)?;
    plan.push(Step::CreatePair(PairSpec {
        host: host.clone(),
        jail: end.clone(),
        host_mac,
        jail_mac: jail_mac.clone(),
        mtu,
        description: format!("jail {} interface {}", jail.reference, link.nic),
    }));
    memory.pairs.push(host.clone());
    let interface = inside(jail, &end, link.nic.as_str())?;
    match (bridge, &link.bridge) {
        (Some(name), Some(Bridge { secure: true, .. })) => {
            let secured = Secured {
                link,
                bridge: name,
                ours,
                mtu,
                host,
                jail_mac,
                addresses: interface.addresses.iter().map(|address| address.ip).collect(),
                number: rule_number(jail, facts, link)?,
            };
            secure(plan, jail, secured, memory)?;
        }
        (Some(name), _) => plan.push(Step::JoinBridge { bridge: name.to_owned(), member: host, ours }),
        (None, _) => {}
    }
    plan.push(Step::MoveIntoJail(interface));
    Ok(())
}

/// A pair of a jail that is to be kept to its own addresses.
struct Secured<'a> {
    link: &'a Link,
    /// The bridge of the host.
    bridge: &'a str,
    /// ioc made it.
    ours: bool,
    mtu: u32,
    /// The host's end of the pair.
    host: String,
    jail_mac: String,
    addresses: Vec<IpAddr>,
    /// The number of its firewall rules.
    number: NonZeroU16,
}

/// Adds the steps that put rules between a jail's pair and a bridge of the host: a bridge of their own, and a second
/// pair from there. See [`ioc_platform::network::ipfw`].
fn secure(
    plan: &mut Plan,
    jail: &JailFacts,
    secured: Secured<'_>,
    memory: &mut Remembered,
) -> Result<(), Error> {
    let Secured { link, bridge, ours, mtu, host, jail_mac: mac, addresses, number } = secured;
    let settings = jail.network()?;
    let first = settings.links.0.first().map(|link| link.nic.as_str());
    let nic = link.nic.as_str();
    if addresses_of(&settings.ip4, nic, first).any(Assigned::is_automatic)
        || addresses_of(&settings.ip6, nic, first).any(Assigned::is_automatic)
    {
        return Err(jail
            .wrong(format!("interfaces: {link} lets only fixed addresses pass, not dhcp or accept_rtadv")));
    }
    let names = secure_names(&host);
    let (host_mac, jail_mac) = jail.uplink_macs(&link.nic)?;
    plan.push(Step::CreateBridge(BridgeSpec {
        name: names.private.clone(),
        description: BRIDGE_MARK.to_owned(),
    }));
    memory.bridges.push(names.private.clone());
    plan.push(Step::CreatePair(PairSpec {
        host: names.uplink.clone(),
        jail: names.inner.clone(),
        host_mac,
        jail_mac,
        mtu,
        description: format!("jail {} interface {}, towards {bridge}", jail.reference, link.nic),
    }));
    memory.pairs.push(names.uplink.clone());
    memory.rules.push(number);
    let join = |bridge: &str, member: &str, ours| Step::JoinBridge {
        bridge: bridge.to_owned(),
        member: member.to_owned(),
        ours,
    };
    plan.push(join(&names.private, &host, true));
    plan.push(join(&names.private, &names.inner, true));
    plan.push(Step::ApplyFirewall(FirewallSpec {
        number,
        from_jail: names.inner,
        to_jail: host,
        mac,
        addresses,
    }));
    plan.push(join(bridge, &names.uplink, ours));
    Ok(())
}

/// Names of what a secure bridge needs besides the jail's pair.
struct SecureNames {
    /// The bridge with the rules.
    private: String,
    /// The end of the second pair on the bridge of the host.
    uplink: String,
    /// Its end on the private bridge.
    inner: String,
}

/// The names that go with the host's end of a jail's pair, which ends with `a`.
fn secure_names(host: &str) -> SecureNames {
    let stem = host.strip_suffix('a').unwrap_or(host);
    SecureNames { private: format!("{stem}n"), uplink: format!("{stem}c"), inner: format!("{stem}d") }
}

/// Firewall rules of jails: the numbers in between those that people give and the last one, which is the default's.
const RULES: std::ops::Range<u16> = 10_000..60_000;

/// The number of an interface's rules: made from its name, the next free one if that is taken.
fn rule_number(jail: &JailFacts, facts: &NetworkFacts, link: &Link) -> Result<NonZeroU16, Error> {
    let used = match &facts.firewall {
        FirewallFacts::Usable { numbers } => numbers,
        FirewallFacts::Unusable(why) => return Err(jail.wrong(format!("interfaces: {link}: {why}"))),
        FirewallFacts::Unknown => {
            return Err(jail.wrong(format!("interfaces: {link}: no packet filter is known")));
        }
    };
    let hash = crate::facts::hash(&format!("{}\0{}", jail.kernel_name, link.nic));
    let preferred = RULES.start + (hash % u64::from(RULES.end - RULES.start)) as u16;
    let mut numbers = (preferred..RULES.end).chain(RULES.start..preferred).filter_map(NonZeroU16::new);
    numbers
        .find(|number| !used.contains(number))
        .ok_or_else(|| jail.wrong("all numbers for firewall rules of jails are taken"))
}

/// What an interface is to be in the jail.
fn inside(jail: &JailFacts, host_name: &str, name: &str) -> Result<JailInterface, Error> {
    let settings = jail.network()?;
    let first = settings.links.0.first().map(|link| link.nic.as_str());
    let (mut addresses, mut accept_rtadv) = (Vec::new(), false);
    addresses.extend(addresses_of(&settings.ip4, name, first).filter_map(fixed));
    for address in addresses_of(&settings.ip6, name, first) {
        match fixed(address) {
            Some(address) => addresses.push(address),
            None => accept_rtadv = true,
        }
    }
    Ok(JailInterface {
        jail: jail.kernel_name.clone(),
        host_name: host_name.to_owned(),
        name: name.to_owned(),
        addresses,
        accept_rtadv,
    })
}

/// The addresses of one interface; those without interface belong to the first one.
fn addresses_of<'a, A: Family>(
    addresses: &'a Addresses<A>,
    nic: &'a str,
    first: Option<&'a str>,
) -> impl Iterator<Item = &'a Assigned<A>> {
    addresses
        .iter()
        .filter(move |a| a.interface.as_ref().map(InterfaceName::as_str).or(first) == Some(nic))
        .map(|a| &a.address)
}

fn fixed<A: Family>(address: &Assigned<A>) -> Option<Address> {
    match address {
        Assigned::Fixed(cidr) => Some(Address { ip: cidr.address.into(), prefix: cidr.prefix }),
        Assigned::Automatic => None,
    }
}

fn default_route<A: Family>(
    plan: &mut Plan,
    jail: &JailFacts,
    host_gateway: Option<IpAddr>,
    router: &Option<Router<A>>,
) {
    let (router, interface) = match router {
        None => return,
        Some(Router::Auto) => match host_gateway {
            Some(gateway) => (gateway, None),
            None => return,
        },
        Some(Router::Via { address, interface }) => ((*address).into(), interface.as_ref()),
    };
    plan.push(Step::AddDefaultRoute(DefaultRoute {
        jail: jail.kernel_name.clone(),
        router,
        interface: interface.map(ToString::to_string),
    }));
}

/// IPv4 and IPv6 addresses that the kernel restricts a jail without VNET to.
pub fn kernel_addresses(jail: &JailFacts) -> Result<(Vec<Ipv4Addr>, Vec<Ipv6Addr>), Error> {
    fn list<A: Family>(addresses: &Addresses<A>) -> Vec<A> {
        let fixed = |a: &Assigned<A>| match a {
            Assigned::Fixed(cidr) => Some(cidr.address),
            Assigned::Automatic => None,
        };
        addresses.iter().filter_map(|a| fixed(&a.address)).collect()
    }
    let settings = jail.network()?;
    Ok((list(&settings.ip4), list(&settings.ip6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_pairs_are_short_and_always_the_same() {
        let name = |jail: &str, nic: &str| pair_names(&jail.parse().unwrap(), &nic.parse().unwrap());
        let (host, jail) = name("ioc-frontend", "vnet0");
        assert!(host.starts_with("front-") && host.ends_with('a'), "{host}");
        assert!(host.len() <= 15 && jail.len() <= 15);
        assert_eq!(name("ioc-frontend", "vnet0"), (host.clone(), jail));
        assert_ne!(name("ssd-frontend", "vnet0").0, host);
        assert_ne!(name("ioc-a", "b1").0, name("ioc-ab", "1").0);
    }
}
