//! Jails with a network of their own, and with addresses of the host.

use ioc_testkit::scenarios;

scenarios! {
    fn a_vnet_jail_is_reached_through_its_bridge(machine) {
        let bridge = format!("br{}", machine.source());
        let interfaces = format!("interfaces=eth0:{bridge}");
        machine.jail("web", &["vnet=on", &interfaces, "ip4_addr=eth0|10.213.77.2/24", "ip6_addr=eth0|fd00:213::2/64"]);
        let said = machine.run(&["start", "web"]);
        assert_eq!(said.status, 0, "{said}");
        let inside = machine.ok(&["exec", "web", "--", "ip", "addr"]);
        assert!(inside.contains("10.213.77.2/24") && inside.contains("fd00:213::2/64"), "{inside}");
        assert!(machine.left_behind().iter().any(|trace| trace.contains(&bridge)));
        machine.ok(&["stop", "web"]);
        assert_eq!(machine.left_behind(), Vec::<String>::new());
    }

    fn a_bridge_that_was_there_stays(machine) {
        let bridge = format!("br{}", machine.source());
        let ip = |args: &[&str]| assert!(std::process::Command::new("ip").args(args).status().unwrap().success());
        ip(&["link", "add", &bridge, "type", "bridge"]);
        ip(&["addr", "add", "10.213.78.1/24", "dev", &bridge]);
        ip(&["link", "set", &bridge, "up"]);
        let interfaces = format!("interfaces=eth0:{bridge}");
        machine.jail("web", &["vnet=on", &interfaces, "ip4_addr=eth0|10.213.78.2/24", "defaultrouter=10.213.78.1"]);
        machine.ok(&["start", "web"]);
        ip(&["-br", "link", "show", &bridge]);
        assert!(std::process::Command::new("ping").args(["-c1", "-W2", "10.213.78.2"]).status().unwrap().success());
        machine.ok(&["exec", "web", "--", "ip", "route", "get", "192.0.2.1"]);
        machine.ok(&["stop", "web"]);
        let left = machine.left_behind();
        assert!(left.iter().all(|trace| trace.contains(&bridge)), "{left:?}");
        ip(&["link", "del", &bridge]);
    }

    fn an_address_of_the_host_is_lent_and_taken_back(machine) {
        let dummy = format!("du{}", machine.source());
        let ip = |args: &[&str]| assert!(std::process::Command::new("ip").args(args).status().unwrap().success());
        ip(&["link", "add", &dummy, "type", "bridge"]);
        ip(&["addr", "add", "10.213.79.1/32", "dev", &dummy]);
        let addresses = format!("ip4_addr={dummy}|10.213.79.1/32,{dummy}|10.213.79.2/32");
        machine.jail("web", &[&addresses]);
        let has = |address: &str| {
            let output = std::process::Command::new("ip").args(["addr", "show", &dummy]).output().unwrap();
            String::from_utf8_lossy(&output.stdout).contains(address)
        };
        machine.ok(&["start", "web"]);
        assert!(has("10.213.79.1") && has("10.213.79.2"));
        machine.ok(&["stop", "web"]);
        // What was there before is the host's.
        assert!(has("10.213.79.1") && !has("10.213.79.2"));
        ip(&["link", "del", &dummy]);
    }
}
