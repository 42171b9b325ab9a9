//! Settings of the binary: one struct a section, every key with its default and its comment in one place.
//!
//! `config/default.toml` is printed from these definitions and compared by a test, so the file cannot drift from the
//! code. Keys that a plan of this product names but that have one workable value today are here too: they are
//! accepted at that value and refused otherwise (`rules.rs`), so that nobody believes a setting that does nothing.
//!
//! Nothing reads settings while serving: values are copied when a part is built.

mod layers;
mod printed;
mod rules;

use std::path::{Path, PathBuf};

use cortexkg_engine::{Config, DeviceKind};
use serde::{Deserialize, Serialize};

pub use layers::{Flag, SettingsError};
pub(crate) use rules::{LOOPBACK_RULE, loopback};

/// Words of one section for printing and for telling which keys exist.
pub(crate) struct Section {
    name: &'static str,
    about: &'static [&'static str],
    keys: &'static [Key],
}

/// One key: its name and its comment, line by line.
pub(crate) struct Key {
    name: &'static str,
    doc: &'static [&'static str],
}

macro_rules! sections {
    ($(
        $(#[doc = $about:literal])+
        $section:ident: $name:ident {
            $( $(#[doc = $doc:literal])+ $key:ident: $kind:ty = $default:expr, )+
        }
    )+) => {
        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            pub struct $name {
                $( $(#[doc = $doc])+ pub $key: $kind, )+
            }

            impl Default for $name {
                fn default() -> Self {
                    $name { $( $key: $default, )+ }
                }
            }
        )+

        /// All sections.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            $( $(#[doc = $about])+ pub $section: $name, )+
        }

        /// What exists, in the order in which it is printed.
        pub(crate) const SECTIONS: &[Section] = &[
            $( Section {
                name: stringify!($section),
                about: &[$($about),+],
                keys: &[$( Key { name: stringify!($key), doc: &[$($doc),+] }, )+],
            }, )+
        ];
    };
}

sections! {
    /// The doors: MCP and health over HTTP, gRPC beside it.
    server: Server {
        /// Address all doors listen on. Only loopback addresses are accepted: there is no authentication yet.
        host: String = "127.0.0.1".into(),
        /// Port of HTTP: /mcp, /livez, /readyz, /health.
        port: u16 = 8080,
        /// Port of gRPC.
        grpc_port: u16 = 50051,
        /// Most connections open at once over all doors; further ones wait to be accepted.
        max_connections: u32 = 1000,
        /// A call without a deadline of its own is answered within this time, ms.
        request_timeout_ms: u64 = 30_000,
        /// How long calls in flight may finish after a signal to stop, ms.
        shutdown_grace_ms: u64 = 10_000,
    }
    /// The spiking parts: allocation, recall, learning.
    neuromorphic: Neuromorphic {
        /// Coarsest resolution of spike times that will do, ms. They are kept to 1/256 ms; finer is refused.
        ttfs_precision_ms: f64 = 0.1,
        /// Scorers that compete for a new memory: semantic, structural, temporal, exception. Fixed.
        cortical_columns: u32 = 4,
        /// Most calls taken into one batch; every recall of a batch runs on a network state of its own.
        network_pool_size: u32 = 1024,
        /// Learning rate of a new data folder, 0 to 1; afterwards configure_learning changes it.
        stdp_learning_rate: f64 = 0.01,
        /// Whether recalls by callers who may write strengthen the connections they used.
        learn_from_recall: bool = true,
    }
    /// Where and how much at once.
    performance: Performance {
        /// Device that computes: auto, cpu, wgpu or cuda. auto times a search on a card and on the CPU and says why.
        device: Device = Device::Auto,
        /// Threads of CPU kernels; 0 means one a core.
        threads: u32 = 0,
        /// SIMD kernels, chosen at run time from what the CPU offers. Fixed.
        enable_simd: bool = true,
        /// Memories that import and bench send in one call.
        batch_size: u32 = 256,
        /// Most rows waiting in the queue; a batch of n counts n. Beyond it callers are told when to come back.
        queue_rows_max: u32 = 8192,
        /// Most text waiting in the queue, MiB.
        queue_mb_max: u32 = 64,
        /// One worker owns the data folder, there is nothing to pool. Fixed.
        connection_pool_size: u32 = 1,
        /// Answers come from memory, there is no cache beside it. Fixed.
        cache_size_mb: u32 = 0,
    }
    /// Who may call.
    security: Security {
        /// OAuth. Not available yet.
        enable_oauth: bool = false,
        /// File of the key that signs tokens. Not available yet.
        jwt_secret_path: String = String::new(),
        /// An MCP session of the older protocol ends after so long without a call, minutes.
        session_timeout_minutes: u32 = 60,
        /// Calls a minute; 0 is no limit. Not available yet.
        rate_limit_per_minute: u32 = 0,
    }
    /// What is told about the running process. Standard output is kept for results and for MCP over stdio.
    logging: Logging {
        /// error, warn, info, debug or trace.
        level: Level = Level::Info,
        /// pretty or json.
        format: Format = Format::Pretty,
        /// stderr or file.
        output: Output = Output::Stderr,
        /// The file to append to when output is file.
        file_path: String = String::new(),
    }
    /// What is measured about the running process.
    monitoring: Monitoring {
        /// Whether /metrics is served (Prometheus text).
        enable_metrics: bool = true,
        /// Port of /metrics.
        metrics_port: u16 = 9090,
        /// How often the engine's health is looked at; a change is logged and told to gRPC health watchers, seconds.
        health_check_interval_seconds: u32 = 30,
    }
    /// The data folder: log and snapshots.
    database: Database {
        /// The folder, created if absent. ":memory:" is a temporary folder that is removed at the end.
        knowledge_graph_path: String = "./data".into(),
        /// Log segments are closed at this size, MiB.
        segment_mb: u32 = 64,
        /// A snapshot is written after so much log, MiB.
        snapshot_log_mb: u32 = 256,
        /// Hours between backups; 0 is never. Not available yet.
        backup_interval_hours: u32 = 0,
        /// Size at which storing stops, GiB; 0 is never. Not available yet.
        max_memory_size_gb: u32 = 0,
    }
    /// The model that turns texts into vectors, and what the compute device may take.
    neural_networks: NeuralNetworks {
        /// default (built in), http, the name of a model in model_weights_directory, or a folder.
        model: String = "default".into(),
        /// Where `cortexkg model add` puts models; empty: the folder `models` beside the data folder.
        model_weights_directory: String = String::new(),
        /// GPU back ends. Not available yet.
        enable_gpu_acceleration: bool = false,
        /// Memory that buffers of the compute device may take, MiB.
        memory_limit_mb: u64 = 8192,
        /// With model = "http": base URL of an OpenAI-compatible endpoint, without /embeddings.
        http_url: String = String::new(),
        /// With model = "http": the model's name there.
        http_model: String = String::new(),
        /// With model = "http": the key, if one is needed. Better given as CORTEXKG__NEURAL_NETWORKS__HTTP_API_KEY.
        http_api_key: Secret = Secret::default(),
        /// With model = "http": longest wait for one answer, ms.
        http_timeout_ms: u64 = 30_000,
        /// With model = "http": most texts in one request.
        http_batch_len_max: u32 = 64,
    }
}

macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $variant:ident),+ $(,)? }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[doc = $doc])+ $variant),+ }
    };
}

words! {
    /// A compute device by name.
    Device {
        /// The CPU, and why no card.
        Auto,
        /// SIMD CPU.
        Cpu,
        /// wgpu, or refuse.
        Wgpu,
        /// CUDA, or refuse.
        Cuda,
    }
}
words! {
    /// The least severity that is logged.
    Level {
        /// Failures.
        Error,
        /// And what may become one.
        Warn,
        /// And milestones.
        Info,
        /// And steps.
        Debug,
        /// And everything.
        Trace,
    }
}
words! {
    /// Form of a log line.
    Format {
        /// For people.
        Pretty,
        /// For machines.
        Json,
    }
}
words! {
    /// Where log lines go.
    Output {
        /// Standard error.
        Stderr,
        /// `logging.file_path`.
        File,
    }
}

/// A text that is never printed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "(hidden)" })
    }
}

impl Secret {
    /// The text, if there is one.
    pub fn reveal(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(&self.0)
    }
}

/// The word for a temporary data folder.
pub const TEMPORARY: &str = ":memory:";

impl Settings {
    /// Whether the data folder is to be a temporary one.
    pub fn is_temporary(&self) -> bool {
        self.database.knowledge_graph_path == TEMPORARY
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        Path::new(&self.database.knowledge_graph_path)
    }

    /// The same settings over another data folder; models stay where they are.
    pub fn moved_to(&self, data: &Path) -> Settings {
        let mut moved = self.clone();
        moved.neural_networks.model_weights_directory = self.models().to_string_lossy().into_owned();
        moved.database.knowledge_graph_path = data.to_string_lossy().into_owned();
        moved
    }

    /// Where fetched models live.
    pub fn models(&self) -> PathBuf {
        if !self.neural_networks.model_weights_directory.is_empty() {
            return PathBuf::from(&self.neural_networks.model_weights_directory);
        }
        // A relative folder such as `data` has the empty parent, which joins to `models` here.
        let beside = if self.is_temporary() { None } else { self.data().parent() };
        beside.unwrap_or(Path::new("")).join("models")
    }

    /// Settings of the engine over the data folder.
    pub fn engine(&self) -> Result<Config, SettingsError> {
        let mut config = Config::at(self.data());
        config.model = crate::model_choice::of(self, &self.neural_networks.model)?;
        config.device = match self.performance.device {
            Device::Auto => DeviceKind::Auto,
            Device::Cpu => DeviceKind::Cpu,
            Device::Wgpu => DeviceKind::Wgpu,
            Device::Cuda => DeviceKind::Cuda,
        };
        config.threads = self.performance.threads as usize;
        config.device_bytes_max = self.neural_networks.memory_limit_mb << 20;
        config.queue_rows_max = self.performance.queue_rows_max as usize;
        config.queue_bytes_max = (self.performance.queue_mb_max as usize) << 20;
        config.batch_len_max = self.neuromorphic.network_pool_size as usize;
        config.segment_bytes_max = u64::from(self.database.segment_mb) << 20;
        config.snapshot_log_bytes = u64::from(self.database.snapshot_log_mb) << 20;
        config.learn_from_recall = self.neuromorphic.learn_from_recall;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_the_engines_own() {
        let ours = Settings::default().engine().unwrap();
        let engines = Config::at("./data");
        assert_eq!(format!("{ours:?}"), format!("{engines:?}"));
    }

    #[test]
    fn models_live_beside_the_data_folder_unless_told_otherwise() {
        let mut settings = Settings::default();
        assert_eq!(settings.models(), Path::new("./models"));
        settings.database.knowledge_graph_path = "data".into();
        assert_eq!(settings.models(), Path::new("models"));
        settings.database.knowledge_graph_path = "/srv/kg/data".into();
        assert_eq!(settings.models(), Path::new("/srv/kg/models"));
        settings.neural_networks.model_weights_directory = "/opt/models".into();
        assert_eq!(settings.models(), Path::new("/opt/models"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let mut settings = Settings::default();
        settings.neural_networks.http_api_key = Secret("sk-sesame".into());
        assert!(!format!("{settings:?}").contains("sesame"));
    }
}
