//! Tables as commands print them: which columns, in which order, in which form.

use serde_json::{Map, json};

use crate::session::Session;
use crate::ui::{Failure, Format, Table, output};

/// How a table is printed.
#[derive(Debug, Default, clap::Args)]
pub(super) struct ListingOptions {
    /// Show these columns instead
    #[arg(short, long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub(super) output: Vec<String>,

    /// Sort by this column, shown or not
    #[arg(short, long, value_name = "COLUMN")]
    pub(super) sort: Option<String>,

    /// Print as table, csv, list (tabs between values) or json (the array alone, where --json says what it is)
    #[arg(short = 'f', long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    output_format: Option<Format>,

    /// Print for scripts: tabs between values, no heading
    #[arg(short = 'H', long)]
    script: bool,

    /// Leave out the heading; also -NH
    #[arg(long)]
    no_header: bool,

    // First letter of -NH.
    #[arg(short = 'N', hide = true, requires = "script")]
    not: bool,
}

impl ListingOptions {
    /// These columns, for people or for scripts.
    pub(super) fn of_columns(output: Vec<String>, script: bool) -> Self {
        ListingOptions { output, script, ..ListingOptions::default() }
    }

    /// Tells whether the rows are wanted as JSON.
    pub(super) fn json(&self, session: &Session) -> bool {
        session.json || self.output_format == Some(Format::Json)
    }

    /// Prints a table whose columns are known: `columns`, or in JSON all of them, unless some are chosen.
    ///
    /// JSON has the `schema` and the rows as member `key`.
    pub(super) fn print_fixed(
        &self,
        session: &Session,
        (schema, key): (&str, &str),
        table: Table,
        columns: &[&str],
    ) -> Result<(), Failure> {
        let known: Vec<String> = table.columns().to_vec();
        for name in self.output.iter().chain(&self.sort) {
            if !known.contains(name) {
                let problem = format!("there is no column {name}; there are {}", known.join(", "));
                return Err(Failure::Usage(problem));
            }
        }
        let columns: Vec<&str> = match &self.output[..] {
            [] if self.json(session) => known.iter().map(String::as_str).collect(),
            [] => columns.into(),
            chosen => chosen.iter().map(String::as_str).collect(),
        };
        self.print(session, (schema, key), table, &columns)
    }

    /// Prints these columns of a table.
    pub(super) fn print(
        &self,
        session: &Session,
        (schema, key): (&str, &str),
        mut table: Table,
        columns: &[&str],
    ) -> Result<(), Failure> {
        if let Some(column) = &self.sort {
            table.sort_by(column);
        }
        let table = table.pick(columns);
        if session.json {
            let rows: Vec<Map<_, _>> = table.objects().collect();
            return output::json(&json!({ "schema": schema, key: rows }));
        }
        // -NH is -N and -H: the heading is left out, and nothing else is changed.
        let script = self.script && !self.not;
        let format = self.output_format.unwrap_or(if script { Format::List } else { Format::Table });
        let header = !(script || self.no_header || self.not);
        output::results(|out| table.write(out, format, header))
    }
}
