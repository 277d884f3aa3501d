//! The FreeBSD half of the platform on a real FreeBSD: run as root, in a guest that may be thrown away.
//!
//! Roots are directories below /var/tmp with the host's static programs of /rescue mounted into them, so nothing is
//! downloaded or installed. Each test has names of its own and takes away what it made.
#![cfg(target_os = "freebsd")]

mod devfs;
mod exec;
mod host;
mod jails;
mod limits;
mod mounts;
mod network;
mod root;
