use super::*;
use crate::config::raw::BoolStyle;
use crate::property::Dialect;
use proptest::prelude::*;

const STYLE: Style = Style { dialect: Dialect::Iocage, bools: BoolStyle::OnOff };

fn document(text: &str) -> UclDocument {
    UclDocument::from_bytes(text.as_bytes()).unwrap()
}

fn text_of(document: &UclDocument, key: &str) -> String {
    document.entries().get(key).map(|raw| raw.text().unwrap().into_owned()).unwrap_or_default()
}

const SAMPLE: &str = "\
# made by iocage
boot = \"off\";
ip4_addr: em0|10.0.0.2/24,em0|10.0.0.3/24
tag my jail   # a comment
exec_start = '/bin/sh /etc/rc';
user { role = web; sub { x: 1 } }
";

#[test]
fn notations() {
    let document = document(SAMPLE);
    assert_eq!(text_of(&document, "boot"), "off");
    assert_eq!(text_of(&document, "ip4_addr"), "em0|10.0.0.2/24,em0|10.0.0.3/24");
    assert_eq!(text_of(&document, "tag"), "my jail");
    assert_eq!(text_of(&document, "exec_start"), "/bin/sh /etc/rc");
    assert_eq!(text_of(&document, "user.role"), "web");
    assert_eq!(text_of(&document, "user.sub.x"), "1");
}

#[test]
fn json_is_ucl() {
    let document = document("{\n  \"boot\": \"on\", \"priority\": 5,\n  \"user\": {\"a\": \"b\"}\n}\n");
    assert_eq!(text_of(&document, "boot"), "on");
    assert_eq!(text_of(&document, "priority"), "5");
    assert_eq!(text_of(&document, "user.a"), "b");
}

#[test]
fn edits_change_one_key() {
    let mut changed = document(SAMPLE);
    changed.set("boot", &Stored::Bool(true), STYLE).unwrap();
    assert_eq!(changed.text(), SAMPLE.replace("\"off\"", "\"on\""));
    changed.set("user.sub.x", &Stored::Text("a b".into()), STYLE).unwrap();
    assert_eq!(text_of(&changed, "user.sub.x"), "a b");
    let mut odd = document("priority\rv");
    odd.set("priority", &Stored::Text("5".into()), STYLE).unwrap();
    assert_eq!(odd.text(), "priority\r5");
    let mut more = document(SAMPLE);
    more.set("priority", &Stored::Text("5".into()), STYLE).unwrap();
    assert_eq!(more.text(), format!("{SAMPLE}priority = \"5\";\n"));
    assert!(more.remove_all(&|other| other == "priority") && !more.remove_all(&|other| other == "priority"));
    assert_eq!(more.text(), SAMPLE);
    assert!(more.remove_all(&|other| other == "user.role"));
    assert_eq!(text_of(&more, "user.sub.x"), "1");
    more.set("ip4_addr", &Stored::Text(":x".into()), STYLE).unwrap();
    assert!(more.text().contains("ip4_addr: \":x\""));
    assert!(more.set("user", &Stored::Text("x".into()), STYLE).is_err());
    assert!(more.set("boot.x", &Stored::Text("x".into()), STYLE).is_err());
}

#[test]
fn errors_tell_the_place() {
    for (text, message) in [
        ("a = ", "line 1, column 5: expected a value"),
        ("a = 1\n= 2", "line 2, column 1: expected a key"),
        ("a { b = 1", "line 1, column 10: expected a closing brace"),
        ("a = 1\n}", "line 2, column 1: a closing brace without its opening brace"),
        ("a = \"x", "line 1, column 5: text without end"),
        ("a#b", "line 1, column 2: expected a value"),
        ("/* x", "line 1, column 1: comment without end"),
    ] {
        assert_eq!(UclDocument::parse(text).unwrap_err().to_string(), message, "{text}");
    }
    let deep = "a {".repeat(100_000);
    assert_eq!(UclDocument::parse(&deep).unwrap_err().what, "nested too deeply");
}

proptest! {
    #[test]
    fn any_text_is_judged(text in "[a-c={};:,#/*\"'\\\\ \n]{0,24}") {
        let _ = UclDocument::parse(&text);
    }

    #[test]
    fn an_edit_that_is_taken_back_leaves_no_trace(
        text in "(# c\n|[a-c] ?= ?\"[a-z é]{0,3}\";\n){0,5}", value in "[ -~]{1,8}",
    ) {
        let mut document = document(&text);
        prop_assert_eq!(document.text(), text.as_str());
        if document.set("zz", &Stored::Text(value), STYLE).is_ok() {
            document.remove_all(&|other| other == "zz");
            prop_assert_eq!(document.text().trim_end(), text.trim_end());
        }
    }

    #[test]
    fn what_is_set_reads_back(
        text in "([a-c] ?[=: ] ?[a-z0-9]{1,3};?\n){0,4}", key in "[a-d](\\.[a-d])?", value in "[ -~]{1,8}",
    ) {
        let mut document = document(&text);
        let mut expected = document.entries();
        if document.set(&key, &Stored::Text(value.clone()), STYLE).is_ok() {
            expected.insert(key.clone(), Raw::Text(value));
            prop_assert_eq!(document.entries(), expected.clone());
            prop_assert!(document.remove_all(&|other| other == key));
            expected.remove(&key);
            prop_assert_eq!(document.entries(), expected);
        }
    }
}
