//! Measuring recall and allocation: data sets as they are published, and how much of their gold was found.

pub mod classes;
pub mod dataset;
pub mod fit;
pub mod pairs;
pub mod score;
