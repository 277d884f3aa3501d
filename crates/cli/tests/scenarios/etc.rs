//! Files in a jail's /etc, and in that of a release.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;

fn read(machine: &Machine, path: &str) -> String {
    fs::read_to_string(machine.jail_root("web").join(path)).unwrap_or_default()
}

/// An archive with the marks of a FreeBSD system, and the rc.conf that somebody made.
fn archive(path: &Path, rc_conf: &str) {
    let mut archive = tar::Builder::new(fs::File::create(path).unwrap());
    let mut add = |name: &str, text: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, text.as_bytes()).unwrap();
    };
    add("etc/rc", "#!/bin/sh\n");
    add("etc/defaults/rc.conf", "");
    add("etc/rc.conf", rc_conf);
    archive.finish().unwrap();
}

scenarios! {
    fn name_servers_of_every_form(machine) {
        machine.jail("web", &[]);
        let of_host = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        for (resolver, expected) in [
            ("nameserver 192.0.2.7;search a.example", "nameserver 192.0.2.7\nsearch a.example\n"),
            ("192.0.2.8;2001:db8::8", "nameserver 192.0.2.8\nnameserver 2001:db8::8\n"),
            ("none", "nameserver 192.0.2.8\nnameserver 2001:db8::8\n"),
            ("/dev/null", "nameserver 192.0.2.8\nnameserver 2001:db8::8\n"),
            ("/etc/resolv.conf", of_host.as_str()),
        ] {
            machine.ok(&["set", &format!("resolver={resolver}"), "web"]);
            machine.ok(&["start", "web"]);
            machine.ok(&["stop", "web"]);
            if resolver != "/etc/resolv.conf" || !of_host.is_empty() {
                assert_eq!(read(machine, "etc/resolv.conf"), expected, "{resolver}");
            }
        }
        for bad in ["resolver=/etc/passwd", "resolver=nameserver", "resolver=192.0.2.1;$(id)"] {
            machine.fails(1, &["set", bad, "web"]);
        }
    }

    fn a_failed_start_leaves_etc_as_it_was(machine) {
        machine.jail("web", &["resolver=192.0.2.8", "exec_created=false"]);
        let path = machine.jail_root("web").join("etc/resolv.conf");
        fs::write(&path, "# mine\n").unwrap();
        machine.fails(1, &["start", "web"]);
        assert_eq!(read(machine, "etc/resolv.conf"), "# mine\n");
    }

    fn the_time_zone_of_the_host(machine) {
        let Ok(localtime) = fs::read("/etc/localtime") else { return };
        machine.jail("web", &["host_time=yes"]);
        let path = machine.jail_root("web").join("etc/localtime");
        machine.ok(&["start", "web"]);
        assert_eq!(fs::read(&path).unwrap(), localtime);
        machine.ok(&["stop", "web"]);
        // What the jail puts there is not followed.
        let victim = machine.directory().join("victim");
        fs::write(&victim, "mine\n").unwrap();
        fs::remove_file(&path).unwrap();
        symlink(&victim, &path).unwrap();
        machine.ok(&["start", "web"]);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine\n");
        assert!(path.symlink_metadata().unwrap().is_file());
        machine.ok(&["stop", "web"]);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(machine.run(&["start", "web"]).stderr.contains("localtime"));
    }

    fn settings_of_a_release_are_added_line_by_line(machine) {
        let file = machine.directory().join("base.tar");
        let rc_conf = "# made by hand\nsshd_enable=\"YES\"\nnetif_enable=YES # needed\n";
        archive(&file, rc_conf);
        machine.ok(&["fetch", "-r", "made", "--archive", file.to_str().unwrap()]);
        let etc = machine.mounted_at().join("releases/made/root/etc");
        let text = fs::read_to_string(etc.join("rc.conf")).unwrap();
        assert!(text.starts_with(rc_conf) && text.contains("sendmail_enable=\"NO\"\n"), "{text}");
        assert_eq!(text.matches("netif_enable").count(), 1);
        assert!(fs::read_to_string(etc.join("periodic.conf")).unwrap().contains("daily_submit_queuerun=\"NO\""));
        assert_eq!(fs::read_to_string(etc.join("sysctl.conf")).unwrap(), "net.inet.ip.fw.enable=0\n");
        // One that cannot be edited fails the whole fetch.
        archive(&file, "if true; then\n");
        let said = machine.fails(1, &["fetch", "-r", "odd", "--archive", file.to_str().unwrap()]);
        assert!(said.contains("rc.conf"), "{said}");
        assert!(!machine.mounted_at().join("releases/odd").exists());
    }
}
