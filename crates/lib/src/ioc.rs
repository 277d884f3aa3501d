//! The handle that everything starts from.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ioc_platform::host::Host;

use crate::apply::{self, Applied, Context, LockName, Locks, Recovered};
use crate::error::Error;
use crate::event::{Event, Observer, State};
use crate::plan::{Plan, Recovery};
use crate::source::{Source, Sources};

/// A host and the sources of jails on it.
#[derive(Clone, Debug)]
pub struct Ioc {
    host: Host,
    sources: Vec<Source>,
    settings: Settings,
}

/// How operations behave, whatever they do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long to wait for a jail that another command is changing.
    pub lock_timeout: Duration,
    /// What that other command is told about us.
    pub command: String,
    /// Set it to true to stop before the next step and take back what was done.
    pub cancelled: Arc<AtomicBool>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            lock_timeout: Duration::from_secs(10),
            command: "a program that uses libioc".to_owned(),
            cancelled: Arc::default(),
        }
    }
}

/// Something that changes the host: a request that becomes a plan.
///
/// `plan` gathers facts and decides; it changes nothing. It is called while `locks` are held.
pub trait Operation: Sync {
    /// The source that it works in; none for operations that are about sources themselves.
    fn source<'a>(&self, ioc: &'a Ioc) -> Result<Option<&'a Source>, Error>;

    /// What must not change while it is planned and carried out.
    fn locks(&self) -> Vec<LockName>;

    /// What it is going to do.
    fn plan(&self, ioc: &Ioc) -> Result<Plan, Error>;
}

impl Ioc {
    /// Opens the given sources, or finds those of the host. Changes nothing.
    ///
    /// A host without any source is no error here, but for every operation that needs one.
    pub fn open(host: Host, sources: Sources) -> Result<Self, Error> {
        Self::with_settings(host, sources, Settings::default())
    }

    /// As [`Ioc::open`], with settings other than the usual ones.
    pub fn with_settings(host: Host, sources: Sources, settings: Settings) -> Result<Self, Error> {
        let sources = sources.find(&host)?;
        Ok(Ioc { host, sources, settings })
    }

    /// The machine.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// How operations behave.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The sources, the main one first; never empty.
    pub fn sources(&self) -> Result<&[Source], Error> {
        if self.sources.is_empty() { Err(Error::NotActivated) } else { Ok(&self.sources) }
    }

    /// The main source: where a jail is made if its name says nothing else.
    pub fn main_source(&self) -> Result<&Source, Error> {
        Ok(&self.sources()?[0])
    }

    /// The source of that name.
    pub fn source(&self, name: &ioc_model::name::SourceName) -> Result<&Source, Error> {
        self.sources()?.iter().find(|s| s.name == *name).ok_or_else(|| Error::SourceUnknown(name.clone()))
    }

    /// What `operation` would do. Takes no lock and changes nothing.
    pub fn plan(&self, operation: &dyn Operation) -> Result<Plan, Error> {
        let plan = operation.plan(self)?;
        match plan.check() {
            Ok(()) => Ok(plan),
            Err(source) => Err(Error::Names { operation: plan.operation, subject: plan.subject, source }),
        }
    }

    /// Does it: whole or not at all. Unfinished work of dead processes in the same source is dealt with first.
    pub fn apply(
        &self,
        operation: &dyn Operation,
        observer: &dyn Observer,
    ) -> Result<(Plan, Applied), Error> {
        if self.host.facts.uid != 0 {
            return Err(Error::NotRoot("change jails"));
        }
        let places = self.places(operation.source(self)?)?;
        let settings = &self.settings;
        let mut locks = Locks::new(&places.locks, &settings.command);
        // Our locks first: whoever held them before is either done or dead, and the dead are recovered before we
        // look at anything. See docs/decisions/locks-before-facts.md.
        locks.take(operation.locks(), settings.lock_timeout)?;
        let context = Context {
            host: &self.host,
            journals: &places.journals,
            observer,
            cancelled: &settings.cancelled,
        };
        locks.during(LockName::Recovery, settings.lock_timeout, || {
            self.recover(context)?;
            apply::remove_abandoned_locks(&places.locks);
            Ok::<_, Error>(())
        })??;
        let plan = self.plan(operation)?;
        let begin = std::time::Instant::now();
        self.tell(observer, &plan, State::Begin);
        for note in &plan.notes {
            self.tell(observer, &plan, State::Note { text: note.clone() });
        }
        let outcome = apply::run(&plan, context);
        let took = begin.elapsed();
        self.tell(
            observer,
            &plan,
            match &outcome {
                Ok(_) if plan.is_empty() => State::Skipped { reason: "nothing to do".to_owned() },
                Ok(_) => State::done(took),
                Err(error) => {
                    State::Failed { reason: crate::event::chain(error), seconds: took.as_secs_f64() }
                }
            },
        );
        match outcome {
            Ok(applied) => Ok((plan, applied)),
            Err(source) => {
                Err(Error::Apply { operation: plan.operation.clone(), subject: plan.subject.clone(), source })
            }
        }
    }

    /// Deals with the unfinished plans of dead processes and tells about each.
    fn recover(&self, context: Context<'_>) -> Result<(), Error> {
        let recovered = apply::recover(context.journals, context).map_err(|source| Error::Apply {
            operation: "recover".into(),
            subject: "the source".into(),
            source,
        })?;
        for Recovered { operation, subject, recovery, failed } in recovered {
            let what = match recovery {
                Recovery::Undo => "undone",
                Recovery::Finish => "finished",
            };
            let text = match failed {
                None => format!("an interrupted {operation} of {subject} was {what}"),
                Some(failed) => format!(
                    "an interrupted {operation} of {subject} could not be {what}: {}",
                    crate::event::chain(&failed)
                ),
            };
            context.observer.event(&Event { operation, subject, step: None, state: State::Note { text } });
        }
        Ok(())
    }

    fn tell(&self, observer: &dyn Observer, plan: &Plan, state: State) {
        let (operation, subject) = (plan.operation.clone(), plan.subject.clone());
        observer.event(&Event { operation, subject, step: None, state });
    }

    /// Where locks and journals are: in the source, or for operations about sources in the runtime directory.
    fn places(&self, source: Option<&Source>) -> Result<Places, Error> {
        let base = match source {
            Some(source) => source.directory(&self.host)?.join(".ioc"),
            None => self.host.facts.runtime_directory.clone(),
        };
        Ok(Places { locks: base.join("lock"), journals: base.join("journal") })
    }
}

struct Places {
    locks: PathBuf,
    journals: PathBuf,
}
