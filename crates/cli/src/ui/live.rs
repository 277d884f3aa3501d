//! What is going on right now, on a terminal: a line for each running operation, gone when it is done.
//!
//! An operation that is done within a quarter of a second never shows up.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use libioc::Event;
use libioc::event::State;

use super::lines::seconds;
use super::text::visible;

/// An operation is shown once it has taken this long.
const PATIENCE: Duration = Duration::from_millis(250);

/// Time between two drawings.
const TICK: Duration = Duration::from_millis(100);

/// Most lines that are drawn.
const MOST: usize = 8;

/// The live area. It is drawn by a thread of its own, which begins with the first operation.
#[derive(Debug)]
pub(crate) struct Live {
    shared: Arc<Shared>,
    ticker: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    bars: MultiProgress,
    state: Mutex<Running>,
    changed: Condvar,
}

/// Drawing must go on whatever happened to another thread.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Running operations, first begun first.
#[derive(Debug, Default)]
struct Running {
    operations: Vec<Operation>,
    stop: bool,
}

#[derive(Debug)]
struct Operation {
    name: (String, String),
    since: Instant,
    step: String,
    bar: Option<ProgressBar>,
}

impl Live {
    /// An empty area on standard error.
    pub(crate) fn new() -> Self {
        let shared = Shared { bars: MultiProgress::new(), state: Mutex::default(), changed: Condvar::new() };
        Live { shared: Arc::new(shared), ticker: Mutex::default() }
    }

    /// Takes note of an event.
    pub(crate) fn event(&self, event: &Event) {
        lock(&self.shared.state).event(event, Instant::now());
        if event.step.is_none() && event.state == State::Begin {
            let mut ticker = lock(&self.ticker);
            if ticker.is_none() {
                let shared = Arc::clone(&self.shared);
                // Without the thread nothing is drawn; the lines of finished operations are printed all the same.
                *ticker = thread::Builder::new().spawn(move || tick(&shared)).ok();
            }
            self.shared.changed.notify_all();
        }
    }

    /// Does something to the terminal while the area is cleared away.
    pub(crate) fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.shared.bars.suspend(print)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        lock(&self.shared.state).stop = true;
        self.shared.changed.notify_all();
        if let Some(ticker) = lock(&self.ticker).take() {
            // A panic in there has been reported by the thread itself.
            let _ = ticker.join();
        }
    }
}

impl Running {
    fn event(&mut self, event: &Event, now: Instant) {
        let name = (event.operation.clone(), event.subject.clone());
        match (&event.step, &event.state) {
            (None, State::Begin) => {
                self.operations.push(Operation { name, since: now, step: String::new(), bar: None });
            }
            (None, State::Done { .. } | State::Failed { .. } | State::Skipped { .. }) => {
                if let Some(at) = self.operations.iter().position(|operation| operation.name == name)
                    && let Some(bar) = self.operations.remove(at).bar
                {
                    bar.finish_and_clear();
                }
            }
            (Some(step), state) => {
                let Some(operation) = self.operations.iter_mut().find(|operation| operation.name == name)
                else {
                    return;
                };
                operation.step = match state {
                    State::Progress { bytes } => {
                        format!("{}, {}", step.text, indicatif::BinaryBytes(*bytes))
                    }
                    State::Undone | State::UndoFailed { .. } => format!("taking back: {}", step.text),
                    _ => format!("{}/{} {}", step.number, step.of, step.text),
                };
            }
            (None, _) => {}
        }
    }

    /// The operations that are worth showing now, and whether they are drawn already.
    fn due(&mut self, now: Instant) -> impl Iterator<Item = &mut Operation> {
        let due = move |operation: &&mut Operation| now.duration_since(operation.since) >= PATIENCE;
        self.operations.iter_mut().filter(due).take(MOST)
    }
}

impl Operation {
    fn line(&self, now: Instant) -> String {
        let (operation, subject) = &self.name;
        let took = now.duration_since(self.since).as_secs_f64();
        let line = format!("{operation} {subject} [{}] {}", seconds((took * 10.0).trunc() / 10.0), self.step);
        visible(line.trim_end()).into_owned()
    }
}

/// Draws what is due, again and again while anything is running.
fn tick(shared: &Shared) {
    let style = ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let mut state = lock(&shared.state);
    while !state.stop {
        let now = Instant::now();
        for operation in state.due(now) {
            let line = operation.line(now);
            let bar = operation
                .bar
                .get_or_insert_with(|| shared.bars.add(ProgressBar::new_spinner().with_style(style.clone())));
            bar.set_message(line);
        }
        state = if state.operations.is_empty() {
            shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            shared.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0
        };
    }
    for bar in state.operations.iter().filter_map(|operation| operation.bar.as_ref()) {
        bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use libioc::event::StepNumber;

    use super::*;

    fn event(subject: &str, step: Option<&str>, state: State) -> Event {
        let step = step.map(|text| StepNumber { number: 3, of: 12, kind: "mount", text: text.to_owned() });
        Event { operation: "start".into(), subject: subject.into(), step, state }
    }

    fn shown(running: &mut Running, now: Instant) -> Vec<String> {
        running.due(now).map(|operation| operation.line(now)).collect()
    }

    #[test]
    fn nothing_is_shown_before_its_time_nor_after() {
        let begin = Instant::now();
        let mut running = Running::default();
        running.event(&event("web", None, State::Begin), begin);
        running.event(&event("web", Some("mount \x1b[2J"), State::Begin), begin);
        assert!(shown(&mut running, begin + PATIENCE / 2).is_empty());
        assert_eq!(shown(&mut running, begin + PATIENCE * 5), ["start web [1.2s] 3/12 mount \\u{1b}[2J"]);
        running.event(&event("web", Some("mount"), State::Progress { bytes: 3 << 20 }), begin);
        assert_eq!(shown(&mut running, begin + PATIENCE * 4), ["start web [1.0s] mount, 3.00 MiB"]);
        running.event(&event("web", None, State::Done { seconds: 1.0 }), begin);
        assert!(shown(&mut running, begin + PATIENCE * 4).is_empty());
    }

    #[test]
    fn the_area_is_bounded() {
        let begin = Instant::now();
        let mut running = Running::default();
        for number in 0..100 {
            running.event(&event(&format!("web{number}"), None, State::Begin), begin);
        }
        assert_eq!(shown(&mut running, begin + PATIENCE).len(), MOST);
        running.event(&event("web0", None, State::Done { seconds: 1.0 }), begin);
        assert!(shown(&mut running, begin + PATIENCE)[0].starts_with("start web1 "));
    }

    #[test]
    fn it_can_be_dropped_in_the_middle() {
        let live = Live::new();
        live.event(&event("web", None, State::Begin));
        assert_eq!(live.suspend(|| 7), 7);
    }
}
