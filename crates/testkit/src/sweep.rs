//! The fault sweep: a command that fails, is interrupted or is killed at every place there is, one after the other.
//!
//! A [`Case`] is a command, what it needs, and how to take it back. Afterwards, and after the next command, the host
//! must be as it was or as it was to be; see [`sweep`].

use std::path::PathBuf;
use std::process::Output;

use crate::faults::{Fault, Kind, MARK, VARIABLE};
use crate::machine::{Machine, Said, Store};
use crate::state::State;

/// A command to sweep. Its words, like those of all commands here, are separated by blanks; `{dir}`
/// stands for the test's own directory, `{mark}` for the mark that all its names bear, `{net}` for the
/// first three numbers of IPv4 addresses that no other test has.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Name of the test.
    pub name: &'static str,
    /// What is run first, once.
    pub given: &'static [&'static str],
    /// What is done first that is no command of ioc.
    pub prepare: Option<fn(&Machine)>,
    /// The command.
    pub command: &'static str,
    /// What takes its effect back, exactly.
    pub back: &'static [&'static str],
    /// What else takes its effect back.
    pub clean: Option<fn(&Machine)>,
    /// The stores that have it; none: all.
    pub only: Option<Store>,
    /// A failure may leave it half done (`stop`, `destroy`); done again, it comes to its end.
    pub finishes: bool,
}

/// A case without the rarer parts.
pub const fn case(
    name: &'static str,
    given: &'static [&'static str],
    command: &'static str,
    back: &'static [&'static str],
) -> Case {
    Case { name, given, prepare: None, command, back, clean: None, only: None, finishes: false }
}

impl Case {
    /// It only takes away: see [`Case::finishes`].
    pub const fn finishing(self) -> Case {
        Case { finishes: true, ..self }
    }

    /// On zfs only: in directories nothing hangs on anything.
    pub const fn on_zfs(self) -> Case {
        Case { only: Some(Store::Zfs), ..self }
    }

    /// With something to do first that is no command of ioc.
    pub const fn prepared(self, prepare: fn(&Machine)) -> Case {
        Case { prepare: Some(prepare), ..self }
    }

    /// With something to do afterwards that is no command of ioc.
    pub const fn cleaned(self, clean: fn(&Machine)) -> Case {
        Case { clean: Some(clean), ..self }
    }
}

/// A jail that is there all along, and whose command is the next one after each fault: it changes nothing itself.
const OTHER: [&str; 2] = ["create -e other priority=7", "set priority=7 other"];

/// How often a recovery is killed in its turn.
const KILLS_OF_RECOVERY: usize = 12;

/// Runs a case with one kind of fault, at every place.
///
/// `ioc` is the binary, `faulty` a program that is `ioc` on the machine that [`crate::faults::on`] makes.
///
/// # Panics
///
/// If the host is not as it has to be.
pub fn sweep(store: Store, case: &Case, kind: Kind, ioc: &str, faulty: PathBuf) {
    let machine = Machine::new(store, ioc);
    let sweep = Sweep { machine: &machine, case, faulty };
    sweep.run(OTHER[0]);
    if let Some(prepare) = case.prepare {
        prepare(&machine);
    }
    case.given.iter().for_each(|command| sweep.run(command));
    let before = State::of(&machine);
    sweep.run(case.command);
    let wanted = State::of(&machine);
    assert_ne!(before, wanted, "`ioc {}` changes nothing", case.command);
    sweep.take_back(&before, &"no fault");

    for at in 1.. {
        let fault = Fault { kind, at };
        let said = sweep.faulty(case.command, fault);
        let struck = said.stderr.contains(MARK);
        let after = State::of(&machine);
        assert!(!said.stderr.contains("panicked"), "{fault}: {said}");
        if !struck {
            assert_eq!(said.status, 0, "{fault}: {said}");
            assert!(at > 2, "nothing happened at all: {said}");
            same(&wanted, &after, &said);
            return;
        }
        let settled = |state: &State| *state == before || *state == wanted;
        match kind {
            Kind::Killed => assert_eq!(said.status, 128 + 9, "{said}"),
            Kind::Fails | Kind::Breaks => assert!(said.status == 1 || said.status == 0, "{said}"),
            Kind::Interrupted => {}
        }
        if said.status == 0 {
            same(&wanted, &after, &said);
        }
        if matches!(kind, Kind::Fails | Kind::Interrupted) && !case.finishes && !settled(&after) {
            panic!(
                "{said}\nthe host is neither as before: {:#?}\nnor as wanted: {:#?}",
                before.difference(&after),
                wanted.difference(&after)
            );
        }
        if kind == Kind::Killed && at % 3 == 1 {
            sweep.kill_recoveries();
        }
        let next = sweep.machine.run(&sweep.words(OTHER[1]).iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(next.status, 0, "the next command after {said}\n{next}");
        let mut after = State::of(&machine);
        if case.finishes && !settled(&after) && kind != Kind::Killed {
            sweep.run(case.command);
            after = State::of(&machine);
        }
        if !settled(&after) {
            panic!(
                "{said}\nand after\n{next}\nthe host is neither as before: {:#?}\nnor as wanted: {:#?}",
                before.difference(&after),
                wanted.difference(&after)
            );
        }
        if after == wanted {
            sweep.take_back(&before, &said);
        }
    }
}

struct Sweep<'a> {
    machine: &'a Machine,
    case: &'a Case,
    faulty: PathBuf,
}

impl Sweep<'_> {
    fn words(&self, command: &str) -> Vec<String> {
        let directory = self.machine.directory().to_string_lossy();
        let word = |word: &str| {
            let word = word.replace("{dir}", &directory).replace("{mark}", self.machine.source());
            word.replace("{net}", self.machine.network())
        };
        command.split_whitespace().map(word).collect()
    }

    fn run(&self, command: &str) {
        let words = self.words(command);
        self.machine.ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }

    fn faulty(&self, command: &str, fault: Fault) -> Said {
        let words = self.words(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.machine.command_of(&self.faulty, &words);
        let output: Output =
            command.env(VARIABLE, fault.to_string()).output().expect("the program can be run");
        Said::new(&words, output)
    }

    /// Lets the next command be killed while it recovers, further on each time, until it gets through.
    fn kill_recoveries(&self) {
        for at in 1..=KILLS_OF_RECOVERY {
            if self.faulty(OTHER[1], Fault { kind: Kind::Killed, at }).status == 0 {
                return;
            }
        }
    }

    fn take_back(&self, before: &State, why: &dyn std::fmt::Display) {
        self.case.back.iter().for_each(|command| self.run(command));
        if let Some(clean) = self.case.clean {
            clean(self.machine);
        }
        let after = State::of(self.machine);
        assert!(*before == after, "not taken back after {why}: {:#?}", before.difference(&after));
    }
}

fn same(wanted: &State, found: &State, said: &Said) {
    assert!(wanted == found, "{said}\nthe host is not as wanted: {:#?}", wanted.difference(found));
}
