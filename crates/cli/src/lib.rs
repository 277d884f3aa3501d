//! `ioc`: the command line of libioc.
//!
//! | module | subject |
//! |---|---|
//! | `arguments` | what may be written: options for all commands, and the list of commands |
//! | `commands` | one file per command: its arguments, whose docs are its help, and what it asks of the library |
//! | `session` | the library, opened as the options say |
//! | `tasks` | operations on one target after the other: planned, or done and reported |
//! | `ui` | results, errors, events, questions: all that people and scripts see |
//!
//! What is true of jails is decided in the library; here it is only asked for and shown.
//!
//! A library only so that the tests can run the whole of it on a machine that fails where they want; what others
//! program against is libioc.

mod arguments;
mod commands;
mod session;
mod tasks;
mod ui;

pub use commands::main;
pub use session::Detect;
