//! Every command that changes something, failing, interrupted and killed at every place.
//!
//! As root. A new command is a line in `cases.rs`. This program is `ioc` itself on a machine that fails, when the
//! environment asks for a fault: the shipped binary knows nothing of that.

mod cases;

use std::process::ExitCode;

use ioc_testkit::faults::{self, Fault, Kind};
use ioc_testkit::machine::Store;
use ioc_testkit::sweep::sweep;
use libioc::Host;
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if Fault::from_environment().is_some() {
        return ioc_cli::main(|| {
            let host = Host::detect()?;
            Ok(Fault::from_environment().map_or(host.clone(), |fault| faults::on(host, fault)))
        });
    }
    let mut tests = Vec::new();
    for (store, name) in [(Store::Directory, "directory"), (Store::Zfs, "zfs")] {
        for case in cases::CASES.iter().filter(|case| case.only.is_none_or(|only| only == store)) {
            for kind in Kind::ALL {
                let name = format!("{name}::{}::{}", case.name, kind.name());
                let test = Trial::test(name, move || {
                    let program = std::env::current_exe()?;
                    sweep(store, case, kind, env!("CARGO_BIN_EXE_ioc"), program);
                    Ok(())
                });
                // On ZFS it takes as long as all other tests together: `make sweep`.
                tests.push(test.with_ignored_flag(store == Store::Zfs));
            }
        }
    }
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
