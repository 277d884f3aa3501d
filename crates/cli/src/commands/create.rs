//! `ioc create`

use libioc::Error;
use libioc::model::name::{JailName, ReleaseRef};
use libioc::operation::{Base, Create};

use super::PlanOption;
use super::properties::Assignment;
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure};

/// Make jails
///
/// Without -r, -t or -e the jail is made from the release of the host. It is a basejail unless --no-basejail is
/// given: the release's base directories are mounted in it read-only when it starts.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Make the jail from this release, pinned to a patch level if it ends in -pN
    #[arg(short, long, value_name = "RELEASE", conflicts_with_all = ["template", "empty"])]
    release: Option<ReleaseRef>,

    /// Make the jail from this template, with its properties
    #[arg(short, long, value_name = "JAIL", conflicts_with = "empty")]
    template: Option<String>,

    /// Make the jail with an empty root directory
    #[arg(short, long)]
    empty: bool,

    /// Mount the base directories of the release read-only (this is the default)
    #[arg(short, long, conflicts_with_all = ["template", "empty"])]
    basejail: bool,

    /// Give the jail base directories of its own; also -nb
    #[arg(long, conflicts_with_all = ["template", "empty"])]
    no_basejail: bool,

    // First letter of -nb.
    #[arg(short = 'n', hide = true, requires = "basejail")]
    not: bool,

    /// Make a full copy, not a clone that hangs on its release or template
    #[arg(long, conflicts_with = "empty")]
    thick: bool,

    /// Make so many jails, called NAME_1, NAME_2 and so on
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    count: Option<u16>,

    #[command(flatten)]
    plan: PlanOption,

    /// Name of the jail, with SOURCE/ in front to make it elsewhere than in the main source
    #[arg(value_name = "[SOURCE/]NAME")]
    name: String,

    /// Properties of the jail
    #[arg(value_name = "KEY=VALUE")]
    properties: Vec<Assignment>,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let (source, name) = session.place(&arguments.name)?;
    let (base, origin) = arguments.base(session)?;
    let several_sources = session.ioc.sources()?.len() > 1;
    let on = if several_sources { format!(" on {}", source.name) } else { String::new() };
    let names = match arguments.count {
        None => vec![name.to_owned()],
        Some(count) => (1..=count).map(|number| format!("{name}_{number}")).collect(),
    };
    // All names before the first jail.
    let names = names.iter().map(|name| JailName::new(name)).collect::<Result<Vec<_>, _>>();
    let operations = names.map_err(Error::from)?.into_iter().map(|name| Create {
        basejail: !(arguments.no_basejail || arguments.not),
        thick: arguments.thick,
        properties: arguments.properties.iter().map(|p| (p.key.clone(), p.value.clone())).collect(),
        ..Create::new(source.clone(), name, base.clone())
    });
    if arguments.plan.plan {
        let operations: Vec<Create> = operations.collect();
        return tasks::show_plans(session, operations.iter().map(|operation| operation as _));
    }
    let task = |operation: Create| Task {
        target: source.reference(&operation.name).to_string(),
        done: format!("{} successfully created {origin}{on}!", operation.name),
        unchanged: format!("{} exists already", operation.name),
        operation: Box::new(operation),
    };
    tasks::carry_out(session, "create jails", operations.map(task).collect(), Results::new(session))
}

impl Arguments {
    /// What the jail is made from, also in words.
    fn base(&self, session: &Session) -> Result<(Base, String), Failure> {
        if self.empty {
            return Ok((Base::Empty, "without a release".to_owned()));
        }
        if let Some(template) = &self.template {
            let template = session.ioc.jail(template)?;
            let words = format!("from template {}", template.name);
            return Ok((Base::Template(template), words));
        }
        let release = match &self.release {
            Some(release) => release.clone(),
            None => session.ioc.host().facts.release.parse().map_err(Error::from)?,
        };
        let words = format!("from {release}");
        Ok((Base::Release(release), words))
    }
}
