//! Streams: what `zfs send` writes and `zfs receive` reads.

use std::io::Read;

use ioc_model::name::{SnapshotName, SnapshotTag};

use crate::command::Cmd;
use crate::store::{Progress, StoreError, Streams};

use super::error::{Attempt, understand};
use super::{Dialect, JAILED, ZfsStore, zfs};

/// The begin of a stream that holds other streams or properties (`zfs send -R`, `-p`): of the record's fields
/// type, payload length, magic and version information the last is looked at, whose lowest two bits are the kind;
/// sys/zfs_ioctl.h, `dmu_replay_record` and `DMU_GET_STREAM_HDRTYPE`. The sender's byte order may be the other.
fn is_compound(begin: &[u8; 24]) -> bool {
    const MAGIC: u64 = 0x2_F5BA_CBAC;
    const COMPOUND: u64 = 2;
    let at = |from: usize| begin[from..from + 8].try_into().expect("eight bytes");
    let field = |from| {
        if u64::from_le_bytes(at(8)) == MAGIC {
            u64::from_le_bytes(at(from))
        } else {
            u64::from_be_bytes(at(from))
        }
    };
    field(8) == MAGIC && field(16) & 3 == COMPOUND
}

impl ZfsStore {
    /// Sends a snapshot into a new dataset.
    pub(super) fn send_to(
        &self,
        from: &SnapshotName,
        to: &SnapshotName,
        progress: Progress<'_>,
    ) -> Result<(), StoreError> {
        let (from, to_name) = (from.to_string(), to.to_string());
        let receive = match self.dialect() {
            Dialect::OpenZfs => zfs("receive").arg("-u"),
            Dialect::ZfsFuse => zfs("receive"),
        };
        let action = format!("copy {from} to {}", to.dataset);
        let attempt = Attempt { action: &action, subject: &from, target: Some(&to_name) };
        let result = self.commands.pipe(&zfs("send").arg(&from), &receive.arg(&to_name), progress);
        result.map_err(|error| match understand(error, attempt) {
            StoreError::Exists { .. } => StoreError::Exists { name: to.dataset.to_string() },
            other => other,
        })
    }

    /// `zfs receive` for a stream that somebody else may have made.
    fn receive_command(&self, name: &SnapshotName, compound: bool) -> Result<Cmd, StoreError> {
        let cmd = match self.dialect() {
            Dialect::OpenZfs => {
                let ours = ["mountpoint", "sharenfs", "sharesmb", JAILED];
                zfs("receive").arg("-u").args(ours.into_iter().flat_map(|property| ["-x", property]))
            }
            Dialect::ZfsFuse if compound => {
                let what = "receive a stream with properties, as it cannot be told to ignore them";
                return Err(StoreError::Unsupported { kind: "zfs", what: what.to_owned() });
            }
            Dialect::ZfsFuse => zfs("receive"),
        };
        Ok(cmd.arg(name.to_string()))
    }
}

impl Streams for ZfsStore {
    fn send(
        &self,
        name: &SnapshotName,
        since: Option<&SnapshotTag>,
    ) -> Result<Box<dyn Read + Send>, StoreError> {
        let name = name.to_string();
        let since = since.map(|tag| ["-i".to_owned(), format!("@{tag}")]);
        let cmd = zfs("send").args(since.into_iter().flatten()).arg(&name);
        let action = format!("send {name}");
        let stream = self.commands.read(&cmd);
        stream.map_err(|error| understand(error, Attempt { action: &action, subject: &name, target: None }))
    }

    fn receive(&self, name: &SnapshotName, input: &mut dyn Read) -> Result<(), StoreError> {
        let action = format!("receive {name}");
        let target = name.to_string();
        let mut begin = [0; 24];
        input.read_exact(&mut begin).map_err(|source| StoreError::Io { action: action.clone(), source })?;
        let cmd = self.receive_command(name, is_compound(&begin))?;
        let result = self.commands.write(&cmd, &mut begin.chain(input));
        match result {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(understand(error, Attempt { action: &action, subject: &target, target: Some(&target) }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_streams() {
        // The first bytes of what zfs-fuse 0.7.0 wrote for `zfs send` and `zfs send -p`.
        let plain = b"\0\0\0\0\0\0\0\0\xac\xcb\xba\xf5\x02\0\0\0\x01\0\0\0\0\0\0\0";
        let compound = b"\0\0\0\0\x64\x02\0\0\xac\xcb\xba\xf5\x02\0\0\0\x02\0\0\0\0\0\0\0";
        assert!(!is_compound(plain));
        assert!(is_compound(compound));
        let swapped = b"\0\0\0\0\0\0\x02\x64\0\0\0\x02\xf5\xba\xcb\xac\0\0\0\0\0\0\0\x02";
        assert!(is_compound(swapped));
        assert!(!is_compound(b"not a stream of zfs, but"));
    }
}
