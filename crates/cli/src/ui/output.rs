//! Standard output: results and nothing else.

use std::io::{self, Write};

use serde::Serialize;
use signal_hook::consts::SIGPIPE;

use super::errors::Failure;

/// Writes results by `write`.
///
/// If nobody reads them (`ioc list | head`), this process ends as if SIGPIPE had its default action. It has not:
/// a signal must not kill us in the middle of a change because somebody closed our standard error.
pub(crate) fn results(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let outcome = write(&mut out).and_then(|()| out.flush());
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            signal_hook::low_level::emulate_default_handler(SIGPIPE).map_err(Failure::Output)
        }
        other => other.map_err(Failure::Output),
    }
}

/// Writes one line of results.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    results(|out| writeln!(out, "{text}"))
}

/// Writes a JSON document.
pub(crate) fn json(document: &impl Serialize) -> Result<(), Failure> {
    results(|out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        writeln!(out)
    })
}
