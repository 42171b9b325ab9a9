//! Measuring recall: data sets as they are published, and the share of gold that was found.

pub mod dataset;
pub mod score;
