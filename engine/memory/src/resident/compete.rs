//! The competition of columns, as one recording for a batch of new memories, and the device's copy of their grid.

use cortexkg_compute::kernels::column_compete::{self, NO_WINNER, Pace};
use cortexkg_compute::kernels::lateral_inhibit::{self, INHIBITION, Strength, THRESHOLD};
use cortexkg_compute::kernels::shared::columns::{
    ALLOCATED, AVAILABLE, COLUMN_WORDS, NO_COLUMN, REQUEST, Requests, VACANT,
};
use cortexkg_compute::kernels::ttfs_encode::{self, Drive, SCORERS, WINDOW_US};
use cortexkg_compute::{Buffer, Device, Recording};

use crate::Error;
use crate::allocate::{BIAS, Outcome, SCORER_WEIGHTS};
use crate::ids::ColumnId;
use crate::resident::{Resident, make_room, sent};
use crate::state::State;

/// Every memory gets a competition of its own, which lasts longer than a column is refractory (2 ms): one tick is one memory,
/// and a column that spiked has recovered when the next one comes.
const REFRACTORY_TICKS: u32 = 1;
/// No spike in the kernels' numbers.
const SILENT: u32 = u32::MAX;

/// Whose column a candidate stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// This column.
    Column(ColumnId),
    /// Whichever column the earlier memory of the batch gets.
    OfEarlier(usize),
}

/// One competition: who speaks for which column, and how strongly.
pub struct Contest {
    /// Scorer outputs of each rival, 0..=1: semantic, structural, temporal, exception.
    pub rivals: Vec<(Seat, [f32; SCORERS])>,
    /// Whether a vacant column takes part, driven by novelty. It is the last candidate.
    pub may_found: bool,
}

/// Columns on the device, kept like the state.
#[derive(Default)]
pub struct Grid {
    columns: Option<Buffer<u32>>,
    /// Columns that a competition changed: what became of them is in the state by the next one.
    touched: Vec<u32>,
    /// Memories that competed so far.
    ticks: u32,
}

impl Grid {
    /// Writes the columns that changed.
    pub fn sync(&mut self, device: &mut Device, state: &mut State) -> Result<(), Error> {
        let mut stale = state.columns.take_stale();
        stale.append(&mut self.touched);
        stale.sort_unstable();
        stale.dedup();
        let Some(&last) = stale.last() else { return Ok(()) };
        self.reserve(device, last as usize + 1)?;
        let Some(columns) = &self.columns else { unreachable!("made above; this is a bug") };
        let mut recording = Recording::new();
        for run in stale.chunk_by(|a, b| a + 1 == *b) {
            let holds = |&ix: &u32| state.columns.get(ColumnId(ix)).is_some_and(|column| column.members > 0);
            let word = |ix: &u32| [if holds(ix) { ALLOCATED } else { AVAILABLE }, 0, 0, 0];
            let words: Vec<u32> = run.iter().flat_map(word).collect();
            recording.write(columns, run[0] as usize * COLUMN_WORDS, &words);
        }
        device.run(recording)?;
        Ok(())
    }

    fn reserve(&mut self, device: &mut Device, columns: usize) -> Result<(), Error> {
        make_room(device, &mut self.columns, "columns", columns * COLUMN_WORDS)
    }
}

fn q16(value: f32) -> i32 {
    (value.clamp(0.0, 1.0) * 65_536.0).round() as i32
}

fn spike_ms(time_us: u32) -> Option<f32> {
    (time_us != SILENT).then(|| time_us as f32 / 1e3)
}

impl Resident {
    /// Lets the columns compete, one memory after the other. `vacants` are columns that founders get, in this order; there must
    /// be one for each contest that may found one. The columns must be in step with the state.
    pub fn compete(&mut self, contests: &[Contest], vacants: &[ColumnId]) -> Result<Vec<Outcome>, Error> {
        if contests.is_empty() {
            return Ok(Vec::new());
        }
        let (mut offsets, mut candidates, mut scores) = (vec![0u32], Vec::new(), Vec::new());
        for contest in contests {
            for (seat, rival) in &contest.rivals {
                candidates.push(match *seat {
                    Seat::Column(column) => column.0,
                    Seat::OfEarlier(at) => REQUEST | at as u32,
                });
                scores.extend(rival.map(q16));
            }
            if contest.may_found {
                candidates.push(VACANT);
                scores.extend([0; SCORERS]);
            }
            offsets.push(candidates.len() as u32);
        }
        let vacants: Vec<u32> = vacants.iter().map(|column| column.0).collect();
        let capacity = vacants.iter().max().map_or(0, |&last| last as usize + 1);
        let (device, grid) = (&mut self.device, &mut self.grid);
        grid.reserve(device, capacity)?;
        let Some(columns) = &grid.columns else { unreachable!("made above; this is a bug") };
        let arrivals: Vec<u32> = (0..contests.len() as u32).map(|at| grid.ticks.saturating_add(at)).collect();
        grid.ticks = grid.ticks.saturating_add(contests.len() as u32);

        let (count, requests) = (candidates.len(), contests.len());
        let mut recording = Recording::new();
        let offset_buffer = sent(device, &mut recording, "contest offsets", &offsets)?;
        let candidate_buffer = sent(device, &mut recording, "contest candidates", &candidates)?;
        let arrival_buffer = sent(device, &mut recording, "contest arrivals", &arrivals)?;
        let vacant_buffer = sent(device, &mut recording, "contest vacants", &vacants)?;
        let score_buffer = sent(device, &mut recording, "contest scores", &scores)?;
        let of_requests = |device: &mut Device, label| device.create::<u32>(label, requests);
        let winners = of_requests(device, "contest winners")?;
        let taken = of_requests(device, "contest columns")?;
        let margins = of_requests(device, "contest margins")?;
        let of_candidates = |device: &mut Device, label| device.create::<u32>(label, count);
        let currents = of_candidates(device, "contest currents")?;
        let times = of_candidates(device, "contest times")?;
        let targets = of_candidates(device, "contest targets")?;
        let inhibited = of_candidates(device, "contest spikes")?;

        let batch = Requests {
            offsets: &offset_buffer,
            request_count: requests,
            candidates: &candidate_buffer,
            candidate_count: count,
        };
        let signed = |value: f32| (value * 65_536.0).round() as i32;
        let drive = Drive { weights: SCORER_WEIGHTS.map(signed), bias: signed(BIAS), window_us: WINDOW_US };
        ttfs_encode::record(&mut recording, &drive, &batch, &score_buffer, &currents, &times);
        column_compete::record(
            &mut recording,
            &Pace { refractory: REFRACTORY_TICKS, window_us: WINDOW_US },
            &batch,
            &times,
            &arrival_buffer,
            &column_compete::Columns {
                columns,
                capacity: columns.len() / COLUMN_WORDS,
                vacants: &vacant_buffer,
                offered: vacants.len(),
            },
            &column_compete::Outcome {
                winners: &winners,
                taken: &taken,
                margins: &margins,
                targets: &targets,
            },
        );
        let strength = Strength { inhibition: INHIBITION, threshold: THRESHOLD, window_us: WINDOW_US };
        lateral_inhibit::record(&mut recording, &strength, &batch, &currents, &times, &targets, &inhibited);
        let (winners_read, taken_read) = (recording.read_all(&winners), recording.read_all(&taken));
        let (margins_read, spikes_read) = (recording.read_all(&margins), recording.read_all(&inhibited));
        let reads = device.run(recording)?;

        let spikes = reads.get(&spikes_read);
        let outcomes = contests.iter().enumerate().map(|(at, contest)| {
            let (start, rivals) = (offsets[at] as usize, contest.rivals.len());
            let (winner, column) = (reads.get(&winners_read)[at], reads.get(&taken_read)[at]);
            // Half of all current goes to the strongest rival or to novelty, and all columns have recovered.
            assert!(winner != NO_WINNER && column != NO_COLUMN, "nobody took a memory; this is a bug");
            let place = winner as usize - start;
            Outcome {
                spikes_ms: spikes[start..start + rivals].iter().copied().map(spike_ms).collect(),
                winner: (place < rivals).then_some(place),
                column: ColumnId(column),
                margin: reads.get(&margins_read)[at] as f32 / 65_536.0,
            }
        });
        let outcomes: Vec<Outcome> = outcomes.collect();
        grid.touched.extend(outcomes.iter().filter(|outcome| outcome.winner.is_none()).map(|o| o.column.0));
        let of_batch = [offset_buffer, candidate_buffer, arrival_buffer, vacant_buffer];
        for buffer in
            of_batch.into_iter().chain([winners, taken, margins, currents, times, targets, inhibited])
        {
            device.destroy(buffer);
        }
        device.destroy(score_buffer);
        Ok(outcomes)
    }
}
