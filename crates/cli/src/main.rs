//! The command `ioc`.
fn main() {}
