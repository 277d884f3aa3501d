//! When a jail is started and stopped, and how long that may take.

use super::define::{Since, properties};
use super::typed::CpuList;
use crate::filter::Filter;

properties! {
    /// Start the jail when the host boots
    BOOT: bool = ("boot", "no").live();

    /// Place in the order of starting, lower first; stopping goes the other way
    PRIORITY: i32 = ("priority", "0").live();

    /// Jails that are started before this one: names, and filter terms such as user.role=db
    DEPENDS: Filter = ("depends", "-").live();

    /// Seconds that a hook may take
    EXEC_TIMEOUT: u32 = ("exec_timeout", "600").live();

    /// Seconds that the jail's processes have to end before they are killed
    STOP_TIMEOUT: u32 = ("stop_timeout", "30").live();

    /// Processors that the jail may use, as in cpuset(1)
    CPUSET: Option<CpuList> = ("cpuset", "off").live().since(Since::Iocage(1));

    /// When the jail was last started (iocage)
    LAST_STARTED: Option<String> = ("last_started", "-").kept().since(Since::Iocage(1));
}
