//! Settings of one engine. Copied at opening; nothing reads them later.

use std::path::PathBuf;

use crate::Error;

/// Which back end to open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceKind {
    /// The CPU, and why no card.
    #[default]
    Auto,
    /// SIMD CPU.
    Cpu,
    /// wgpu, or refuse.
    Wgpu,
    /// CUDA, or refuse.
    Cuda,
}

/// Settings of one engine.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder; created if absent.
    pub data: PathBuf,
    /// Which model embeds.
    pub model: cortexkg_embed::ModelChoice,
    /// Which back end computes.
    pub device: DeviceKind,
    /// Threads of CPU kernels; 0 means one a core.
    pub threads: usize,
    /// Device memory that may be taken, bytes.
    pub device_bytes_max: u64,
    /// Most rows waiting; a batch of n counts n.
    pub queue_rows_max: usize,
    /// Most bytes of text waiting.
    pub queue_bytes_max: usize,
    /// Most rows taken into one batch.
    pub batch_len_max: usize,
    /// Log segments are closed at this size, bytes.
    pub segment_bytes_max: u64,
    /// A snapshot is written after so many bytes of log.
    pub snapshot_log_bytes: u64,
    /// Whether recalls by callers who may write strengthen what they used.
    pub learn_from_recall: bool,
    /// Numbers of recall.
    pub recall: cortexkg_memory::RecallSettings,
    /// Up to so many vectors are always scanned, where tests want a graph of fewer than others do.
    #[doc(hidden)]
    pub scanned_max: Option<usize>,
    /// Loses each device after so many submissions: a fault for tests.
    #[doc(hidden)]
    pub device_lost_after: Option<u64>,
    /// In place of `device`: any that the compute crate knows, programs that play cards and twins too, for tests.
    #[doc(hidden)]
    pub device_under_test: Option<cortexkg_compute::DeviceChoice>,
}

impl Config {
    /// Default settings over a data folder.
    pub fn at(data: impl Into<PathBuf>) -> Self {
        Config {
            data: data.into(),
            model: cortexkg_embed::ModelChoice::Default,
            device: DeviceKind::Auto,
            threads: 0,
            device_bytes_max: 8 << 30,
            queue_rows_max: 8192,
            queue_bytes_max: 64 << 20,
            batch_len_max: 1024,
            segment_bytes_max: 64 << 20,
            snapshot_log_bytes: 256 << 20,
            learn_from_recall: true,
            recall: cortexkg_memory::RecallSettings::default(),
            scanned_max: None,
            device_lost_after: None,
            device_under_test: None,
        }
    }

    /// Refuses what cannot work.
    pub fn check(&self) -> Result<(), Error> {
        let positive = [
            ("queue_rows_max", self.queue_rows_max as u64),
            ("queue_bytes_max", self.queue_bytes_max as u64),
            ("batch_len_max", self.batch_len_max as u64),
            ("device_bytes_max", self.device_bytes_max),
            ("snapshot_log_bytes", self.snapshot_log_bytes),
        ];
        for (setting, value) in positive {
            if value == 0 {
                return Err(Error::Setting { setting, rule: "must be above 0".into() });
            }
        }
        if self.segment_bytes_max < 1 << 20 {
            return Err(Error::Setting {
                setting: "segment_bytes_max",
                rule: "must be at least 1048576".into(),
            });
        }
        Ok(())
    }
}
