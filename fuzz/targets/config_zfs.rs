//! A configuration of ZFS properties, one a line with a tab before its value: read, changed, migrated.

#![no_main]

use ioc_model::config::{Change, Document, Format, JailConfig, ZFS_PREFIX, ZfsChange, ZfsDocument};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let properties: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    let document = ZfsDocument::new(properties.iter().copied());
    let mut config = JailConfig::new(Document::Zfs(document), None);
    let _ = (config.problems(), config.limits(), config.permissions(), config.environment());
    for change in [Change::set("priority", "5"), Change::set("boot", "yes"), Change::unset("vnet")] {
        let key = format!("{ZFS_PREFIX}{}", change.key);
        let before = config.document().zfs_changes();
        if config.set(&[change]).is_ok() {
            for made in config.document().zfs_changes().iter().filter(|made| !before.contains(made)) {
                let (ZfsChange::Set { name, .. } | ZfsChange::Inherit { name }) = made;
                assert_eq!(*name, key);
            }
        }
    }
    if let Ok(migrated) = config.migrated(&"a".parse().expect("a name")) {
        let text = migrated.text().expect("JSON has a text").as_bytes();
        Document::read(Format::Json, text).expect("what is written reads").expect("as JSON");
    }
});
