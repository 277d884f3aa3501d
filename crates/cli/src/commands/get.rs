//! `ioc get`

use libioc::model::property::Value;
use serde_json::{Map, json};

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

    /// The properties, then the jail, or the word defaults
    #[arg(value_names = ["PROPERTY", "JAIL"], num_args = 1.., required = true)]
    words: Vec<String>,
}
