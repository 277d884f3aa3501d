//! `ioc create`

use libioc::Error;
use libioc::model::name::ReleaseRef;
use libioc::operation::{Base, Create};

use super::PlanOption;
use super::naming::{CountOption, NameOptions, Written};
use super::properties::Assignment;
use crate::session::Session;
use crate::tasks::{self, Results, Task};
use crate::ui::{Exit, Failure};

/// Make jails
///
/// Without -r, -t or -e the jail is made from the release of the host. With one of them NAME may be left out: the jail is
/// called by a random UUID then. It is a basejail unless --no-basejail is given: the release's base directories are mounted
/// in it read-only when it starts.
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

    /// Mount the base directories of the release read-only (this is the default); also -B
    #[arg(short, long, short_alias = 'B', alias = "clone-basejail", conflicts_with_all = ["template", "empty"])]
    basejail: bool,

    /// Give the jail base directories of its own; also -nb
    #[arg(long, conflicts_with_all = ["template", "empty"])]
    no_basejail: bool,

    /// Make a full copy, not a clone that hangs on its release or template; also -T
    #[arg(long, short_alias = 'T', alias = "thickjail", conflicts_with = "empty")]
    thick: bool,

    #[command(flatten)]
    naming: NameOptions,

    #[command(flatten)]
    count: CountOption,

    #[command(flatten)]
    plan: PlanOption,

    /// Name of the jail, with SOURCE/ in front to make it elsewhere than in the main source
    #[arg(
        value_name = "[SOURCE/]NAME",
        required_unless_present_any = ["called", "uuid", "short", "release", "template", "empty"]
    )]
    name: Option<String>,

    /// Properties of the jail
    #[arg(value_name = "KEY=VALUE")]
    properties: Vec<Assignment>,
}

pub(crate) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let Wanted { name, properties, basejail } = arguments.wanted()?;
    let (source, name) = match name {
        Some(name) => session.place(name).map(|(source, name)| (source, Some(name)))?,
        None => (session.ioc.main_source()?, None),
    };
    let (base, origin) = arguments.base(session)?;
    let several_sources = session.ioc.sources()?.len() > 1;
    let on = if several_sources { format!(" on {}", source.name) } else { String::new() };
    // All names before the first jail.
    let names = arguments.naming.names(name, &arguments.count)?;
    let operations = names.into_iter().map(|name| Create {
        basejail,
        thick: arguments.thick,
        properties: properties.iter().map(|p| (p.key.clone(), p.value.clone())).collect(),
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

/// What the words say together.
struct Wanted<'a> {
    /// `[SOURCE/]NAME`; none: named by a UUID.
    name: Option<&'a str>,
    properties: Vec<Assignment>,
    basejail: bool,
}

impl Arguments {
    fn wanted(&self) -> Result<Wanted<'_>, Failure> {
        let word = self.name.as_deref();
        let named_by_word = word.is_some_and(|word| !word.contains('='));
        // The -nb of libioc, which has no -n NAME.
        let not_basejail = self.naming.called() == Some("b");
        let Written { name, property } = match (not_basejail, named_by_word) {
            (false, _) => self.naming.written(word)?,
            (true, true) if self.template.is_some() || self.empty => {
                return Err(Failure::Usage("-nb is for jails that are made from a release".to_owned()));
            }
            (true, true) => Written { name: word, property: None },
            (true, false) => {
                let problem =
                    "-nb is --no-basejail, and the jail has no name; one called b is `ioc create b`";
                return Err(Failure::Usage(problem.to_owned()));
            }
        };
        let from_something = self.release.is_some() || self.template.is_some() || self.empty;
        if name.is_none() && !self.naming.by_uuid() && !from_something {
            let problem = "give the jail a name, or -s to call it by the first 8 characters of a random UUID";
            return Err(Failure::Usage(problem.to_owned()));
        }
        let property = property.map(str::parse::<Assignment>).transpose().map_err(Failure::Usage)?;
        Ok(Wanted {
            name,
            properties: property.into_iter().chain(self.properties.iter().cloned()).collect(),
            basejail: !(self.no_basejail || not_basejail),
        })
    }

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
