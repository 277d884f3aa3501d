//! What only FreeBSD has: VNET, addresses of the host, nullfs, rctl, devfs rules, rc(8).

use std::collections::BTreeMap;

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;
use ioc_testkit::zfs_pool::TestPool;

/// Runs a command of the host, which must succeed.
fn host(command: &str) -> String {
    let (status, output) = try_host(command);
    assert_eq!(status, 0, "{command}: {output}");
    output
}

#[expect(clippy::disallowed_methods, reason = "the test looks at its host by its own means")]
fn try_host(command: &str) -> (i32, String) {
    let output = std::process::Command::new("/bin/sh").args(["-c", command]).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&text).into_owned())
}

/// Begin of IPv4 addresses that no other test uses at the time.
fn network(machine: &Machine) -> String {
    let number: u32 =
        machine.source().bytes().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    format!("10.{}.{}", 128 + number / 256 % 127, number % 256)
}

/// A bridge of the host with an address; it is gone when this is dropped.
struct Bridge {
    name: String,
}

impl Bridge {
    fn new(machine: &Machine, address: &str) -> Self {
        let made = host("ifconfig bridge create");
        let name = format!("br{}", machine.source());
        host(&format!("ifconfig {} name {name}", made.trim()));
        host(&format!("ifconfig {name} inet {address} up"));
        Bridge { name }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        try_host(&format!("ifconfig {} destroy", self.name));
    }
}

/// Everything that a start adds to a host, as far as the base system shows it.
fn state() -> BTreeMap<&'static str, String> {
    [
        "ifconfig -a | grep -v -e nd6 -e status -e options",
        "mount -p",
        "rctl",
        "jls -d jid name path",
        "netstat -rn",
    ]
    .map(|command| (command, try_host(command).1))
    .into()
}

scenarios! {
    fn vnet_jails_reach_each_other_and_the_host(machine) {
        let net = network(machine);
        let bridge = Bridge::new(machine, &format!("{net}.1/24"));
        let interfaces = format!("interfaces=vnet0:{}", bridge.name);
        for number in [2, 3] {
            machine.jail(&format!("j{number}"), &[
                "vnet=on",
                "allow_raw_sockets=yes",
                &interfaces,
                &format!("ip4_addr=vnet0|{net}.{number}/24"),
                &format!("ip6_addr=vnet0|fd00:213::{number}/64"),
                &format!("defaultrouter={net}.1"),
            ]);
        }
        let before = state();
        machine.ok(&["start", "j2", "j3"]);
        let inside = machine.ok(&["exec", "j2", "--", "ifconfig"]);
        assert!(inside.contains(&format!("{net}.2")) && inside.contains("fd00:213::2"), "{inside}");
        assert!(inside.contains("127.0.0.1"), "{inside}");
        machine.ok(&["exec", "j2", "--", "ping", "-c1", "-t10", &format!("{net}.3")]);
        machine.ok(&["exec", "j2", "--", "sh", "-c", "ping -6 -c3 -t10 fd00:213::3 || ping6 -c3 fd00:213::3"]);
        machine.ok(&["exec", "j3", "--", "ping", "-c1", "-t10", &format!("{net}.1")]);
        host(&format!("ping -c1 -t10 {net}.2"));
        assert!(machine.ok(&["exec", "j2", "--", "netstat", "-rn"]).contains("default"));
        machine.ok(&["stop", "j2", "j3"]);
        assert_eq!(state(), before);
    }

    fn a_bridge_that_is_missing_is_made_and_removed(machine) {
        let net = network(machine);
        let name = format!("br{}", machine.source());
        machine.jail("web", &["vnet=on", &format!("interfaces=vnet0:{name}"), &format!("ip4_addr=vnet0|{net}.2/24")]);
        let before = state();
        machine.ok(&["start", "web"]);
        assert!(host(&format!("ifconfig {name}")).contains("member"));
        machine.ok(&["stop", "web"]);
        assert_eq!(state(), before);
    }

    fn an_address_of_the_host_is_lent_and_taken_back(machine) {
        let net = network(machine);
        let bridge = Bridge::new(machine, &format!("{net}.1/32"));
        let name = &bridge.name;
        machine.jail("web", &[&format!("ip4_addr={name}|{net}.1/32,{name}|{net}.2/32")]);
        let before = state();
        machine.ok(&["start", "web"]);
        assert!(host(&format!("ifconfig {name}")).contains(&format!("{net}.2")));
        let inside = machine.ok(&["exec", "web", "--", "ifconfig"]);
        assert!(inside.contains(&format!("{net}.2")) && !inside.contains("127.0.0.1"), "{inside}");
        machine.ok(&["stop", "web"]);
        // What was there before is the host's.
        assert_eq!(state(), before);
    }

    fn limits_bite(machine) {
        machine.jail("web", &["maxproc=6"]);
        machine.ok(&["start", "web"]);
        assert!(host("rctl").contains("maxproc:deny=6"));
        let crowd = "for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait";
        let said = machine.run(&["exec", "web", "--", "sh", "-c", crowd]);
        assert!(said.stderr.contains("fork") || said.status != 0, "{said}");
        machine.ok(&["stop", "web"]);
        assert!(!host("rctl").contains(machine.source()));
    }

    fn a_limit_can_be_changed_while_it_runs(machine) {
        machine.jail("web", &["maxproc=100"]);
        machine.ok(&["start", "web"]);
        machine.ok(&["set", "maxproc=50", "web"]);
        let rules = host("rctl");
        assert!(rules.contains("maxproc:deny=50") && !rules.contains("maxproc:deny=100"), "{rules}");
        machine.ok(&["stop", "web"]);
        assert!(!host("rctl").contains(machine.source()));
    }

    fn devices_of_the_host_are_hidden(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        let devices = machine.ok(&["exec", "web", "--", "ls", "/dev"]);
        assert!(devices.contains("null") && devices.contains("random"), "{devices}");
        assert!(!devices.contains("mem") && !devices.contains("vtbd") && !devices.contains("console"), "{devices}");
    }

    fn the_base_is_read_only(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        for place in ["/bin/mark", "/usr/lib/mark", "/sbin/mark"] {
            assert_ne!(machine.run(&["exec", "web", "--", "touch", place]).status, 0, "{place}");
        }
        machine.ok(&["exec", "web", "--", "touch", "/etc/mark", "/root/mark", "/var/mark"]);
    }

    fn it_boots_and_shuts_down(machine) {
        machine.jail("web", &["exec_start=/bin/sh /etc/rc", "exec_stop=/bin/sh /etc/rc.shutdown jail"]);
        let before = state();
        machine.ok(&["start", "web"]);
        let processes = machine.ok(&["exec", "web", "--", "ps", "ax"]);
        assert!(processes.contains("cron"), "{processes}");
        assert!(machine.ok(&["exec", "web", "--", "sysctl", "-n", "security.jail.jailed"]).starts_with('1'));
        machine.ok(&["restart", "web"]);
        machine.ok(&["stop", "web"]);
        assert_eq!(state(), before);
    }

    fn twenty_in_the_order_of_their_dependencies(machine) {
        let log = machine.directory().join("log");
        let hook = format!("exec_poststart=echo $IOC_NAME >> {}", log.display());
        for number in 1..=20 {
            let depends = format!("depends=n{}", number / 2);
            let mut properties = vec![hook.as_str()];
            if number > 1 {
                properties.push(&depends);
            }
            machine.jail(&format!("n{number}"), &properties);
        }
        machine.ok(&["start", "--jobs", "4", "*"]);
        let started: Vec<String> =
            std::fs::read_to_string(log).unwrap().split_whitespace().map(str::to_owned).collect();
        let at = |number: u32| started.iter().position(|name| *name == format!("n{number}")).unwrap();
        assert_eq!(started.len(), 20);
        for number in 2..=20 {
            assert!(at(number / 2) < at(number), "{started:?}");
        }
        machine.ok(&["stop", "--jobs", "4", "*"]);
        assert_eq!(machine.left_behind(), Vec::<String>::new());
    }

    fn parameters_are_what_the_kernel_has(machine) {
        machine.jail("web", &[
            "allow_raw_sockets=yes",
            "allow_sysvipc=no",
            "enforce_statfs=1",
            "children_max=3",
            "securelevel=3",
            "sysvshm=new",
            "host_hostname=web.example",
        ]);
        machine.ok(&["start", "web"]);
        let name = format!("{}-web", machine.source());
        let shown = host(&format!(
            "jls -j {name} allow.raw_sockets allow.set_hostname enforce_statfs children.max securelevel sysvshm \
             host.hostname devfs_ruleset"
        ));
        assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), ["true", "true", "1", "3", "3", "new", "web.example", "4"]);
        let refused = machine.run(&["start", "-o", "allow_mount_nonsense=yes", "web"]);
        assert_ne!(refused.status, 3, "{refused}");
    }

    fn a_jail_manages_its_datasets_and_gives_them_back(machine) {
        let pool = TestPool::new();
        let (data, spare) = (format!("{}/data", pool.name()), format!("{}/spare", pool.name()));
        pool.zfs(&["create", "-o", "jailed=on", "-o", "mountpoint=/data", &data]);
        pool.zfs(&["create", "-o", "jailed=on", "-o", "mountpoint=none", &spare]);
        machine.jail("web", &["jail_zfs=yes", &format!("jail_zfs_dataset={data} {spare}")]);
        // A first start makes directories in the jail that stay.
        machine.ok(&["start", "web"]);
        machine.ok(&["stop", "web"]);
        let before = (state(), pool.zfs(&["list", "-rH", "-o", "name,mounted,jailed", pool.name()]));
        machine.ok(&["start", "web"]);
        let inside = |script: &str| machine.ok(&["exec", "web", "--", "/bin/sh", "-c", script]);
        let listed = inside("/sbin/zfs list -H -o name");
        assert!(listed.contains(&data) && listed.contains(&spare), "{listed}");
        assert!(!listed.contains("iocage"), "{listed}");
        inside(&format!("zfs create {data}/child && echo kept > /data/child/file && zfs snapshot {data}/child@a"));
        inside(&format!("zfs set mountpoint=/srv/spare {spare} && touch /srv/spare/file"));
        assert!(host("mount -p").contains(&format!("{}/data/child", machine.jail_root("web").display())));
        // A process with its files there is no reason for the jail to stay.
        inside("cd /data/child && (sleep 600 >log 2>&1 &)");
        machine.ok(&["stop", "web"]);
        assert_eq!(state(), before.0);
        pool.zfs(&["destroy", "-r", &format!("{data}/child")]);
        assert_eq!(pool.zfs(&["list", "-rH", "-o", "name,mounted,jailed", pool.name()]), before.1);

        // What it has made and set is there at its next start.
        machine.ok(&["start", "web"]);
        assert!(inside("ls /srv/spare").contains("file"));
        machine.ok(&["restart", "-s", "web"]);
        assert!(inside("ls /srv/spare").contains("file"));
        machine.ok(&["stop", "web"]);
        assert_eq!(state(), before.0);
    }

    fn a_start_that_fails_gives_datasets_back(machine) {
        let pool = TestPool::new();
        let data = format!("{}/data", pool.name());
        pool.zfs(&["create", "-o", "jailed=on", "-o", "mountpoint=/data", &data]);
        let given = format!("jail_zfs_dataset={data}");
        machine.jail("web", &["jail_zfs=yes", &given]);
        machine.ok(&["start", "web"]);
        machine.ok(&["stop", "web"]);
        let before = state();
        // The daemon holds a file of the dataset.
        machine.ok(&["set", "exec_start=cd /data && (sleep 600 >log 2>&1 &)", "exec_poststart=false", "web"]);
        let said = machine.fails(1, &["start", "web"]);
        assert!(!said.contains("left behind"), "{said}");
        assert_eq!(state(), before);
        machine.ok(&["exec", "--fork", "web", "--", "/bin/ls", "/data/log"]);
        assert_eq!(state(), before);

        // One that is killed, and the next command.
        machine.ok(&["set", "exec_start=/usr/bin/true", "exec_poststart=sleep 60", "web"]);
        let mut start = machine.command(&["start", "web"]).spawn().unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !host("mount -p").contains(&data) && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
        start.kill().unwrap();
        start.wait().unwrap();
        machine.ok(&["set", "exec_poststart", "web"]);
        assert_eq!(state(), before);
    }

    fn what_a_jail_cannot_be_given_is_refused_before_anything_is_made(machine) {
        let pool = TestPool::new();
        let name = |below: &str| format!("{}/{below}", pool.name());
        pool.zfs(&["create", &name("plain")]);
        pool.zfs(&["create", "-o", "jailed=on", "-o", "mountpoint=/data", &name("data")]);
        pool.zfs(&["create", "-V", "16M", &name("volume")]);
        machine.jail("web", &["jail_zfs=yes"]);
        machine.jail("db", &["jail_zfs=yes", &format!("jail_zfs_dataset={}", name("data"))]);
        machine.ok(&["start", "db"]);
        let before = state();
        for (dataset, words) in [
            (name("missing"), "zfs create -o jailed=on"),
            (name("plain"), "zfs set jailed=on"),
            (name("volume"), "not applicable"),
            (name("data"), "has mounted it"),
        ] {
            machine.ok(&["set", &format!("jail_zfs_dataset={dataset}"), "web"]);
            let said = machine.fails(1, &["start", "web"]);
            assert!(said.contains(words) && said.contains(&dataset), "{dataset}: {said}");
            assert_eq!(state(), before);
        }
        if machine.pool().is_some() {
            for below in ["", "/jails", "/jails/web/root", "/jails/db"] {
                machine.ok(&["set", &format!("jail_zfs_dataset={}{below}", machine.root()), "web"]);
                let said = machine.fails(1, &["start", "web"]);
                assert!(said.contains("cannot be given"), "{below}: {said}");
            }
        }
        machine.ok(&["stop", "db"]);
    }

    fn a_dataset_is_named_without_its_pool_and_survives_its_jail(machine) {
        let Some(pool) = machine.pool() else { return };
        machine.jail("web", &["jail_zfs=yes", "jail_zfs_dataset=iocage/jails/web/data"]);
        let data = format!("{}/jails/web/data", machine.root());
        pool.zfs(&["create", "-o", "jailed=on", "-o", "mountpoint=/data", &data]);
        machine.ok(&["start", "web"]);
        machine.ok(&["exec", "web", "--", "/usr/bin/touch", "/data/kept"]);
        let said = machine.fails(1, &["destroy", "-f", "web"]);
        assert!(said.contains(&data), "{said}");
        machine.ok(&["stop", "web"]);
        machine.ok(&["rename", "web", "www"]);
        machine.ok(&["start", "www"]);
        assert!(machine.ok(&["exec", "www", "--", "/bin/ls", "/data"]).contains("kept"));
        // One more process than a start without datasets has for each: to look, to give, to mount.
        machine.ok(&["stop", "www"]);
        let start = executed(machine, &["start", "www"]);
        assert!(start <= 5 + 2 + 3, "{start}");
        machine.ok(&["stop", "www"]);
        assert_eq!(machine.left_behind(), Vec::<String>::new());
        let (data, kept) = (data.replace("/web/", "/www/"), format!("{}/kept", pool.name()));
        assert!(machine.fails(1, &["destroy", "-f", "www"]).contains(&data));
        pool.zfs(&["set", "jailed=off", &data]);
        pool.zfs(&["rename", &data, &kept]);
        machine.ok(&["destroy", "-f", "www"]);
        assert!(pool.zfs(&["list", "-H", "-o", "name", &kept]).contains(&kept));
    }

    fn few_processes_are_spawned(machine) {
        machine.host_release();
        machine.ok(&["create", "-r", "host", "-c", "30", "n", "exec_start=/usr/bin/true", "exec_stop=/usr/bin/true"]);
        assert!(executed(machine, &["list"]) <= 2);
        // The command itself is the third.
        let get = executed(machine, &["get", "boot", "n_1"]);
        assert!(get <= 3, "{get}");
        let start = executed(machine, &["start", "n_1"]);
        // The hook's shell and true are the jail's own.
        assert!(start <= 5 + 2, "{start}");
        // By its path, as each place where it is looked for is a call.
        assert_eq!(executed(machine, &["exec", "n_1", "--", "/usr/bin/true"]), 1);
        machine.ok(&["stop", "n_1"]);
    }
}

/// How many programs a command executes, besides itself, by ktrace(1).
fn executed(machine: &Machine, args: &[&str]) -> usize {
    let trace = machine.directory().join("trace");
    let words: Vec<String> = machine.words(args);
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    host(&format!("ktrace -i -t c -f {} {} >/dev/null", trace.display(), quoted.join(" ")));
    let calls = host(&format!("kdump -f {} | grep -c -e 'CALL  execve' -e 'CALL  fexecve'", trace.display()));
    calls.trim().parse::<usize>().unwrap() - 1
}
