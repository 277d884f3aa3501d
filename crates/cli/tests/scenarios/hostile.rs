//! Text from outside: on the command line, in configurations, in fstabs. It is refused or kept, and does nothing else.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use ioc_testkit::machine::{Machine, time_of_programs};
use ioc_testkit::scenarios;

/// Words that mean something to a shell, a terminal, a path or a format.
const WORDS: [&[u8]; 22] = [
    b"",
    b" ",
    b"a\nb",
    b"a\tb",
    b"..",
    b"../../etc",
    b"/etc/passwd",
    b"a/../../b",
    b"$(touch MARK)",
    b"`touch MARK`",
    b"; touch MARK",
    b"| touch MARK",
    b"> MARK",
    b"a\x1b[2Jb",
    b"\xff\xfe",
    b"a\xc3(",
    b"%s%n",
    b"--help=",
    b"a,b,,",
    b"[a-z]{2}(x)",
    b"\xe2\x80\xaex",
    b"=",
];

/// Runs a command with hostile words in it; it must end as a command does, and say nothing that acts on a terminal.
fn try_with(machine: &Machine, args: &[&str], word: &[u8]) -> i32 {
    let word = String::from_utf8_lossy(word).into_owned().into_bytes();
    try_raw(machine, args, &word)
}

/// As `try_with`, with the bytes as they are. `@` in an argument stands for the word.
fn try_raw(machine: &Machine, args: &[&str], word: &[u8]) -> i32 {
    let mut command = machine.command(&[]);
    command.current_dir(machine.directory());
    for arg in args {
        match arg.split_once('@') {
            Some((before, after)) => {
                command.arg(OsStr::from_bytes(&[before.as_bytes(), word, after.as_bytes()].concat()))
            }
            None => command.arg(arg),
        };
    }
    let output = command.output().unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let shown = String::from_utf8_lossy(&said);
    let status = output.status.code().unwrap_or(-1);
    assert!((0..=3).contains(&status), "{args:?} {word:?}: {status} {shown}");
    assert!(!shown.contains("panicked"), "{args:?} {word:?}: {shown}");
    assert!(!said.contains(&0x1b), "{args:?} {word:?}: {shown}");
    status
}

fn write(directory: &Path, name: &str, content: &[u8]) {
    fs::write(directory.join(name), content).unwrap();
}

scenarios! {
    fn words_on_the_command_line(machine) {
        machine.jail("web", &[]);
        let listing = machine.ok(&["list", "-H"]);
        for word in WORDS {
            for args in [
                &["get", "@", "web"][..], &["get", "boot", "@"], &["set", "@", "web"], &["set", "boot=@", "web"],
                &["set", "@=yes", "web"], &["set", "resolver=@", "web"], &["set", "ip4_addr=@", "web"],
                &["start", "@"], &["stop", "@"], &["destroy", "-y", "x@"], &["exec", "@", "--", "true"],
                &["create", "-r", "@", "new"], &["create", "-e", "@"], &["fetch", "-r", "@", "--archive", "/dev/null"],
                &["fstab", "add", "@", "/mnt", "web"], &["fstab", "add", "/usr", "/../@", "web"],
                &["fstab", "rm", "@", "web"], &["fstab", "add", "/usr", "/mnt", "web", "-o", "@", "-t", "tmpfs", "--plan"],
                &["migrate", "-y", "x@"], &["list", "@"], &["list", "-o", "@"], &["snapshot", "web@"],
            ] {
                // Bytes that are no text are for the parser of arguments to refuse.
                if std::str::from_utf8(word).is_err() {
                    try_raw(machine, args, word);
                }
                let status = try_with(machine, args, word);
                let made = matches!(args, ["create", "-e", _] | ["snapshot", _]);
                assert!(status != 0 || !made || word.iter().all(|b| b.is_ascii_graphic()), "{args:?} {word:?}");
            }
        }
        let marks: Vec<_> = fs::read_dir(machine.directory()).unwrap().flatten().map(|e| e.file_name()).collect();
        assert!(!marks.iter().any(|name| name == "MARK"), "{marks:?}");
        assert!(machine.ok(&["list", "-H"]).contains(listing.trim()));
    }

    fn values_are_text_and_nothing_else(machine) {
        let text = "$(touch MARK) `touch MARK` ; touch MARK \"'\\ %s é\u{202e}";
        machine.jail("web", &["exec_prestart=test -n \"$IOC_NOTES\" && printf '%s' \"$IOC_NOTES\" > \"$IOC_USER_OUT\""]);
        let out = machine.directory().join("out");
        machine.ok(&["set", &format!("notes={text}"), &format!("user.out={}", out.display()), "web"]);
        machine.ok(&["start", "web"]);
        assert_eq!(fs::read_to_string(&out).unwrap(), text);
        let said = machine.ok(&["get", "notes", "web"]);
        assert!(said.contains("$(touch MARK)") && !said.contains('\u{202e}'), "{said:?}");
        assert!(!machine.directory().join("MARK").exists() && !Path::new("/MARK").exists());
    }

    fn configurations_of_anybody(machine) {
        machine.jail("good", &[]);
        machine.jail("bad", &[]);
        let bad = machine.mounted_at().join("jails/bad");
        let deep = "{\"a\":".repeat(50_000);
        let wide = format!("{{{}\"z\": 1}}", "\"a\": \"b\", ".repeat(60_000));
        for content in [
            &b"{ \"boot\": \"ye\xff\" }"[..], b"\0\0\0", b"[1, 2]", b"{\"boot\": {\"a\": []}}", b"\"x\"", deep.as_bytes(),
            wide.as_bytes(), b"{\"release\": \"../../etc\", \"basejail\": \"yes\"}", b"{\"ip4_addr\": \"a|b|c\\u0000\"}",
            b"{\"host_hostname\": \"a\\nb\", \"template\": 7}", b"{\"exec_fib\": 1e999}",
        ] {
            write(&bad, "config.json", content);
            let said = machine.run(&["list", "-H", "-o", "name,boot"]);
            assert!(said.status <= 1 && said.stdout.contains("good"), "{said}");
            for args in [&["get", "-a", "bad"][..], &["start", "bad"], &["set", "boot=yes", "bad"], &["stop", "-f", "bad"]] {
                let said = machine.run(args);
                assert!(said.status <= 1 && !said.stderr.contains("panicked"), "{said}");
            }
            machine.ok(&["get", "boot", "good"]);
        }
    }

    fn what_cannot_be_told_chooses_no_jail_and_is_told(machine) {
        machine.jail("good", &[]);
        machine.jail("bad", &[]);
        write(&machine.mounted_at().join("jails/bad"), "config.json", b"{");
        for term in ["boot!=yes", "boot=no", "priority<9"] {
            let said = machine.run(&["list", "-H", "-o", "name", term]);
            assert_eq!((said.status, said.stdout.as_str()), (1, "good\n"), "{term}: {said}");
            assert!(said.stderr.contains("jail bad") && said.stderr.contains("config.json"), "{term}: {said}");
            let said = machine.run(&["destroy", "--plan", term]);
            assert!(said.status == 1 && said.stdout.contains("good") && !said.stdout.contains("bad"), "{said}");
        }
        // Whether it is a template cannot be told either, but it is not in their place.
        let said = machine.run(&["destroy", "--plan", "-t", "*"]);
        assert!(said.status == 1 && !said.stdout.contains("jails/bad"), "{said}");
        machine.ok(&["destroy", "-y", "bad"]);
    }

    fn defaults_of_anybody_hide_no_jail(machine) {
        machine.jail("web", &[]);
        machine.ok(&["start", "web"]);
        let defaults = machine.mounted_at().join("defaults.json");
        for broken in ["{", "[]", "{\"boot\": \"\u{0}\"}"] {
            fs::write(&defaults, broken).unwrap();
            let said = machine.run(&["list", "-H", "-o", "name,running,boot"]);
            assert_eq!((said.status, said.stdout.as_str()), (1, "web\tyes\t-\n"), "{said}");
            assert!(said.stderr.contains("defaults.json"), "{said}");
            assert!(machine.fails(1, &["set", "boot=yes", "web"]).contains("defaults.json"));
            assert!(machine.ok(&["explain", "web"]).contains("is running"));
        }
        // A value that is none is one of those jails only that do not have their own.
        fs::write(&defaults, "{\"boot\": \"maybe\"}").unwrap();
        assert!(machine.fails(1, &["get", "boot", "web"]).contains("maybe"));
        machine.ok(&["set", "boot=yes", "web"]);
        assert_eq!(machine.ok(&["list", "-H", "-o", "name,running,boot"]), "web\tyes\tyes\n");
    }

    fn a_running_jail_whose_configuration_broke_can_be_stopped(machine) {
        let lo = if cfg!(target_os = "freebsd") { "lo0" } else { "lo" };
        machine.jail("web", &[&format!("ip4_addr={lo}|127.0.5.9/32")]);
        machine.ok(&["start", "web"]);
        write(&machine.mounted_at().join("jails/web"), "config.json", b"{");
        assert!(machine.fails(1, &["stop", "web"]).contains("config.json"));
        let said = machine.run(&["stop", "-f", "web"]);
        assert!(said.status == 0 && said.stderr.contains("config.json"), "{said}");
        assert_eq!(machine.left_behind(), Vec::<String>::new());
    }

    fn an_empty_word_is_not_all_jails(machine) {
        machine.jail("web", &[]);
        for args in [
            &["destroy", "-y", ""][..], &["start", ""], &["stop", ""], &["restart", ""], &["migrate", "-y", ""],
            &["list", ""], &["set", "boot=yes", ""], &["destroy", "-y", "", "web"],
        ] {
            let said = machine.run(args);
            assert!(said.status != 0 && said.stderr.contains("empty"), "{said}");
        }
        assert_eq!(machine.ok(&["list", "-H", "-o", "name,boot,running"]), "web\tno\tno\n");
        // Nor is the word of iocage for them, as it may be a name.
        assert!(machine.fails(1, &["start", "ALL"]).contains("'*'"));
    }

    fn many_keys_take_no_longer_each(machine) {
        machine.jail("web", &[]);
        let directory = machine.mounted_at().join("jails/web");
        let time = |file: &str, count: u32| {
            let _ = fs::remove_file(directory.join("config.json"));
            let keys: Vec<String> = (0..count).map(|n| format!("\"k{n}\": \"v\"")).collect();
            let text = if file == "config" { keys.join("\n") } else { format!("{{{}}}", keys.join(",")) };
            write(&directory, file, text.as_bytes());
            let begin = time_of_programs();
            for args in [
                &["list"][..], &["get", "-a", "web"], &["explain", "web"], &["start", "--plan", "web"],
                &["set", "priority=3", "web"], &["export", "--jail-conf", "web"], &["migrate", "--plan", "web"],
            ] {
                machine.ok(args);
            }
            time_of_programs() - begin
        };
        for file in ["config.json", "config"] {
            let (few, many) = (time(file, 3_000), time(file, 15_000));
            // Each compared with all others they would take 25 times as long.
            assert!(many < few * 12, "{file}: {few:?}, five times as many {many:?}");
        }
    }

    fn a_configuration_that_is_no_file_hides_no_other_jail(machine) {
        machine.jail("good", &[]);
        machine.jail("bad", &[]);
        let config = machine.mounted_at().join("jails/bad/config.json");
        let secret = machine.directory().join("secret");
        fs::write(&secret, "{\"notes\": \"secret\"}").unwrap();
        let kinds: [(&str, &dyn Fn()); 3] = [
            ("link", &|| symlink(&secret, &config).unwrap()),
            ("directory", &|| fs::create_dir(&config).unwrap()),
            // Whoever opens it to read waits for somebody to write.
            ("fifo", &|| make_fifo(&config)),
        ];
        for (kind, make) in kinds {
            match fs::symlink_metadata(&config).unwrap().is_dir() {
                true => fs::remove_dir(&config).unwrap(),
                false => fs::remove_file(&config).unwrap(),
            }
            make();
            let said = machine.run(&["list", "-H", "-o", "name,notes"]);
            assert_eq!(said.status, 1, "{kind}: {said}");
            assert!(said.stdout.contains("good") && said.stdout.contains("bad\t-"), "{kind}: {said}");
            assert!(said.stderr.contains("bad") && !said.stdout.contains("secret"), "{kind}: {said}");
            let json: serde_json::Value = serde_json::from_str(&machine.run(&["list", "--json"]).stdout).unwrap();
            assert!(json["jails"].as_array().unwrap().iter().any(|jail| jail["broken"].is_string()), "{kind}: {json}");
            for args in [&["start", "*"][..], &["stop", "*"], &["set", "priority=7", "*"]] {
                let said = machine.run(args);
                assert_eq!(said.status, 1, "{kind}: {said}");
                assert!(said.stdout.contains("good") && said.stderr.contains("bad"), "{kind}: {said}");
            }
            let told = machine.ok(&["explain", "bad"]);
            assert!(told.contains("cannot be started") && told.contains("config.json"), "{kind}: {told}");
            machine.ok(&["set", "priority", "good"]);
        }
        assert_eq!(fs::read_to_string(&secret).unwrap(), "{\"notes\": \"secret\"}");
    }

    fn fstabs_of_anybody(machine) {
        machine.jail("web", &[]);
        let (jail, root) = (machine.mounted_at().join("jails/web"), machine.jail_root("web"));
        let outside = machine.directory().join("outside");
        fs::create_dir(&outside).unwrap();
        symlink(&outside, root.join("mnt/link")).unwrap();
        let inside = root.display();
        for line in [
            "/usr /../../../tmp nullfs ro 0 0\n".to_owned(),
            format!("/usr {inside}/mnt/link nullfs ro 0 0\n"),
            format!("/usr {inside}/mnt/link/x nullfs ro 0 0\n"),
            format!("/usr {inside} nullfs ro 0 0\n"),
            format!("/usr {inside}/mnt\\000 nullfs ro 0 0\n"),
            "tmpfs /mnt tmpfs rw,size=$(id),mode=7777 0 0\n".to_owned(),
            "x /mnt nosuchfs -o,rw 0 0\n".to_owned(),
        ] {
            write(&jail, "fstab", line.as_bytes());
            let said = machine.run(&["start", "web"]);
            assert!(!said.stderr.contains("panicked"), "{line}: {said}");
            // A line that makes no sense is mounted by nobody.
            // FreeBSD's kernel takes any value of tmpfs's options.
            let taken = line.contains("\\000") || cfg!(target_os = "freebsd") && line.contains("tmpfs");
            assert!(said.status == 1 || taken, "{line}: {said}");
            assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{line}");
            machine.run(&["stop", "-f", "web"]);
            machine.run(&["fstab", "list", "web"]);
            assert_eq!(fs::read(jail.join("fstab")).unwrap(), line.as_bytes());
        }
        assert_eq!(machine.left_behind(), Vec::<String>::new());
    }
}

#[expect(clippy::disallowed_methods, reason = "a test makes its files by its own means")]
fn make_fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}
