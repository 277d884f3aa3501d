//! What the Linux mechanisms share: how to read the kernel's tables, find a running jail and enter its namespaces.
//!
//! | module | subject |
//! |---|---|
//! | [`syscalls`] | system calls that rustix lacks, and those that make processes |
//! | [`procfs`] | a process's `stat`, `status` and `cgroup` files |
//! | [`mountinfo`] | the mount table |
//! | [`confined`] | opening a path below a root without following links |
//! | [`namespaces`] | threads that live in other namespaces |
//! | [`netlink`] | orders to the network of the kernel |
//! | [`registry`] | which process is pid 1 of which jail |
//! | [`cgroups`] | the control groups of jails |
//!
//! Linux 5.12 or newer is needed (`mount_setattr(2)`), which Debian 12, Ubuntu 22.04 and RHEL 9 have.

pub(crate) mod cgroups;
pub(crate) mod confined;
pub(crate) mod mountinfo;
pub(crate) mod namespaces;
pub(crate) mod netlink;
pub(crate) mod procfs;
pub(crate) mod registry;
pub(crate) mod syscalls;
