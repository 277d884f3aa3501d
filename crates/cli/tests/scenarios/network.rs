//! Jails with a network of their own, and with addresses of the host.

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;

/// Begin of IPv4 addresses that no other test uses at the time.
fn network(machine: &Machine) -> String {
    let number: u32 =
        machine.source().bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("10.{}.{}", 128 + number / 256 % 127, number % 256)
}

/// Runs ip(8), which must succeed.
#[expect(clippy::disallowed_methods, reason = "the test prepares its host by its own means")]
fn ip(args: &[&str]) -> String {
    let output = std::process::Command::new("ip").args(args).output().unwrap();
    assert!(output.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "the test is the other end of the network")]
fn answers(address: &str) -> bool {
    std::process::Command::new("ping").args(["-c1", "-W5", address]).status().unwrap().success()
}

scenarios! {
    fn a_vnet_jail_is_reached_through_its_bridge(machine) {
        let bridge = format!("br{}", machine.source());
        let interfaces = format!("interfaces=eth0:{bridge}");
        let net = network(machine);
        let ip4 = format!("ip4_addr=eth0|{net}.2/24");
        machine.jail("web", &["vnet=on", &interfaces, &ip4, "ip6_addr=eth0|fd00:213::2/64"]);
        let said = machine.run(&["start", "web"]);
        assert_eq!(said.status, 0, "{said}");
        let inside = machine.ok(&["exec", "web", "--", "ip", "addr"]);
        assert!(inside.contains(&format!("{net}.2/24")) && inside.contains("fd00:213::2/64"), "{inside}");
        assert!(machine.left_behind().iter().any(|trace| trace.contains(&bridge)));
        machine.ok(&["stop", "web"]);
        assert_eq!(machine.left_behind(), Vec::<String>::new());
    }

    fn a_bridge_that_was_there_stays(machine) {
        let bridge = format!("br{}", machine.source());
        ip(&["link", "add", &bridge, "type", "bridge"]);
        let net = network(machine);
        ip(&["addr", "add", &format!("{net}.1/24"), "dev", &bridge]);
        ip(&["link", "set", &bridge, "up"]);
        let interfaces = format!("interfaces=eth0:{bridge}");
        let (ip4, router) = (format!("ip4_addr=eth0|{net}.2/24"), format!("defaultrouter={net}.1"));
        machine.jail("web", &["vnet=on", &interfaces, &ip4, &router]);
        machine.ok(&["start", "web"]);
        ip(&["-br", "link", "show", &bridge]);
        assert!(answers(&format!("{net}.2")));
        machine.ok(&["exec", "web", "--", "ip", "route", "get", "192.0.2.1"]);
        machine.ok(&["stop", "web"]);
        let left = machine.left_behind();
        assert!(left.iter().all(|trace| trace.contains(&bridge)), "{left:?}");
        ip(&["link", "del", &bridge]);
    }

    fn an_address_of_the_host_is_lent_and_taken_back(machine) {
        let dummy = format!("du{}", machine.source());
        ip(&["link", "add", &dummy, "type", "bridge"]);
        let net = network(machine);
        ip(&["addr", "add", &format!("{net}.1/32"), "dev", &dummy]);
        let addresses = format!("ip4_addr={dummy}|{net}.1/32,{dummy}|{net}.2/32");
        machine.jail("web", &[&addresses]);
        let has = |number: u32| ip(&["addr", "show", &dummy]).contains(&format!("{net}.{number}/32"));
        machine.ok(&["start", "web"]);
        assert!(has(1) && has(2));
        machine.ok(&["stop", "web"]);
        // What was there before is the host's.
        assert!(has(1) && !has(2));
        ip(&["link", "del", &dummy]);
    }
}
