//! `ioc list`

use libioc::model::property::{self, Value};
use libioc::platform::jails::RunningJail;

use super::listing::ListingOptions;
use super::select::{self, FILTER_HELP};
use crate::session::Session;
use crate::ui::{Exit, Failure, Report, Table};

/// List jails, templates, releases or sources
///
/// Without a filter all of them. The columns of jails are properties of jails, of which `ioc get all JAIL` gives a
/// list, or what is found out: jid, running, full_name, dataset, path and others.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// List the releases that were fetched; also -b
    #[arg(short, long, short_alias = 'b', visible_alias = "base", group = "kind")]
    release: bool,

    /// List templates
    #[arg(short, long, group = "kind")]
    template: bool,

    /// List the sources of jails; also -d, --dataset
    #[arg(short, long, short_alias = 'd', alias = "dataset", group = "kind", conflicts_with = "filters")]
    pools: bool,

    /// List basejails only; the same as the term basejail=yes
    #[arg(short = 'B', long, conflicts_with_all = ["release", "pools"])]
    basejails: bool,

    /// List running jails that are in no source as well: somebody else's, to be looked at only
    #[arg(short, long, conflicts_with_all = ["kind", "filters", "basejails"])]
    all: bool,

    /// Show the column ip6_addr as well
    #[arg(short, long, conflicts_with_all = ["kind", "output"])]
    long: bool,

    /// Show names and addresses only: the columns full_name and ip4_addr
    #[arg(short, long, conflicts_with_all = ["release", "pools", "long", "output"])]
    quick: bool,

    #[command(flatten)]
    listing: ListingOptions,

    /// Which; of releases the names
    #[arg(value_name = "FILTER", long_help = FILTER_HELP)]
    filters: Vec<String>,
}

/// Columns of jails.
const COLUMNS: [&str; 5] = ["jid", "full_name", "running", "release", "ip4_addr"];

/// The same with --long.
const LONG_COLUMNS: [&str; 6] = ["jid", "full_name", "running", "release", "ip4_addr", "ip6_addr"];

/// The same with --quick.
const QUICK_COLUMNS: [&str; 2] = ["full_name", "ip4_addr"];

/// Members of jails in JSON, unless columns are chosen.
const MEMBERS: [&str; 12] = [
    "name",
    "source",
    "full_name",
    "jid",
    "running",
    "release",
    "ip4_addr",
    "ip6_addr",
    "template",
    "basejail",
    "boot",
    "priority",
];

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    if arguments.pools {
        arguments.sources(session)
    } else if arguments.release {
        arguments.releases(session)
    } else {
        arguments.jails(session)
    }
}

/// Which jails are listed, and what of them.
pub(super) struct Rows<'a> {
    /// Columns, unless others are chosen.
    pub(super) columns: &'a [&'a str],
    /// Members in JSON, unless columns are chosen.
    pub(super) members: &'a [&'a str],
    /// Only templates, only others, or both.
    pub(super) templates: Option<bool>,
    /// Running jails that are in no source as well.
    pub(super) foreign: bool,
    /// Of the JSON.
    pub(super) schema: &'a str,
    /// For names that fit none.
    pub(super) hint: &'static str,
}

/// Prints a table of jails.
pub(super) fn jails(
    session: &Session,
    listing: &ListingOptions,
    filters: &[String],
    rows: &Rows<'_>,
) -> Result<Exit, Failure> {
    let json = listing.json(session);
    let mut columns: Vec<&str> = match &listing.output[..] {
        [] if json => rows.members.into(),
        [] => rows.columns.into(),
        chosen => chosen.iter().map(String::as_str).collect(),
    };
    for name in columns.iter().copied().chain(listing.sort.as_deref()) {
        check_column(name)?;
    }
    if rows.foreign && (json || listing.output.is_empty()) {
        columns.push(FOREIGN);
    }
    let mut chosen = select::choose(session, filters, rows.templates, rows.hint)?;
    let mut results = Failures::new(session);
    chosen.report_unmatched(|_, failure| results.add(&failure));

    let gathered: Vec<&str> =
        columns.iter().copied().chain(listing.sort.as_deref()).chain([BROKEN]).collect();
    let mut table = Table::new(gathered.iter().copied());
    for jail in chosen.jails {
        let mut row = Vec::with_capacity(gathered.len());
        for column in &gathered[..gathered.len() - 1] {
            if *column == FOREIGN {
                row.push(Value::Bool(false));
                continue;
            }
            row.push(jail.value(column).unwrap_or_else(|error| {
                // One that cannot be read at all is told of once, below.
                if jail.facts.is_ok() {
                    results.add(&error.into());
                }
                Value::None
            }));
        }
        let (name, locked) = (jail.full_name(), jail.is_locked());
        row.push(match jail.facts {
            Ok(_) => Value::None,
            Err(error) => {
                let failure = Failure::Broken { jail: name, source: Box::new(error) };
                // That a key is not loaded is a state like any other.
                if !locked {
                    results.add(&failure);
                }
                Value::Text(Report::from(&failure).to_line())
            }
        });
        table.push(row);
    }
    for jail in chosen.others.iter().filter(|_| rows.foreign) {
        table.push(gathered.iter().map(|column| foreign(jail, column)).collect());
    }
    if json {
        columns.push(BROKEN);
    }
    listing.print(session, (rows.schema, "jails"), table, &columns)?;
    Ok(results.exit)
}

impl Arguments {
    fn jails(&self, session: &Session) -> Result<Exit, Failure> {
        let (columns, members): (&[&str], &[&str]) = match (self.quick, self.long) {
            (true, _) => (&QUICK_COLUMNS, &QUICK_COLUMNS),
            (false, true) => (&LONG_COLUMNS, &MEMBERS),
            (false, false) => (&COLUMNS, &MEMBERS),
        };
        let basejails = self.basejails.then(|| "basejail=yes".to_owned());
        let filters: Vec<String> = self.filters.iter().cloned().chain(basejails).collect();
        let rows = Rows {
            columns,
            members,
            templates: Some(self.template),
            foreign: self.all,
            schema: "ioc.list/1",
            hint: "`ioc list` shows all of them",
        };
        jails(session, &self.listing, &filters, &rows)
    }

    fn releases(&self, session: &Session) -> Result<Exit, Failure> {
        let selection = session.ioc.select_releases(&self.filters)?;
        let mut results = Failures::new(session);
        for word in selection.unmatched {
            results.add(&Failure::NoRelease(word));
        }
        let mut table = Table::new(["name", "source", "full_name", "dataset", "patches"]);
        for release in selection.releases {
            let full_name = release.full_name();
            let row = [
                release.name.to_string(),
                release.source.name.to_string(),
                full_name,
                release.dataset.to_string(),
            ];
            let patches = release.patches.iter().map(|level| format!("p{level}"));
            table.push(row.map(Value::Text).into_iter().chain([Value::list(patches)]).collect());
        }
        self.listing.print_fixed(session, ("ioc.releases/1", "releases"), table, &["full_name"])?;
        Ok(results.exit)
    }

    fn sources(&self, session: &Session) -> Result<Exit, Failure> {
        let mut table = Table::new(["name", "dataset"]);
        for source in session.ioc.sources()? {
            table.push([source.name.to_string(), source.root.to_string()].map(Value::Text).into());
        }
        self.listing.print_fixed(session, ("ioc.sources/1", "sources"), table, &["name", "dataset"])?;
        Ok(Exit::Done)
    }
}

/// The member of a jail in JSON that says why it cannot be read.
const BROKEN: &str = "broken";

/// The member of a jail that says that it is in none of the sources.
const FOREIGN: &str = "foreign";

/// What the kernel tells of a jail that is in none of the sources.
fn foreign(jail: &RunningJail, column: &str) -> Value {
    let text = |text: String| Value::Text(text);
    match property::canonical(column) {
        FOREIGN | "running" => Value::Bool(true),
        "jid" => Value::Int(jail.jid.into()),
        "name" | "full_name" => text(jail.name.to_string()),
        "state" => text("up".to_owned()),
        "path" => text(jail.path.display().to_string()),
        "host_hostname" => text(jail.hostname.clone()),
        "vnet" => Value::Bool(jail.vnet),
        "ip4_addr" => Value::list(jail.ip4.iter().map(ToString::to_string)),
        "ip6_addr" => Value::list(jail.ip6.iter().map(ToString::to_string)),
        _ => Value::None,
    }
}

fn check_column(name: &str) -> Result<(), Failure> {
    if property::find(name).is_some() {
        return Ok(());
    }
    let similar = property::similar(name).map_or_else(String::new, |name| format!("; is {name} meant?"));
    Err(Failure::Usage(format!("no property is called {name}{similar}")))
}

/// Failures that do not keep the list from being printed.
struct Failures<'a> {
    session: &'a Session,
    exit: Exit,
}

impl<'a> Failures<'a> {
    fn new(session: &'a Session) -> Self {
        Failures { session, exit: Exit::Done }
    }

    fn add(&mut self, failure: &Failure) {
        self.session.screen.error(&Report::from(failure));
        self.exit = self.exit.and(failure.exit());
    }
}
