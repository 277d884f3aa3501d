use super::*;
use proptest::prelude::*;

fn shell(text: &str) -> RcConf {
    RcConf::from_bytes(text.as_bytes(), Syntax::Shell).unwrap()
}

fn text(conf: &RcConf) -> &str {
    std::str::from_utf8(conf.to_bytes()).unwrap()
}

fn constant(text: &str, name: &str) -> Option<String> {
    shell(text).get(name).and_then(Assigned::constant).map(str::to_owned)
}

fn set(before: &str, name: &str, value: &str) -> String {
    let mut conf = shell(before);
    assert!(conf.set(name, value).unwrap());
    assert_eq!(conf.get(name), Some(Assigned::Constant(value)));
    text(&conf).to_owned()
}

fn unset(before: &str, name: &str) -> String {
    let mut conf = shell(before);
    assert!(conf.unset(name), "{name}");
    text(&conf).to_owned()
}

const SAMPLE: &str = r#"# my jail
hostname="web"      # do not change
sshd_enable=YES; sendmail_enable='NONE'
export PATH=/bin:/usr/bin
: ${late_default="x"}
ifconfig_em0="inet 10.0.0.2 \
    netmask 255.255.255.0"
if [ -f /etc/special ]; then
	hostname="special"
	inner=1
fi
greeting="say \"hi\" for \$5"
computed="$hostname.example"
FOO=1 /usr/bin/env
set_it() {
    in_function=1
}
[ -n "$x" ] && guarded=yes
cat <<EOF
in_document=1
EOF
case "$x" in
a|b) in_case=1 ;;
esac
(in_subshell=1)
last=$(date) other='it'"'"'s'
"#;

#[test]
fn what_always_takes_place() {
    for (name, value) in [
        ("sshd_enable", "YES"),
        ("sendmail_enable", "NONE"),
        ("PATH", "/bin:/usr/bin"),
        ("ifconfig_em0", "inet 10.0.0.2     netmask 255.255.255.0"),
        ("greeting", "say \"hi\" for $5"),
        ("other", "it's"),
        ("hostname", "web"),
    ] {
        assert_eq!(constant(SAMPLE, name).as_deref(), Some(value), "{name}");
    }
    for name in
        ["inner", "late_default", "FOO", "in_function", "guarded", "in_document", "in_case", "in_subshell"]
    {
        assert_eq!(shell(SAMPLE).get(name), None, "{name}");
    }
    for name in ["computed", "last"] {
        assert_eq!(shell(SAMPLE).get(name), Some(Assigned::Computed), "{name}");
    }
}

#[test]
fn a_new_value_takes_the_place_of_the_old() {
    assert_eq!(set(SAMPLE, "sshd_enable", "NO"), SAMPLE.replace("sshd_enable=YES", "sshd_enable=\"NO\""));
    assert_eq!(set(SAMPLE, "computed", "a$b"), SAMPLE.replace("\"$hostname.example\"", "\"a\\$b\""));
    assert_eq!(set(SAMPLE, "rtsold_enable", "YES"), format!("{SAMPLE}rtsold_enable=\"YES\"\n"));
    assert_eq!(set("a=1\na=2\n", "a", "3"), "a=1\na=\"3\"\n");
    assert_eq!(set("a=1", "b", "2"), "a=1\nb=\"2\"\n");
    assert_eq!(set("", "b", "2"), "b=\"2\"\n");
    assert_eq!(set("a=1\\\n", "b", "2"), "a=1\\\n\nb=\"2\"\n");
    assert_eq!(set("a=1\\", "b", "2"), "a=1\\\n\nb=\"2\"\n");
    let mut conf = shell(SAMPLE);
    assert!(!conf.set("sshd_enable", "YES").unwrap());
    assert_eq!(text(&conf), SAMPLE);
}

#[test]
fn a_condition_that_assigns_later_is_overruled_at_the_end() {
    assert_eq!(set(SAMPLE, "hostname", "web"), format!("{SAMPLE}hostname=\"web\"\n"));
    assert_eq!(set("a=1\nx && a=2\n", "a", "1"), "a=1\nx && a=2\na=\"1\"\n");
}

#[test]
fn removal_leaves_what_else_is_on_the_line() {
    assert_eq!(unset("a=1\nb=2\n", "a"), "b=2\n");
    assert_eq!(unset("a=1 # why\nb=2\n", "a"), " # why\nb=2\n");
    assert_eq!(unset("a=1; b=2\n", "a"), " b=2\n");
    assert_eq!(unset("a=1; b=2\n", "b"), "a=1; \n");
    assert_eq!(unset("export a=1\n", "a"), "");
    // What follows stays a command of its own.
    assert_eq!(unset("b=2 \\\na=1\nif x; then\nfi\n", "a"), "b=2 \\\n\nif x; then\nfi\n");
    assert_eq!(unset("export a=1 b=2\n", "a"), "export b=2\n");
    assert_eq!(unset("export z a=1\n", "a"), "export z \n");
    assert_eq!(unset("a=1\na=2\nif x; then a=3; fi\n", "a"), "if x; then a=3; fi\n");
    assert_eq!(unset("a=\"x\ny\"\nb=1\n", "a"), "b=1\n");
    // An operator without a command before it would make the whole file fail.
    assert_eq!(unset("a=1 && b=2\n", "a"), ": && b=2\n");
    assert_eq!(unset("a=1 a=2 || b\n", "a"), ": || b\n");
    assert_eq!(unset("export a=1 a=2\nb\n", "a"), "b\n");
    assert!(!shell("! a=1\n").unset("a"));
    assert!(!shell(SAMPLE).unset("inner"));
}

#[test]
fn the_host_file() {
    let text = "zfs_enable=YES\nioc_dataset_ioc=\"zroot/iocage\"\nioc_dataset_fast='nvme/ioc' # more\n\
        ioc_dataset_var=\"$pool/x\"\nioc_dataset_ioc=\"zroot/ioc\"\n";
    let sources: Vec<(String, String)> = shell(text)
        .with_prefix("ioc_dataset_")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let expected = [("fast", "nvme/ioc"), ("ioc", "zroot/ioc")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(sources, expected);
}

#[test]
fn files_that_nothing_can_be_added_to() {
    for text in [
        "a=\"x",
        "if true; then\n",
        "x <<EOF\nbody\n",
        "f() {\n",
        "x &&\n",
        "x && # c\n",
        "a=$(b",
        "x |",
        "|\\",
        "|\\\n",
    ] {
        let mut conf = shell(text);
        assert!(matches!(conf.set("new", "1"), Err(RcError::Unfinished { .. })), "{text}");
        assert_eq!(conf.to_bytes(), text.as_bytes());
    }
}

#[test]
fn refusals() {
    let mut conf = shell("");
    assert!(matches!(conf.set("a-b", "1"), Err(RcError::Name { .. })));
    assert!(matches!(conf.set("", "1"), Err(RcError::Name { .. })));
    assert!(matches!(conf.set("a", "1\n2"), Err(RcError::Value { .. })));
    assert!(RcConf::from_bytes(&vec![b'a'; MOST_BYTES + 1], Syntax::Shell).is_err());
}

#[test]
fn sysctl_files() {
    let text =
        "# tuning\nnet.inet.ip.forwarding=1  # route\nkern.ipc.somaxconn = 1024\nbad line\nkern.x=\"a b\"\n";
    let mut conf = RcConf::from_bytes(text.as_bytes(), Syntax::Sysctl).unwrap();
    let value = |conf: &RcConf, name: &str| conf.get(name).and_then(Assigned::constant).map(str::to_owned);
    assert_eq!(value(&conf, "net.inet.ip.forwarding").unwrap(), "1");
    assert_eq!(value(&conf, "kern.ipc.somaxconn").unwrap(), "1024");
    assert_eq!(value(&conf, "kern.x").unwrap(), "a b");
    conf.set("net.inet.ip.forwarding", "0").unwrap();
    conf.set("security.bsd.see_other_uids", "0").unwrap();
    assert!(conf.unset("kern.ipc.somaxconn"));
    let expected = "# tuning\nnet.inet.ip.forwarding=0  # route\nbad line\nkern.x=\"a b\"\n\
        security.bsd.see_other_uids=0\n";
    assert_eq!(conf.to_bytes(), expected.as_bytes());
    assert!(conf.set("x y", "1").is_err());
    assert!(conf.set("kern.y", "a#b").is_err());
}

#[test]
fn deep_and_long_files_take_linear_time() {
    for unit in ["$(", "\"${", "(", "if ", "{ ", "x &&\n", "a=1 ", "<<E ", "`", "'", "a=1\n"] {
        let text = unit.repeat(MOST_BYTES / unit.len());
        let mut conf = shell(&text);
        conf.unset("a");
        assert_eq!(conf.get("a"), None);
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell is the judge of a test, and nothing that ioc runs")]
fn run(script: &str) -> String {
    let output = std::process::Command::new("/bin/sh").arg("-c").arg(script).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

proptest! {
    #[test]
    fn the_bytes_of_any_file_are_kept(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for syntax in [Syntax::Shell, Syntax::Sysctl] {
            let mut conf = RcConf::from_bytes(&bytes, syntax).unwrap();
            conf.unset("no_such_name");
            prop_assert_eq!(conf.to_bytes(), bytes.as_slice());
        }
    }

    #[test]
    fn what_is_set_is_read_and_the_rest_is_there(
        before in "([ab]=[a-z$'\"\\\\ ;#&|(){}]{0,6}\n|if x; then a=1; fi\n|# c\n){0,5}", value in "[ -~äé]{0,12}",
    ) {
        let mut conf = shell(&before);
        if conf.set("a", &value).is_ok() {
            prop_assert_eq!(conf.get("a"), Some(Assigned::Constant(value.as_str())));
            prop_assert!(!conf.set("a", &value).unwrap());
            let b = shell(&before).get("b").and_then(Assigned::constant).map(str::to_owned);
            prop_assert_eq!(conf.get("b").and_then(Assigned::constant).map(str::to_owned), b);
        }
    }

    #[test]
    fn sysctl_files_read_back(
        before in "([ab]\\.c ?= ?[a-z0-9\"#]{0,5}|# c|\\.\\.=|x=){0,1}\n?([ab]\\.c=[0-9]\n){0,4}",
        value in "[ -~é]{0,8}",
    ) {
        let mut conf = RcConf::from_bytes(before.as_bytes(), Syntax::Sysctl).unwrap();
        let other = |conf: &RcConf| conf.get("b.c").and_then(Assigned::constant).map(str::to_owned);
        let b = other(&conf);
        if conf.set("a.c", &value).is_ok() {
            let read = RcConf::from_bytes(conf.to_bytes(), Syntax::Sysctl).unwrap();
            prop_assert_eq!(read.get("a.c"), Some(Assigned::Constant(value.as_str())));
            prop_assert_eq!(other(&read), b.clone());
            conf.unset("a.c");
            prop_assert_eq!(conf.get("a.c"), None);
            prop_assert_eq!(other(&conf), b);
        }
    }

    /// The judge is a real shell: it has to agree on every constant.
    #[test]
    fn constants_are_what_the_shell_makes_of_them(word in "[a-c$'\"\\\\ ]{0,8}") {
        let text = format!("x={word}\n");
        if let Some(value) = constant(&text, "x") {
            let script = format!("{text}\nprintf '%s.' \"$x\"");
            prop_assert_eq!(run(&script), format!("{value}."), "{:?}", text);
        }
    }
}
