//! ZFS properties of a jail's dataset that are set and shown through the jail.

use super::define::{Since, properties};
use crate::size::Size;

properties! {
    /// Most space the jail may use, snapshots and clones included
    QUOTA: Option<Size> = ("quota", "-").dataset("quota").live().since(Since::Iocage(1));

    /// Most space the jail may use, snapshots and children not counted
    REFQUOTA: Option<Size> = ("refquota", "-").dataset("refquota").live().since(Since::Ioc);

    /// Space that is set aside for the jail, snapshots and clones included
    RESERVATION: Option<Size> = ("reservation", "-").dataset("reservation").live().since(Since::Iocage(1));

    /// Space that is set aside for the jail, snapshots and children not counted
    REFRESERVATION: Option<Size> = ("refreservation", "-").dataset("refreservation").live().since(Since::Ioc);

    /// How new data are compressed, as in zfsprops(7)
    COMPRESSION: Option<String> = ("compression", "-").dataset("compression").live().since(Since::Iocage(1));

    /// Whether equal blocks are stored once, as in zfsprops(7)
    DEDUP: Option<String> = ("dedup", "-").dataset("dedup").live().since(Since::Iocage(1));

    /// Dataset or snapshot that the jail is a clone of
    ORIGIN: Option<String> = ("origin", "-").computed().since(Since::Iocage(1));

    /// Where the jail's dataset is mounted
    MOUNTPOINT: Option<String> = ("mountpoint", "-").computed().since(Since::Iocage(1));

    /// How well the jail's data are compressed
    COMPRESSRATIO: Option<String> = ("compressratio", "-").computed().since(Since::Iocage(1));

    /// Space that is left for the jail
    AVAILABLE: Option<Size> = ("available", "-").computed().since(Since::Iocage(1));

    /// Space that the jail takes
    USED: Option<Size> = ("used", "-").computed().since(Since::Iocage(1));
}
