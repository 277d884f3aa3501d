//! `ioc get`

use libioc::Error;
use libioc::explain::Provenance;
use libioc::facts::{self, world::JailView};
use libioc::model::config::Origin;
use libioc::model::name::{JailRef, SourceName};
use libioc::model::property::Value;
use libioc::operation::Target;
use serde_json::{Map, json};

use super::list::{self, Rows};
use super::listing::ListingOptions;
use super::properties;
use crate::session::Session;
use crate::ui::{Exit, Failure, Report, output, visible, visible_lines};

/// Print properties of a jail, or the defaults of all jails
///
/// One property is printed as its value alone, several as lines KEY:VALUE. Besides what can be set there is what is
/// found out: running, jid, full_name, dataset, path and others.
#[derive(Debug, clap::Args)]
#[command(override_usage = "ioc get [OPTIONS] PROPERTY... [SOURCE/]JAIL\n       \
    ioc get [OPTIONS] -a [SOURCE/]JAIL\n       ioc get [OPTIONS] PROPERTY... [SOURCE/]defaults\n       \
    ioc get -r [OPTIONS] PROPERTY...\n       ioc get -s|-j [SOURCE/]JAIL\n       ioc get -p")]
pub(crate) struct Arguments {
    /// Print all properties; the same as the property all
    #[arg(short, long, group = "what")]
    all: bool,

    /// Print the properties of all jails and templates, as a table
    #[arg(short, long, group = "what", conflicts_with = "origin")]
    recursive: bool,

    /// Print whether the jail is up or down; the same as the property state
    #[arg(short, long, group = "what")]
    state: bool,

    /// Print the number of the running jail; the same as the property jid
    #[arg(short, long, group = "what")]
    jid: bool,

    /// Print the pool of the main source
    #[arg(short, long, group = "what", conflicts_with_all = ["origin", "words"])]
    pool: bool,

    /// Say where each value comes from: local, defaults, iocage, built-in, computed; and the file or dataset
    #[arg(long)]
    origin: bool,

    /// For scripts: separate key and value by a tab; with -r also no heading
    #[arg(short = 'H', long = "script")]
    script: bool,

    /// The properties, then the jail, or the word defaults
    #[arg(value_names = ["PROPERTY", "JAIL"], num_args = 1.., required_unless_present = "pool")]
    words: Vec<String>,
}

/// A property, its value or why it has none that could be used, and where that comes from.
type Setting = (String, Result<Value, Error>, Option<Provenance>);

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    if arguments.pool {
        return pool(session);
    }
    if arguments.recursive {
        return arguments.of_all_jails(session);
    }
    let (target, keys) = arguments.parse()?;
    let target = properties::target(session, target)?;
    let keys = keys.as_deref();
    let settings = match &target {
        Target::Jail(jail) => of_jail(session, jail, keys)?,
        Target::Defaults(source) => of_defaults(session, source, keys)?,
    };
    let mut exit = Exit::Done;
    let mut values = Vec::new();
    let mut origins = Vec::new();
    for (key, value, provenance) in settings {
        match value {
            Ok(value) => {
                values.push((key, value));
                origins.push(provenance);
            }
            Err(error) => {
                let failure = Failure::from(error);
                session.screen.error(&Report::from(&failure));
                exit = exit.and(failure.exit());
            }
        }
    }
    if session.json {
        let properties: Map<_, _> =
            values.iter().map(|(key, value)| (key.clone(), value.to_json())).collect();
        let (whose, name) = match &target {
            Target::Jail(jail) => ("jail", jail.to_string()),
            Target::Defaults(source) => ("defaults", source.to_string()),
        };
        let mut document = json!({ "schema": "ioc.get/1", whose: name, "properties": properties });
        if arguments.origin {
            let told = values
                .iter()
                .zip(&origins)
                .filter_map(|((key, _), told)| Some((key.clone(), told.as_ref()?)));
            let told = told.map(|(key, told)| (key, json!({ "origin": told.origin, "place": told.place })));
            document["origins"] = serde_json::Value::Object(told.collect());
        }
        output::json(&document)?;
    } else if arguments.origin {
        let separator = if arguments.script { "\t" } else { "  " };
        let line = |((key, value), told): (&(String, Value), &Option<Provenance>)| {
            let (origin, place) =
                told.as_ref().map_or(("-", None), |told| (told.origin.as_str(), told.place.as_deref()));
            let cells =
                [key, &*value.as_text(), origin, place.unwrap_or("-")].map(|cell| visible(cell).into_owned());
            cells.join(separator) + "\n"
        };
        let text: String = values.iter().zip(&origins).map(line).collect();
        output::results(|out| out.write_all(text.as_bytes()))?;
    } else if let (Some([_]), [(_, value)]) = (keys, &values[..]) {
        output::line(&visible_lines(&value.as_text()))?;
    } else {
        let separator = if arguments.script { '\t' } else { ':' };
        let line = |(key, value): &(String, Value)| {
            format!("{}{separator}{}\n", visible(key), visible(&value.as_text()))
        };
        let text: String = values.iter().map(line).collect();
        output::results(|out| out.write_all(text.as_bytes()))?;
    }
    Ok(exit)
}

impl Arguments {
    /// Whose properties, and which; none for all of them.
    fn parse(&self) -> Result<(&str, Option<Vec<String>>), Failure> {
        let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
        let only = [(self.state, "state"), (self.jid, "jid")].into_iter().find(|(asked, _)| *asked);
        match (self.words.split_last(), self.all, only) {
            (Some((target, [])), true, _) => Ok((target, None)),
            (Some((target, [])), _, Some((_, key))) => Ok((target, Some(vec![key.to_owned()]))),
            (_, _, Some((_, key))) => usage(&format!("with --{key}, give a jail and nothing else")),
            (Some((target, keys @ [_, ..])), false, _) if keys.iter().any(|key| key == "all") => {
                Ok((target, None))
            }
            (Some((target, keys @ [_, ..])), false, _) => Ok((target, Some(keys.to_vec()))),
            (_, true, _) => usage("with --all, give a jail and nothing else"),
            (_, false, _) => usage("give properties, and then the jail"),
        }
    }

    fn of_all_jails(&self, session: &Session) -> Result<Exit, Failure> {
        let columns = std::iter::once("full_name".to_owned()).chain(self.words.iter().cloned()).collect();
        let rows = Rows {
            columns: &[],
            members: &[],
            templates: None,
            foreign: false,
            schema: "ioc.list/1",
            hint: "`ioc list` shows the jails",
        };
        list::jails(session, &ListingOptions::of_columns(columns, self.script), &[], &rows)
    }
}

/// The pool of the main source, as iocage has one pool.
fn pool(session: &Session) -> Result<Exit, Failure> {
    let source = session.ioc.main_source()?;
    let Some(pool) = source.root.pool() else {
        let problem = format!("source {} is the directory {}, in no pool", source.name, source.root);
        return Err(Error::Request(problem).into());
    };
    match session.json {
        true => output::json(
            &json!({ "schema": "ioc.get/1", "source": source.name, "properties": { "pool": pool } }),
        )?,
        false => output::line(&visible(pool))?,
    }
    Ok(Exit::Done)
}

fn of_jail(session: &Session, jail: &JailRef, keys: Option<&[String]>) -> Result<Vec<Setting>, Failure> {
    let view = JailView::gather(&session.ioc, jail)?;
    let keys = match keys {
        Some(keys) => keys.to_vec(),
        None => {
            if let Err(error) = view.facts {
                return Err(error.into());
            }
            view.keys()
        }
    };
    let told = |key: &str| view.facts.as_ref().ok()?.provenance(key);
    Ok(keys.into_iter().map(|key| (key.clone(), view.value(&key), told(&key))).collect())
}

fn of_defaults(
    session: &Session,
    source: &SourceName,
    keys: Option<&[String]>,
) -> Result<Vec<Setting>, Failure> {
    let found = session.ioc.source(source)?;
    let config = facts::config::defaults(&session.ioc, found)?;
    let directory = found.directory(session.ioc.host())?;
    let file = facts::config::defaults_place(&found.root, &directory, config.format());
    let told = |key: &str| {
        Some(match config.show(key).ok()?.origin {
            Origin::Local => {
                Provenance { origin: Origin::SourceDefaults.to_string(), place: Some(file.clone()) }
            }
            origin => Provenance { origin: origin.to_string(), place: None },
        })
    };
    let keys = match keys {
        Some(keys) => keys.to_vec(),
        None => config.keys().into_iter().map(str::to_owned).collect(),
    };
    let value = |key: &str| match config.show(key) {
        Ok(setting) => Ok(setting.value),
        Err(error) => {
            Err(Error::Config { subject: format!("defaults of {source}"), problem: error.to_string() })
        }
    };
    Ok(keys.into_iter().map(|key| (key.clone(), value(&key), told(&key))).collect())
}
