//! Names and values as jail_set(2), jail_get(2) and nmount(2) take them, with room for the kernel's message.

use std::ffi::CString;
use std::io;

use nix::libc;

/// Room for the message of the kernel; JAIL_ERRMSGLEN of lib/libjail and the buffers of sbin/mount_*.
const MESSAGE: usize = 1024;

/// Names and values, in order.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pairs: Vec<(CString, Vec<u8>)>,
}

impl Arguments {
    /// Adds a name and the bytes of its value; no bytes: the name alone counts.
    pub(crate) fn bytes(&mut self, name: &str, value: Vec<u8>) -> io::Result<()> {
        let name = CString::new(name).map_err(|_| nul())?;
        self.pairs.push((name, value));
        Ok(())
    }

    /// Adds a name with text, which gets its final NUL.
    pub(crate) fn text(&mut self, name: &str, value: impl AsRef<[u8]>) -> io::Result<()> {
        let value = CString::new(value.as_ref()).map_err(|_| nul())?;
        self.bytes(name, value.into_bytes_with_nul())
    }

    /// Tells whether a name is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(known, _)| known.to_bytes() == name.as_bytes())
    }

    /// The list as the kernel takes it.
    pub(crate) fn call(self) -> Call {
        let mut call = Call { pairs: self.pairs, message: vec![0; MESSAGE], iovecs: Vec::new() };
        for (name, value) in &mut call.pairs {
            call.iovecs.push(libc::iovec {
                iov_base: name.as_ptr().cast_mut().cast(),
                iov_len: name.as_bytes_with_nul().len(),
            });
            call.iovecs.push(buffer(value));
        }
        let errmsg = c"errmsg";
        call.iovecs.push(libc::iovec {
            iov_base: errmsg.as_ptr().cast_mut().cast(),
            iov_len: errmsg.to_bytes_with_nul().len(),
        });
        call.iovecs.push(buffer(&mut call.message));
        call
    }
}

/// A pointer to the bytes, or to nothing if there are none: the kernel takes a length of 0 with a null pointer.
fn buffer(bytes: &mut Vec<u8>) -> libc::iovec {
    let iov_base = if bytes.is_empty() { std::ptr::null_mut() } else { bytes.as_mut_ptr().cast() };
    libc::iovec { iov_base, iov_len: bytes.len() }
}

/// A list that was handed to the kernel: it points to its own names and values, and the kernel may write the values.
#[derive(Debug)]
pub(crate) struct Call {
    // The heap memory of these three stays where it is when the struct moves, and nothing here reallocates it.
    pairs: Vec<(CString, Vec<u8>)>,
    message: Vec<u8>,
    iovecs: Vec<libc::iovec>,
}

impl Call {
    /// The pointer and the number of elements for the system call.
    pub(crate) fn parts(&mut self) -> (*mut libc::iovec, libc::c_uint) {
        (self.iovecs.as_mut_ptr(), self.iovecs.len() as libc::c_uint)
    }

    /// The bytes that the kernel wrote for a name.
    pub(crate) fn value(&self, name: &str) -> &[u8] {
        match self.pairs.iter().position(|(known, _)| known.to_bytes() == name.as_bytes()) {
            Some(at) => {
                let value = &self.pairs[at].1;
                &value[..self.iovecs[2 * at + 1].iov_len.min(value.len())]
            }
            None => &[],
        }
    }

    /// The text that the kernel wrote for a name, up to its NUL.
    pub(crate) fn text(&self, name: &str) -> String {
        until_nul(self.value(name))
    }

    /// The number that the kernel wrote for a name; 0 if it wrote none.
    pub(crate) fn number(&self, name: &str) -> i32 {
        self.value(name).first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes))
    }

    /// What the kernel said besides the error number, with NUL.
    pub(crate) fn message_bytes(&self) -> &[u8] {
        &self.message
    }

    /// The error of the call just made.
    pub(crate) fn error(&self) -> KernelError {
        KernelError { error: io::Error::last_os_error(), message: until_nul(&self.message) }
    }
}

fn until_nul(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|&b| b == 0).next().unwrap_or_default()).into_owned()
}

fn nul() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a NUL character in a name or value")
}

/// An error number together with the message that the kernel gave for it.
#[derive(Debug)]
pub(crate) struct KernelError {
    /// The error number.
    pub(crate) error: io::Error,
    /// The message; often empty.
    pub(crate) message: String,
}

impl std::fmt::Display for KernelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.message.is_empty() {
            self.error.fmt(f)
        } else {
            write!(f, "{}: {}", self.message, self.error)
        }
    }
}

impl std::error::Error for KernelError {}

impl From<KernelError> for io::Error {
    fn from(error: KernelError) -> io::Error {
        if error.message.is_empty() { error.error } else { io::Error::new(error.error.kind(), error) }
    }
}
