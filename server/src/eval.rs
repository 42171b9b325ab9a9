//! Measuring recall and allocation, and fitting what ranks: data sets as they are published, and how much of their gold was
//! found.

pub mod calibrate;
pub mod cases;
pub mod classes;
pub mod conditional;
pub mod dataset;
pub mod fit;
pub mod folds;
pub mod newton;
pub mod pairs;
pub mod score;
