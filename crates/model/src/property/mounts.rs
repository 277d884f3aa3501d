//! What is mounted in a jail, and what it sees of mounts.

use super::define::{Since, properties};
use super::typed::{DatasetList, Ruleset};

properties! {
    /// Mount devfs on /dev
    MOUNT_DEVFS: bool = ("mount_devfs", "yes");

    /// Mount fdescfs on /dev/fd
    MOUNT_FDESCFS: bool = ("mount_fdescfs", "no");

    /// Mount procfs on /proc
    MOUNT_PROCFS: bool = ("mount_procfs", "no");

    /// Mount linprocfs on /compat/linux/proc
    MOUNT_LINPROCFS: bool = ("mount_linprocfs", "no").since(Since::Iocage(1));

    /// Devices that the jail sees: a ruleset of devfs.rules(5)
    DEVFS_RULESET: Option<Ruleset> = ("devfs_ruleset", "4").kernel("devfs_ruleset");

    /// Lowest number of the rulesets that iocage makes for running jails
    MIN_DYN_DEVFS_RULESET: u16 = ("min_dyn_devfs_ruleset", "1000").kept().since(Since::Iocage(27));

    /// What the jail learns of mounts: 0 all, 1 those below its root, 2 its root only
    ENFORCE_STATFS: u32 = ("enforce_statfs", "2").range(0, 2).kernel("enforce_statfs").live();

    /// Give the jail the datasets of `jail_zfs_dataset`
    JAIL_ZFS: bool = ("jail_zfs", "no");

    /// Datasets that the jail may administer; they need the ZFS property jailed=on
    JAIL_ZFS_DATASET: DatasetList = ("jail_zfs_dataset", "-");

    /// Where iocage mounts the dataset in the jail
    JAIL_ZFS_MOUNTPOINT: Option<String> = ("jail_zfs_mountpoint", "-").kept().since(Since::Iocage(1));

    /// Copy the host's /etc/localtime into the jail
    HOST_TIME: bool = ("host_time", "no").since(Since::Iocage(6));
}
