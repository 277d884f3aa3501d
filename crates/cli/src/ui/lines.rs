//! Events as lines for people.

use libioc::Event;
use libioc::event::State;

use super::Level;

/// A line about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// How it went.
    pub(crate) mark: Mark,
    /// The line, without its mark.
    pub(crate) text: String,
}

/// What stands in front of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// An operation is done, or had nothing to do.
    Done,
    /// A step is.
    StepDone,
    /// An operation failed.
    Failed,
    /// A step did.
    StepFailed,
    /// A step was taken back.
    StepUndone,
    /// Something worth knowing.
    Note,
}

impl Mark {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Mark::Done => "[+]",
            Mark::StepDone => "  [+]",
            Mark::Failed => "[!]",
            Mark::StepFailed => "  [!]",
            Mark::StepUndone => "  [-]",
            Mark::Note => "note:",
        }
    }
}

/// The line to print for an event, if it is worth one at this level.
///
/// Failures always are, notes from `warn` on, operations that did something from `info` on, their steps from
/// `verbose` on.
pub(crate) fn line(event: &Event, level: Level) -> Option<Line> {
    let (mark, lowest, text) = match (&event.step, &event.state) {
        (_, State::Begin | State::Progress { .. }) => return None,
        (None, State::Done { seconds: took }) => {
            (Mark::Done, Level::Info, format!("OK [{}]", seconds(*took)))
        }
        (None, State::Skipped { reason }) => (Mark::Done, Level::Verbose, reason.clone()),
        (None, State::Failed { seconds: took, .. }) => {
            (Mark::Failed, Level::Error, format!("FAILED [{}]", seconds(*took)))
        }
        (Some(_), State::Done { seconds: took }) => {
            (Mark::StepDone, Level::Verbose, format!("OK [{}]", seconds(*took)))
        }
        (Some(_), State::Skipped { reason }) => (Mark::StepDone, Level::Verbose, reason.clone()),
        (Some(_), State::Failed { reason, seconds: took }) => {
            (Mark::StepFailed, Level::Error, format!("FAILED [{}]: {reason}", seconds(*took)))
        }
        (_, State::Undone) => (Mark::StepUndone, Level::Verbose, "taken back".to_owned()),
        (_, State::UndoFailed { reason }) => {
            (Mark::StepFailed, Level::Error, format!("could not be taken back: {reason}"))
        }
        (_, State::Note { text }) => {
            return (level >= Level::Warn).then(|| Line { mark: Mark::Note, text: text.clone() });
        }
    };
    (level >= lowest).then(|| Line { mark, text: format!("{}: {text}", subject(event)) })
}

/// What an event is about: the operation and its target, or the target and the step.
pub(crate) fn subject(event: &Event) -> String {
    match &event.step {
        None => format!("{} {}", event.operation, event.subject),
        Some(step) => format!("{}: {}", event.subject, step.text),
    }
}

/// A duration as the reference prints it: three decimals at the most, one at least.
pub(crate) fn seconds(seconds: f64) -> String {
    let text = format!("{seconds:.3}");
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0s") } else { format!("{short}s") }
}

#[cfg(test)]
mod tests {
    use libioc::event::StepNumber;

    use super::*;

    fn event(step: bool, state: State) -> Event {
        let text = "mount devfs on /s/jails/web/root/dev".to_owned();
        let step = step.then_some(StepNumber { number: 2, of: 9, kind: "mount", text });
        Event { operation: "start".into(), subject: "web".into(), step, state }
    }

    fn shown(step: bool, state: State, level: Level) -> Option<String> {
        line(&event(step, state), level).map(|line| format!("{} {}", line.mark.text(), line.text))
    }

    #[test]
    fn one_line_for_each_finished_event() {
        let done = State::Done { seconds: 0.298 };
        assert_eq!(shown(false, done.clone(), Level::Info).unwrap(), "[+] start web: OK [0.298s]");
        assert_eq!(shown(true, done.clone(), Level::Info), None);
        assert_eq!(
            shown(true, done.clone(), Level::Verbose).unwrap(),
            "  [+] web: mount devfs on /s/jails/web/root/dev: OK [0.298s]"
        );
        assert_eq!(shown(false, done, Level::Warn), None);
        assert_eq!(shown(false, State::Begin, Level::Trace), None);
        let skipped = State::Skipped { reason: "nothing to do".into() };
        assert_eq!(shown(false, skipped.clone(), Level::Info), None);
        assert_eq!(shown(false, skipped, Level::Verbose).unwrap(), "[+] start web: nothing to do");
    }

    #[test]
    fn failures_are_shown_whatever_the_level() {
        let failed = State::Failed { reason: "device busy".into(), seconds: 0.07 };
        assert_eq!(shown(false, failed.clone(), Level::Error).unwrap(), "[!] start web: FAILED [0.07s]");
        assert_eq!(
            shown(true, failed, Level::Error).unwrap(),
            "  [!] web: mount devfs on /s/jails/web/root/dev: FAILED [0.07s]: device busy"
        );
        let left = State::UndoFailed { reason: "device busy".into() };
        assert_eq!(
            shown(true, left, Level::Error).unwrap(),
            "  [!] web: mount devfs on /s/jails/web/root/dev: could not be taken back: device busy"
        );
        let note = State::Note { text: "an interrupted start of web was undone".into() };
        assert_eq!(
            shown(false, note.clone(), Level::Warn).unwrap(),
            "note: an interrupted start of web was undone"
        );
        assert_eq!(shown(false, note, Level::Error), None);
    }

    #[test]
    fn durations_as_in_the_reference() {
        for (given, expected) in [
            (0.0, "0.0s"),
            (0.07, "0.07s"),
            (0.2984, "0.298s"),
            (31.0, "31.0s"),
            (10.5, "10.5s"),
            (100.0, "100.0s"),
        ] {
            assert_eq!(seconds(given), expected);
        }
    }
}
