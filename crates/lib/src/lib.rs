//! Manages FreeBSD jails, on ZFS or on plain directories; on Linux, jails made of namespaces.
//!
//! ```no_run
//! use libioc::operation::{Base, Create, Start};
//! use libioc::{Host, Ioc, Silent, Sources};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ioc = Ioc::open(Host::detect()?, Sources::OfHost)?;
//! let source = ioc.main_source()?.clone();
//! let release = Base::Release("14.3-RELEASE".parse()?);
//! let create = Create::new(source, "web".parse()?, release);
//! println!("{}", ioc.plan(&create)?); // what it would do
//! ioc.apply(&create, &Silent)?; // does it, whole or not at all
//! ioc.apply(&Start::new(ioc.jail("web")?), &Silent)?;
//! # Ok(())
//! # }
//! ```
//!
//! The one idea: **a change is a plan**.
//!
//! ```text
//! request -> facts (read only) -> plan (pure) -> apply (the only writer) -> events
//! ```
//!
//! | module | subject |
//! |---|---|
//! | [`operation`] | requests, one file each: [`operation::Create`], [`operation::Start`], ... |
//! | [`facts`] | what is known of jails, releases, the network: read, never changed |
//! | [`planner`] | pure functions from request and facts to a plan |
//! | [`plan`] | plans and their steps, as data |
//! | [`apply`] | carrying out a plan: journal, undo, recovery, locks |
//! | [`event`] | what is told meanwhile |
//! | [`explain`] | why a jail is as it is, and what is in the way of its start |
//! | [`select`] | finding jails by names and filters |
//! | [`releases`] | finding releases |
//! | [`report`] | all that is known of a host, for somebody who looks at it from afar |
//! | [`source`] | the roots that jails live below |
//!
//! The library never prints, exits, prompts or reads the environment.

pub mod apply;
pub mod error;
pub mod event;
pub mod explain;
pub mod facts;
mod ioc;
mod memory;
pub mod operation;
pub mod order;
pub mod plan;
pub mod planner;
pub mod releases;
pub mod report;
pub mod select;
pub mod source;

pub use apply::Applied;
pub use error::{Category, Error};
pub use event::{Event, Observer, Silent};
pub use ioc::{Ioc, Operation, Settings};
pub use ioc_model as model;
pub use ioc_platform as platform;
pub use ioc_platform::host::Host;
pub use plan::Plan;
pub use source::{Source, Sources};

/// The version of this library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
