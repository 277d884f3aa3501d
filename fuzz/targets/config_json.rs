//! A JSON configuration: read, shown, changed, written and read again.

#![no_main]

use ioc_model::config::{Change, Document, Format, JailConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some(document)) = Document::read(Format::Json, bytes) else { return };
    let mut config = JailConfig::new(document, None);
    let _ = (
        config.problems(),
        config.unknown_keys(),
        config.permissions(),
        config.limits(),
        config.environment(),
    );
    let before = config.document().entries();
    let changes = [Change::set("priority", "5"), Change::set("user.a.b", "x"), Change::unset("boot")];
    for change in changes {
        let key = change.key.clone();
        if config.set(&[change]).is_err() {
            continue;
        }
        let text = config.document().text().expect("JSON has a text").as_bytes().to_vec();
        let again = Document::read(Format::Json, &text).expect("what is written reads").expect("as JSON");
        assert_eq!(again.entries(), config.document().entries());
        let others =
            |entries: &std::collections::BTreeMap<String, _>| entries.keys().filter(|k| **k != key).count();
        assert!(others(&again.entries()) + 3 >= others(&before));
    }
});
