//! `ioc export`

use serde_json::json;

use crate::session::Session;
use crate::ui::{Exit, Failure, output};

/// Write a jail down for other programs
///
/// As jail.conf(5): `ioc export --jail-conf web > /etc/jail.conf.d/web.conf`, and `jail -c -f FILE NAME` boots the jail
/// without ioc. It is the plan of a start, written for jail(8): mounts, devices, network, limits and commands included.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Print a jail.conf(5) that boots the jail without ioc
    #[arg(long, required = true)]
    jail_conf: bool,

    /// The jail
    #[arg(value_name = "[SOURCE/]JAIL")]
    jail: String,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let jail = session.ioc.jail(&arguments.jail)?;
    let conf = session.ioc.jail_conf(&jail)?;
    for note in &conf.left_out {
        session.screen.detail(&format!("jail(8) has nothing for it, left out: {note}"));
    }
    if session.json {
        let document = json!({
            "schema": "ioc.jail-conf/1",
            "jail": jail.to_string(),
            "name": conf.name.to_string(),
            "text": conf.text,
            "left_out": conf.left_out,
        });
        output::json(&document)?;
    } else {
        // A file for a program: as it is.
        output::results(|out| out.write_all(conf.text.as_bytes()))?;
    }
    Ok(Exit::Done)
}
