//! `ioc df`

use super::list::{self, Rows};
use super::listing::ListingOptions;
use super::select::FILTER_HELP;
use crate::session::Session;
use crate::ui::{Exit, Failure};

/// Show how much space jails take, and how much they may take
///
/// Of the dataset of each jail, with all that is below it, as ZFS has it: how well it is compressed, what is reserved for
/// it, its quota, what it takes and what it could still take. In a directory nobody counts that.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    listing: ListingOptions,

    /// Which jails; all of them, templates included, if none is given
    #[arg(value_name = "FILTER", long_help = FILTER_HELP)]
    filters: Vec<String>,
}

/// Columns of the table.
const COLUMNS: [&str; 6] = ["full_name", "compressratio", "reservation", "quota", "used", "available"];

/// Members in JSON, unless columns are chosen.
const MEMBERS: [&str; 8] =
    ["name", "source", "full_name", "compressratio", "reservation", "quota", "used", "available"];

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let rows = Rows {
        columns: &COLUMNS,
        members: &MEMBERS,
        templates: None,
        foreign: false,
        schema: "ioc.df/1",
        hint: "`ioc list` shows the jails, `ioc list -t` the templates",
    };
    list::jails(session, &arguments.listing, &arguments.filters, &rows)
}
