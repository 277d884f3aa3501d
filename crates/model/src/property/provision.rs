//! How a jail is filled by other programs: provisioning and plugins.

use super::define::{Since, properties};

properties! {
    /// What provisions the jail
    PROVISION_METHOD: Option<String> = ("provision.method", "-").one_of(&["ix", "puppet"]).kept().live();

    /// Where it finds what to do: a path or an address
    PROVISION_SOURCE: Option<String> = ("provision.source", "-").kept().live();

    /// Revision of it
    PROVISION_REV: String = ("provision.rev", "master").kept().live();

    /// Packages that were asked for when the jail was made (iocage)
    PKGLIST: Option<String> = ("pkglist", "-").kept().since(Since::Iocage(1));

    /// Plugin that the jail holds (iocage)
    PLUGIN_NAME: Option<String> = ("plugin_name", "-").kept().since(Since::Iocage(24));

    /// Where the plugin came from (iocage)
    PLUGIN_REPOSITORY: Option<String> = ("plugin_repository", "-").kept().since(Since::Iocage(25));

    /// How many jails were made at once (iocage)
    COUNT: Option<String> = ("count", "-").kept().since(Since::Iocage(1));

    /// State of replication (iocage, unused there)
    SYNC_STATE: Option<String> = ("sync_state", "-").kept().since(Since::Iocage(1));

    /// Host that the jail is replicated to (iocage, unused there)
    SYNC_TARGET: Option<String> = ("sync_target", "-").kept().since(Since::Iocage(1));

    /// Pool that the jail is replicated to (iocage, unused there)
    SYNC_TGT_ZPOOL: Option<String> = ("sync_tgt_zpool", "-").kept().since(Since::Iocage(1));
}
