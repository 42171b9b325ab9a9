//! Measuring recall and allocation, and fitting what ranks: data sets as they are published, and how much of their gold was
//! found.

pub mod asked;
pub mod calibrate;
pub mod cases;
pub mod classes;
pub mod conditional;
pub mod dataset;
pub mod everyday;
pub mod fit;
pub mod fitting;
pub mod ingest;
pub mod method;
pub mod newton;
pub mod noise;
pub mod paired;
pub mod pairs;
pub mod published;
pub mod score;
pub mod sessions;
pub mod world;
