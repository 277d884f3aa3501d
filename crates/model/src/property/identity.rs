//! Who a jail is: names, labels, notes, the host it belongs to.

use super::define::{Since, properties};
use super::typed::Items;

properties! {
    /// Name of the jail, the last component of its dataset; changed by `ioc rename`
    NAME: String = ("name", "-").aliases(&["id", "uuid"]).computed();

    /// Host name in the jail; the name of the jail unless set
    HOST_HOSTNAME: Option<String> = ("host_hostname", "-").kernel("host.hostname").live();

    /// NIS domain name in the jail
    HOST_DOMAINNAME: Option<String> = ("host_domainname", "local").kernel("host.domainname").live();

    /// Host UUID in the jail; made from the host's UUID and the jail's name unless set
    HOST_HOSTUUID: Option<String> = ("host_hostuuid", "-").kernel("host.hostuuid");

    /// UUID of the host that made the jail
    HOSTID: Option<String> = ("hostid", "-").live();

    /// Refuse to start the jail on a host other than that of `hostid`
    HOSTID_STRICT_CHECK: bool = ("hostid_strict_check", "no").live();

    /// Labels, for filters
    TAGS: Items = ("tags", "-").aliases(&["tag"]).live();

    /// Notes, for people
    NOTES: Option<String> = ("notes", "-").lines().live().since(Since::Iocage(1));

    /// A comment, for people
    COMMENT: Option<String> = ("comment", "-").lines().live().since(Since::Iocage(5));

    /// Who the jail belongs to, for people
    OWNER: Option<String> = ("owner", "-").live().since(Since::Iocage(1));
}
