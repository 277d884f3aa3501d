//! `ioc explain`

use libioc::Error;
use libioc::explain::{Explained, Explanation};
use libioc::model::config::Origin;
use libioc::model::property::{self, Value};
use serde_json::json;

use crate::session::Session;
use crate::ui::{Exit, Failure, Report, output, visible, visible_lines};

/// Tell where each property of a jail comes from, what it becomes, and what is in the way of a start
///
/// Without properties those that are set somewhere or become something. What is told is what a start would do now, or did.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Tell all properties
    #[arg(short, long, conflicts_with = "properties")]
    all: bool,

    /// The jail
    #[arg(value_name = "[SOURCE/]JAIL")]
    jail: String,

    /// Tell only these
    #[arg(value_name = "PROPERTY")]
    properties: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let jail = session.ioc.jail(&arguments.jail)?;
    let mut told = session.ioc.explain(&jail)?;
    let mut exit = Exit::Done;
    for key in arguments.properties.iter().filter(|key| !is_known(&told, key)) {
        let similar =
            property::similar(key).map_or_else(String::new, |near| format!(", did you mean {near}?"));
        let problem = format!("no property is called {key:?}{similar}");
        let failure =
            Failure::from(Error::Config { subject: format!("jail {}", session.name(&jail)), problem });
        session.screen.error(&Report::from(&failure));
        exit = exit.and(failure.exit());
    }
    let wanted: Vec<&str> = arguments.properties.iter().map(|key| property::canonical(key)).collect();
    told.settings.retain(|setting| match wanted.is_empty() {
        true => arguments.all || setting.origin != Origin::BuiltIn || !setting.becomes.is_empty(),
        false => wanted.contains(&setting.key.as_str()),
    });
    if session.json {
        output::json(&document(&told))?;
    } else {
        output::results(|out| out.write_all(text(&told, &session.name(&jail)).as_bytes()))?;
    }
    Ok(exit)
}

/// Of a jail that cannot be read no property is told, and none is unknown.
fn is_known(told: &Explanation, key: &str) -> bool {
    let key = property::canonical(key);
    told.settings.is_empty() || told.settings.iter().any(|setting| setting.key == key)
}

fn text(told: &Explanation, name: &str) -> String {
    let mut lines = Vec::new();
    lines.push(match (&told.running, told.obstacles.is_empty()) {
        (Some(running), _) => format!("{name} is running as JID {}", running.jid),
        (None, true) => format!("{name} is stopped; nothing is in the way of its start"),
        (None, false) => format!("{name} is stopped and cannot be started:"),
    });
    for obstacle in &told.obstacles {
        let report = report(&obstacle.error).to_string().replace('\n', "\n  ");
        let about = obstacle.dependency.as_ref().map(|jail| format!("it depends on {}: ", jail.name));
        lines.push(format!("  {}{report}", about.unwrap_or_default()));
    }
    lines.extend(told.notes.iter().map(|note| format!("  note: {}", visible(note))));
    for setting in &told.settings {
        let value = match &setting.value {
            Ok(value) => value.as_text().into_owned(),
            Err(error) => format!("unusable: {}", report(error).to_line()),
        };
        let place = setting.place.as_ref().map(|place| format!(", {place}")).unwrap_or_default();
        lines.push(format!("{} = {} ({}{place})", visible(&setting.key), visible(&value), setting.origin));
        lines.extend(
            setting.becomes.iter().map(|words| format!("  {}", visible_lines(words).replace('\n', "\n    "))),
        );
        if !setting.implemented && setting.value.as_ref().is_ok_and(|value| *value != Value::None) {
            lines.push("  kept, without effect".to_owned());
        }
    }
    lines.join("\n") + "\n"
}

fn document(told: &Explanation) -> serde_json::Value {
    let obstacles = told.obstacles.iter().map(|obstacle| {
        json!({
            "dependency": obstacle.dependency.as_ref().map(ToString::to_string),
            "error": report(&obstacle.error),
        })
    });
    json!({
        "schema": "ioc.explain/1",
        "jail": told.jail.to_string(),
        "running": told.running.is_some(),
        "jid": told.running.as_ref().map(|running| running.jid),
        "startable": told.obstacles.is_empty(),
        "obstacles": obstacles.collect::<Vec<_>>(),
        "notes": told.notes,
        "properties": told.settings.iter().map(setting).collect::<Vec<_>>(),
    })
}

fn setting(setting: &Explained) -> serde_json::Value {
    json!({
        "property": setting.key,
        "value": setting.value.as_ref().map_or(serde_json::Value::Null, Value::to_json),
        "error": setting.value.as_ref().err().map(report),
        "origin": setting.origin.to_string(),
        "place": setting.place,
        "implemented": setting.implemented,
        "becomes": setting.becomes,
    })
}

fn report(error: &Error) -> Report {
    Report::of(error)
}
