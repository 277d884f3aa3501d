//! The captured output of a process.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, ioctl_fionbio};
use rustix::pipe::{PipeFlags, pipe_with};

/// As much of the end of an output is kept.
const KEPT: usize = 64 << 10;

/// One output: the end of a pipe, and the last bytes that came through it.
pub(super) struct Captured {
    pipe: Option<OwnedFd>,
    last: Vec<u8>,
}

impl Captured {
    /// A pipe to capture from, and its other end for the process.
    pub(super) fn new() -> rustix::io::Result<(Self, OwnedFd)> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        ioctl_fionbio(&reader, true)?;
        Ok((Captured { pipe: Some(reader), last: Vec::new() }, writer))
    }

    /// The pipe, until all who write into it are gone.
    pub(super) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads what is there, without waiting for more; at most `most` bytes.
    pub(super) fn read(&mut self, most: usize) {
        let mut bytes = [0; 16 << 10];
        let mut total = 0;
        while let Some(pipe) = &self.pipe
            && total < most
        {
            match rustix::io::read(pipe, &mut bytes) {
                Ok(0) => self.pipe = None,
                Ok(length) => {
                    total += length;
                    self.push(&bytes[..length]);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => {
                    tracing::debug!(%error, "cannot read captured output");
                    self.pipe = None;
                }
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.last.extend_from_slice(bytes);
        if self.last.len() > 2 * KEPT {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.last.drain(..self.last.len().saturating_sub(KEPT));
    }

    /// The last bytes.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.cut();
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let (mut captured, writer) = Captured::new().unwrap();
        captured.read(KEPT);
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        for piece in bytes.chunks(4096) {
            rustix::io::write(&writer, piece).unwrap();
            captured.read(usize::MAX);
        }
        assert!(captured.pipe().is_some());
        drop(writer);
        captured.read(usize::MAX);
        assert!(captured.pipe().is_none());
        assert!(captured.into_bytes() == bytes[bytes.len() - KEPT..]);
    }
}
