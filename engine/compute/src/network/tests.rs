//! The library as its callers use it.

mod cards;
mod det100;
mod invariance;
mod refusals;
mod statistics;
