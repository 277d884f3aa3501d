//! rc.conf and sysctl.conf: read, kept, changed.

#![no_main]

use ioc_model::rcconf::{Assigned, RcConf, Syntax};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for syntax in [Syntax::Shell, Syntax::Sysctl] {
        let Ok(mut conf) = RcConf::from_bytes(bytes, syntax) else { return };
        assert_eq!(conf.to_bytes(), bytes);
        let names: Vec<String> = conf.assignments().map(|(name, _)| name.to_owned()).collect();
        if conf.set("a", "b c").is_ok() {
            assert_eq!(conf.get("a"), Some(Assigned::Constant("b c")));
            assert!(names.iter().all(|name| conf.get(name).is_some()));
        }
        conf.unset("a");
        assert_eq!(conf.get("a"), None);
    }
});
