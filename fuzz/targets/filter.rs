//! A filter: read, printed, read again, matched.

#![no_main]

use ioc_model::filter::Filter;
use ioc_model::name::{JailRef, SourceName};
use ioc_model::property::Value;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(filter) = Filter::parse([text]) else { return };
    assert_eq!(Filter::parse([filter.to_string().as_str()]).as_ref(), Ok(&filter));
    let jail = JailRef { source: SourceName::ioc(), name: "web01".parse().expect("a name") };
    let _ = (
        filter.matches_name(&jail),
        filter.matches_values(|_| Ok::<_, ()>(Value::Text("web, db".repeat(50)))),
    );
    let jails = [jail];
    let _ = filter.select(&jails);
});
