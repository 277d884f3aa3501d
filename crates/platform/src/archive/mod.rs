//! Compressed archives as plain streams, and their checksums.
//!
//! [`Archive`] tells by the first bytes how a file is compressed, whatever its name, and reads it decompressed. It
//! takes several compressed streams one after another, as gzip(1), xz(1) and zstd(1) do, checks the checksums they
//! carry, and gives an error where a stream is cut short or goes on with something else. What a file says about the
//! memory it needs is taken up to a limit.
//!
//! [`Checksum`] is what a MANIFEST or a user says about a file.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

mod checksum;
#[cfg(test)]
mod tests;

pub use checksum::{Checksum, ChecksumError};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not, or in a way that is not known.
    None,
    /// gzip(1)
    Gzip,
    /// xz(1)
    Xz,
    /// zstd(1)
    Zstd,
}

/// Says why an archive cannot be read. Damage that shows later is an error of [`Read`].
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file cannot be opened.
    #[error("cannot open the archive {}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its first bytes cannot be read, or no decoder can be made.
    #[error("cannot read the archive")]
    Begin(#[source] io::Error),
    /// It is known how it is compressed, but not how to read that.
    #[error(
        "the archive is made by {program}, which cannot be read: use tar, plain or with gzip, xz or zstd"
    )]
    Unsupported {
        /// What it is made by, for example "bzip2".
        program: &'static str,
    },
}

/// The most memory for decompressing, in bytes, unless something else is asked for: 96 MiB. It is enough for every
/// level of xz(1) (65 MiB for -9), and of zstd(1) up to --ultra -21 (a window of 64 MiB).
pub const MEMORY: u64 = 96 << 20;

/// An archive that is read decompressed.
pub struct Archive {
    compression: Compression,
    reader: Box<dyn Read + Send>,
}

impl Archive {
    /// Opens a file; `memory` is the most that decompressing may take, in bytes, usually [`MEMORY`].
    pub fn open(path: &Path, memory: u64) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(|source| ArchiveError::Open { path: path.to_owned(), source })?;
        Archive::read(file, memory)
    }

    /// Reads from somewhere else; `memory` as in [`Archive::open`].
    pub fn read(mut source: impl Read + Send + 'static, memory: u64) -> Result<Self, ArchiveError> {
        let mut first = Vec::new();
        source.by_ref().take(6).read_to_end(&mut first).map_err(ArchiveError::Begin)?;
        let compression = detect(&first)?;
        let source = BufReader::with_capacity(64 * 1024, Cursor::new(first).chain(source));
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(source),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
            Compression::Xz => Box::new(xz(source, memory).map_err(ArchiveError::Begin)?),
            Compression::Zstd => Box::new(zstd(source, memory).map_err(ArchiveError::Begin)?),
        };
        Ok(Archive { compression, reader })
    }

    /// How it is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }
}

impl Read for Archive {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("compression", &self.compression).finish_non_exhaustive()
    }
}

/// Compares with the magic numbers of file(1). A tar begins with a file name, of which none is printable text.
fn detect(first: &[u8]) -> Result<Compression, ArchiveError> {
    let unsupported = |program| Err(ArchiveError::Unsupported { program });
    match first {
        [0x1f, 0x8b, ..] => Ok(Compression::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Ok(Compression::Xz),
        // The second is a frame to be skipped, which parallel compressors put first.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Ok(Compression::Zstd),
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', ..] => unsupported("bzip2"),
        [0x04, 0x22, 0x4d, 0x18, ..] => unsupported("lz4"),
        [0x1f, 0x9d, ..] => unsupported("compress"),
        [b'P', b'K', 3, 4, ..] => unsupported("zip"),
        [b'7', b'z', 0xbc, 0xaf, ..] => unsupported("7z"),
        _ => Ok(Compression::None),
    }
}

fn xz<R: io::BufRead>(source: R, memory: u64) -> io::Result<liblzma::bufread::XzDecoder<R>> {
    let stream = liblzma::stream::Stream::new_stream_decoder(memory, liblzma::stream::CONCATENATED)?;
    Ok(liblzma::bufread::XzDecoder::new_stream(source, stream))
}

fn zstd<R: io::BufRead>(source: R, memory: u64) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(source)?;
    // The window is a power of two, from 2^10 to 2^31 on all systems.
    decoder.window_log_max(memory.max(1).ilog2().clamp(10, 31))?;
    Ok(decoder)
}
