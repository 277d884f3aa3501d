//! Rules of ipfw(8) that keep a VNET jail to its own addresses: the secure bridge.
//!
//! The jail's pair ends on a private bridge, which a second pair joins to the bridge of the host:
//!
//! ```text
//! jail --- pair --- [to_jail  private bridge  from_jail] --- pair --- bridge of the host
//! ```
//!
//! A bridge shows ipfw only what it sends out of a member (`bridge_pfil` in sys/net/if_bridge.c), so with two
//! members of its own everything from the jail is seen once, going out at `from_jail`, and everything to it once,
//! going out at `to_jail`. All rules match at layer 2 and end with a denial: what is not named does not pass.
//!
//! ipfw does not look into ARP. A jail can claim another's address in an ARP answer, under its own MAC only; but
//! frames for that address do not pass to it, nor frames from it. So it can disturb, but neither listen nor pretend.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::requests;

/// What may pass between a jail's interface and its bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallSpec {
    /// Number of all rules of this interface. Never 0, which would mean every rule when they are deleted.
    pub number: NonZeroU16,
    /// The member of the private bridge towards the bridge of the host.
    pub from_jail: String,
    /// The member of the private bridge towards the jail.
    pub to_jail: String,
    /// MAC of the jail's interface.
    pub mac: String,
    /// Addresses of the jail's interface.
    pub addresses: Vec<IpAddr>,
}

/// Why there are no rules for a specification.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// Text that would mean something else in a rule.
    #[error("{what} {text:?} cannot stand in a rule of ipfw")]
    Text {
        /// What it is.
        what: &'static str,
        /// The text.
        text: String,
    },
}

/// Variables of sysctl(8) that must be 1: without them ipfw does not see what a bridge passes on, or not its ARP.
pub const NEEDED: [&str; 4] =
    ["net.inet.ip.fw.enable", "net.link.ether.ipfw", "net.link.bridge.ipfw", "net.link.bridge.ipfw_arp"];

/// The rules, one a line, as ipfw(8) reads them from a file.
pub fn rules(spec: &FirewallSpec) -> Result<String, RuleError> {
    let FirewallSpec { number, from_jail, to_jail, mac, addresses } = spec;
    for (what, name) in [("the interface", from_jail), ("the interface", to_jail)] {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
        if !requests::is_name(name) || !name.bytes().all(plain) {
            return Err(RuleError::Text { what, text: name.clone() });
        }
    }
    let bytes = requests::mac(mac).ok_or_else(|| RuleError::Text { what: "the MAC", text: mac.clone() })?;
    let mac = requests::shown_mac(&bytes);
    let mut lines = Lines { number: *number, text: String::new() };

    let out = format!("layer2 MAC any {mac} out via {from_jail}");
    for ip in addresses {
        lines.add(&format!("allow {} from {ip} to any {out}", family(*ip)));
    }
    lines.add(&format!("allow all from any to any mac-type arp {out}"));
    if addresses.iter().any(IpAddr::is_ipv6) {
        lines.add(&format!("allow ip6 from {} to any {out}", link_local(bytes)));
        // Duplicate address detection and joining multicast groups come before there is an address (RFC 4862, 3810).
        lines.add(&format!("allow ipv6-icmp from :: to ff02::/16 icmp6types 135,143 {out}"));
    }
    lines.add(&format!("deny log all from any to any layer2 out via {from_jail}"));

    let to_mac = format!("layer2 MAC {mac} any out via {to_jail}");
    for ip in addresses {
        lines.add(&format!("allow {} from any to {ip} {to_mac}", family(*ip)));
    }
    lines.add(&format!("allow all from any to any mac-type arp {to_mac}"));
    lines.add(&format!(
        "allow all from any to any mac-type arp layer2 MAC ff:ff:ff:ff:ff:ff any out via {to_jail}"
    ));
    if addresses.iter().any(IpAddr::is_ipv6) {
        lines.add(&format!("allow ip6 from any to {} {to_mac}", link_local(bytes)));
        // Multicast listener queries, router advertisements, neighbour solicitations and advertisements.
        lines.add(&format!(
            "allow ipv6-icmp from any to ff02::/16 icmp6types 130,134,135,136 layer2 out via {to_jail}"
        ));
    }
    lines.add(&format!("deny log all from any to any layer2 out via {to_jail}"));
    Ok(lines.text)
}

/// The numbers in the list that `ipfw list` prints, each once, ascending.
pub fn numbers(list: &str) -> Vec<NonZeroU16> {
    let numbers = list.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
    numbers.collect::<BTreeSet<_>>().into_iter().collect()
}

struct Lines {
    number: NonZeroU16,
    text: String,
}

impl Lines {
    fn add(&mut self, rule: &str) {
        self.text.push_str(&format!("add {} {rule}\n", self.number));
    }
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "ip4" } else { "ip6" }
}

/// The link-local address that an interface with this MAC gives itself (RFC 4291, appendix A).
fn link_local(mac: [u8; 6]) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac;
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(addresses: &[&str]) -> FirewallSpec {
        FirewallSpec {
            number: NonZeroU16::new(10_004).unwrap(),
            from_jail: "web.0b".to_owned(),
            to_jail: "web.0".to_owned(),
            mac: "02:FF:60:10:bf:1e".to_owned(),
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn each_direction_ends_with_a_denial() {
        let rules = rules(&spec(&["10.0.0.2"])).unwrap();
        let expected = "\
add 10004 allow ip4 from 10.0.0.2 to any layer2 MAC any 02:ff:60:10:bf:1e out via web.0b
add 10004 allow all from any to any mac-type arp layer2 MAC any 02:ff:60:10:bf:1e out via web.0b
add 10004 deny log all from any to any layer2 out via web.0b
add 10004 allow ip4 from any to 10.0.0.2 layer2 MAC 02:ff:60:10:bf:1e any out via web.0
add 10004 allow all from any to any mac-type arp layer2 MAC 02:ff:60:10:bf:1e any out via web.0
add 10004 allow all from any to any mac-type arp layer2 MAC ff:ff:ff:ff:ff:ff any out via web.0
add 10004 deny log all from any to any layer2 out via web.0
";
        assert_eq!(rules, expected);
    }

    #[test]
    fn ipv6_has_its_neighbour_discovery() {
        let rules = rules(&spec(&["fd00::2"])).unwrap();
        assert!(rules.contains("allow ip6 from fd00::2 to any"));
        assert!(
            rules.contains("allow ip6 from fe80::ff:60ff:fe10:bf1e to any layer2 MAC any 02:ff:60:10:bf:1e")
        );
        assert!(rules.contains("from :: to ff02::/16 icmp6types 135,143"));
        assert!(rules.contains("from any to ff02::/16 icmp6types 130,134,135,136"));
        assert!(!rules.contains("ip4"));
    }

    #[test]
    fn no_address_no_traffic_but_arp() {
        let rules = rules(&spec(&[])).unwrap();
        assert_eq!(rules.lines().filter(|l| l.contains("allow") && !l.contains("arp")).count(), 0);
    }

    #[test]
    fn numbers_of_a_list() {
        let list = "00100 allow ip from any to any via lo0\n10004 deny log ip from any to any\n10004 deny\n65535 deny ip from any to any\nnoise\n";
        assert_eq!(numbers(list).iter().map(|n| n.get()).collect::<Vec<_>>(), [100, 10_004, 65_535]);
    }

    #[test]
    fn nothing_is_smuggled_into_a_rule() {
        let mut bad = spec(&[]);
        bad.to_jail = "x or via em0".to_owned();
        assert!(rules(&bad).is_err());
        let mut bad = spec(&[]);
        bad.to_jail = "em*".to_owned();
        assert!(rules(&bad).is_err());
        let mut bad = spec(&[]);
        bad.mac = "any".to_owned();
        assert!(rules(&bad).is_err());
    }
}
