//! A machine that fails, or a process that is killed, at the n-th thing that is done to it.
//!
//! [`on`] puts an [`Injector`] in front of every trait of a [`Host`]. The places at which something can happen are
//! counted: one before each call and, where a call changes something, one after it has taken effect. What happens
//! at which place is told to a process by the environment variable [`VARIABLE`], which only test programs read.

mod traits;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ioc_platform::command::Commands;
use ioc_platform::host::Host;
use ioc_platform::store::ZfsStore;
use nix::sys::signal::{Signal, raise};

use traits::Faulty;

/// The environment variable that holds a [`Fault`].
pub const VARIABLE: &str = "IOC_TEST_FAULT";

/// Standard error gets a line with this and the place when the fault strikes.
pub const MARK: &str = "injected fault";

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One call fails: without effect, or although it had its effect.
    Fails,
    /// That call fails, and all after it, those that take back what was done among them.
    Breaks,
    /// The process is killed.
    Killed,
    /// The user interrupts it, once.
    Interrupted,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Fails, Kind::Breaks, Kind::Killed, Kind::Interrupted];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Fails => "fails",
            Kind::Breaks => "breaks",
            Kind::Killed => "killed",
            Kind::Interrupted => "interrupted",
        }
    }
}

/// What happens, and where: at the n-th place, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// Where.
    pub at: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.at)
    }
}

impl Fault {
    /// The one that the environment asks for.
    pub fn from_environment() -> Option<Fault> {
        let text = std::env::var(VARIABLE).ok()?;
        let (kind, at) = text.split_once(':')?;
        let kind = Kind::ALL.into_iter().find(|k| k.name() == kind)?;
        Some(Fault { kind, at: at.parse().ok()? })
    }
}

/// Counts the places, and lets the fault happen.
#[derive(Debug)]
pub struct Injector {
    fault: Fault,
    count: AtomicUsize,
}

impl Injector {
    /// Passes a place; an error is what the caller is to fail with. `changes`: something may differ on the machine
    /// from the place before.
    fn pass(&self, changes: bool, place: &dyn fmt::Display) -> Option<io::Error> {
        let Fault { kind, at } = self.fault;
        // Looking at something makes no difference to who is killed or interrupted.
        if !changes && matches!(kind, Kind::Killed | Kind::Interrupted) {
            return None;
        }
        let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        let strikes = count == at || (kind == Kind::Breaks && count > at);
        if !strikes {
            return None;
        }
        if count == at {
            say(&format!("{MARK} {} {place}\n", self.fault));
        }
        match kind {
            Kind::Fails | Kind::Breaks => {
                return Some(io::Error::other(format!("{MARK} {} {place}", self.fault)));
            }
            Kind::Killed => raise(Signal::SIGKILL).expect("a process can kill itself"),
            Kind::Interrupted => raise(Signal::SIGINT).expect("a process can interrupt itself"),
        }
        None
    }
}

/// Writes to standard error, at once and whole.
fn say(text: &str) {
    use std::io::Write;
    let _ = io::stderr().write_all(text.as_bytes());
}

/// `host`, but with this fault in it.
pub fn on(host: Host, fault: Fault) -> Host {
    let injector = Arc::new(Injector { fault, count: AtomicUsize::new(0) });
    macro_rules! faulty {
        ($real:expr) => {
            Arc::new(Faulty { real: $real, injector: Arc::clone(&injector) })
        };
    }
    let commands: Arc<dyn Commands> = faulty!(host.commands);
    // Not the calls of this store fail but the runs of zfs(8) that it makes.
    let zfs = Arc::new(ZfsStore::new(Arc::clone(&commands)));
    Host {
        facts: host.facts,
        zfs: zfs.clone(),
        pools: zfs,
        directories: faulty!(host.directories),
        jails: faulty!(host.jails),
        mounts: faulty!(host.mounts),
        network: faulty!(host.network),
        limits: faulty!(host.limits),
        files: faulty!(host.files),
        rulesets: host.rulesets,
        firewall: host.firewall,
        commands,
    }
}
