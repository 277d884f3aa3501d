//! Tests of unpacking: what is kept, what is refused, and that nothing outside the root is ever touched.

mod damaged;
mod headers;
mod hostile;
mod kept;
#[cfg(target_os = "linux")]
mod races;
mod random;

use std::fs;
use std::io::{self, Read};

use super::unpack;
use crate::files::tests::fixture::Ground;
use crate::files::{FilesError, Unpacked};
use headers::Tar;

/// Unpacks below the root of the ground, and checks that nothing beside it changed.
#[track_caller]
fn unpack_into(ground: &Ground, archive: &[u8]) -> Result<Unpacked, FilesError> {
    let result = unpack(&ground.root(), &mut &archive[..], &|_| {});
    ground.check_outside();
    result
}

/// Expects that the archive is refused because of the member with this name, and returns why.
#[track_caller]
fn refused(ground: &Ground, archive: &[u8], name: &str) -> String {
    match unpack_into(ground, archive) {
        Err(FilesError::Member { member, problem }) => {
            assert_eq!(member, name, "{problem}");
            problem
        }
        other => panic!("{name} was not refused: {other:?}"),
    }
}

#[test]
fn progress_is_told_and_counts_are_right() {
    let ground = Ground::new();
    let content = vec![7; 300_000];
    let archive = Tar::new().directory("d").file("d/large", &content).file("d/small", b"12").end();
    let told = std::sync::Mutex::new(Vec::new());
    let counts = unpack(&ground.root(), &mut &archive[..], &|c| told.lock().unwrap().push(c)).unwrap();
    assert_eq!(counts, Unpacked { members: 3, bytes: 300_002 });
    let told = told.into_inner().unwrap();
    assert!(told.len() > 4 && told.is_sorted_by_key(|c| (c.members, c.bytes)), "{told:?}");
    assert_eq!(told.last(), Some(&counts));
    assert_eq!(fs::read(ground.at("d/large")).unwrap(), content);
}

#[test]
fn ten_thousand_members_out_of_order() {
    let ground = Ground::new();
    let mut tar = Tar::new();
    for number in 0..10_000 {
        // Another directory each time, so that few are open already.
        let name = format!("a{}/b{}/file{number}", number % 7, number % 31);
        tar = tar.file(&name, number.to_string().as_bytes());
    }
    assert_eq!(unpack_into(&ground, &tar.end()).unwrap().members, 10_000);
    assert_eq!(fs::read(ground.at("a3/b20/file9999")).unwrap_or_default(), b"");
    let last = format!("a{}/b{}/file9999", 9999 % 7, 9999 % 31);
    assert_eq!(fs::read(ground.at(&last)).unwrap(), b"9999");
}

#[test]
fn a_source_that_gives_single_bytes() {
    struct Drip<'a>(&'a [u8]);
    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }
    let ground = Ground::new();
    let name = "n/".repeat(60) + "file";
    let archive = Tar::new().pax(&[("path", name.as_bytes())]).file("short", &[5; 700]).end();
    unpack(&ground.root(), &mut Drip(&archive), &|_| {}).unwrap();
    assert_eq!(fs::read(ground.at(&name)).unwrap(), [5; 700]);
}

#[test]
fn a_file_larger_than_memory_should_be_streams_through() {
    // 40 MiB from nowhere; what is asked of the source at once stays small.
    struct Source {
        head: io::Cursor<Vec<u8>>,
        zeroes: u64,
        tail: io::Cursor<Vec<u8>>,
        most: usize,
    }
    impl Read for Source {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.most = self.most.max(buffer.len());
            let length = self.head.read(buffer)?;
            if length > 0 {
                return Ok(length);
            }
            let length = buffer.len().min(usize::try_from(self.zeroes).unwrap());
            if length == 0 {
                return self.tail.read(buffer);
            }
            buffer[..length].fill(b'z');
            self.zeroes -= length as u64;
            Ok(length)
        }
    }
    const SIZE: u64 = 40 << 20;
    let ground = Ground::new();
    let head = Tar::new().header("large", b'0', |h| h.set_size(SIZE)).bytes();
    let tail = vec![0; 1024];
    let mut source =
        Source { head: io::Cursor::new(head), zeroes: SIZE, tail: io::Cursor::new(tail), most: 0 };
    let counts = unpack(&ground.root(), &mut source, &|_| {}).unwrap();
    assert_eq!(counts.bytes, SIZE);
    assert_eq!(fs::metadata(ground.at("large")).unwrap().len(), SIZE);
    assert!(source.most <= 1 << 20, "{} bytes were asked for at once", source.most);
}
