//! A UCL configuration: read, shown, changed, written and read again.

#![no_main]

use ioc_model::config::{Change, Document, Format, JailConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some(document)) = Document::read(Format::Ucl, bytes) else { return };
    let mut config = JailConfig::new(document, None);
    let _ = config.problems();
    let _ = config.migrated(&"a".parse().expect("a name"));
    for change in [Change::set("priority", "5"), Change::set("notes", "a \"b\" ; c"), Change::unset("boot")] {
        if config.set(&[change]).is_ok() {
            let text = config.document().text().expect("UCL has a text").as_bytes().to_vec();
            let again = Document::read(Format::Ucl, &text).expect("what is written reads").expect("as UCL");
            assert_eq!(again.entries(), config.document().entries());
        }
    }
});
