//! Kernel modules: kldload(2).

use std::ffi::CString;

use nix::libc;

/// Loads a module; tells whether it was loaded now. One that does not exist or does not load is no error here: the
/// caller tries again what needs it, and reports that.
pub(crate) fn load(module: &str) -> bool {
    let Ok(module) = CString::new(module) else { return false };
    // SAFETY: the name ends with NUL.
    unsafe { kldload(module.as_ptr()) >= 0 }
}

unsafe extern "C" {
    fn kldload(file: *const libc::c_char) -> libc::c_int;
}
