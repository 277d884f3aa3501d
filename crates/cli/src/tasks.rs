//! Operations on one target after the other: planned, or done and reported.

use libioc::{Error, Operation, Plan};
use serde_json::{Value, json};

use crate::session::Session;
use crate::ui::{Exit, Failure, Report, output, visible_lines};

/// One operation and how to tell that it is done.
pub(crate) struct Task {
    /// What it is done to, as results name it.
    pub(crate) target: String,
    /// What is done.
    pub(crate) operation: Box<dyn Operation>,
    /// The result in words if something was changed.
    pub(crate) done: String,
    /// The result in words if there was nothing to change.
    pub(crate) unchanged: String,
}

/// Does all tasks in order, failing ones included; `what` completes "only root can".
///
/// Results of targets that were dealt with before stand in `results`.
pub(crate) fn carry_out(
    session: &Session,
    what: &'static str,
    tasks: Vec<Task>,
    mut results: Results<'_>,
) -> Result<Exit, Failure> {
    session.before_changes(what)?;
    for task in tasks {
        match session.ioc.apply(&*task.operation, &session.screen) {
            Ok((plan, _)) => {
                let changed = !plan.is_empty();
                let text = if changed { &task.done } else { &task.unchanged };
                results.done(
                    &task.target,
                    text,
                    json!({ "operation": plan.operation, "changed": changed }),
                )?;
            }
            Err(error) => results.failed(&task.target, error.into()),
        }
    }
    results.finish()
}

/// Prints what operations would do.
pub(crate) fn show_plans<'a>(
    session: &Session,
    operations: impl IntoIterator<Item = &'a dyn Operation>,
) -> Result<Exit, Failure> {
    print_plans(session, operations.into_iter().map(|operation| session.ioc.plan(operation)))
}

/// Prints plans, and why some could not be made.
pub(crate) fn print_plans(
    session: &Session,
    results: impl IntoIterator<Item = Result<Plan, Error>>,
) -> Result<Exit, Failure> {
    let mut plans = Vec::new();
    let mut exit = Exit::Done;
    for result in results {
        match result {
            Ok(plan) => plans.push(plan),
            Err(error) => {
                let failure = Failure::from(error);
                session.screen.error(&Report::from(&failure));
                exit = exit.and(failure.exit());
            }
        }
    }
    if session.json {
        output::json(&json!({ "schema": "ioc.plan/1", "plans": plans }))?;
    } else {
        for plan in plans {
            output::line(&visible_lines(&plan.to_string()))?;
        }
    }
    Ok(exit)
}

/// Results of several targets: lines as they come, or one JSON document in the end.
pub(crate) struct Results<'a> {
    session: &'a Session,
    documents: Vec<Value>,
    exit: Exit,
}

impl<'a> Results<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Results { session, documents: Vec::new(), exit: Exit::Done }
    }

    /// Tells what became of a target; `facts` are further members of its JSON.
    pub(crate) fn done(&mut self, target: &str, text: &str, facts: Value) -> Result<(), Failure> {
        if !self.session.json {
            return output::line(text);
        }
        let mut document = json!({ "target": target });
        if let (Value::Object(document), Value::Object(facts)) = (&mut document, facts) {
            document.extend(facts);
        }
        self.documents.push(document);
        Ok(())
    }

    /// Tells that a target failed.
    pub(crate) fn failed(&mut self, target: &str, failure: Failure) {
        self.tolerated(target, &failure);
        self.exit = self.exit.and(failure.exit());
    }

    /// Tells that a target failed, which is no failure of the command.
    pub(crate) fn tolerated(&mut self, target: &str, failure: &Failure) {
        let report = Report::from(failure);
        self.session.screen.error(&report);
        self.documents.push(json!({ "target": target, "error": report }));
    }

    /// How it went so far.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints what is still to be printed.
    pub(crate) fn finish(self) -> Result<Exit, Failure> {
        if self.session.json {
            output::json(&json!({ "schema": "ioc.result/1", "results": self.documents }))?;
        }
        Ok(self.exit)
    }
}
