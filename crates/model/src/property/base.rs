//! What a jail's file system is made from.

use super::define::{Since, properties};
use super::typed::BasejailKind;
use crate::name::ReleaseRef;

properties! {
    /// Release the jail is based on
    RELEASE: Option<ReleaseRef> = ("release", "-");

    /// Release the jail was cloned from, where `release` follows later updates
    CLONED_RELEASE: Option<ReleaseRef> = ("cloned_release", "-");

    /// The base directories come from the release, read-only; `ioc create` sets it
    BASEJAIL: bool = ("basejail", "no");

    /// How the base directories get into a basejail
    BASEJAIL_TYPE: BasejailKind = ("basejail_type", "nullfs");

    /// The jail is a clone of a release (older iocage)
    CLONEJAIL: bool = ("clonejail", "no").kept();

    /// The jail is a template: others are made from it, and it is not started
    TEMPLATE: bool = ("template", "no").live();

    /// Template the jail was made from
    SOURCE_TEMPLATE: Option<String> = ("source_template", "-").kept().since(Since::Iocage(16));

    /// Kind of jail as iocage noted it; ioc goes by `basejail` and `template`
    TYPE: String = ("type", "jail").kept()
        .one_of(&["jail", "basejail", "clonejail", "template", "plugin", "pluginv2", "thickjail", "empty"]);
}
