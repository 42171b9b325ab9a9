//! `/metrics`: counters of the engine and figures of the process as Prometheus text.
//!
//! Every value is read at the moment of the scrape from what the engine counted; nothing is estimated here. A figure
//! the system does not tell is absent. Labels have few values by construction: operations and error kinds.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use cortexkg_engine::{EngineHandle, ErrorKind, HistogramSnapshot, Metrics};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TEXT_FORMAT, TextEncoder};

use crate::process;

/// The route.
pub fn routes(engine: EngineHandle) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(engine)
}

async fn scrape(State(engine): State<EngineHandle>) -> impl IntoResponse {
    let mut families = of_engine(&engine.metrics());
    families.push(gauge(
        "cortex_kg_uptime_seconds",
        "Time since the engine was opened.",
        engine.health().uptime_s,
    ));
    families.extend(of_process());
    ([(CONTENT_TYPE, TEXT_FORMAT)], text(&families))
}

fn text(families: &[MetricFamily]) -> Vec<u8> {
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(families, &mut text)
        .unwrap_or_else(|error| unreachable!("families are named and filled here; this is a bug: {error}"));
    text
}

fn of_engine(metrics: &Metrics) -> Vec<MetricFamily> {
    let requests = metrics.calls.iter().flat_map(|call| {
        let failed: u64 = call.errors.iter().map(|(_, count)| count).sum();
        [("ok", call.ok), ("error", failed)]
            .map(|(outcome, count)| counted(count, &[("op", call.op), ("outcome", outcome)]))
    });
    let errors = metrics.calls.iter().flat_map(|call| {
        let kinds = call.errors.iter();
        kinds.map(|(kind, count)| counted(*count, &[("op", call.op), ("kind", word(*kind))]))
    });
    let latencies = metrics.calls.iter().map(|call| observed(&call.latency, 1e3, &[("op", call.op)]));
    let mut families = vec![
        family(
            "cortex_kg_requests_total",
            "Calls answered, by operation and outcome.",
            MetricType::COUNTER,
            requests.collect(),
        ),
        family(
            "cortex_kg_errors_total",
            "Calls answered with an error, by operation and kind.",
            MetricType::COUNTER,
            errors.collect(),
        ),
        family(
            "cortex_kg_response_time_ms",
            "Time from admission to answer, milliseconds.",
            MetricType::HISTOGRAM,
            latencies.collect(),
        ),
        family(
            "cortex_kg_batch_rows",
            "Rows taken into one batch.",
            MetricType::HISTOGRAM,
            vec![observed(&metrics.batch_len, 1.0, &[])],
        ),
        gauge("cortex_kg_queue_rows", "Rows waiting.", metrics.queue_rows as f64),
        gauge("cortex_kg_queue_bytes", "Bytes of text waiting.", metrics.queue_bytes as f64),
        counter(
            "cortex_kg_withdrawn_total",
            "Calls whose caller had gone before they were reached.",
            metrics.withdrawn,
        ),
        counter(
            "cortex_kg_expired_total",
            "Calls whose deadline had passed before they were reached.",
            metrics.expired,
        ),
        counter("cortex_kg_journal_syncs_total", "Syncs of the log.", metrics.journal_syncs),
        counter("cortex_kg_journal_bytes_total", "Bytes appended to the log.", metrics.journal_bytes),
        gauge("cortex_kg_memories", "Live memories.", metrics.memories as f64),
        gauge("cortex_kg_state_bytes", "Bytes of state beyond the texts.", metrics.state_bytes as f64),
        gauge("cortex_kg_device_bytes", "Bytes of device buffers.", metrics.device_bytes as f64),
        gauge(
            "cortex_kg_vectors_linked",
            "Vectors in the graph that recalls in large stores walk; 0 while every recall scans.",
            metrics.vectors_linked as f64,
        ),
        counter(
            "cortex_kg_device_failures_total",
            "Times a device failed and was opened again.",
            metrics.device_failures,
        ),
        gauge(
            "cortex_kg_device_fell_back",
            "1 where the CPU computes in place of the device that was asked for.",
            f64::from(u8::from(metrics.device_fell_back)),
        ),
    ];
    // The encoder refuses families without a metric: no call was made yet, or none failed.
    families.retain(|family| !family.get_metric().is_empty());
    families
}

fn of_process() -> Vec<MetricFamily> {
    let mut families = vec![family(
        "process_cpu_seconds_total",
        "CPU time used, seconds.",
        MetricType::COUNTER,
        vec![seconds(process::cpu_s())],
    )];
    if let Some(bytes) = process::resident_bytes() {
        families.push(gauge("process_resident_memory_bytes", "Memory held by the process.", bytes as f64));
        families.push(gauge("cortex_kg_memory_usage_bytes", "Memory held by the process.", bytes as f64));
    }
    if let Some(count) = process::open_files() {
        families.push(gauge("process_open_fds", "Open files and sockets.", count as f64));
    }
    families
}

/// The label of an error kind.
fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "invalid",
        ErrorKind::NotFound => "not_found",
        ErrorKind::Refused => "refused",
        ErrorKind::NotAvailable => "not_available",
        ErrorKind::Overloaded => "overloaded",
        ErrorKind::DeadlineExceeded => "deadline_exceeded",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Internal => "internal",
    }
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help(help.into());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    family(name, help, MetricType::GAUGE, vec![Metric::from_gauge(gauge)])
}

fn counter(name: &str, help: &str, count: u64) -> MetricFamily {
    family(name, help, MetricType::COUNTER, vec![counted(count, &[])])
}

fn counted(count: u64, labels: &[(&str, &str)]) -> Metric {
    let mut metric = seconds(count as f64);
    metric.set_label(pairs(labels));
    metric
}

fn seconds(value: f64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::default();
    metric.set_counter(counter);
    metric
}

/// Our snapshots count per bucket; Prometheus counts everything up to a bound, and its last bound is the total.
fn observed(snapshot: &HistogramSnapshot, scale: f64, labels: &[(&str, &str)]) -> Metric {
    let mut below = 0;
    let buckets = snapshot.bounds.iter().zip(&snapshot.counts).map(|(bound, count)| {
        below += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound * scale);
        bucket.set_cumulative_count(below);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_sum(snapshot.sum * scale);
    histogram.set_sample_count(snapshot.count);
    let mut metric = Metric::from_label(pairs(labels));
    metric.set_histogram(histogram);
    metric
}

fn pairs(labels: &[(&str, &str)]) -> Vec<LabelPair> {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).into());
        pair.set_value((*value).into());
        pair
    };
    labels.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortexkg_engine::CallMetrics;

    #[test]
    fn counters_and_histograms_read_as_prometheus_text() {
        let latency =
            HistogramSnapshot { bounds: vec![0.001, 0.01], counts: vec![3, 2, 1], sum: 0.25, count: 6 };
        let store = CallMetrics { op: "store", ok: 5, errors: vec![(ErrorKind::NotFound, 1)], latency };
        let metrics = Metrics { calls: vec![store], memories: 7, ..Metrics::default() };
        let text = String::from_utf8(text(&of_engine(&metrics))).unwrap();
        for line in [
            "# TYPE cortex_kg_requests_total counter",
            r#"cortex_kg_requests_total{op="store",outcome="ok"} 5"#,
            r#"cortex_kg_requests_total{op="store",outcome="error"} 1"#,
            r#"cortex_kg_errors_total{op="store",kind="not_found"} 1"#,
            "# TYPE cortex_kg_response_time_ms histogram",
            r#"cortex_kg_response_time_ms_bucket{op="store",le="1"} 3"#,
            r#"cortex_kg_response_time_ms_bucket{op="store",le="10"} 5"#,
            r#"cortex_kg_response_time_ms_bucket{op="store",le="+Inf"} 6"#,
            r#"cortex_kg_response_time_ms_sum{op="store"} 250"#,
            "cortex_kg_memories 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn an_engine_without_calls_can_be_scraped() {
        let text = String::from_utf8(text(&of_engine(&Metrics::default()))).unwrap();
        assert!(text.contains("cortex_kg_queue_rows 0"));
    }
}
