//! Counters of this process, measured where the work is done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::queue::{Entry, Op};
use crate::{Error, ErrorKind};

/// Bucket bounds in seconds, doubling from 50 us to 13 s.
const BUCKETS: usize = 19;

/// A fixed histogram that many threads add to.
#[derive(Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BUCKETS + 1],
    sum_us: AtomicU64,
}

/// What a histogram held at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramSnapshot {
    /// Upper bounds; seconds for times, rows for batches.
    pub bounds: Vec<f64>,
    /// Observations a bucket, one more than bounds: the last is everything above.
    pub counts: Vec<u64>,
    /// Sum of all observations in the unit of the bounds.
    pub sum: f64,
    /// Number of observations.
    pub count: u64,
}

/// Calls of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct CallMetrics {
    /// store, retrieve, ...
    pub op: &'static str,
    /// Answered with a result.
    pub ok: u64,
    /// Answered with an error, by kind.
    pub errors: Vec<(ErrorKind, u64)>,
    /// From admission to answer.
    pub latency: HistogramSnapshot,
}

/// Counters of this process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Calls by kind.
    pub calls: Vec<CallMetrics>,
    /// Rows a batch.
    pub batch_len: HistogramSnapshot,
    /// Rows waiting.
    pub queue_rows: u64,
    /// Bytes of text waiting.
    pub queue_bytes: u64,
    /// Calls whose caller had gone before they were reached.
    pub withdrawn: u64,
    /// Calls whose deadline had passed before they were reached.
    pub expired: u64,
    /// Syncs of the log.
    pub journal_syncs: u64,
    /// Bytes appended to the log.
    pub journal_bytes: u64,
    /// Live memories.
    pub memories: u64,
    /// Bytes of state beyond the texts.
    pub state_bytes: u64,
    /// Bytes of device buffers.
    pub device_bytes: u64,
    /// Vectors in the graph that searches of large stores walk.
    pub vectors_linked: u64,
    /// Times a device failed and was opened again.
    pub device_failures: u64,
    /// Whether the CPU computes in place of the device that was asked for.
    pub device_fell_back: bool,
}

/// Timing of one kind of call, from the histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timing {
    /// Calls.
    pub count: u64,
    /// Mean, ms.
    pub mean_ms: f64,
    /// Upper bound of the bucket that holds the median, ms.
    pub p50_ms: f64,
    /// Upper bound of the bucket that holds the 99th percentile, ms.
    pub p99_ms: f64,
}

/// What get_memory_stats tells of this process's pace.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Performance {
    /// Calls answered.
    pub calls: u64,
    /// Of them with an error.
    pub errors: u64,
    /// Stores.
    pub store: Timing,
    /// Recalls.
    pub retrieve: Timing,
}

fn bound(bucket: usize, first: f64) -> f64 {
    first * (1u64 << bucket) as f64
}

impl Histogram {
    const TIME_FIRST_S: f64 = 50e-6;

    pub(crate) fn observe(&self, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let bucket =
            (0..BUCKETS).find(|&bucket| seconds <= bound(bucket, Self::TIME_FIRST_S)).unwrap_or(BUCKETS);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(elapsed.as_micros() as u64, Ordering::Relaxed);
    }

    pub(crate) fn observe_len(&self, len: u64) {
        let bucket = (0..BUCKETS).find(|&bucket| len <= 1 << bucket).unwrap_or(BUCKETS);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(len, Ordering::Relaxed);
    }

    pub(crate) fn times(&self) -> HistogramSnapshot {
        let sum = self.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        self.snapshot(Self::TIME_FIRST_S, sum)
    }

    pub(crate) fn lens(&self) -> HistogramSnapshot {
        self.snapshot(1.0, self.sum_us.load(Ordering::Relaxed) as f64)
    }

    fn snapshot(&self, first: f64, sum: f64) -> HistogramSnapshot {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let count = counts.iter().sum();
        HistogramSnapshot {
            bounds: (0..BUCKETS).map(|bucket| bound(bucket, first)).collect(),
            counts,
            sum,
            count,
        }
    }
}

impl HistogramSnapshot {
    /// Mean and percentiles of a histogram of seconds.
    pub fn timing(&self) -> Timing {
        if self.count == 0 {
            return Timing::default();
        }
        let at = |share: f64| {
            let rank = (self.count as f64 * share).ceil() as u64;
            let mut seen = 0;
            for (bucket, count) in self.counts.iter().enumerate() {
                seen += count;
                if seen >= rank {
                    return self.bounds.get(bucket).or(self.bounds.last()).copied().unwrap_or_default() * 1e3;
                }
            }
            unreachable!("ranks end at the count; this is a bug")
        };
        Timing {
            count: self.count,
            mean_ms: self.sum / self.count as f64 * 1e3,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
        }
    }
}

/// Error kinds in the order they are counted.
const KINDS: [ErrorKind; 8] = [
    ErrorKind::Invalid,
    ErrorKind::NotFound,
    ErrorKind::Refused,
    ErrorKind::NotAvailable,
    ErrorKind::Overloaded,
    ErrorKind::DeadlineExceeded,
    ErrorKind::Unavailable,
    ErrorKind::Internal,
];

/// Counters of one kind of call.
#[derive(Default)]
struct CallCounters {
    ok: AtomicU64,
    errors: [AtomicU64; KINDS.len()],
    latency: Histogram,
}

/// All counters of one engine.
#[derive(Default)]
pub(crate) struct Counters {
    calls: [CallCounters; Op::ALL.len()],
    pub(crate) batch_len: Histogram,
    withdrawn: AtomicU64,
    expired: AtomicU64,
}

impl Counters {
    /// Answers a call and counts how it went.
    pub(crate) fn answer<Q, A>(&self, entry: Entry<Q, A>, result: Result<A, Error>) {
        let Entry { reply, started, op, permit, .. } = entry;
        let counters = &self.calls[op as usize];
        match &result {
            Ok(_) => counters.ok.fetch_add(1, Ordering::Relaxed),
            Err(error) => counters.errors[error.kind() as usize].fetch_add(1, Ordering::Relaxed),
        };
        counters.latency.observe(started.elapsed());
        drop(permit);
        reply.send(result);
    }

    /// Counts a call refused at the door.
    pub(crate) fn refused(&self, op: Op, kind: ErrorKind) {
        self.calls[op as usize].errors[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// None if nobody waits for it any more or its deadline has passed; both are counted.
    pub(crate) fn still_wanted<Q, A>(&self, entry: Entry<Q, A>) -> Option<Entry<Q, A>> {
        if entry.reply.is_withdrawn() {
            self.withdrawn.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        if entry.reply.is_expired(Instant::now()) {
            self.expired.fetch_add(1, Ordering::Relaxed);
            self.answer(entry, Err(Error::DeadlineExceeded));
            return None;
        }
        Some(entry)
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let calls = Op::ALL.iter().map(|&(op, name)| {
            let counters = &self.calls[op as usize];
            let errors =
                KINDS.iter().zip(&counters.errors).map(|(kind, n)| (*kind, n.load(Ordering::Relaxed)));
            CallMetrics {
                op: name,
                ok: counters.ok.load(Ordering::Relaxed),
                errors: errors.filter(|(_, n)| *n > 0).collect(),
                latency: counters.latency.times(),
            }
        });
        Metrics {
            calls: calls.collect(),
            batch_len: self.batch_len.lens(),
            withdrawn: self.withdrawn.load(Ordering::Relaxed),
            expired: self.expired.load(Ordering::Relaxed),
            ..Metrics::default()
        }
    }

    pub(crate) fn performance(&self) -> Performance {
        let metrics = self.metrics();
        let errors = metrics.calls.iter().flat_map(|call| &call.errors).map(|(_, n)| n).sum::<u64>();
        Performance {
            calls: metrics.calls.iter().map(|call| call.ok).sum::<u64>() + errors,
            errors,
            store: metrics.calls[Op::Store as usize].latency.timing(),
            retrieve: metrics.calls[Op::Retrieve as usize].latency.timing(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_bounds_of_their_buckets() {
        let histogram = Histogram::default();
        for _ in 0..99 {
            histogram.observe(Duration::from_micros(60));
        }
        histogram.observe(Duration::from_millis(50));
        let timing = histogram.times().timing();
        assert_eq!((timing.count, timing.p50_ms, timing.p99_ms), (100, 0.1, 0.1));
        histogram.observe(Duration::from_secs(3600));
        assert_eq!(histogram.times().counts[BUCKETS], 1);
        assert_eq!(HistogramSnapshot::default().timing(), Timing::default());
    }

    #[test]
    fn kinds_are_counted_where_they_are_named() {
        assert!(KINDS.iter().enumerate().all(|(at, kind)| *kind as usize == at));
        assert!(Op::ALL.iter().enumerate().all(|(at, (op, _))| *op as usize == at));
    }
}
