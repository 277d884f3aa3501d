//! What can be asked for: one request a file.
//!
//! Each request gathers the facts that its planner needs and hands them over; what is decided is decided there.

mod activate;
mod clone;
mod create;
mod destroy;
mod exec;
mod fetch;
mod fstab;
mod jail_conf;
mod many;
mod migrate;
mod rename;
mod run_once;
mod set;
mod snapshot;
mod start;
mod stop;

pub use activate::{Activate, Deactivate, Place};
pub use clone::{CloneJail, Promote};
pub use create::{Base, Create};
pub use destroy::{Destroy, DestroyRelease};
pub use exec::Command;
pub use fetch::{Fetch, Kind};
pub use fstab::{EditFstab, FstabChange, FstabLine, FstabReport, list_fstab};
pub use many::{JailPlan, JailResult, Outcome, StartOptions, StopOptions};
pub use migrate::{DropOldState, Migrate};
pub use rename::Rename;
pub use run_once::RunOnce;
pub use set::{Set, SetReport, Target};
pub use snapshot::{RemoveSnapshot, Rollback, TakeSnapshot};
pub use start::Start;
pub use stop::{Restart, Stop};

pub(crate) use many::{dependencies_of as dependencies, order_of as start_order};
pub(crate) use start::as_configured as start_plan;
