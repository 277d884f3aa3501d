//! `ioc get`

use libioc::Error;
use libioc::explain::Provenance;
use libioc::facts::{self, world::JailView};
use libioc::model::config::Origin;
use libioc::model::name::{JailRef, SourceName};
use libioc::model::property::Value;
use libioc::operation::Target;
use serde_json::{Map, json};

use super::properties;
use crate::session::Session;
use crate::ui::{Exit, Failure, Report, output, visible, visible_lines};

/// Print properties of a jail, or the defaults of all jails
///
/// One property is printed as its value alone, several as lines KEY:VALUE. Besides what can be set there is what is
/// found out: running, jid, full_name, dataset, path and others.
#[derive(Debug, clap::Args)]
#[command(override_usage = "ioc get [OPTIONS] PROPERTY... [SOURCE/]JAIL\n       \
    ioc get [OPTIONS] -a [SOURCE/]JAIL\n       ioc get [OPTIONS] PROPERTY... [SOURCE/]defaults")]
pub(crate) struct Arguments {
    /// Print all properties; the same as the property all
    #[arg(short, long)]
    all: bool,

    /// Say where each value comes from: local, defaults, iocage, built-in, computed; and the file or dataset
    #[arg(long)]
    origin: bool,

    /// For scripts: separate key and value by a tab
    #[arg(short = 'H', long = "script")]
    script: bool,

    /// The properties, then the jail, or the word defaults
    #[arg(value_names = ["PROPERTY", "JAIL"], num_args = 1.., required = true)]
    words: Vec<String>,
}

/// A property, its value or why it has none that could be used, and where that comes from.
type Setting = (String, Result<Value, Error>, Option<Provenance>);

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let (target, keys) = arguments.parse()?;
    let target = properties::target(session, target)?;
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
    fn parse(&self) -> Result<(&str, Option<&[String]>), Failure> {
        match (self.words.split_last(), self.all) {
            (Some((target, [])), true) => Ok((target, None)),
            (Some((target, keys @ [_, ..])), false) if keys.iter().any(|key| key == "all") => {
                Ok((target, None))
            }
            (Some((target, keys @ [_, ..])), false) => Ok((target, Some(keys))),
            (_, true) => Err(Failure::Usage("with --all, give a jail and nothing else".to_owned())),
            (_, false) => Err(Failure::Usage("give properties, and then the jail".to_owned())),
        }
    }
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
