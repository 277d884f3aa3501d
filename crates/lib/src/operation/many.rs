//! Starting and stopping many jails: in the order that dependencies demand, in parallel as far as they allow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, PoisonError};

use ioc_model::filter::Filter;
use ioc_model::name::JailRef;
use ioc_model::property;

use super::{Start, Stop};
use crate::error::Error;
use crate::event::Observer;
use crate::facts::world::{JailView, World};
use crate::ioc::{Ioc, Operation};
use crate::order::{Node, Order};
use crate::plan::Plan;

/// How to start jails.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// Properties for this start only, of the jails asked for (not of those they depend on).
    pub overrides: BTreeMap<String, Option<String>>,
    /// The caller's environment, for jails with `exec_clean=no`.
    pub environment: Vec<(String, String)>,
    /// How many at a time.
    pub jobs: usize,
}

/// How to stop jails.
#[derive(Clone, Debug)]
pub struct StopOptions {
    /// Ignore failing hooks, clean up after jails that do not run any more.
    pub force: bool,
    /// The caller's environment, for jails with `exec_clean=no`.
    pub environment: Vec<(String, String)>,
    /// How many at a time.
    pub jobs: usize,
}

/// What became of one jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was started or stopped; its JID if it runs now.
    Done {
        /// The JID.
        jid: Option<i32>,
    },
    /// It was so already.
    Unchanged {
        /// The JID.
        jid: Option<i32>,
    },
}

/// One jail and what became of it.
pub type JailResult = (JailRef, Result<Outcome, Error>);

/// One jail and what is going to be done to it.
pub type JailPlan = (JailRef, Result<Plan, Error>);

impl StartOptions {
    fn start(&self, jail: &JailRef, asked: &BTreeSet<&JailRef>) -> Start {
        let overrides = if asked.contains(jail) { self.overrides.clone() } else { BTreeMap::new() };
        Start { jail: jail.clone(), overrides, environment: self.environment.clone() }
    }
}

impl StopOptions {
    fn stop(&self, jail: &JailRef) -> Stop {
        Stop { jail: jail.clone(), force: self.force, environment: self.environment.clone() }
    }
}

impl Ioc {
    /// Starts jails and, before them, those that they depend on.
    ///
    /// One failure does not stop the others, but those that depend on it. A jail that was started only because
    /// another one needs it is stopped again if that one fails. The results are in the order of starting.
    pub fn start(
        &self,
        jails: &[JailRef],
        options: &StartOptions,
        observer: &dyn Observer,
    ) -> Result<Vec<JailResult>, Error> {
        let order = self.start_order(jails)?;
        let asked: BTreeSet<&JailRef> = jails.iter().collect();
        let work = |jail: &JailRef| self.run_one(jail, &options.start(jail, &asked), observer);
        let results = in_order(
            &order,
            options.jobs,
            Some(&|jail, dependency| Error::DependencyFailed {
                jail: jail.name.clone(),
                dependency: dependency.clone(),
            }),
            &work,
        );
        self.stop_needless(&order, &asked, &results, options, observer);
        Ok(results)
    }

    /// Stops jails, each after those that depend on it.
    pub fn stop(
        &self,
        jails: &[JailRef],
        options: &StopOptions,
        observer: &dyn Observer,
    ) -> Result<Vec<JailResult>, Error> {
        let order = self.stop_order(jails)?;
        let work = |jail: &JailRef| self.run_one(jail, &options.stop(jail), observer);
        Ok(in_order(&order, options.jobs, None, &work))
    }

    /// What [`Ioc::start`] would do, in order. Changes nothing.
    pub fn plan_start(&self, jails: &[JailRef], options: &StartOptions) -> Result<Vec<JailPlan>, Error> {
        let asked: BTreeSet<&JailRef> = jails.iter().collect();
        let order = self.start_order(jails)?;
        let plan = |node: &Node| (node.jail.clone(), self.plan(&options.start(&node.jail, &asked)));
        Ok(order.nodes().iter().map(plan).collect())
    }

    /// What [`Ioc::stop`] would do, in order. Changes nothing.
    pub fn plan_stop(&self, jails: &[JailRef], options: &StopOptions) -> Result<Vec<JailPlan>, Error> {
        let order = self.stop_order(jails)?;
        let plan = |node: &Node| (node.jail.clone(), self.plan(&options.stop(&node.jail)));
        Ok(order.nodes().iter().map(plan).collect())
    }

    fn start_order(&self, jails: &[JailRef]) -> Result<Order, Error> {
        let world = match World::of(self, jails)? {
            // What a jail depends on may be any other.
            world if world.jails.iter().any(depends) => World::gather(self)?,
            world => world,
        };
        Order::of(with_dependencies(&world, jails)?)
    }

    fn stop_order(&self, jails: &[JailRef]) -> Result<Order, Error> {
        let world = match World::of(self, jails)? {
            world if world.jails.iter().any(depends) => World::gather(self)?,
            world => world,
        };
        let nodes = jails.iter().map(|jail| node(&world, jail)).collect::<Result<Vec<_>, _>>()?;
        Ok(Order::of(nodes)?.reversed())
    }

    fn run_one(
        &self,
        jail: &JailRef,
        operation: &dyn Operation,
        observer: &dyn Observer,
    ) -> Result<Outcome, Error> {
        let (plan, _) = self.apply(operation, observer)?;
        let running = crate::facts::jail::JailFacts::find_mounted(self, jail)?.running(self.host())?;
        let jid = running.map(|running| running.jid);
        Ok(if plan.is_empty() { Outcome::Unchanged { jid } } else { Outcome::Done { jid } })
    }

    /// Stops the jails that this very call started only for others which then failed.
    fn stop_needless(
        &self,
        order: &Order,
        asked: &BTreeSet<&JailRef>,
        results: &[JailResult],
        options: &StartOptions,
        observer: &dyn Observer,
    ) {
        let started = |jail: &JailRef| {
            results.iter().any(|(other, r)| other == jail && matches!(r, Ok(Outcome::Done { .. })))
        };
        let runs = |jail: &JailRef| results.iter().any(|(other, r)| other == jail && r.is_ok());
        let mut needed: BTreeSet<JailRef> = asked.iter().filter(|j| runs(j)).map(|j| (*j).clone()).collect();
        // Backwards, so that whoever needs a jail is seen before it.
        for node in order.nodes().iter().rev() {
            if needed.contains(&node.jail) {
                needed.extend(node.depends.iter().cloned());
            } else if started(&node.jail) {
                let environment = options.environment.clone();
                let stop = Stop { jail: node.jail.clone(), force: true, environment };
                if let Err(error) = self.apply(&stop, observer) {
                    tracing::warn!(jail = %node.jail, %error, "a jail that nobody needs keeps running");
                }
            }
        }
    }
}

/// The jails that one depends on directly.
pub(crate) fn dependencies_of(world: &World, jail: &JailRef) -> Result<BTreeSet<JailRef>, Error> {
    dependencies(world, view(world, jail)?)
}

/// The jail and all that it depends on, in the order of starting.
pub(crate) fn order_of(world: &World, jail: &JailRef) -> Result<Order, Error> {
    Order::of(with_dependencies(world, std::slice::from_ref(jail))?)
}

/// Tells whether a jail depends on others, or cannot be asked.
fn depends(view: &JailView) -> bool {
    view.facts
        .as_ref()
        .is_ok_and(|facts| !facts.get(&property::DEPENDS).is_ok_and(|filter| filter.is_empty()))
}

/// The jails and all that they depend on, directly or not, which do not run yet.
fn with_dependencies(world: &World, jails: &[JailRef]) -> Result<Vec<Node>, Error> {
    let mut nodes: BTreeMap<JailRef, Node> = BTreeMap::new();
    let mut wanted: Vec<JailRef> = jails.to_vec();
    while let Some(jail) = wanted.pop() {
        if nodes.contains_key(&jail) {
            continue;
        }
        let node = node(world, &jail)?;
        wanted.extend(node.depends.iter().cloned());
        nodes.insert(jail, node);
    }
    Ok(nodes.into_values().collect())
}

fn node(world: &World, jail: &JailRef) -> Result<Node, Error> {
    let view = view(world, jail)?;
    Ok(Node { jail: jail.clone(), priority: view.priority(), depends: dependencies(world, view)? })
}

fn view<'a>(world: &'a World, jail: &JailRef) -> Result<&'a JailView, Error> {
    let found = world.jails.iter().find(|view| view.reference == *jail);
    found.ok_or_else(|| Error::JailUnknown(jail.to_string()))
}

/// The jails that one depends on: those that its `depends` selects. A name that no jail has is an error.
fn dependencies(world: &World, view: &JailView) -> Result<BTreeSet<JailRef>, Error> {
    // One that cannot be read fails later, by itself.
    let Ok(facts) = &view.facts else { return Ok(BTreeSet::new()) };
    let filter: Filter = facts.get(&property::DEPENDS)?;
    if filter.is_empty() {
        return Ok(BTreeSet::new());
    }
    let references: Vec<JailRef> = world.jails.iter().map(|jail| jail.reference.clone()).collect();
    let named = filter.select(&references);
    if let Some(name) = named.unmatched.first() {
        return Err(facts.wrong(format!("depends: there is no jail {name}")));
    }
    let matches = |jail: &&JailView| {
        // One of which that cannot be told could not be started either, and is no reason to start nothing.
        named.jails.contains(&&jail.reference)
            && filter.matches_values(|key| jail.value(key)).unwrap_or(false)
    };
    Ok(world.jails.iter().filter(matches).map(|jail| jail.reference.clone()).collect())
}

/// What to say of a jail, given one that it waited for and that failed.
type BecauseOf<'a> = Option<&'a (dyn Fn(&JailRef, &JailRef) -> Error + Sync)>;

/// Does `work` for every jail once those that it waits for are done, `jobs` at a time, first in order first.
///
/// With `because_of`, a jail that waits for one that failed is not tried but fails with that error.
fn in_order(
    order: &Order,
    jobs: usize,
    because_of: BecauseOf<'_>,
    work: &(dyn Fn(&JailRef) -> Result<Outcome, Error> + Sync),
) -> Vec<JailResult> {
    let nodes = order.nodes();
    let state = Mutex::new(Progress { taken: vec![false; nodes.len()], results: BTreeMap::new() });
    let changed = Condvar::new();
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, nodes.len().max(1)) {
            scope.spawn(|| {
                let mut progress = state.lock().unwrap_or_else(PoisonError::into_inner);
                while let Some(next) = progress.next(nodes) {
                    let Next::Ready(at) = next else {
                        progress = changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
                        continue;
                    };
                    progress.taken[at] = true;
                    let node = &nodes[at];
                    let failed =
                        node.depends.iter().find(|d| matches!(progress.results.get(d), Some(Err(_))));
                    let failed = failed.cloned().zip(because_of);
                    drop(progress);
                    let result = match failed {
                        Some((dependency, because_of)) => Err(because_of(&node.jail, &dependency)),
                        None => work(&node.jail),
                    };
                    progress = state.lock().unwrap_or_else(PoisonError::into_inner);
                    progress.results.insert(node.jail.clone(), result);
                    changed.notify_all();
                }
            });
        }
    });
    let mut results = state.into_inner().unwrap_or_else(PoisonError::into_inner).results;
    nodes.iter().filter_map(|node| results.remove_entry(&node.jail)).collect()
}

struct Progress {
    taken: Vec<bool>,
    results: BTreeMap<JailRef, Result<Outcome, Error>>,
}

enum Next {
    Ready(usize),
    Wait,
}

impl Progress {
    /// The next jail to take up; none if all are taken.
    fn next(&self, nodes: &[Node]) -> Option<Next> {
        if self.taken.iter().all(|taken| *taken) {
            return None;
        }
        let ready =
            |at: &usize| !self.taken[*at] && nodes[*at].depends.iter().all(|d| self.results.contains_key(d));
        Some((0..nodes.len()).find(ready).map_or(Next::Wait, Next::Ready))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jail(name: &str) -> JailRef {
        JailRef { source: "ioc".parse().unwrap(), name: name.parse().unwrap() }
    }

    fn order(nodes: &[(&str, &[&str])]) -> Order {
        let node = |(name, depends): &(&str, &[&str])| Node {
            jail: jail(name),
            priority: 0,
            depends: depends.iter().map(|d| jail(d)).collect(),
        };
        Order::of(nodes.iter().map(node).collect()).unwrap()
    }

    #[test]
    fn nobody_begins_before_what_it_waits_for_is_done() {
        let order = order(&[("a", &["c"]), ("b", &["c"]), ("c", &[]), ("d", &["a", "b"])]);
        for jobs in [1, 2, 8] {
            let log = Mutex::new(Vec::new());
            let work = |jail: &JailRef| {
                log.lock().unwrap().push(format!("+{}", jail.name));
                std::thread::sleep(std::time::Duration::from_millis(2));
                log.lock().unwrap().push(format!("-{}", jail.name));
                Ok(Outcome::Done { jid: None })
            };
            assert_eq!(in_order(&order, jobs, None, &work).len(), 4);
            let log = log.into_inner().unwrap();
            let at = |entry: &str| log.iter().position(|e| e == entry).unwrap();
            assert!(at("-c") < at("+a") && at("-c") < at("+b"));
            assert!(at("-a") < at("+d") && at("-b") < at("+d"));
        }
    }

    #[test]
    fn a_failure_is_handed_on_and_does_not_stop_the_others() {
        let order = order(&[("a", &["b"]), ("b", &[]), ("c", &[])]);
        let work = |jail: &JailRef| match jail.name.as_str() {
            "b" => Err(Error::JailUnknown("b".to_owned())),
            _ => Ok(Outcome::Done { jid: None }),
        };
        let because: &(dyn Fn(&JailRef, &JailRef) -> Error + Sync) = &|jail, dependency| {
            Error::DependencyFailed { jail: jail.name.clone(), dependency: dependency.clone() }
        };
        let results = in_order(&order, 4, Some(because), &work);
        let of = |name: &str| &results.iter().find(|(jail, _)| jail.name.as_str() == name).unwrap().1;
        assert!(matches!(of("a"), Err(Error::DependencyFailed { .. })));
        assert!(of("c").is_ok());
    }
}
