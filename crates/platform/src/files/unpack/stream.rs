//! A tar stream: members and their contents, in order, in bounded memory.
//!
//! The headers are understood by `tar-core`, which takes limits; this feeds it and hands out the contents between.

use std::io::{self, Read};

use tar_core::parse::{Limits, ParseEvent, Parser};

use super::member::Member;
use super::pax;

const BLOCK: usize = 512;
/// What is read at once, and handed out at once of a file's content.
const CHUNK: usize = 128 * 1024;
/// The most that the headers of one member may take, its map of holes included.
const MOST_HEADERS: usize = 768 * 1024;

const LIMITS: Limits = Limits {
    max_metadata_size: 256 * 1024,
    max_path_len: Some(4095),
    max_pending_entries: 16,
    max_sparse_entries: 10_000,
};

/// Keys that change how later members are to be read: in a header for all of them they are refused, as they are
/// not applied. What else stands there is a remark, such as the commit of a git archive.
const EFFECTIVE_KEYS: [&str; 7] = ["path", "linkpath", "size", "uid", "gid", "mtime", "hdrcharset"];
const EFFECTIVE_FAMILIES: [&str; 2] = ["GNU.sparse.", "SCHILY."];

/// A tar stream that is being read.
pub(super) struct Stream<'r> {
    source: &'r mut dyn Read,
    parser: Parser,
    /// What was read ahead: the bytes from `start` to `end`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the current member's content that are still ahead, and of the padding after them.
    content: u64,
    padding: u64,
}

impl<'r> Stream<'r> {
    pub(super) fn new(source: &'r mut dyn Read) -> Self {
        let mut parser = Parser::new(LIMITS);
        // It takes a time before 1970 for an error; `Member` checks all that matters by itself.
        parser.set_ignore_pax_errors(true);
        Stream { source, parser, buffer: vec![0; CHUNK], start: 0, end: 0, content: 0, padding: 0 }
    }

    /// The next member; none after the end mark, when the stream was read to its end.
    pub(super) fn next(&mut self) -> io::Result<Option<Member>> {
        self.content += std::mem::take(&mut self.padding);
        while self.content > 0 {
            self.chunk(u64::MAX)?;
        }
        self.read_ahead(BLOCK)?;
        loop {
            let ahead = &self.buffer[self.start..self.end];
            if ahead[..BLOCK].iter().all(|b| *b == 0) {
                return self.finish().map(|()| None);
            }
            let (consumed, member) = match self.parser.parse(ahead).map_err(damaged)? {
                ParseEvent::NeedData { min_bytes } => {
                    // A map of holes is read line by line: then it asks for less than it has.
                    let wanted = min_bytes.max(ahead.len() + BLOCK);
                    self.read_ahead(wanted)?;
                    continue;
                }
                ParseEvent::Entry { consumed, entry } => {
                    (consumed, Some(Member::new(&entry, None).map_err(damaged)?))
                }
                ParseEvent::SparseEntry { consumed, entry, sparse_map, real_size } => {
                    (consumed, Some(Member::new(&entry, Some((sparse_map, real_size))).map_err(damaged)?))
                }
                ParseEvent::GlobalExtensions { consumed, pax_data } => {
                    check_global(pax_data)?;
                    (consumed, None)
                }
                // Only for an end mark, which was looked for above.
                ParseEvent::End { .. } => return self.finish().map(|()| None),
            };
            self.start += consumed;
            if let Some(member) = member {
                self.content = member.size;
                self.padding = (BLOCK as u64 - member.size % BLOCK as u64) % BLOCK as u64;
                if self.content.checked_add(self.padding).is_none() {
                    return Err(damaged("a member is larger than any file"));
                }
                return Ok(Some(member));
            }
            self.read_ahead(BLOCK)?;
        }
    }

    /// More of the current member's content, at least one byte and at most this many.
    pub(super) fn chunk(&mut self, most: u64) -> io::Result<&[u8]> {
        if self.start == self.end && !self.read_once()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let most = usize::try_from(most.min(self.content)).unwrap_or(usize::MAX);
        let length = most.min(self.end - self.start);
        let begin = self.start;
        self.start += length;
        self.content -= length as u64;
        Ok(&self.buffer[begin..begin + length])
    }

    /// Reads on until this many bytes are ahead.
    fn read_ahead(&mut self, wanted: usize) -> io::Result<()> {
        if wanted > MOST_HEADERS {
            return Err(damaged(format!("the headers of one member take more than {MOST_HEADERS} bytes")));
        }
        while self.end - self.start < wanted {
            if !self.read_once()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Reads once into the free part of the buffer, after making some; false at the end of the source.
    fn read_once(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() + CHUNK, 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(length) => {
                    self.end += length;
                    return Ok(length > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads what follows the end mark, which must be zeroes. A second block of them is usual, but not needed to
    /// know that nothing is missing.
    fn finish(&mut self) -> io::Result<()> {
        loop {
            if self.buffer[self.start..self.end].iter().any(|b| *b != 0) {
                return Err(damaged("something follows after the end mark"));
            }
            self.start = self.end;
            if !self.read_once()? {
                return Ok(());
            }
        }
    }
}

fn damaged(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn check_global(data: &[u8]) -> io::Result<()> {
    for (key, _) in pax::records(data).map_err(damaged)? {
        if EFFECTIVE_KEYS.contains(&key) || EFFECTIVE_FAMILIES.iter().any(|family| key.starts_with(family)) {
            return Err(damaged(format!("a header for all members sets {key:?}, which is not supported")));
        }
    }
    Ok(())
}
