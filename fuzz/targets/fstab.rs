//! An fstab: read, kept, changed.

#![no_main]

use ioc_model::fstab::{Entry, Fstab};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut fstab) = Fstab::from_bytes(bytes) else { return };
    let kept = fstab.to_bytes();
    assert!(kept.starts_with(bytes));
    let entries: Vec<Entry> = fstab.entries().cloned().collect();
    for entry in &entries {
        let mut one = Fstab::default();
        if one.add(entry.clone()).is_ok() {
            let read = Fstab::from_bytes(&one.to_bytes()).expect("small");
            let read = read.entries().next().expect("the line that was added").clone();
            assert_eq!(
                (&read.source, &read.destination, &read.options),
                (&entry.source, &entry.destination, &entry.options)
            );
        }
    }
    fstab.move_paths("/a", "/b c");
    assert_eq!(fstab.entries().count(), entries.len());
});
