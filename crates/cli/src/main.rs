//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    ioc_cli::main(libioc::Host::detect)
}
