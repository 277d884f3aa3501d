//! What planners are given: the state of the host, read and never changed.

pub mod base;
pub mod config;
pub mod delegated;
pub mod dependents;
pub mod devfs;
pub mod etc;
pub mod fstab;
pub mod jail;
pub mod jail_etc;
pub mod mounted;
pub mod network;
pub mod release;
pub mod skeleton;
pub mod snapshots;
pub mod world;

/// A number made from a text: the same for the same text, on every machine and by every version.
pub(crate) fn hash(text: &str) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(text);
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
