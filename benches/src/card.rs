//! `Card`: the limits of a card, and the least time that counted work can take on it.
//!
//! A limit is no forecast: it says what no text with these counts can beat, and which of the counts that is.

use crate::work::Work;

/// What a card can do at best.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// Its name.
    pub name: &'static str,
    /// Bytes a second to and from its memory.
    pub memory_bytes_per_s: f64,
    /// Multiprocessors.
    pub multiprocessors: u64,
    /// Cycles a second.
    pub clock_hz: f64,
    /// Bytes a cycle into one multiprocessor.
    pub bytes_per_cycle: f64,
    /// Instructions a cycle of one multiprocessor, of all kinds, in all lanes.
    pub issued_per_cycle: f64,
    /// On integers.
    pub integer_per_cycle: f64,
    /// On f32.
    pub float_per_cycle: f64,
    /// On f64.
    pub double_per_cycle: f64,
    /// Of tensor cores, 128 products of bytes each.
    pub tensor_per_cycle: f64,
    /// Atomic operations a second on its second-level cache.
    pub atomics_per_s: f64,
    /// Seconds from one launch of a stream to the next.
    pub launch_s: f64,
    /// Seconds of a barrier in a workgroup.
    pub barrier_s: f64,
    /// Seconds of a wait of all workgroups for each other.
    pub meeting_s: f64,
}

/// NVIDIA H200 SXM. Memory, multiprocessors and instructions a cycle as NVIDIA's data sheet and programming guide give them; the clock is
/// what was seen under load; of tensor cores `mma.sync` gets 63 % of what they can do (arXiv:2402.13499). Assumed, and to be measured:
/// atomics (100 to 150 G/s), launches (3 to 6 us), barriers (40 cycles), meetings (an atomic of each of a thousand workgroups on one
/// word, and the way there and back).
pub const H200: Card = Card {
    name: "NVIDIA H200",
    memory_bytes_per_s: 4.8e12,
    multiprocessors: 132,
    clock_hz: 1.98e9,
    bytes_per_cycle: 64.0,
    issued_per_cycle: 128.0,
    integer_per_cycle: 64.0,
    float_per_cycle: 128.0,
    double_per_cycle: 64.0,
    tensor_per_cycle: 20.0,
    atomics_per_s: 100e9,
    launch_s: 4e-6,
    barrier_s: 20e-9,
    meeting_s: 2e-6,
};

/// How a dispatch is spread over a card.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// Workgroups.
    pub workgroups: u64,
    /// Of these, how many the card has room for at once.
    pub at_once: u64,
}

/// Least microseconds by each limit.
#[derive(Clone, Copy, Debug)]
pub struct Implied {
    /// Moving each number once.
    pub least_memory_us: f64,
    /// Moving what the text asks for.
    pub memory_us: f64,
    /// Instructions.
    pub compute_us: f64,
    /// Atomic operations.
    pub atomics_us: f64,
    /// Barriers, one after the other.
    pub barriers_us: f64,
    /// Meetings, one after the other.
    pub meetings_us: f64,
    /// Launches, one after the other, and zeros that the whole card writes before them.
    pub launches_us: f64,
}

impl Card {
    /// Least times of a dispatch.
    pub fn implied(&self, work: &Work, spread: Spread) -> Implied {
        // Few workgroups keep few multiprocessors busy.
        let busy = spread.workgroups.clamp(1, self.multiprocessors) as f64;
        let memory = self.memory_bytes_per_s.min(busy * self.bytes_per_cycle * self.clock_hz);
        let kinds = [
            (work.integer_ops, self.integer_per_cycle),
            (work.float_ops, self.float_per_cycle),
            (work.double_ops, self.double_per_cycle),
            (work.tensor_ops, self.tensor_per_cycle),
        ];
        // Units work side by side, but all instructions are issued by the same schedulers.
        let issued = kinds.iter().map(|(ops, _)| *ops as f64).sum::<f64>() / self.issued_per_cycle;
        let cycles = kinds.iter().map(|(ops, per_cycle)| *ops as f64 / per_cycle).fold(issued, f64::max);
        // Workgroups that do not fit at once come in turns.
        let turns = spread.workgroups.div_ceil(spread.at_once).max(1);
        Implied {
            least_memory_us: 1e6 * work.least_bytes() as f64 / self.memory_bytes_per_s,
            memory_us: 1e6 * work.asked_bytes as f64 / memory,
            compute_us: 1e6 * cycles / (busy * self.clock_hz),
            atomics_us: 1e6 * work.atomics as f64 / self.atomics_per_s,
            barriers_us: 1e6 * (work.barriers * turns) as f64 * self.barrier_s,
            meetings_us: 1e6 * work.meetings as f64 * self.meeting_s,
            launches_us: 1e6
                * (work.launches as f64 * self.launch_s
                    + work.cleared_bytes as f64 / self.memory_bytes_per_s),
        }
    }
}

impl Implied {
    /// Launches and meetings come one after the other; the rest may overlap, so the longest of it counts.
    pub fn us(&self) -> f64 {
        self.launches_us + self.meetings_us + self.longest().0
    }

    /// What takes longest.
    pub fn bound_by(&self) -> &'static str {
        let (us, name) = self.longest();
        let all = [(us, name), (self.meetings_us, "meetings"), (self.launches_us, "launches")];
        all.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).expect("three of them").1
    }

    fn longest(&self) -> (f64, &'static str) {
        let all = [
            (self.memory_us, "memory"),
            (self.compute_us, "instructions"),
            (self.atomics_us, "atomics"),
            (self.barriers_us, "barriers"),
        ];
        all.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).expect("four of them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_limit_decides() {
        let wide = Spread { workgroups: 1 << 20, at_once: 132 * 12 };
        let moved = H200.implied(&(Work::read(48 << 30) + Work::launches(1)), wide);
        assert_eq!(moved.bound_by(), "memory");
        assert!((moved.us() - 4.0 - 1e6 * (48u64 << 30) as f64 / 4.8e12).abs() < 1e-6);
        // One workgroup has one multiprocessor's share of either.
        let narrow = Spread { workgroups: 1, at_once: 132 * 12 };
        let work = Work::integer(1 << 30);
        let [alone, all] = [narrow, wide].map(|spread| H200.implied(&work, spread).compute_us);
        assert!((alone / all - 132.0).abs() < 1e-9);
        assert_eq!(H200.implied(&Work::launches(9), wide).bound_by(), "launches");
        assert_eq!(H200.implied(&(Work::launches(2) + Work::meetings(9)), wide).bound_by(), "meetings");
        // The whole card clears, however few workgroups come after.
        let cleared = H200.implied(&Work::clear(48 << 30), narrow);
        assert!((cleared.us() - moved.us()).abs() < 1e-6);
        assert_eq!(H200.implied(&Work::atomic(1 << 30), wide).bound_by(), "atomics");
    }
}
