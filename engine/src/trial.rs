//! Whether a card answers sooner than the CPU: both are asked the same, and the clock decides.
//!
//! What is asked is an exact search of all memories, which every store makes and every recall of a store of usual size. Of two sizes
//! the smaller is what any store may grow to, and their difference tells what a memory adds beyond it.

use std::fmt;
use std::time::{Duration, Instant};

use cortexkg_compute::index::{IndexOptions, Search, VectorIndex, Way};
use cortexkg_compute::kernels::encode_rows::halves;
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, Draw, Error};

/// Rows of the two searches; the second is so many times the first.
const SIZES: [usize; 2] = [1 << 12, 1 << 16];
/// Dimensions of a row: those of the model that comes with the program.
const DIM: usize = 256;
/// Rows wanted.
const K: usize = 10;
/// Searches of each size, of which the quickest counts. The first finds kernels compiled and memory touched.
const TRIES: usize = 4;

/// How fast a device searches.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// A search of the smaller size, us.
    least_us: f64,
    /// A row more, us.
    row_us: f64,
}

impl Pace {
    /// Of searches that took so long at [`SIZES`].
    fn of(times: [Duration; 2]) -> Pace {
        let [small, large] = times.map(|time| time.as_secs_f64() * 1e6);
        Pace { least_us: small, row_us: ((large - small) / (SIZES[1] - SIZES[0]) as f64).max(0.0) }
    }

    /// A search of so many rows, or of the smaller size: what follows for fewer from two times, of which each is off by something,
    /// may be nothing at all.
    fn us(&self, rows: u64) -> f64 {
        self.least_us + self.row_us * rows.saturating_sub(SIZES[0] as u64) as f64
    }

    /// Times searches on a device, on which nothing is left.
    fn measure(device: &mut Device) -> Result<Pace, Error> {
        let mut draw = Draw::new(1);
        let rows = halves(&draw.many(SIZES[0] * DIM, Draw::signed));
        let queries = draw.many(DIM, Draw::signed);
        let search = Search {
            queries: &queries,
            originals: None,
            masks: &[],
            k: K,
            score_min: f32::NEG_INFINITY,
            width: K,
            probes: 0,
            way: Way::Exact,
        };
        let mut index = VectorIndex::new(device, IndexOptions::new(DIM));
        let mut times = [Duration::MAX; 2];
        for (time, size) in times.iter_mut().zip(SIZES) {
            while index.len() < size {
                index.write(device, index.len(), &rows)?;
            }
            for _ in 0..TRIES {
                let began = Instant::now();
                index.search(device, &search)?;
                *time = began.elapsed().min(*time);
            }
        }
        index.destroy(device);
        Ok(Pace::of(times))
    }
}

/// What a trial came to.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Which device, never `Auto`.
    pub choice: DeviceChoice,
    /// And why.
    pub why: String,
}

/// Chooses for a store of so many memories.
pub(crate) fn choose(options: &DeviceOptions, memories: u64) -> Verdict {
    let open = |choice| Device::open(&DeviceOptions { choice, lost_after: None, ..options.clone() });
    let mut missing = Vec::new();
    for choice in [DeviceChoice::Cuda, DeviceChoice::Wgpu] {
        let card = open(choice.clone()).and_then(|mut card| {
            let pace = Pace::measure(&mut card)?;
            Ok((card.info().name.clone(), pace))
        });
        match card {
            Err(error) => missing.push(reason(&error)),
            Ok((name, card)) => {
                return match open(DeviceChoice::Cpu).and_then(|mut cpu| Pace::measure(&mut cpu)) {
                    Ok(cpu) => judge(choice, &name, card, cpu, memories),
                    Err(error) => Verdict { choice, why: format!("chosen by auto: of the CPU, {error}") },
                };
            }
        }
    }
    Verdict { choice: DeviceChoice::Cpu, why: format!("chosen by auto: no card ({})", missing.join("; ")) }
}

fn judge(choice: DeviceChoice, name: &str, card: Pace, cpu: Pace, memories: u64) -> Verdict {
    let memories = memories.max(SIZES[0] as u64);
    let (on_card, on_cpu) = (card.us(memories), cpu.us(memories));
    let choice = if on_card < on_cpu { choice } else { DeviceChoice::Cpu };
    let times = format!(
        "a search of {memories} memories takes {} on {name} and {} on the CPU",
        Us(on_card),
        Us(on_cpu)
    );
    Verdict { choice, why: format!("chosen by auto: {times}") }
}

/// Why there is no device, without the name of what was asked for.
fn reason(error: &Error) -> String {
    match error {
        Error::NoDevice { why, .. } => why.clone(),
        other => other.to_string(),
    }
}

/// Microseconds, for people.
struct Us(f64);

impl fmt::Display for Us {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1_000.0 { write!(f, "{:.0} us", self.0) } else { write!(f, "{:.1} ms", self.0 / 1e3) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_the_store_decides() {
        let card = Pace::of([Duration::from_micros(104), Duration::from_micros(164)]);
        let cpu = Pace { least_us: 80.0, row_us: 0.02 };
        assert!((card.us(0) - 104.0).abs() < 1e-6, "{card:?}");
        assert!((card.us(1_000_000) - 1_076.562_5).abs() < 1e-6, "{card:?}");
        let judge = |memories| judge(DeviceChoice::Cuda, "a card", card, cpu, memories);
        let few = judge(1_000);
        assert_eq!(few.choice, DeviceChoice::Cpu);
        assert_eq!(
            few.why,
            "chosen by auto: a search of 4096 memories takes 104 us on a card and 80 us on the CPU"
        );
        let many = judge(1_000_000);
        assert_eq!(many.choice, DeviceChoice::Cuda);
        assert!(many.why.ends_with("takes 1.1 ms on a card and 20.0 ms on the CPU"), "{}", many.why);
    }

    #[test]
    fn searches_are_timed_and_leave_nothing() {
        let mut device =
            Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, ..Default::default() }).unwrap();
        let pace = Pace::measure(&mut device).unwrap();
        assert!(pace.us(1 << 20) > 0.0, "{pace:?}");
        assert_eq!(device.used_bytes(), 0);
    }

    #[test]
    fn without_a_card_the_cpu_says_what_is_missing() {
        let Verdict { choice, why } = choose(&DeviceOptions::default(), 1_000_000);
        match why.strip_prefix("chosen by auto: no card (") {
            Some(missing) => {
                assert_eq!(choice, DeviceChoice::Cpu);
                // A reason for each of the two back ends.
                assert!(missing.split("; ").filter(|reason| !reason.is_empty()).count() >= 2, "{why}");
            }
            None => assert!(why.contains("a search of 1000000 memories takes "), "{why}"),
        }
    }
}
