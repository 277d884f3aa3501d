//! sysctl(3): values by name, and the parameters of jails as the kernel describes them.

use std::ffi::CString;
use std::io;

use nix::libc;

use crate::jails::parameters::{Known, describe};

/// The value of a variable as it is; none if this kernel does not have it.
pub(crate) fn bytes(name: &str) -> io::Result<Option<Vec<u8>>> {
    let Some(oid) = oid(name)? else { return Ok(None) };
    read(&oid).map(Some)
}

/// The value of a text variable; none if this kernel does not have it.
pub(crate) fn text(name: &str) -> io::Result<Option<String>> {
    Ok(bytes(name)?.map(|value| until_nul(&value)))
}

/// The value of a number variable of any width; none if this kernel does not have it.
pub(crate) fn number(name: &str) -> io::Result<Option<i64>> {
    Ok(bytes(name)?.and_then(|value| match value.len() {
        1 => value.first().copied().map(i64::from),
        4 => Some(i32::from_ne_bytes(*value.first_chunk()?).into()),
        8 => Some(i64::from_ne_bytes(*value.first_chunk()?)),
        _ => None,
    }))
}

/// Sizes of what grows while we look: tried again this often.
const TRIES: usize = 8;

/// The value of a variable by its number, however large.
pub(crate) fn read(oid: &[libc::c_int]) -> io::Result<Vec<u8>> {
    for _ in 0..TRIES {
        let needed = call(oid, None)?;
        // Tables such as that of the processes may grow between the two calls.
        let mut value = vec![0; needed + needed / 8 + 64];
        match call(oid, Some(&mut value)) {
            Ok(length) => {
                value.truncate(length);
                return Ok(value);
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ENOMEM))
}

/// One call: fills the buffer and returns the length used, or returns the length needed.
fn call(oid: &[libc::c_int], buffer: Option<&mut [u8]>) -> io::Result<usize> {
    let (pointer, mut length) = match buffer {
        Some(buffer) => (buffer.as_mut_ptr().cast(), buffer.len()),
        None => (std::ptr::null_mut(), 0),
    };
    // SAFETY: `oid` is read only and as long as said; `pointer` is null or has `length` writable bytes; no new value.
    let result = unsafe {
        libc::sysctl(oid.as_ptr(), oid.len() as libc::c_uint, pointer, &mut length, std::ptr::null(), 0)
    };
    if result == 0 { Ok(length) } else { Err(io::Error::last_os_error()) }
}

fn oid(name: &str) -> io::Result<Option<Vec<libc::c_int>>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    let mut oid = vec![0; libc::CTL_MAXNAME as usize];
    let mut length = oid.len();
    // SAFETY: `name` ends with NUL; `oid` has room for `length` numbers.
    let result = unsafe { libc::sysctlnametomib(name.as_ptr(), oid.as_mut_ptr(), &mut length) };
    if result == 0 {
        oid.truncate(length);
        return Ok(Some(oid));
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        error => Err(error),
    }
}

/// Questions to sysctl(3) about variables; CTL_SYSCTL_* of sys/sysctl.h.
const NAME: libc::c_int = 1;
const NEXT: libc::c_int = 2;
const FORMAT: libc::c_int = 4;

/// Asks about the variable `of`.
fn about(question: libc::c_int, of: &[libc::c_int]) -> io::Result<Vec<u8>> {
    let mut oid = vec![0, question];
    oid.extend(of);
    let mut answer = vec![0; 4096];
    let length = call(&oid, Some(&mut answer))?;
    answer.truncate(length);
    Ok(answer)
}

/// The tree that describes the parameters of jails; jail(8).
const PARAMETERS: &str = "security.jail.param";

/// All parameters that this kernel takes now, with what it says of them.
pub(crate) fn jail_parameters() -> io::Result<Known> {
    let mut known = Known::new();
    let Some(tree) = oid(PARAMETERS)? else { return Ok(known) };
    let mut at = tree.clone();
    loop {
        let next = match about(NEXT, &at) {
            Ok(next) => next,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => break,
            Err(error) => return Err(error),
        };
        at = next.chunks_exact(4).map(|n| i32::from_ne_bytes([n[0], n[1], n[2], n[3]])).collect();
        if !at.starts_with(&tree) {
            break;
        }
        let name = until_nul(&about(NAME, &at)?);
        let format = about(FORMAT, &at)?;
        let Some((kind, format)) = format.split_first_chunk() else { continue };
        // `allow.mount` is both a parameter and a branch: its sysctl is the nameless leaf of the branch.
        let Some(name) = name.strip_prefix("security.jail.param.").map(|name| name.trim_end_matches('.'))
        else {
            continue;
        };
        let value = read(&at).unwrap_or_default();
        known.insert(name.to_owned(), describe(u32::from_ne_bytes(*kind), &until_nul(format), &value));
    }
    Ok(known)
}

fn until_nul(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|&b| b == 0).next().unwrap_or_default()).into_owned()
}
