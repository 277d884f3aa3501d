//! The session in the README is true: its commands run, and print what it shows.
//!
//! As root.

use std::process::Command;

/// A command of the session and what it is said to print.
struct Shown {
    command: String,
    output: String,
}

fn session() -> Vec<Shown> {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once("```console\n").expect("a session");
    let (block, _) = rest.split_once("```").expect("its end");
    let mut session: Vec<Shown> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ioc ").or_else(|| line.strip_prefix("# ioc ")) {
            Some(command) => session.push(Shown { command: command.to_owned(), output: String::new() }),
            None => {
                let shown = session.last_mut().expect("a command before its output");
                shown.output.push_str(line);
                shown.output.push('\n');
            }
        }
    }
    session
}

/// Without what differs from run to run: JIDs, and with them the widths of tables.
fn normal(text: &str) -> String {
    let mut normal = String::new();
    for c in text.chars() {
        let c = if c.is_ascii_digit() { '0' } else { c };
        if !("0-= ".contains(c) && normal.ends_with(c)) {
            normal.push(c);
        }
    }
    normal
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the binary is what is tested")]
fn the_session_of_the_readme_is_true() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = format!("readme{}={}", std::process::id(), directory.path().display());
    let run = |args: &[&str]| {
        let mut ioc = Command::new(ioc_testkit::binary(env!("CARGO_BIN_EXE_ioc")));
        ioc.args(args).env("IOC_SOURCE", &source).output().expect("ioc can be run")
    };
    let session = session();
    assert!(session.len() > 5, "the session is gone");
    let mut wrong = Vec::new();
    for Shown { command, output } in &session {
        let got = run(&command.split_whitespace().collect::<Vec<_>>());
        let printed = String::from_utf8_lossy(&got.stdout);
        if !got.status.success() || normal(&printed) != normal(output) {
            let said = String::from_utf8_lossy(&got.stderr);
            wrong.push(format!("ioc {command}: {}\n{printed}{said}", got.status));
        }
    }
    if !wrong.is_empty() {
        run(&["destroy", "-f", "*"]);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
