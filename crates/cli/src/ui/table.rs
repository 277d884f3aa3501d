//! Tables of values, and the forms in which `list` prints them.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement};
use comfy_table::{ContentLineStyle, LineStyle, TableStyle};
use libioc::model::property::Value;

use super::text::visible;

/// The form of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A box for people
    #[default]
    Table,
    /// Comma separated values, quoted as RFC 4180 says
    Csv,
    /// One line a row, values separated by tabs
    List,
    /// JSON
    Json,
}

/// Rows of values under names of columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// A box of `+`, `-` and `|`, with `=` under the heading and a rule after each row, as the reference has it.
const BOX: TableStyle = TableStyle::new()
    .top_border(RULE)
    .header_lines(CELLS)
    .header_separator(LineStyle::new('+', '=', '+', '+'))
    .content_lines(CELLS)
    .row_separator(RULE)
    .bottom_border(RULE);
const RULE: LineStyle = LineStyle::new('+', '-', '+', '+');
const CELLS: ContentLineStyle = ContentLineStyle::new('|', '|', '|');

impl Table {
    /// A table without rows.
    pub(crate) fn new<C: Into<String>>(columns: impl IntoIterator<Item = C>) -> Self {
        Table { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row with one value for each column.
    pub(crate) fn push(&mut self, row: Vec<Value>) {
        self.rows.push(row);
    }

    /// Sorts by a column, numbers by amount; rows with equal values keep their order.
    pub(crate) fn sort_by(&mut self, column: &str) {
        if let Some(at) = self.columns.iter().position(|name| name == column) {
            self.rows.sort_by(|a, b| a[at].order(&b[at]));
        }
    }

    /// The names of the columns.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The table with these of its columns, in this order.
    pub(crate) fn pick(self, columns: &[&str]) -> Self {
        let place = |name: &&str| self.columns.iter().position(|column| column == name);
        let places: Vec<usize> = columns.iter().filter_map(place).collect();
        Table {
            columns: places.iter().map(|at| self.columns[*at].clone()).collect(),
            rows: self.rows.iter().map(|row| places.iter().map(|at| row[*at].clone()).collect()).collect(),
        }
    }

    /// The rows as JSON objects.
    pub(crate) fn objects(&self) -> impl Iterator<Item = serde_json::Map<String, serde_json::Value>> {
        let object = |row: &Vec<Value>| {
            let columns = self.columns.iter().cloned();
            columns.zip(row.iter().map(Value::to_json)).collect()
        };
        self.rows.iter().map(object)
    }

    /// Writes the table, with or without the names of the columns. JSON is written by the caller, who knows what
    /// the rows are.
    pub(crate) fn write(&self, out: &mut dyn Write, format: Format, header: bool) -> io::Result<()> {
        match format {
            Format::Table => self.write_box(out, header),
            Format::Csv => self.write_csv(out, header),
            Format::List => self.write_list(out, header),
            Format::Json => serde_json::to_writer_pretty(&mut *out, &self.objects().collect::<Vec<_>>())
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out)),
        }
    }

    fn headings(&self) -> impl Iterator<Item = String> {
        self.columns.iter().map(|name| name.to_uppercase())
    }

    fn write_box(&self, out: &mut dyn Write, header: bool) -> io::Result<()> {
        if self.rows.is_empty() && !header {
            return Ok(());
        }
        let mut table = comfy_table::Table::new();
        table.load_style(BOX).set_content_arrangement(ContentArrangement::Disabled);
        if header {
            table
                .set_header(self.headings().map(|name| Cell::new(name).set_alignment(CellAlignment::Center)));
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|value| visible(&value.as_text()).into_owned()));
        }
        writeln!(out, "{table}")
    }

    fn write_csv(&self, out: &mut dyn Write, header: bool) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        if header {
            writer.write_record(self.headings())?;
        }
        for row in &self.rows {
            writer.write_record(row.iter().map(|value| value.as_text().into_owned()))?;
        }
        out.write_all(&writer.into_inner().map_err(|error| error.into_error())?)
    }

    fn write_list(&self, out: &mut dyn Write, header: bool) -> io::Result<()> {
        if header {
            writeln!(out, "{}", self.headings().collect::<Vec<_>>().join("\t"))?;
        }
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|value| visible(&value.as_text()).into_owned()).collect();
            writeln!(out, "{}", cells.join("\t"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut table = Table::new(["jid", "full_name", "running", "release", "ip4_addr"]);
        let release = text("12.1-RELEASE");
        let address = Value::list(["em0|10.0.0.2/24".to_owned()]);
        table.push(vec![Value::Int(10), text("db"), Value::Bool(true), release.clone(), address]);
        table.push(vec![Value::None, text("web"), Value::Bool(false), release.clone(), Value::None]);
        table.push(vec![Value::Int(9), text("a\tb,\"c\""), Value::Bool(true), release, Value::None]);
        table
    }

    fn written(table: &Table, format: Format, header: bool) -> String {
        let mut out = Vec::new();
        table.write(&mut out, format, header).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_box_as_the_users_of_the_reference_know_it() {
        let mut table = table();
        table.rows.truncate(2);
        let expected = "\
+-----+-----------+---------+--------------+-----------------+
| JID | FULL_NAME | RUNNING |    RELEASE   |     IP4_ADDR    |
+=====+===========+=========+==============+=================+
| 10  | db        | yes     | 12.1-RELEASE | em0|10.0.0.2/24 |
+-----+-----------+---------+--------------+-----------------+
| -   | web       | no      | 12.1-RELEASE | -               |
+-----+-----------+---------+--------------+-----------------+
";
        assert_eq!(written(&table, Format::Table, true), expected);
        let without = "\
+----+-----+-----+--------------+-----------------+
| 10 | db  | yes | 12.1-RELEASE | em0|10.0.0.2/24 |
+----+-----+-----+--------------+-----------------+
| -  | web | no  | 12.1-RELEASE | -               |
+----+-----+-----+--------------+-----------------+
";
        assert_eq!(written(&table, Format::Table, false), without);
    }

    #[test]
    fn an_empty_box_is_its_heading() {
        let table = Table::new(["name"]);
        assert_eq!(written(&table, Format::Table, true), "+------+\n| NAME |\n+======+\n+------+\n");
        assert_eq!(written(&table, Format::Table, false), "");
    }

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        let lines = written(&table(), Format::Csv, true);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines[0], "JID,FULL_NAME,RUNNING,RELEASE,IP4_ADDR");
        assert_eq!(lines[3], "9,\"a\tb,\"\"c\"\"\",yes,12.1-RELEASE,-");
        assert_eq!(written(&table(), Format::Csv, false).lines().count(), 3);
    }

    #[test]
    fn a_list_has_one_tab_between_two_values() {
        let text = written(&table(), Format::List, false);
        assert_eq!(text.lines().next(), Some("10\tdb\tyes\t12.1-RELEASE\tem0|10.0.0.2/24"));
        assert!(text.lines().all(|line| line.matches('\t').count() == 4), "{text}");
    }

    #[test]
    fn json_is_typed() {
        let json: serde_json::Value = serde_json::from_str(&written(&table(), Format::Json, true)).unwrap();
        assert_eq!(json[0]["jid"], 10);
        assert_eq!(json[0]["ip4_addr"][0], "em0|10.0.0.2/24");
        assert_eq!(json[1]["running"], false);
        assert_eq!(json[1]["jid"], serde_json::Value::Null);
    }

    #[test]
    fn numbers_sort_by_amount() {
        let mut table = table();
        table.sort_by("jid");
        let jids: Vec<String> = table.rows.iter().map(|row| row[0].to_string()).collect();
        assert_eq!(jids, ["-", "9", "10"]);
        let table = table.pick(&["running", "jid"]);
        assert_eq!(written(&table, Format::List, false), "no\t-\nyes\t9\nyes\t10\n");
    }
}
