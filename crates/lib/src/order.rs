//! In which order jails are started and stopped.

use std::collections::{BTreeMap, BTreeSet};

use ioc_model::name::JailRef;

use crate::error::Error;

/// A jail as far as its place in the order goes.
#[derive(Clone, Debug)]
pub struct Node {
    /// The jail.
    pub jail: JailRef,
    /// Lower starts first.
    pub priority: i64,
    /// Jails that must run before it.
    pub depends: BTreeSet<JailRef>,
}

/// Jails in the order of starting, each with the jails of the same order that it waits for.
#[derive(Clone, Debug, Default)]
pub struct Order {
    nodes: Vec<Node>,
}

impl Order {
    /// Orders jails: those that others depend on first, then by priority, then by name.
    ///
    /// Dependencies on jails that are not among `nodes` are left out. A circle is an error that names its path.
    pub fn of(nodes: Vec<Node>) -> Result<Self, Error> {
        let mut waiting: BTreeMap<JailRef, Node> = nodes.into_iter().map(|n| (n.jail.clone(), n)).collect();
        let known: BTreeSet<JailRef> = waiting.keys().cloned().collect();
        for node in waiting.values_mut() {
            node.depends.retain(|d| known.contains(d));
        }
        let mut nodes: Vec<Node> = Vec::with_capacity(waiting.len());
        let mut placed = BTreeSet::new();
        while !waiting.is_empty() {
            let ready = |node: &&Node| node.depends.iter().all(|d| placed.contains(d));
            let next = waiting.values().filter(ready).min_by_key(|n| (n.priority, n.jail.clone()));
            let Some(next) = next.map(|node| node.jail.clone()) else {
                return Err(Error::Cycle { path: circle(&waiting) });
            };
            nodes.extend(waiting.remove(&next));
            placed.insert(next);
        }
        Ok(Order { nodes })
    }

    /// The jails, first to start first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The same jails in the order of stopping: each waits for those that depend on it.
    pub fn reversed(&self) -> Order {
        let dependants = |jail: &JailRef| -> BTreeSet<JailRef> {
            let needs = |n: &&Node| n.depends.contains(jail);
            self.nodes.iter().filter(needs).map(|n| n.jail.clone()).collect()
        };
        let nodes = self.nodes.iter().rev();
        Order { nodes: nodes.map(|n| Node { depends: dependants(&n.jail), ..n.clone() }).collect() }
    }
}

/// One circle among jails none of which can be placed; the first name stands at the end again.
fn circle(waiting: &BTreeMap<JailRef, Node>) -> Vec<String> {
    let Some(mut jail) = waiting.keys().next() else { return Vec::new() };
    let mut path: Vec<&JailRef> = Vec::new();
    loop {
        if let Some(begin) = path.iter().position(|seen| *seen == jail) {
            let circle = path[begin..].iter().chain([&jail]);
            return circle.map(|jail| jail.name.to_string()).collect();
        }
        path.push(jail);
        // Each waits for at least one that waits as well, else it would have been placed.
        match waiting[jail].depends.iter().find(|d| waiting.contains_key(*d)) {
            Some(next) => jail = next,
            None => return path.iter().map(|jail| jail.name.to_string()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jail(name: &str) -> JailRef {
        JailRef { source: "ioc".parse().unwrap(), name: name.parse().unwrap() }
    }

    fn node(name: &str, priority: i64, depends: &[&str]) -> Node {
        Node { jail: jail(name), priority, depends: depends.iter().map(|d| jail(d)).collect() }
    }

    fn names(order: &Order) -> Vec<&str> {
        order.nodes().iter().map(|n| n.jail.name.as_str()).collect()
    }

    #[test]
    fn dependencies_then_priority_then_name() {
        let order = Order::of(vec![
            node("b", 5, &[]),
            node("a", 5, &["z"]),
            node("c", 1, &[]),
            node("z", 9, &["elsewhere"]),
        ]);
        let order = order.unwrap();
        assert_eq!(names(&order), ["c", "b", "z", "a"]);
        let reversed = order.reversed();
        assert_eq!(names(&reversed), ["a", "z", "b", "c"]);
        assert!(reversed.nodes()[1].depends.contains(&jail("a")));
    }

    #[test]
    fn a_circle_is_told_with_its_path() {
        let nodes = vec![node("a", 0, &["b"]), node("b", 0, &["c"]), node("c", 0, &["b"]), node("d", 0, &[])];
        let error = Order::of(nodes).unwrap_err().to_string();
        assert!(error.ends_with("b -> c -> b"), "{error}");
        let error = Order::of(vec![node("a", 0, &["a"])]).unwrap_err().to_string();
        assert!(error.ends_with("a -> a"), "{error}");
    }
}
