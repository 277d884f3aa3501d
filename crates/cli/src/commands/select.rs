//! Choosing jails by what the user wrote.

use libioc::Error;
use libioc::facts::world::JailView;
use libioc::model::name::JailRef;
use libioc::platform::jails::RunningJail;
use libioc::select::{Select, Selection};

use crate::session::Session;
use crate::tasks::Results;
use crate::ui::Failure;

/// What FILTER means, for help texts.
pub(super) const FILTER_HELP: &str = "Names of jails, and terms PROPERTY=VALUE. Of several names one must fit, of \
    several terms all must hold. A name may have the wildcards *, + and ?, be short for the only name that begins so, \
    and have SOURCE/ in front; commas separate alternatives. Terms may also be written with !=, <, <=, > and >=";

/// The jails that filters choose.
pub(super) struct Chosen {
    /// The jails.
    pub(super) jails: Vec<JailView>,
    /// Running jails that are in none of the sources.
    pub(super) others: Vec<RunningJail>,
    unmatched: Vec<String>,
    foreign: Vec<String>,
    undecided: Vec<Error>,
    filters: String,
    hint: &'static str,
}

/// Chooses jails; `templates` says whether only templates, only others, or both; `hint` is for names that fit none.
pub(super) fn choose(
    session: &Session,
    filters: &[String],
    templates: Option<bool>,
    hint: &'static str,
) -> Result<Chosen, Failure> {
    let select = Select { templates, places_only: false };
    choose_by(session, filters, select, hint)
}

/// The same for commands that ask nothing about the datasets of the jails: they do not look at other jails.
pub(super) fn choose_places(
    session: &Session,
    filters: &[String],
    templates: Option<bool>,
    hint: &'static str,
) -> Result<Chosen, Failure> {
    choose_by(session, filters, Select { templates, places_only: true }, hint)
}

fn choose_by(
    session: &Session,
    filters: &[String],
    select: Select,
    hint: &'static str,
) -> Result<Chosen, Failure> {
    let Selection { jails, unmatched, foreign, others, undecided } = session.ioc.select(filters, select)?;
    Ok(Chosen { jails, others, unmatched, foreign, undecided, filters: filters.join(" "), hint })
}

impl Chosen {
    /// The jails, as references.
    pub(super) fn references(&self) -> Vec<JailRef> {
        self.jails.iter().map(|jail| jail.reference.clone()).collect()
    }

    /// Reports the names that fit no jail, and what cannot be told.
    pub(super) fn report_unmatched(&mut self, mut report: impl FnMut(&str, Failure)) {
        self.report_undecided(&mut report);
        for given in &self.unmatched {
            // What iocage calls all jails.
            let hint = if given == "ALL" { "all jails are '*'" } else { self.hint };
            match self.foreign.contains(given) {
                true => report(given, Error::Foreign(given.clone()).into()),
                false => report(given, Failure::NoJail { given: given.clone(), hint }),
            }
        }
    }

    /// Reports that of some jails it cannot be told whether the filters fit them.
    pub(super) fn report_undecided(&mut self, mut report: impl FnMut(&str, Failure)) {
        for error in std::mem::take(&mut self.undecided) {
            report(&self.filters, error.into());
        }
    }

    /// Reports the names that fit no jail, or that all the filters together fit none.
    pub(super) fn report_missing(&mut self, results: &mut Results<'_>) {
        let decided = self.undecided.is_empty();
        self.report_unmatched(|given, failure| results.failed(given, failure));
        if self.jails.is_empty() && self.unmatched.is_empty() && decided {
            let given = self.filters.clone();
            results.failed(&self.filters, Failure::NoJail { given, hint: self.hint });
        }
    }
}
