//! Tests of the decoders on sound, damaged and hostile streams.

use std::io::{Cursor, Write};

use proptest::prelude::*;

use super::*;

const ALL: [Compression; 3] = [Compression::Gzip, Compression::Xz, Compression::Zstd];

fn compress(content: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => content.to_vec(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => liblzma::encode_all(content, 0).unwrap(),
        Compression::Zstd => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.include_checksum(true).unwrap();
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }
    }
}

fn decompress(bytes: &[u8]) -> io::Result<(Compression, Vec<u8>)> {
    let mut archive = Archive::read(Cursor::new(bytes.to_vec()), MEMORY).map_err(io::Error::other)?;
    let mut content = Vec::new();
    archive.read_to_end(&mut content)?;
    Ok((archive.compression(), content))
}

/// Text that compresses, but not to nothing.
fn sample(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|i| if i % 3 == 0 { next() } else { b'x' }).collect()
}

#[test]
fn streams_cut_short_are_errors_at_every_length() {
    let content = sample(3000);
    for compression in ALL {
        let whole = compress(&content, compression);
        assert_eq!(decompress(&whole).unwrap(), (compression, content.clone()));
        for length in 6..whole.len() {
            assert!(
                decompress(&whole[..length]).is_err(),
                "{compression:?} cut to {length} of {}",
                whole.len()
            );
        }
    }
}

#[test]
fn a_second_stream_is_read_and_may_not_be_cut_short_either() {
    for compression in ALL {
        let mut both = compress(b"first ", compression);
        let first = both.len();
        both.extend(compress(b"second", compression));
        assert_eq!(decompress(&both).unwrap().1, b"first second", "{compression:?}");
        for length in first + 1..both.len() {
            assert!(decompress(&both[..length]).is_err(), "{compression:?} cut to {length}");
        }
    }
}

#[test]
fn rubbish_after_the_stream_is_an_error() {
    for compression in ALL {
        let mut bytes = compress(b"content", compression);
        bytes.extend(b"and some rubbish");
        assert!(decompress(&bytes).is_err(), "{compression:?}");
    }
}

#[test]
fn a_changed_byte_is_never_other_content() {
    let content = sample(500);
    for compression in ALL {
        let whole = compress(&content, compression);
        for position in 0..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 0x10;
            // A byte of the header, such as the time in gzip's, may not matter.
            if let Ok((found, read)) = decompress(&changed) {
                assert!(found == Compression::None || read == content, "{compression:?} at {position}");
            }
        }
    }
}

#[test]
fn plain_and_tiny_files() {
    for plain in [&b""[..], b"x", b"\x1f", b"./usr/bin", &[0; 1024]] {
        assert_eq!(decompress(plain).unwrap(), (Compression::None, plain.to_vec()));
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let read = |bytes: &'static [u8]| Archive::read(bytes, MEMORY).unwrap_err().to_string();
    assert!(read(b"BZh91AY&SY").contains("bzip2"));
    assert!(read(b"PK\x03\x04..").contains("zip"));
    assert!(Archive::open(Path::new("/nonexistent/a.txz"), MEMORY).is_err());
}

#[test]
fn a_source_that_gives_single_bytes() {
    struct Drip(Cursor<Vec<u8>>);
    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = buffer.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }
    for compression in ALL {
        let mut content = Vec::new();
        let source = Drip(Cursor::new(compress(&sample(999), compression)));
        Archive::read(source, MEMORY).unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(content, sample(999));
    }
}

#[test]
fn memory_is_not_given_because_a_header_asks_for_it() {
    // A dictionary of 256 MiB: level 9 with another size. The content is small, the demand is in the header.
    let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(256 << 20);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    let stream =
        liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc64).unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(b"content").unwrap();
    let xz = encoder.finish().unwrap();
    assert!(decompress(&xz).is_err());

    // A frame header with a window of 512 MiB, in the second frame: the limit outlasts the first one.
    // RFC 8878, 3.1.1.1: descriptor 0, window exponent 19, one raw block of 7 bytes, the last.
    let mut zstd = compress(b"first", Compression::Zstd);
    zstd.extend([0x28, 0xb5, 0x2f, 0xfd, 0x00, 19 << 3, 7 << 3 | 1, 0, 0]);
    zstd.extend(b"content");
    let error = decompress(&zstd).unwrap_err().to_string();
    assert!(error.contains("memory"), "{error}");
    let mut larger = Archive::read(Cursor::new(zstd), 1 << 30).unwrap();
    assert_eq!(io::copy(&mut larger, &mut io::sink()).unwrap(), 12);

    let mut larger = Archive::read(Cursor::new(xz), 1 << 30).unwrap();
    assert_eq!(io::copy(&mut larger, &mut io::sink()).unwrap(), 7);
}

#[test]
fn the_strongest_level_of_xz_is_within_the_limit() {
    let bytes = liblzma::encode_all(&b"content"[..], 9).unwrap();
    assert_eq!(decompress(&bytes).unwrap().1, b"content");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn round_trip(content in proptest::collection::vec(any::<u8>(), 0..5000), which in 0..3_usize) {
        let bytes = compress(&content, ALL[which]);
        prop_assert_eq!(decompress(&bytes).unwrap(), (ALL[which], content));
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), which in 0..4_usize) {
        if let Some(compression) = ALL.get(which) {
            let mut begin = compress(b"some content", *compression);
            begin.truncate(12);
            bytes.splice(0..0, begin);
        }
        let _ = decompress(&bytes);
    }
}
