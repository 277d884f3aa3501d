//! Tests of what must hold against a hostile jail.

mod fixture;
mod links;
mod operations;
mod races;
