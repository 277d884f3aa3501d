//! What signals do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;

/// Makes the first of the signals that ask for an end set `cancelled`, so that what was begun is taken back, and
/// the second one kill.
pub(crate) fn cancel(cancelled: &Arc<AtomicBool>) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: the default action looks at the flag before the signal sets it.
        flag::register_conditional_default(signal, Arc::clone(cancelled))?;
        flag::register(signal, Arc::clone(cancelled))?;
    }
    Ok(())
}

/// Leaves the keys of the terminal to the command that has it: they mean it, not us. Caught rather than ignored, as
/// an ignored signal would stay ignored in the command.
pub(crate) fn leave_keys_to_command() -> io::Result<()> {
    for signal in [SIGINT, SIGQUIT] {
        flag::register(signal, Arc::default())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn the_first_signal_cancels() {
        let cancelled = Arc::default();
        cancel(&cancelled).unwrap();
        signal_hook::low_level::raise(SIGHUP).unwrap();
        assert!(cancelled.load(Ordering::SeqCst));
    }
}
