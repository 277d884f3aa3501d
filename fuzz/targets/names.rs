//! Names: judged, and printed as they were.

#![no_main]

use ioc_model::name::{DatasetName, JailName, JailPath, KernelName, ReleaseRef, SnapshotName, SourceName};
use ioc_model::uuid::Uuid;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    macro_rules! prints_back {
        ($($name:ty),*) => {$(
            if let Ok(name) = text.parse::<$name>() {
                assert_eq!(name.to_string().parse::<$name>(), Ok(name));
            }
        )*};
    }
    prints_back!(DatasetName, JailName, JailPath, KernelName, ReleaseRef, SnapshotName, SourceName, Uuid);
    let _ = JailName::new(text);
});
