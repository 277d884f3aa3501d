//! Standard error: events, errors, warnings.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Weak};

use anstyle::{AnsiColor, Style};
use libioc::{Event, Observer};
use serde::Serialize;

use super::errors::Report;
use super::lines::{self, Mark};
use super::live::Live;
use super::text::visible;
use crate::arguments::Events;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Level {
    /// What failed.
    #[value(alias = "critical")]
    Error,
    /// And what is worth knowing.
    #[value(aliases = ["warning"])]
    Warn,
    /// And what was done.
    #[value(aliases = ["notice", "screen"])]
    Info,
    /// And each step of it.
    Verbose,
    /// And the commands that were run.
    Debug,
    /// And all that the code has to say.
    #[value(alias = "spam")]
    Trace,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless the environment has `NO_COLOR`.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Standard error; clones share the live area.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    level: Level,
    events: Events,
    colour: bool,
    live: Option<Arc<Live>>,
}

/// A line of the event stream: an event with the name of its form.
#[derive(Serialize)]
struct EventLine<'a> {
    schema: &'static str,
    #[serde(flatten)]
    event: &'a Event,
}

/// An error as a line of the event stream.
#[derive(Serialize)]
struct ErrorLine<'a> {
    schema: &'static str,
    #[serde(flatten)]
    error: &'a Report,
}

impl Screen {
    /// The screen as the options and the environment want it.
    pub(crate) fn new(level: Level, events: Events, colour: Colour) -> Self {
        let terminal =
            io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colour = match colour {
            Colour::Auto => terminal && wanted,
            Colour::Always => true,
            Colour::Never => false,
        };
        let live = terminal && events == Events::Text && level >= Level::Info;
        Screen { level, events, colour, live: live.then(|| Arc::new(Live::new())) }
    }

    /// One that leaves the terminal to somebody else: it tells what is worth knowing, but not what is done.
    pub(crate) fn quiet(&self) -> Self {
        Screen { level: self.level.min(Level::Warn), events: self.events, colour: self.colour, live: None }
    }

    /// Prints an error.
    pub(crate) fn error(&self, error: &Report) {
        match self.events {
            Events::Json => self.json(&ErrorLine { schema: "ioc.error/1", error }),
            Events::Text => {
                let head = self.coloured("error:", red());
                self.print(format_args!("{head} {error}\n"));
            }
        }
    }

    /// Prints something about a result.
    pub(crate) fn detail(&self, text: &str) {
        if self.level >= Level::Info {
            self.print(format_args!("{}\n", visible(text)));
        }
    }

    /// Prints text as it is, for a question.
    pub(crate) fn ask(&self, text: &str) {
        self.print(format_args!("{text}"));
    }

    /// Sends what the code has to say to standard error as well.
    pub(crate) fn trace(&self) {
        let level = match self.level {
            Level::Error => tracing::Level::ERROR,
            // What was done is told by events.
            Level::Warn | Level::Info => tracing::Level::WARN,
            Level::Verbose => tracing::Level::INFO,
            Level::Debug => tracing::Level::DEBUG,
            Level::Trace => tracing::Level::TRACE,
        };
        // The subscriber lives as long as the process; the live area must not.
        let live = self.live.as_ref().map(Arc::downgrade);
        let writer = move || Behind(live.as_ref().and_then(Weak::upgrade));
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .without_time()
            .with_writer(writer);
        // Fails if there is one already, which then is as good.
        let _ = tracing::subscriber::set_global_default(subscriber.finish());
    }

    fn json(&self, line: &impl Serialize) {
        match serde_json::to_string(line) {
            Ok(text) => self.print(format_args!("{text}\n")),
            Err(error) => self.print(format_args!("error: cannot write an event: {error}\n")),
        }
    }

    fn coloured(&self, text: &str, style: Style) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Prints in one go, so that lines of several threads do not mix.
    fn print(&self, text: fmt::Arguments<'_>) {
        let text = text.to_string();
        // Nobody is left to be told that standard error is gone; what we are doing must not suffer from it.
        let _ = Behind(self.live.clone()).write_all(text.as_bytes());
    }
}

impl Observer for Screen {
    fn event(&self, event: &Event) {
        if self.events == Events::Json {
            return self.json(&EventLine { schema: "ioc.event/1", event });
        }
        if let Some(live) = &self.live {
            live.event(event);
        }
        if let Some(line) = lines::line(event, self.level) {
            let style = match line.mark {
                Mark::Done | Mark::StepDone | Mark::StepUndone => Style::new(),
                Mark::Failed | Mark::StepFailed => red(),
                Mark::Note => yellow(),
            };
            let mark = self.coloured(line.mark.text(), style);
            self.print(format_args!("{mark} {}\n", visible(&line.text)));
        }
    }
}

/// Standard error behind the live area, which makes room for what is written.
struct Behind(Option<Arc<Live>>);

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Some(live) => live.suspend(|| io::stderr().lock().write(bytes)),
            None => io::stderr().lock().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn red() -> Style {
    AnsiColor::Red.on_default().bold()
}

fn yellow() -> Style {
    AnsiColor::Yellow.on_default().bold()
}
