//! Races: two names that change places all the time. Only renameat2(2) exchanges them at once.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

/// Exchanges two names again and again, as fast as it can, while `attempt` is called; it tells whether it saw the
/// first state or the second. Ends when it saw both many times, and fails if that does not come about.
#[track_caller]
pub(in crate::files) fn swapping(one: &Path, other: &Path, mut attempt: impl FnMut() -> bool) {
    let enough = AtomicBool::new(false);
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut seen = [0; 2];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                match renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE) {
                    // Right then it is being replaced.
                    Ok(()) | Err(Errno::ENOENT) => {}
                    Err(error) => panic!("cannot swap: {error}"),
                }
            }
        });
        // Ends the thread above also if the attempt panics.
        let _end = Ending(&enough);
        while seen.iter().any(|count| *count < 30) && Instant::now() < deadline {
            seen[usize::from(attempt())] += 1;
        }
    });
    assert!(seen.iter().all(|count| *count > 0), "no race came about: {seen:?}");
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
