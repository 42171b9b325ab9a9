//! The library as its callers use it.

mod det100;
mod invariance;
mod refusals;
mod statistics;
