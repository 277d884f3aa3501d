use super::*;
use crate::config::raw::BoolStyle;
use crate::property::Dialect;
use proptest::prelude::*;

const STYLE: Style = Style { dialect: Dialect::Libioc, bools: BoolStyle::YesNo };

fn document(text: &str) -> JsonDocument {
    JsonDocument::from_bytes(text.as_bytes()).unwrap()
}

fn set(text: &str, key: &str, value: &str) -> String {
    let mut document = document(text);
    document.set(key, &Stored::Text(value.to_owned()), STYLE).unwrap();
    document.text().to_owned()
}

fn removed(text: &str, key: &str) -> String {
    let mut document = document(text);
    assert!(document.remove_all(&|other| other == key), "{key} is not in {text}");
    document.text().to_owned()
}

#[test]
fn written_at_once_and_key_by_key_are_the_same() {
    let text = |text: &str| Stored::Text(text.to_owned());
    let entries = [
        ("id", text("web")),
        ("user.b-c", text("x\"y")),
        ("user.b.d", text("1")),
        ("boot", Stored::Bool(true)),
        ("user.b.a", text("2")),
        ("boot", Stored::Bool(false)),
        ("user-x", text("é")),
    ];
    let mut one_by_one = JsonDocument::new();
    for (key, stored) in &entries {
        one_by_one.set(key, stored, STYLE).unwrap();
    }
    let at_once = entries.map(|(key, stored)| (key.to_owned(), stored));
    assert_eq!(JsonDocument::of(at_once, STYLE).unwrap().text(), one_by_one.text());
}

#[test]
fn keys_that_would_not_be_read_again_are_refused() {
    for key in ["user.a\0b".to_owned(), "a".repeat(300), "a.".repeat(40) + "a"] {
        let mut document = JsonDocument::new();
        let error = document.set(&key, &Stored::Text("x".to_owned()), STYLE).unwrap_err();
        assert_eq!((error, document.text()), (EditError::Key { key }, "{}\n"));
    }
}

#[test]
fn a_changed_key_is_all_that_changes() {
    let text = "{\n\t\"b\" : 1e3 ,\n\"a\":\"x\\u0041\",  \"priority\": \"99\"}";
    assert_eq!(set(text, "priority", "5"), text.replace("99", "5"));
    assert_eq!(set(text, "b", "7"), text.replace("1e3", "7"));
    assert_eq!(set(text, "b", "x"), text.replace("1e3", "\"x\""));
}

#[test]
fn new_files_are_as_libioc_writes_them() {
    let mut document = JsonDocument::new();
    for key in ["release", "basejail", "user.role", "user.a.b", "id"] {
        document.set(key, &Stored::Text("x".to_owned()), STYLE).unwrap();
    }
    let expected = r#"{
    "basejail": "x",
    "id": "x",
    "release": "x",
    "user": {
        "a": {
            "b": "x"
        },
        "role": "x"
    }
}
"#;
    assert_eq!(document.text(), expected);
    let written: serde_json::Value = serde_json::from_str(expected).unwrap();
    assert_eq!(written["user"]["a"]["b"], "x");
}

#[test]
fn new_keys_follow_the_order_and_the_lines_of_the_file() {
    assert_eq!(
        set("{\n  \"a\": 1,\n  \"c\": 2\n}", "b", "x"),
        "{\n  \"a\": 1,\n  \"b\": \"x\",\n  \"c\": 2\n}"
    );
    assert_eq!(
        set("{\n  \"b\": 1,\n  \"c\": 2\n}\n", "a", "x"),
        "{\n  \"a\": \"x\",\n  \"b\": 1,\n  \"c\": 2\n}\n"
    );
    assert_eq!(set("{\"z\":1,\"b\":2}", "a", "x"), "{\"z\":1,\"b\":2,\"a\":\"x\"}");
    assert_eq!(set("{\"b\": 1}", "c", "x"), "{\"b\": 1, \"c\": \"x\"}");
    assert_eq!(set("{\"b\": 1}", "u.v", "x"), "{\"b\": 1, \"u\": {\"v\": \"x\"}}");
    assert_eq!(set("{ \n}", "a", "x"), "{\n    \"a\": \"x\" \n}");
    assert_eq!(set("", "a", "x"), "{\n    \"a\": \"x\"\n}\n");
}

#[test]
fn keys_are_found_dotted_and_nested() {
    let text =
        r#"{"user.a": 1, "user": {"b": 2, "c.d": 3}, "l": ["x", 1], "o": {}, "n": null, "h": "\ud800"}"#;
    let entries = document(text).entries();
    let keys: Vec<&str> = entries.keys().map(String::as_str).collect();
    assert_eq!(keys, ["h", "l", "n", "user.a", "user.b", "user.c.d"]);
    assert_eq!(entries["l"], Raw::List(vec!["x".into(), "1".into()]));
    assert!(matches!(entries["h"], Raw::Unreadable(_)));
    assert_eq!(set(text, "user.c.d", "9"), text.replace(": 3", ": 9"));
    assert_eq!(set(text, "user.a", "9"), text.replace(": 1,", ": 9,"));
}

#[test]
fn the_last_of_two_equal_keys_counts() {
    let text = r#"{"a": "1", "b": "2", "a": "3"}"#;
    assert_eq!(document(text).entries()["a"], Raw::Text("3".into()));
    assert_eq!(set(text, "a", "4"), r#"{"a": "1", "b": "2", "a": "4"}"#);
    assert_eq!(removed(text, "a"), r#"{"b": "2"}"#);
    assert_eq!(
        removed(r#"{"a": 1, "a": 2, "b": 3, "a": 4, "a": {"x": 5}}"#, "a"),
        r#"{"b": 3, "a": {"x": 5}}"#
    );
    assert_eq!(removed(r#"{"u": {"a": 1}, "u": {"a": 2, "b": 3}, "u.a": 4}"#, "u.a"), r#"{"u": {"b": 3}}"#);
}

#[test]
fn removal_takes_one_comma_and_empty_objects() {
    assert_eq!(removed("{\n  \"a\": 1,\n  \"b\": 2\n}\n", "a"), "{\n  \"b\": 2\n}\n");
    assert_eq!(removed("{\n  \"a\": 1,\n  \"b\": 2\n}\n", "b"), "{\n  \"a\": 1\n}\n");
    assert_eq!(removed("{\n  \"a\": 1\n}\n", "a"), "{}\n");
    let nested = r#"{"k": 0, "a": {"b": {"c": 1}}}"#;
    assert_eq!(removed(nested, "a.b.c"), r#"{"k": 0}"#);
    let two = r#"{"a": {"b": {"c": 1}, "d": 2}}"#;
    assert_eq!(removed(two, "a.b.c"), r#"{"a": {"d": 2}}"#);
    assert!(!document(nested).remove_all(&|other| other == "a.b"));
    assert!(!document(nested).remove_all(&|other| other == "x"));
}

#[test]
fn values_and_objects_do_not_replace_each_other() {
    let mut document = document(r#"{"a": {"b": 1}, "c": 2}"#);
    let five = Stored::Text("5".into());
    let error = document.set("a", &five, STYLE).unwrap_err();
    assert_eq!(error.to_string(), "cannot set a: a holds keys of its own in the file");
    let error = document.set("c.d.e", &five, STYLE).unwrap_err();
    assert_eq!(error.to_string(), "cannot set c.d.e: c holds a value in the file");
    assert!(document.set("a..b", &five, STYLE).is_err());
}

#[test]
fn booleans_keep_the_notation_of_their_place() {
    let mut document = document(r#"{"boot": 0, "vnet": "off", "basejail": true}"#);
    for key in ["boot", "vnet", "new"] {
        document.set(key, &Stored::Bool(true), STYLE).unwrap();
    }
    document.set("basejail", &Stored::Bool(false), STYLE).unwrap();
    assert_eq!(document.text(), r#"{"boot": 1, "vnet": "on", "basejail": false, "new": "yes"}"#);
}

#[test]
fn hostile_files() {
    assert!(matches!(JsonDocument::from_bytes(b"{\"a\": \"\xff\"}"), Err(DocumentError::NotText { at: 7 })));
    assert!(matches!(JsonDocument::from_bytes(b"{}\0"), Err(DocumentError::Nul { at: 2 })));
    assert!(matches!(JsonDocument::from_bytes(&[b' '; 2 << 20]), Err(DocumentError::TooLarge)));
    assert!(JsonDocument::from_bytes(b" \n").unwrap().entries().is_empty());
    let nul = document(r#"{"a": "x\u0000y", "b": "z"}"#).entries();
    assert!(matches!(nul["a"], Raw::Unreadable(_)));
    assert_eq!(nul["b"], Raw::Text("z".into()));
}

#[test]
fn a_large_file_is_read_and_edited_in_linear_time() {
    let same = vec!["\"a\": 1"; 100_000].join(", ");
    assert_eq!(removed(&format!("{{{same}}}"), "a"), "{}");
    let members: Vec<String> = (0..40_000).map(|n| format!("\"key{n}\": \"{n}\"")).collect();
    let text = format!("{{{}}}", members.join(", "));
    let mut document = document(&text);
    document.set("key39999", &Stored::Text("x".into()), STYLE).unwrap();
    assert_eq!(document.entries().len(), 40_000);
}

proptest! {
    /// Whatever is set reads back, and what was there before reads as it did.
    #[test]
    fn edits_change_one_key(
        start in prop::collection::btree_map("[a-c](\\.[a-c])?", "[ -~]{0,6}", 0..6),
        key in "[a-c](\\.[a-c])?", value in "\\PC{0,8}",
    ) {
        let mut document = JsonDocument::new();
        for (key, value) in &start {
            let _ = document.set(key, &Stored::Text(value.clone()), STYLE);
        }
        let before = document.entries();
        match document.set(&key, &Stored::Text(value.clone()), STYLE) {
            Ok(()) => {
                let mut expected = before.clone();
                expected.insert(key.clone(), Raw::Text(value));
                prop_assert_eq!(document.entries(), expected);
                prop_assert!(document.remove_all(&|other| other == key));
                let mut expected = before;
                expected.remove(&key);
                prop_assert_eq!(document.entries(), expected);
            }
            Err(_) => prop_assert_eq!(document.entries(), before),
        }
    }
}
