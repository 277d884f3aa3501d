//! Choosing jails by what the user wrote.

use libioc::facts::world::JailView;
use libioc::select::Select;

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
    /// Words that fit none.
    pub(super) unmatched: Vec<String>,
    hint: &'static str,
}

/// Chooses jails; `templates` says whether only templates, only others, or both.
pub(super) fn choose(
    session: &Session,
    filters: &[String],
    templates: Option<bool>,
    hint: &'static str,
) -> Result<Chosen, Failure> {
    let selection = session.ioc.select(filters, Select { templates })?;
    let mut unmatched = selection.unmatched;
    if selection.jails.is_empty() && unmatched.is_empty() && !filters.is_empty() {
        unmatched.push(filters.join(" "));
    }
    Ok(Chosen { jails: selection.jails, unmatched, hint })
}

impl Chosen {
    /// Reports the words that fit no jail as failures.
    pub(super) fn report_unmatched(&self, results: &mut Results<'_>) {
        for given in &self.unmatched {
            results.failed(given, Failure::NoJail { given: given.clone(), hint: self.hint });
        }
    }
}
