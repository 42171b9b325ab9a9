//! Networks of spiking neurons as commands use them: read from a file, run under a clock, told in figures and pictures.

pub mod file;
pub mod picture;
pub mod report;
pub mod run;
pub mod statistics;
