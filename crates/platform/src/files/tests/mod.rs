//! Tests of what must hold against a hostile jail.

pub(super) mod fixture;
mod links;
mod operations;
mod races;
