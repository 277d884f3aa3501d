//! Waiting for a removed jail to go, and what is known of the reason if it does not.

use std::io;
use std::time::{Duration, Instant};

use nix::libc;

use crate::freebsd::sysctl;

/// Asks until `gone` says yes or the time is over, with growing pauses; says whether it is gone.
pub(super) fn wait(patience: Duration, gone: impl Fn() -> io::Result<bool>) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    let mut pause = Duration::from_millis(1);
    loop {
        if gone()? {
            return Ok(true);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// The most processes that are named.
const NAMED: usize = 5;

/// What holds a dying jail, as the end of a sentence.
pub(super) fn held_by(jid: i32) -> String {
    let processes = processes(jid).unwrap_or_default();
    if !processes.is_empty() {
        let more = processes.len().saturating_sub(NAMED);
        let shown = processes[..processes.len().min(NAMED)].join(", ");
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        return format!("processes that do not end: {shown}{rest}");
    }
    let linger = sysctl::number("net.inet.tcp.msl").ok().flatten().map_or(60, |msl| msl * 2 / 1000);
    format!(
        "no process is left in it; TCP connections that were closed keep it for up to {linger} s, \
         a file system that is mounted from it or an NFS mount longer"
    )
}

/// The processes of a jail as `program (pid)`.
fn processes(jid: i32) -> io::Result<Vec<String>> {
    let table = sysctl::read(&[libc::CTL_KERN, libc::KERN_PROC, libc::KERN_PROC_PROC])?;
    let mut processes = Vec::new();
    for entry in table.chunks_exact(size_of::<libc::kinfo_proc>()) {
        // SAFETY: the chunk is as long as the struct, which is numbers, arrays and pointers that are not followed;
        // the read needs no alignment.
        let process = unsafe { entry.as_ptr().cast::<libc::kinfo_proc>().read_unaligned() };
        if process.ki_structsize as usize != size_of::<libc::kinfo_proc>() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the process table has another layout"));
        }
        if process.ki_jid == jid {
            let name: Vec<u8> =
                process.ki_comm.iter().take_while(|&&c| c != 0).map(|&c| c.to_ne_bytes()[0]).collect();
            processes.push(format!("{} ({})", String::from_utf8_lossy(&name), process.ki_pid));
        }
    }
    Ok(processes)
}
