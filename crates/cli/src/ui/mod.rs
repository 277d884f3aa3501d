//! All that people and scripts see.
//!
//! Results go to standard output ([`output`], [`table`]), everything else to standard error ([`Screen`]).

mod errors;
mod exit;
mod lines;
mod live;
pub(crate) mod output;
pub(crate) mod question;
mod screen;
pub(crate) mod signals;
mod table;
mod text;
mod time;

pub(crate) use errors::{Failure, Report};
pub(crate) use exit::Exit;
pub(crate) use screen::{Colour, Level, Screen};
pub(crate) use table::{Format, Table};
pub(crate) use text::{visible, visible_file, visible_lines};
pub(crate) use time::{local_time, name_of_now};
