//! What the jail may do: `allow_*`, System V IPC, securelevel, child jails.

use super::define::{Since, properties};
use super::typed::Sharing;

properties! {
    /// Change the host name from within the jail
    ALLOW_SET_HOSTNAME: bool = ("allow_set_hostname", "yes").kernel("allow.set_hostname").live();

    /// Use the host's System V IPC; deprecated for sysvmsg, sysvsem, sysvshm
    ALLOW_SYSVIPC: bool = ("allow_sysvipc", "no").kernel("allow.sysvipc").live();

    /// Make raw sockets, as ping(8) does
    ALLOW_RAW_SOCKETS: bool = ("allow_raw_sockets", "no").kernel("allow.raw_sockets").live();

    /// Change system file flags
    ALLOW_CHFLAGS: bool = ("allow_chflags", "no").kernel("allow.chflags").live();

    /// Mount file systems that are fit for jails; yes as soon as an allow_mount_* is
    ALLOW_MOUNT: bool = ("allow_mount", "no").kernel("allow.mount").live();

    /// Mount devfs
    ALLOW_MOUNT_DEVFS: bool = ("allow_mount_devfs", "no").kernel("allow.mount.devfs").live();

    /// Mount fdescfs
    ALLOW_MOUNT_FDESCFS: bool = ("allow_mount_fdescfs", "no").kernel("allow.mount.fdescfs").live();

    /// Mount file systems in user space
    ALLOW_MOUNT_FUSEFS: bool = ("allow_mount_fusefs", "no")
        .kernel_since("allow.mount.fusefs", "12.0").live().since(Since::Iocage(15));

    /// Mount nullfs
    ALLOW_MOUNT_NULLFS: bool = ("allow_mount_nullfs", "no").kernel("allow.mount.nullfs").live();

    /// Mount procfs
    ALLOW_MOUNT_PROCFS: bool = ("allow_mount_procfs", "no").kernel("allow.mount.procfs").live();

    /// Mount linprocfs
    ALLOW_MOUNT_LINPROCFS: bool = ("allow_mount_linprocfs", "no")
        .kernel("allow.mount.linprocfs").live().since(Since::Iocage(29));

    /// Mount linsysfs
    ALLOW_MOUNT_LINSYSFS: bool = ("allow_mount_linsysfs", "no")
        .kernel("allow.mount.linsysfs").live().since(Since::Ioc);

    /// Mount tmpfs
    ALLOW_MOUNT_TMPFS: bool = ("allow_mount_tmpfs", "no").kernel("allow.mount.tmpfs").live();

    /// Mount ZFS datasets
    ALLOW_MOUNT_ZFS: bool = ("allow_mount_zfs", "no").kernel("allow.mount.zfs").live();

    /// Administer quotas
    ALLOW_QUOTAS: bool = ("allow_quotas", "no").kernel("allow.quotas").live();

    /// Use protocols beyond IPv4, IPv6, local and route sockets
    ALLOW_SOCKET_AF: bool = ("allow_socket_af", "no").kernel("allow.socket_af").live();

    /// Lock memory
    ALLOW_MLOCK: bool = ("allow_mlock", "no").kernel_since("allow.mlock", "12.0").live().since(Since::Iocage(12));

    /// Bind to ports below 1024
    ALLOW_RESERVED_PORTS: bool = ("allow_reserved_ports", "yes")
        .kernel_since("allow.reserved_ports", "12.0").live().since(Since::Ioc);

    /// Read the kernel's message buffer
    ALLOW_READ_MSGBUF: bool = ("allow_read_msgbuf", "no")
        .kernel_since("allow.read_msgbuf", "12.0").live().since(Since::Ioc);

    /// Debug processes as an unprivileged user
    ALLOW_UNPRIVILEGED_PROC_DEBUG: bool = ("allow_unprivileged_proc_debug", "yes")
        .kernel_since("allow.unprivileged_proc_debug", "13.0").live().since(Since::Ioc);

    /// Give the jail's root the privileges of a super-user
    ALLOW_SUSER: bool = ("allow_suser", "yes").kernel_since("allow.suser", "13.0").live().since(Since::Ioc);

    /// Run an NFS server
    ALLOW_NFSD: bool = ("allow_nfsd", "no").kernel_since("allow.nfsd", "14.0").live().since(Since::Ioc);

    /// Change extended attributes of the system namespace
    ALLOW_EXTATTR: bool = ("allow_extattr", "no").kernel_since("allow.extattr", "15.0").live().since(Since::Ioc);

    /// Slew the system's clock, as ntpd(8) does
    ALLOW_ADJTIME: bool = ("allow_adjtime", "no").kernel_since("allow.adjtime", "15.0").live().since(Since::Ioc);

    /// Set the system's clock
    ALLOW_SETTIME: bool = ("allow_settime", "no").kernel_since("allow.settime", "15.0").live().since(Since::Ioc);

    /// Change the system's routing table, in a jail without VNET
    ALLOW_ROUTING: bool = ("allow_routing", "no").kernel_since("allow.routing", "15.0").live().since(Since::Ioc);

    /// Set the audit state of processes
    ALLOW_SETAUDIT: bool = ("allow_setaudit", "no").kernel_since("allow.setaudit", "15.0").live().since(Since::Ioc);

    /// Let unprivileged processes of the parent tamper with processes of the jail that have their user
    ALLOW_UNPRIVILEGED_PARENT_TAMPERING: bool = ("allow_unprivileged_parent_tampering", "no")
        .kernel_since("allow.unprivileged_parent_tampering", "15.0").live().since(Since::Ioc);

    /// Create tun(4) devices
    ALLOW_TUN: bool = ("allow_tun", "no").since(Since::Iocage(14));

    /// Use vmm(4), bhyve's virtual machines
    ALLOW_VMM: bool = ("allow_vmm", "no").kernel_since("allow.vmm", "12.0").live();

    /// System V messages
    SYSVMSG: Sharing = ("sysvmsg", "new").kernel_since("sysvmsg", "11.0");

    /// System V semaphores
    SYSVSEM: Sharing = ("sysvsem", "new").kernel_since("sysvsem", "11.0");

    /// System V shared memory
    SYSVSHM: Sharing = ("sysvshm", "new").kernel_since("sysvshm", "11.0");

    /// Securelevel in the jail; never below that of the host
    SECURELEVEL: i32 = ("securelevel", "2").range(-1, 3).kernel("securelevel").live();

    /// Jails that the jail may make
    CHILDREN_MAX: u32 = ("children_max", "0").kernel("children.max").live();

    /// What uname -r prints in the jail
    OSRELEASE: Option<String> = ("osrelease", "-").kernel_since("osrelease", "10.2").since(Since::Ioc);

    /// What uname -K prints in the jail
    OSRELDATE: Option<u32> = ("osreldate", "-").kernel_since("osreldate", "10.2").since(Since::Ioc);
}
