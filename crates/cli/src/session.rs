//! The library, opened as the options say, with the screen to tell on.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use libioc::model::name::{JailRef, SourceName};
use libioc::platform::host::HostError;
use libioc::{Error, Host, Ioc, Settings, Source, Sources};

use crate::arguments::Global;
use crate::ui::{Failure, Level, Screen, signals};

/// The variable that stands for `--source`: one or more, separated by blanks.
const SOURCE_VARIABLE: &str = "IOC_SOURCE";

/// Finds out what machine this is.
pub type Detect = fn() -> Result<Host, HostError>;

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Session {
    /// The library.
    pub(crate) ioc: Ioc,
    /// Standard error.
    pub(crate) screen: Screen,
    /// Results are wanted as JSON.
    pub(crate) json: bool,
    /// Sources were given on the command line.
    pub(crate) sources_given: bool,
    cancelled: Arc<AtomicBool>,
}

impl Session {
    /// Opens the sources; changes nothing.
    pub(crate) fn open(detect: Detect, global: &Global, screen: Screen) -> Result<Self, Failure> {
        Self::with_sources(detect, global, screen, sources(global)?)
    }

    /// The same for a command in a running jail, which the kernel may know without anybody else being asked.
    pub(crate) fn of_running(
        detect: Detect,
        global: &Global,
        screen: Screen,
        jail: &str,
    ) -> Result<Self, Failure> {
        let sources = match sources(global)? {
            Sources::OfHost => Sources::OfRunning(jail.to_owned()),
            given => given,
        };
        Self::with_sources(detect, global, screen, sources)
    }

    fn with_sources(
        detect: Detect,
        global: &Global,
        screen: Screen,
        sources: Sources,
    ) -> Result<Self, Failure> {
        screen.trace();
        let cancelled = Arc::<AtomicBool>::default();
        let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
        let words: Vec<String> = std::iter::once("ioc".to_owned()).chain(words).collect();
        let settings = Settings {
            lock_timeout: global.lock_timeout,
            command: words.join(" "),
            cancelled: Arc::clone(&cancelled),
        };
        let ioc = Ioc::with_settings(detect().map_err(Error::from)?, sources, settings)?;
        Ok(Session { ioc, screen, json: global.json, sources_given: !global.source.is_empty(), cancelled })
    }

    /// Must be called before something is changed: checks that we may, and makes signals end it in good order.
    ///
    /// `what` completes "only root can". Not before questions are asked: there the first signal is to end it all.
    pub(crate) fn before_changes(&self, what: &'static str) -> Result<(), Failure> {
        self.need_root(what)?;
        signals::cancel(&self.cancelled)
            .map_err(|source| Failure::System { what: "catch signals".to_owned(), source })
    }

    /// Fails unless we are root; `what` completes "only root can".
    pub(crate) fn need_root(&self, what: &'static str) -> Result<(), Failure> {
        match self.ioc.host().facts.uid {
            0 => Ok(()),
            _ => Err(Error::NotRoot(what).into()),
        }
    }

    /// The source and the name in it that `[SOURCE/]NAME` means; without a source, the main one.
    pub(crate) fn place<'a>(&'a self, written: &'a str) -> Result<(&'a Source, &'a str), Failure> {
        let Some((source, name)) = written.split_once('/') else {
            return Ok((self.ioc.main_source()?, written));
        };
        let source: SourceName =
            source.parse().map_err(|error| Failure::Usage(format!("{written}: {error}")))?;
        Ok((self.ioc.source(&source)?, name))
    }

    /// A jail as results name it: with its source if there are several.
    pub(crate) fn name(&self, jail: &JailRef) -> String {
        match self.ioc.sources() {
            Ok([_]) | Err(_) => jail.name.to_string(),
            Ok(_) => jail.to_string(),
        }
    }

    /// The environment, for jails that inherit it. Variables that are not UTF-8 are left out.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(text).collect()
    }
}

/// The screen as the options want it.
pub(crate) fn screen(global: &Global, level: Level) -> Screen {
    Screen::new(level, global.events, global.color)
}

fn sources(global: &Global) -> Result<Sources, Failure> {
    if !global.source.is_empty() {
        return Ok(Sources::Given(global.source.clone()));
    }
    let Some(words) = std::env::var_os(SOURCE_VARIABLE).filter(|words| !words.is_empty()) else {
        return Ok(Sources::OfHost);
    };
    let words = words.to_string_lossy();
    let parsed: Result<Vec<Source>, _> = words.split_whitespace().map(str::parse).collect();
    match parsed {
        Ok(sources) => Ok(Sources::Given(sources)),
        Err(error) => Err(Failure::Usage(format!("{SOURCE_VARIABLE}: {error}"))),
    }
}
