//! A value of each property: read, shown, stored, read again as the same value.

#![no_main]

use ioc_model::property::{self, Dialect, Stored};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for property in property::all() {
        let name = property.facts().name;
        let Ok(Some(value)) = property.read(name, text) else { continue };
        let _ = (value.to_json(), value.to_string());
        for dialect in [Dialect::Libioc, Dialect::Iocage] {
            let stored = match property.store(name, text, dialect) {
                Ok(Some(Stored::Text(text))) => text,
                Ok(Some(Stored::Bool(yes))) => yes.to_string(),
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(property.read(name, &stored), Ok(Some(value.clone())), "{name} {stored:?}");
        }
    }
});
