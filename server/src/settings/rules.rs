//! Rules that types cannot tell: ranges, values that are fixed for now, keys that need each other.

use std::net::{IpAddr, Ipv4Addr};

use super::{Output, Settings};

/// Section, key and the rule that was broken.
pub(super) type Broken = (&'static str, &'static str, String);

/// The first rule that is broken.
pub(super) fn check(settings: &Settings) -> Option<Broken> {
    let Settings {
        server,
        neuromorphic,
        performance,
        security,
        logging,
        monitoring,
        database,
        neural_networks,
    } = settings;
    let http = neural_networks.model == "http";
    let is_web =
        neural_networks.http_url.starts_with("http://") || neural_networks.http_url.starts_with("https://");
    let rules: [(bool, &'static str, &'static str, &str); 34] = [
        (loopback(&server.host).is_some(), "server", "host", LOOPBACK_RULE),
        (server.port > 0, "server", "port", "must be 1 to 65535"),
        (server.grpc_port > 0, "server", "grpc_port", "must be 1 to 65535"),
        (server.grpc_port != server.port, "server", "grpc_port", "must differ from server.port"),
        (server.max_connections > 0, "server", "max_connections", ONE_OR_MORE),
        (server.request_timeout_ms > 0, "server", "request_timeout_ms", ONE_OR_MORE),
        (
            neuromorphic.ttfs_precision_ms >= 1.0 / 256.0,
            "neuromorphic",
            "ttfs_precision_ms",
            "must be 0.00390625 or more",
        ),
        (neuromorphic.cortical_columns == 4, "neuromorphic", "cortical_columns", "must be 4"),
        (neuromorphic.network_pool_size > 0, "neuromorphic", "network_pool_size", ONE_OR_MORE),
        (
            (0.0..=1.0).contains(&neuromorphic.stdp_learning_rate),
            "neuromorphic",
            "stdp_learning_rate",
            "must be 0 to 1",
        ),
        (performance.threads <= 1024, "performance", "threads", "must be 0 to 1024"),
        (
            performance.enable_simd,
            "performance",
            "enable_simd",
            "must be true: kernels choose what the CPU offers",
        ),
        (performance.batch_size > 0, "performance", "batch_size", ONE_OR_MORE),
        (
            performance.batch_size <= performance.queue_rows_max,
            "performance",
            "batch_size",
            "must not be above performance.queue_rows_max",
        ),
        (performance.queue_rows_max > 0, "performance", "queue_rows_max", ONE_OR_MORE),
        (performance.queue_mb_max > 0, "performance", "queue_mb_max", ONE_OR_MORE),
        (
            performance.connection_pool_size == 1,
            "performance",
            "connection_pool_size",
            "must be 1: one worker owns the data",
        ),
        (
            performance.cache_size_mb == 0,
            "performance",
            "cache_size_mb",
            "must be 0: answers come from memory",
        ),
        (!security.enable_oauth, "security", "enable_oauth", "not available yet, must be false"),
        (
            security.jwt_secret_path.is_empty(),
            "security",
            "jwt_secret_path",
            "not available yet, must be empty",
        ),
        (security.session_timeout_minutes > 0, "security", "session_timeout_minutes", ONE_OR_MORE),
        (
            security.rate_limit_per_minute == 0,
            "security",
            "rate_limit_per_minute",
            "not available yet, must be 0",
        ),
        (
            logging.output != Output::File || !logging.file_path.is_empty(),
            "logging",
            "file_path",
            "must name a file when logging.output is file",
        ),
        (monitoring.metrics_port > 0, "monitoring", "metrics_port", "must be 1 to 65535"),
        (
            ![server.port, server.grpc_port].contains(&monitoring.metrics_port) || !monitoring.enable_metrics,
            "monitoring",
            "metrics_port",
            "must differ from server.port and server.grpc_port",
        ),
        (
            monitoring.health_check_interval_seconds > 0,
            "monitoring",
            "health_check_interval_seconds",
            ONE_OR_MORE,
        ),
        (!database.knowledge_graph_path.is_empty(), "database", "knowledge_graph_path", "must not be empty"),
        (database.segment_mb > 0, "database", "segment_mb", ONE_OR_MORE),
        (database.snapshot_log_mb > 0, "database", "snapshot_log_mb", ONE_OR_MORE),
        (
            database.backup_interval_hours == 0,
            "database",
            "backup_interval_hours",
            "not available yet, must be 0",
        ),
        (database.max_memory_size_gb == 0, "database", "max_memory_size_gb", "not available yet, must be 0"),
        (
            !neural_networks.enable_gpu_acceleration,
            "neural_networks",
            "enable_gpu_acceleration",
            "not available yet, must be false",
        ),
        (
            (1..=1 << 30).contains(&neural_networks.memory_limit_mb),
            "neural_networks",
            "memory_limit_mb",
            "must be 1 to 1073741824",
        ),
        (
            !http || is_web,
            "neural_networks",
            "http_url",
            "must be an http:// or https:// address when neural_networks.model is http",
        ),
    ];
    let broken =
        rules.into_iter().find(|rule| !rule.0).map(|(_, section, key, rule)| (section, key, rule.to_owned()));
    broken.or_else(|| {
        let missing = http && neural_networks.http_model.is_empty();
        missing.then(|| {
            ("neural_networks", "http_model", "must name the model when neural_networks.model is http".into())
        })
    })
}

const ONE_OR_MORE: &str = "must be 1 or more";

/// Why an address is refused.
pub(crate) const LOOPBACK_RULE: &str = "must be a loopback address such as 127.0.0.1: there is no authentication yet, so nothing may listen to the outside";

/// The loopback address that `host` names.
pub(crate) fn loopback(host: &str) -> Option<IpAddr> {
    if host == "localhost" {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    host.parse().ok().filter(IpAddr::is_loopback)
}
