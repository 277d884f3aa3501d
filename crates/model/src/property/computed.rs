//! What ioc finds out about a jail: it can be listed and filtered by, not set.

use super::define::{Since, properties};

properties! {
    /// Number of the running jail
    JID: Option<u32> = ("jid", "-").computed();

    /// Whether the jail runs
    RUNNING: bool = ("running", "no").computed();

    /// State as iocage has it: up or down
    STATE: String = ("state", "down").one_of(&["up", "down"]).computed().since(Since::Iocage(1));

    /// Source and name, where there is more than one source; else the name
    FULL_NAME: String = ("full_name", "-").computed();

    /// Source that holds the jail
    SOURCE: String = ("source", "-").computed();

    /// Dataset of the jail
    DATASET: String = ("dataset", "-").computed().since(Since::Ioc);

    /// Directory that is the jail's root
    PATH: String = ("path", "-").kernel("path").computed().since(Since::Ioc);

    /// Program and version whose notation the configuration is in
    CONFIG_FORMAT: String = ("config_format", "-").computed().since(Since::Ioc);

    /// Whether the configuration was read from a format that only older programs wrote
    LEGACY: bool = ("legacy", "no").computed();
}
