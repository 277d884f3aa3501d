//! The pure part of ioc: names, versions, properties, configuration formats, addresses.
//!
//! Nothing here reads a file, a clock or the environment; every module turns text into a type and back.
//! What is parsed once here is not checked again anywhere else.
//!
//! | module | subject |
//! |---|---|
//! | [`name`] | names of jails, sources, releases, datasets, snapshots; paths inside a jail |
//! | [`property`] | the table of all properties; values, their types, how they print |
//! | [`config`] | configurations of jails: formats, layers, changes |
//! | [`filter`] | which jails a command is for |
//! | [`address`], [`interface`], [`mac`], [`resolver`] | network values of properties |
//! | [`limit`], [`size`] | amounts |
//! | [`uuid`] | UUIDs of hosts and jails |
//! | [`fstab`], [`rcconf`] | files of jails and of the host |

pub mod address;
pub mod config;
pub mod filter;
pub mod fstab;
pub mod interface;
pub mod limit;
pub mod mac;
pub mod name;
pub mod property;
pub mod rcconf;
pub mod resolver;
pub mod size;
pub mod uuid;
