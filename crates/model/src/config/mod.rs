//! Configurations of jails: where they are kept, what they say, how they are changed.
//!
//! ```text
//! bytes, ZFS properties -> Document -> layer (what older programs meant) -> JailConfig -> Setting<T>
//!                             ^------------ set: validate all, then change -----'
//! ```
//!
//! | type | what it is |
//! |---|---|
//! | [`Document`] | text of one of three [`Format`]s, or ZFS properties; an edit changes one key and no other byte |
//! | [`SourceDefaults`] | the defaults of a source |
//! | [`JailConfig`] | a jail's own document over the defaults of its source over the table of properties |
//! | [`Setting`], [`Origin`] | a value and where it comes from |
//! | [`Change`], [`Changes`] | a batch of changes, and what it did |
//!
//! Nothing that is read here fails because of a key that is not known: it is kept as it is, and shown.

mod change;
mod document;
mod effective;
mod iocage;
mod json;
mod layer;
mod migrate;
mod raw;
mod text;
mod ucl;
mod view;
mod zfs;

pub use change::{Change, Changed, Changes, DatasetChange, SetError};
pub use document::{Document, Format, Place};
pub use effective::{Permission, ResourceLimit};
pub use json::JsonDocument;
pub use migrate::MigrateError;
pub use raw::{BoolStyle, Raw, Style};
pub use text::{DocumentError, EditError, MOST_FILE, Position, SyntaxError};
pub use ucl::UclDocument;
pub use view::{JailConfig, Origin, PropertyError, Setting, SourceDefaults};
pub use zfs::{PREFIX as ZFS_PREFIX, ZfsChange, ZfsDocument};

#[cfg(test)]
mod tests;
