//! An archive of anybody: decompressed, in bounded memory.

#![no_main]

use std::io::Read;

use ioc_platform::archive::Archive;
use libfuzzer_sys::fuzz_target;

/// Most memory for decompressing, and most bytes that are taken out of one input.
const MOST: u64 = 8 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(archive) = Archive::read(std::io::Cursor::new(bytes.to_vec()), MOST) else { return };
    let _ = std::io::copy(&mut archive.take(MOST), &mut std::io::sink());
});
