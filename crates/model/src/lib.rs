//! The pure part of ioc: names, versions, properties, configuration formats, addresses.
//!
//! Nothing here reads a file, a clock or the environment; every module turns text into a type and back.
//! What is parsed once here is not checked again anywhere else.
//!
//! | module | subject |
//! |---|---|
//! | [`name`] | names of jails, sources, releases, datasets, snapshots; paths inside a jail |

pub mod name;
