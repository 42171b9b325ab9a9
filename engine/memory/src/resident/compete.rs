//! The competition of columns, as one dispatch for a batch of new memories.

use cortexkg_compute::Recording;
use cortexkg_compute::kernels::ttfs_compete::{
    self as kernel, INHIBITION, NO_WINNER, Requests, Rules, SCORERS, THRESHOLD,
};

use crate::Error;
use crate::allocate::{Outcome, SCORER_WEIGHTS};
use crate::resident::Resident;

/// The longest first spike of the code: a current of 0.1 fires at 20 ms * ln 10 (SPEC 2.1).
const WINDOW_US: u32 = 46_052;
/// No spike in the kernel's numbers.
const SILENT: u32 = u32::MAX;

/// One competition: scorer outputs of each rival, and the current of the vacant column, all 0..=1.
pub struct Contest {
    /// Semantic, structural, temporal, exception.
    pub scores: Vec<[f32; SCORERS]>,
    /// Novelty.
    pub vacant: f32,
}

fn q16(value: f32) -> i32 {
    (value.clamp(0.0, 1.0) * 65_536.0).round() as i32
}

fn spike_ms(time_us: u32) -> Option<f32> {
    (time_us != SILENT).then(|| time_us as f32 / 1e3)
}

impl Resident {
    /// Lets the columns compete. The vacant column is the last candidate of each contest, so it loses ties.
    pub fn compete(&mut self, contests: &[Contest]) -> Result<Vec<Outcome>, Error> {
        if contests.is_empty() {
            return Ok(Vec::new());
        }
        let (mut offsets, mut ids, mut scores) = (vec![0u32], Vec::new(), Vec::new());
        for contest in contests {
            // The weights add up to one, so equal scores make a current of that height.
            for rival in contest.scores.iter().copied().chain([[contest.vacant; SCORERS]]) {
                ids.push(ids.len() as u32 - offsets[offsets.len() - 1]);
                scores.extend(rival.map(q16));
            }
            offsets.push(ids.len() as u32);
        }
        let device = &mut self.device;
        let offset_buffer = device.upload("contest offsets", &offsets)?;
        let id_buffer = device.upload("contest ids", &ids)?;
        let score_buffer = device.upload("contest scores", &scores)?;
        let winners = device.create("contest winners", contests.len())?;
        let winner_times = device.create("contest winner times", contests.len())?;
        let margins = device.create("contest margins", contests.len())?;
        let times = device.create("contest times", ids.len())?;
        let rules = Rules {
            weights: SCORER_WEIGHTS.map(q16),
            inhibition: INHIBITION,
            threshold: THRESHOLD,
            window_us: WINDOW_US,
        };
        let mut recording = Recording::new();
        kernel::record(
            &mut recording,
            &rules,
            &Requests {
                offsets: &offset_buffer,
                request_count: contests.len(),
                ids: &id_buffer,
                scores: &score_buffer,
                candidate_count: ids.len(),
            },
            &kernel::Outcome {
                winners: &winners,
                winner_times: &winner_times,
                margins: &margins,
                times: &times,
            },
        );
        let (winners_read, margins_read) = (recording.read_all(&winners), recording.read_all(&margins));
        let times_read = recording.read_all(&times);
        let reads = device.run(recording)?;
        let outcomes = offsets
            .windows(2)
            .zip(reads.get(&winners_read).iter().zip(reads.get(&margins_read)))
            .map(|(span, (&winner, &margin))| {
                let vacant = span[1] - 1;
                let spikes = &reads.get(&times_read)[span[0] as usize..span[1] as usize];
                Outcome {
                    spikes_ms: spikes[..spikes.len() - 1].iter().copied().map(spike_ms).collect(),
                    vacant_ms: spike_ms(spikes[spikes.len() - 1]),
                    winner: (winner != NO_WINNER && winner != vacant).then(|| (winner - span[0]) as usize),
                    margin: margin as f32 / 65_536.0,
                }
            })
            .collect();
        for buffer in [offset_buffer, id_buffer, winners, winner_times, margins, times] {
            device.destroy(buffer);
        }
        device.destroy(score_buffer);
        Ok(outcomes)
    }
}
