//! `fstab`: what a jail mounts.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use ioc_testkit::machine::Machine;
use ioc_testkit::scenarios;
use serde_json::Value;

/// The fstab of a jail as it is on disk.
fn file(machine: &Machine, jail: &str) -> String {
    fs::read_to_string(machine.mounted_at().join("jails").join(jail).join("fstab")).unwrap()
}

fn write(machine: &Machine, jail: &str, text: &str) {
    fs::write(machine.mounted_at().join("jails").join(jail).join("fstab"), text).unwrap();
}

/// A directory of the host with a file in it.
fn data(machine: &Machine, name: &str) -> PathBuf {
    let data = machine.directory().join(name);
    fs::create_dir(&data).unwrap();
    fs::write(data.join("hello"), "from the host\n").unwrap();
    data
}

fn lines(machine: &Machine, jail: &str) -> Vec<Value> {
    let json: Value = serde_json::from_str(&machine.ok(&["--json", "fstab", "list", jail])).unwrap();
    assert_eq!(json["schema"], "ioc.fstab/1");
    json["lines"].as_array().unwrap().clone()
}

scenarios! {
    fn lines_come_and_go_and_comments_stay(machine) {
        machine.jail("web", &[]);
        let data = data(machine, "my data");
        let (data, root) = (data.to_str().unwrap(), machine.jail_root("web"));
        write(machine, "web", "# mounts of web\n\n");
        let said = machine.ok(&["fstab", "add", data, "/mnt/my data", "web", "-o", "rw", "-c", "shared"]);
        assert!(said.contains("added") && said.contains("(rw)"), "{said}");
        let escaped = |text: &str| text.replace(' ', "\\040");
        let place = root.join("mnt/my data").display().to_string();
        let line = format!("{}\t{}\tnullfs\trw\t0\t0 # shared\n", escaped(data), escaped(&place));
        assert_eq!(file(machine, "web"), format!("# mounts of web\n\n{line}"));
        assert_eq!(machine.ok(&["fstab", "show", "web"]), file(machine, "web"));
        machine.ok(&["fstab", "add", "tmpfs", "/scratch", "web", "-t", "tmpfs", "-o", "rw,size=1m"]);
        let listed = lines(machine, "web");
        assert_eq!((listed[0]["path"].as_str(), listed[0]["mounted"].as_bool()), (Some("/mnt/my data"), Some(false)));
        assert_eq!(listed[1]["options"], serde_json::json!(["rw", "size=1m"]));
        assert_eq!(machine.ok(&["fstab", "list", "-H", "web"]).lines().count(), 2);

        machine.ok(&["start", "web"]);
        assert_eq!(machine.ok(&["exec", "web", "--", "cat", "/mnt/my data/hello"]), "from the host\n");
        machine.ok(&["exec", "web", "--", "sh", "-c", "echo x > /scratch/x && echo y > '/mnt/my data/y'"]);
        assert!(lines(machine, "web").iter().all(|line| line["mounted"] == true));
        machine.ok(&["stop", "web"]);
        assert!(std::path::Path::new(data).join("y").exists());

        machine.ok(&["fstab", "replace", "0", data, "/mnt/other", "web"]);
        machine.ok(&["fstab", "rm", "/scratch", "web"]);
        assert_eq!(lines(machine, "web").len(), 1);
        machine.ok(&["fstab", "rm", data, "web"]);
        assert_eq!(file(machine, "web"), "# mounts of web\n\n");
    }

    fn the_options_of_iocage(machine) {
        machine.jail("web", &[]);
        let data = data(machine, "data");
        let data = data.to_str().unwrap();
        machine.ok(&["fstab", "-a", "web", data, "/mnt", "nullfs", "rw", "0", "0"]);
        machine.ok(&["fstab", "-a", "web", &format!("{data} /opt")]);
        assert_eq!(machine.ok(&["fstab", "-l", "-H", "web"]).lines().count(), 2);
        machine.ok(&["fstab", "-R", "1", "web", &format!("{data} /srv nullfs ro 0 0")]);
        assert!(file(machine, "web").contains("/srv\tnullfs\tro"));
        machine.ok(&["fstab", "-r", "web", &format!("{data} /mnt nullfs rw 0 0")]);
        machine.ok(&["fstab", "-r", "web", "0"]);
        assert_eq!(file(machine, "web"), "");
        machine.fails(2, &["fstab", "web"]);
        machine.fails(2, &["fstab", "-a", "web"]);
        machine.fails(2, &["fstab", "-l", "-e", "web"]);
    }

    fn what_cannot_be_mounted_is_refused_and_nothing_is_written(machine) {
        machine.jail("web", &[]);
        let data = data(machine, "data");
        let data = data.to_str().unwrap();
        machine.ok(&["fstab", "add", data, "/mnt", "web"]);
        symlink("/etc", machine.jail_root("web").join("link")).unwrap();
        let before = file(machine, "web");
        let base = if cfg!(target_os = "freebsd") { "/usr/bin" } else { "/usr" };
        for (args, word) in [
            (vec!["add", "/nowhere/at/all", "/srv", "web"], "exist"),
            (vec!["add", data, "/mnt/", "web"], "another line"),
            (vec!["add", data, "/link/x", "web"], "link"),
            (vec!["add", data, "/link", "web"], "link"),
            (vec!["add", data, "/../x", "web"], ".."),
            (vec!["add", data, "/", "web"], "root"),
            (vec!["add", data, base, "web"], "taken"),
            (vec!["add", data, "/dev", "web"], "taken"),
            (vec!["add", "data", "/srv", "web"], "absolute"),
            (vec!["add", "/dev/null", "/srv", "web"], "neither"),
            (vec!["add", data, "/etc/hosts", "web"], "file"),
            (vec!["add", data, "/srv", "web", "-o", "a b"], "options"),
            (vec!["add", "tmpfs", "/srv", "web", "-t", "tmpfs", "-o", "size=lots"], "tmpfs(5)"),
            (vec!["add", data, "/srv", "web", "-c", "a\nb"], "comment"),
            (vec!["rm", "/srv", "web"], "no line"),
            (vec!["rm", "7", "web"], "no line"),
        ] {
            let said = machine.fails(1, &[&["fstab"], &args[..]].concat());
            assert!(said.contains(word), "{args:?}: {said}");
            assert_eq!(file(machine, "web"), before);
        }
        machine.fails(2, &["fstab", "add", data, "/srv", "web", "--freq", "x"]);
        machine.fails(2, &["fstab", "add", "web"]);
        machine.fails(1, &["fstab", "show", "ghost"]);
        machine.ok(&["fstab", "add", data, "/srv", "web", "--plan"]);
        assert_eq!(file(machine, "web"), before);
    }

    fn an_edit_is_checked_before_it_is_taken(machine) {
        machine.jail("web", &[]);
        let data = data(machine, "data");
        let editor = machine.directory().join("editor");
        let edit = |script: &str| {
            fs::write(&editor, format!("#!/bin/sh\n{script}\n")).unwrap();
            let mut command = machine.command(&["fstab", "edit", "web"]);
            command.env_remove("VISUAL").env("EDITOR", format!("sh {}", editor.display()));
            command.output().unwrap()
        };
        let output = edit(&format!("printf '# by hand\\n{} /mnt nullfs ro 0 0\\n' > \"$1\"", data.display()));
        assert!(output.status.success(), "{output:?}");
        let before = file(machine, "web");
        assert!(before.starts_with("# by hand\n"), "{before}");
        for script in ["echo one two >> \"$1\"", "echo /nowhere /srv nullfs ro 0 0 >> \"$1\"", "exit 3"] {
            let output = edit(script);
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            assert_eq!(file(machine, "web"), before);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let kept = said.split_once("kept in ").map(|(_, kept)| kept.lines().next().unwrap_or_default());
            assert_eq!(kept.is_some(), script != "exit 3", "{said}");
            if let Some(kept) = kept {
                fs::remove_file(kept).unwrap();
            }
        }
        assert!(edit("true").status.success());
        assert_eq!(file(machine, "web"), before);
    }

    fn a_running_jail(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        let data = data(machine, "data");
        let data = data.to_str().unwrap();
        let said = machine.run(&["fstab", "add", data, "/mnt", "web"]);
        assert_eq!(said.status, 0, "{said}");
        if cfg!(target_os = "freebsd") {
            assert_eq!(machine.ok(&["exec", "web", "--", "cat", "/mnt/hello"]), "from the host\n");
            machine.ok(&["fstab", "rm", "/mnt", "web"]);
            machine.fails(1, &["exec", "web", "--", "cat", "/mnt/hello"]);
            machine.ok(&["fstab", "add", data, "/mnt", "web", "--later"]);
            machine.fails(1, &["exec", "web", "--", "cat", "/mnt/hello"]);
        } else {
            assert!(said.stderr.contains("started next"), "{said}");
        }
        machine.ok(&["restart", "-s", "web"]);
        assert_eq!(machine.ok(&["exec", "web", "--", "cat", "/mnt/hello"]), "from the host\n");
    }

    fn a_directory_of_the_jail_seen_twice(machine) {
        machine.jail("web", &[]);
        let (opt, srv) = (machine.jail_root("web").join("opt"), machine.jail_root("web").join("srv"));
        for directory in [&opt, &srv] {
            fs::create_dir_all(directory).unwrap();
        }
        if let Some(pool) = machine.pool() {
            pool.zfs(&["create", &format!("{}/jails/web/root/srv", machine.root())]);
        }
        fs::write(srv.join("hello"), "twice\n").unwrap();
        machine.ok(&["fstab", "add", opt.to_str().unwrap(), "/mnt", "web"]);
        machine.ok(&["fstab", "add", srv.to_str().unwrap(), "/media", "web"]);
        machine.ok(&["start", "web"]);
        assert_eq!(machine.ok(&["exec", "web", "--", "cat", "/media/hello", "/srv/hello"]), "twice\ntwice\n");
        machine.ok(&["stop", "web"]);
        machine.ok(&["start", "web"]);
        machine.ok(&["stop", "web"]);
        assert!(srv.join("hello").exists());
    }

    fn base_lines_of_iocage_stay(machine) {
        machine.jail("web", &[]);
        let releases = machine.mounted_at().join("releases/host/root/srv");
        let place = machine.jail_root("web").join("srv");
        write(machine, "web", &format!("{} {} nullfs ro 0 0 # Added by iocage\n", releases.display(), place.display()));
        assert_eq!(lines(machine, "web")[0]["base"], true);
        assert!(machine.fails(1, &["fstab", "rm", "0", "web"]).contains("base"));
    }

    fn a_file_is_mounted_on_a_file(machine) {
        if cfg!(target_os = "freebsd") {
            return;
        }
        machine.jail("web", &[]);
        let file = data(machine, "data").join("hello");
        machine.ok(&["fstab", "add", file.to_str().unwrap(), "/opt/greeting/hello", "web"]);
        machine.ok(&["start", "web"]);
        assert_eq!(machine.ok(&["exec", "web", "--", "cat", "/opt/greeting/hello"]), "from the host\n");
    }
}
