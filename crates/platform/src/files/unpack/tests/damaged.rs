//! Archives that are cut short, damaged, or ask for more than they should get.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::headers::{Tar, pax_records};
use super::{unpack, unpack_into};
use crate::files::FilesError;
use crate::files::tests::fixture::Ground;

/// One of everything.
fn sample() -> Tar {
    Tar::new()
        .directory("./")
        .directory("d")
        .file("d/f", &[b'x'; 1500])
        .extension(b'L', "n".repeat(150).as_bytes())
        .file("cut", b"content")
        .pax(&[("path", "p".repeat(150).as_bytes()), ("mtime", b"1.5")])
        .file("cut", &[b'y'; 512])
        .symlink("l", "d/f")
        .hard_link("h", "d/f")
        .file("empty", b"")
}

#[test]
fn cut_short_is_an_error_at_every_length() {
    let (members, whole) = (sample().bytes(), sample().end());
    let ground = Ground::new();
    assert_eq!(unpack_into(&ground, &whole).unwrap().members, 8);
    let every = (0..members.len()).step_by(37);
    let blocks = (0..=members.len()).step_by(512);
    for length in every.chain(blocks).chain(members.len()..members.len() + 512) {
        let ground = Ground::new();
        let error = unpack_into(&ground, &whole[..length]);
        assert!(matches!(error, Err(FilesError::Archive { .. })), "cut to {length}: {error:?}");
    }
    // From here on nothing is missing, only the second block of the end mark.
    for length in members.len() + 512..whole.len() {
        unpack_into(&Ground::new(), &whole[..length]).unwrap();
    }
}

#[test]
fn the_error_names_the_member_before() {
    let ground = Ground::new();
    let bytes = Tar::new().file("whole", b"x").file("half", &[0; 4000]).bytes();
    let error = unpack_into(&ground, &bytes[..2000]).unwrap_err();
    assert_eq!(error.to_string(), "cannot read on in the archive at or after member \"half\"");
    let error = unpack_into(&ground, b"").unwrap_err();
    assert_eq!(error.to_string(), "cannot read on in the archive at its beginning");
}

#[test]
fn what_is_no_archive() {
    let ground = Ground::new();
    let text = "#!/bin/sh\necho hello\n".repeat(100);
    for bytes in [text.as_bytes(), &[0xff; 2000], b"x", &[0; 100]] {
        assert!(matches!(unpack_into(&ground, bytes), Err(FilesError::Archive { .. })));
    }
    assert_eq!(unpack_into(&ground, &[0; 1024]).unwrap().members, 0, "an empty archive is one");
}

#[test]
fn what_follows_the_end_mark_is_not_passed_over() {
    let ground = Ground::new();
    let mut bytes = Tar::new().file("f", b"x").end();
    bytes.resize(10_240, 0);
    unpack_into(&ground, &bytes).unwrap();
    let mut two = bytes.clone();
    two.extend(Tar::new().file("g", b"x").end());
    assert!(unpack_into(&ground, &two).is_err());
    let mut lone = Tar::new().file("f", b"x").bytes();
    lone.extend([0; 512]);
    lone.extend(Tar::new().file("g", b"x").end());
    assert!(unpack_into(&ground, &lone).is_err());
    assert!(!ground.at("g").exists());
}

#[test]
fn a_reader_that_fails_in_the_middle() {
    struct Broken(usize, Vec<u8>);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0 >= self.1.len() {
                return Err(io::Error::other("the line broke"));
            }
            let length = buffer.len().min(100).min(self.1.len() - self.0);
            buffer[..length].copy_from_slice(&self.1[self.0..self.0 + length]);
            self.0 += length;
            Ok(length)
        }
    }
    let ground = Ground::new();
    let mut reader = Broken(0, sample().bytes()[..2100].to_vec());
    let error = unpack(&ground.root(), &mut reader, &|_| {}).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the line broke");
}

#[track_caller]
fn is_damaged(archive: &[u8]) {
    let begin = Instant::now();
    let error = unpack_into(&Ground::new(), archive);
    assert!(matches!(error, Err(FilesError::Archive { .. })), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn headers_without_end() {
    // Many small ones, and one large one.
    let many = (0..3000).fold(Tar::new(), |tar, n: u32| tar.pax(&[("comment", n.to_string().as_bytes())]));
    is_damaged(&many.file("f", b"").end());
    let long = |n: u32| vec![b'n'; n as usize];
    is_damaged(&Tar::new().extension(b'L', &long(300_000)).file("f", b"").end());
    is_damaged(&Tar::new().extension(b'x', &pax_records(&[("c", &long(300_000))])).file("f", b"").end());
    is_damaged(&Tar::new().extension(b'g', &pax_records(&[("c", &long(300_000))])).file("f", b"").end());
    // One that says it is larger than everything.
    is_damaged(&Tar::new().header("x", b'x', |h| h.set_size(1 << 40)).end());
    is_damaged(&Tar::new().header("x", b'L', |h| h.set_size(u64::MAX)).end());
    is_damaged(&Tar::new().header("f", b'0', |h| h.set_size(u64::MAX)).end());
    is_damaged(&Tar::new().header("f", b'0', |h| h.set_size(u64::MAX - 600)).end());
    is_damaged(&Tar::new().pax(&[("size", u64::MAX.to_string().as_bytes())]).file("f", b"").end());
    // Headers that belong to no member.
    is_damaged(&Tar::new().pax(&[("path", b"x")]).end());
    is_damaged(&Tar::new().extension(b'L', b"x").end());
}

#[test]
fn maps_of_holes_without_end() {
    let endless = Tar::new().header("f", b'S', |h| h.as_gnu_mut().unwrap().set_is_extended(true));
    // Blocks that are empty and say that another one follows.
    let mut block = [0; 512];
    block[504] = 1;
    is_damaged(&(0..3000).fold(endless, |tar, _| tar.content(&block)).end());
    let v10 = [("GNU.sparse.major", &b"1"[..]), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"1")];
    // A number that never ends, a map that breaks off, and more numbers than are taken.
    for map in [vec![b'1'; 2 << 20], [&b"9999\n5\n"[..], &[0; 2 << 20]].concat(), b"99999999\n".repeat(99)] {
        is_damaged(&Tar::new().pax(&v10).file("f", &map).end());
    }
    let many = "0,0,".repeat(20_000);
    is_damaged(&Tar::new().pax(&[("GNU.sparse.map", many.as_bytes())]).file("f", b"").end());
}

#[test]
fn maps_of_holes_that_lie() {
    for (map, size) in
        [("0,3", "2"), ("0,1", "9"), ("0,2,1,1", "9"), ("5,3,0,0", "9"), ("0,9", "9"), ("9,3", "9")]
    {
        let ground = Ground::new();
        let pax = [("GNU.sparse.map", map.as_bytes()), ("GNU.sparse.size", size.as_bytes())];
        let archive = Tar::new().pax(&pax).file("f", b"xyz").end();
        assert!(super::refused(&ground, &archive, "f").contains("map of holes"), "{map}");
        assert!(!ground.at("f").exists());
    }
    let ground = Ground::new();
    let archive = Tar::new().pax(&[("GNU.sparse.map", b"0,0")]).directory("d").end();
    super::refused(&ground, &archive, "d");
    let archive = Tar::new().header("f", b'S', |h| h.as_old_mut().name[0] = b'f').end();
    unpack_into(&ground, &archive).unwrap();
}

#[test]
fn values_that_are_no_numbers_and_headers_that_would_have_to_be_applied() {
    for (key, value) in [
        ("size", &b"x"[..]),
        ("size", b"-1"),
        ("size", b"\xff"),
        ("uid", b"root"),
        ("gid", b""),
        ("mtime", b"yesterday"),
        ("GNU.sparse.major", b"one"),
        ("GNU.sparse.map", b"0;1"),
    ] {
        is_damaged(&Tar::new().pax(&[(key, value)]).file("f", b"").end());
    }
    is_damaged(&Tar::new().extension(b'x', b"what is this").file("f", b"").end());
    is_damaged(&Tar::new().extension(b'g', &pax_records(&[("path", b"../x")])).file("f", b"").end());
    is_damaged(&Tar::new().extension(b'g', &pax_records(&[("size", b"1")])).file("f", b"").end());
    let ground = Ground::new();
    let commit = pax_records(&[("comment", b"0123456789abcdef")]);
    unpack_into(&ground, &Tar::new().extension(b'g', &commit).file("f", b"").end()).unwrap();
}

#[test]
fn a_size_of_eight_exabytes_of_holes_is_not_a_full_disk() {
    let ground = Ground::new();
    let size = (i64::MAX as u64).to_string();
    let pax = [("GNU.sparse.map", &b"0,0"[..]), ("GNU.sparse.size", size.as_bytes())];
    let result = unpack_into(&ground, &Tar::new().pax(&pax).file("f", b"").end());
    // Some file systems have files of that size.
    assert!(matches!(result, Ok(_) | Err(FilesError::Io { .. })), "{result:?}");
}
