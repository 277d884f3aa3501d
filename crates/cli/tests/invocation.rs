//! What the binary does before it looks at the host: help, versions, mistakes in the command line.

use std::process::{Command, Output, Stdio};

#[expect(clippy::disallowed_methods, reason = "the binary is what is tested")]
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(ioc_testkit::binary(env!("CARGO_BIN_EXE_ioc")));
    command.args(args).env_remove("IOC_SOURCE").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn two_lines_of_versions() {
    let output = run(&["--version"]);
    assert_eq!(run(&["-v"]).stdout, output.stdout);
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert!(output.status.success());
    assert!(lines[0].starts_with("ioc, version ") && lines[1].starts_with("libioc, version "), "{lines:?}");
    assert_eq!(lines.len(), 2);
}

#[test]
fn help_is_a_result() {
    for args in [&[][..], &["--help"], &["-h"], &["help"], &["help", "start"], &["start", "--help"]] {
        let output = run(args);
        assert!(output.status.success(), "{args:?}");
        assert!(text(&output.stdout).contains("Usage: ioc"), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn one_table_of_properties_everywhere() {
    let directory = tempfile::tempdir().unwrap();
    assert!(run(&["man", directory.path().to_str().unwrap()]).status.success());
    let page = std::fs::read_to_string(directory.path().join("ioc-properties.7")).unwrap();
    let page = page.replace("\\-", "-");
    let docs =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/properties.md")).unwrap();
    let all = run(&["help", "properties"]);
    let all = text(&all.stdout);
    let scripts =
        ["bash", "zsh", "fish"].map(|shell| String::from_utf8(run(&["completions", shell]).stdout).unwrap());
    let documented = docs.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: Vec<&str> = documented.collect();
    assert!(documented.len() > 150, "{}", documented.len());
    for name in documented {
        assert!(all.contains(&format!("\n  {name} ")), "`ioc help properties` lacks {name}");
        let head = format!("\n.B {name}");
        assert!(
            page.contains(&format!("{head}\n")) || page.contains(&format!("{head},")),
            "the man page lacks {name}"
        );
        if name.contains(['<', '*']) {
            continue;
        }
        let one = run(&["help", name]);
        assert!(text(&one.stdout).starts_with(name) || text(&one.stdout).contains("Usage:"), "{one:?}");
        for script in &scripts {
            assert!(script.contains(name), "a completion lacks {name}");
        }
    }
    assert!(scripts.iter().all(|script| script.contains("boot=yes") && !script.contains("jid=")));
    assert_eq!(run(&["help", "colour"]).status.code(), Some(2));
}

#[test]
fn mistakes_are_told_on_standard_error() {
    for args in [
        &["frobnicate"][..],
        &["start"],
        &["--source", "a=b=c", "list"],
        &["exec", "-x", "web", "true"],
        &["set", "web", "boot=yes"],
        &["get", "web"],
        &["list", "-o", "colour"],
        &["activate", "tank", "--source", "a=/a"],
    ] {
        // A source that is not there: none of these gets so far as to miss it.
        let output = command(args).env("IOC_SOURCE", "none=/nonexistent").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?} {}", text(&output.stderr));
        assert!(text(&output.stderr).starts_with("error: "), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_host_that_is_not_set_up_has_its_own_status() {
    for args in [&["list"][..], &["list", "-r"], &["get", "boot", "defaults"], &["create", "web"]] {
        let output = command(args).env("IOC_SOURCE", "none=/nonexistent").output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{args:?} {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("/nonexistent"), "{args:?} {}", text(&output.stderr));
    }
    let output = command(&["list"]).env("IOC_SOURCE", "a/b=c").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("IOC_SOURCE"));
}

#[test]
fn errors_can_be_lines_of_json() {
    let output = command(&["--events=json", "list"]).env("IOC_SOURCE", "none=/nonexistent").output().unwrap();
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["schema"], "ioc.error/1");
    assert!(error["message"].as_str().unwrap().contains("/nonexistent"));
}

#[test]
fn no_colour_without_a_terminal() {
    let bad = |args: &[&str]| command(args).env("IOC_SOURCE", "none=/nonexistent").output().unwrap().stderr;
    assert!(!bad(&["list"]).contains(&0x1b));
    assert!(bad(&["list", "--color=always"]).contains(&0x1b));
}

#[test]
fn nobody_has_to_read_the_results() {
    use std::os::unix::process::ExitStatusExt;
    let mut child = command(&["completions", "bash"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    // As SIGPIPE does by default: no message, and the shell sees why.
    assert_eq!(child.wait().unwrap().signal(), Some(13));

    let full = std::fs::File::options().write(true).open("/dev/full");
    if let Ok(full) = full {
        let output = command(&["completions", "bash"]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("standard output"));
    }
}

#[test]
fn completions_and_manual_pages() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success() && text(&output.stdout).contains("activate"), "{shell}");
    }
    let directory = tempfile::tempdir().unwrap();
    assert!(run(&["man", directory.path().to_str().unwrap()]).status.success());
    for page in ["ioc.1", "ioc-start.1", "ioc-list.1"] {
        assert!(directory.path().join(page).exists(), "{page}");
    }
    assert!(!directory.path().join("ioc-man.1").exists());
    assert_eq!(run(&["man", "/nonexistent"]).status.code(), Some(1));
}
