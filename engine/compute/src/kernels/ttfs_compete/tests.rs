//! What the competition means, by example; that all forms agree is the twin matrix' work.

use super::*;
use crate::device::{Device, DeviceChoice, DeviceOptions};
use crate::kernels::shared::first_spike::CURRENT_MIN;

const RULES: Rules =
    Rules { weights: [65_536, 0, 0, 0], inhibition: INHIBITION, threshold: THRESHOLD, window_us: 50_000 };

/// Winner, its time, the margin and all times of one request with these semantic scores and ids.
fn compete(rules: &Rules, candidates: &[(u32, u32)]) -> (u32, u32, u32, Vec<u32>) {
    let mut device =
        Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, threads: 1, ..Default::default() })
            .expect("the CPU is there");
    let count = candidates.len();
    let ids: Vec<u32> = candidates.iter().map(|&(id, _)| id).collect();
    let scores: Vec<i32> = candidates.iter().flat_map(|&(_, score)| [score as i32, 0, 0, 0]).collect();
    let offsets = device.upload("offsets", &[0, count as u32]).expect("memory");
    let ids = device.upload("ids", &ids).expect("memory");
    let scores = device.upload("scores", &scores).expect("memory");
    let [winners, winner_times, margins] =
        ["winners", "winner times", "margins"].map(|label| device.create::<u32>(label, 1).expect("memory"));
    let times = device.create::<u32>("times", count).expect("memory");
    let mut recording = Recording::new();
    let requests =
        Requests { offsets: &offsets, request_count: 1, ids: &ids, scores: &scores, candidate_count: count };
    let outcome =
        Outcome { winners: &winners, winner_times: &winner_times, margins: &margins, times: &times };
    record(&mut recording, rules, &requests, &outcome);
    device.run(recording).expect("a small competition");
    let mut one = |buffer| device.download(buffer).expect("one word")[0];
    (one(&winners), one(&winner_times), one(&margins), device.download(&times).expect("times"))
}

#[test]
fn the_strongest_current_fires_first_and_silences_the_weak() {
    let (winner, time, margin, times) = compete(&RULES, &[(1, 20_000), (2, 60_000), (3, 12_000)]);
    assert_eq!(winner, 1);
    assert_eq!(time, first_spike_us(60_000));
    assert_eq!(margin, ((first_spike_us(20_000) - time) << 16) / 50_000);
    // 0.8 * 0.92 of their currents is taken away: 0.31 comes to 0.08, under the least current that fires.
    assert_eq!(times, [NO_SPIKE, time, NO_SPIKE]);
}

#[test]
fn a_near_equal_is_delayed_but_still_fires() {
    let (winner, time, _, times) = compete(&RULES, &[(1, 60_000), (2, 59_000)]);
    assert_eq!(winner, 0);
    assert_eq!(times[0], time);
    assert!(times[1] > first_spike_us(59_000) && times[1] != NO_SPIKE, "{times:?}");
}

#[test]
fn equal_currents_go_to_the_lower_id_and_do_not_inhibit_each_other() {
    let (winner, time, margin, times) = compete(&RULES, &[(9, 40_000), (4, 40_000), (6, 40_000)]);
    assert_eq!(winner, 1);
    assert_eq!(margin, 0);
    assert_eq!(times, [time; 3]);
}

#[test]
fn nobody_wins_where_nobody_fires() {
    let outcome = compete(&RULES, &[(1, CURRENT_MIN - 1), (2, 0)]);
    assert_eq!(outcome, (NO_WINNER, NO_SPIKE, 0, vec![NO_SPIKE; 2]));
    assert_eq!(compete(&RULES, &[]), (NO_WINNER, NO_SPIKE, 0, vec![]));
}

#[test]
fn a_lone_spike_leads_by_the_rest_of_the_window() {
    let (_, _, margin, _) = compete(&RULES, &[(1, 65_536)]);
    assert_eq!(margin, 65_536);
    let (_, time, margin, _) = compete(&RULES, &[(1, 10_000)]);
    assert_eq!(margin, ((50_000 - time) << 16) / 50_000);
}

#[test]
fn a_silenced_candidate_inhibits_nobody() {
    // The third is held down by the first alone: the second was silenced.
    let with = compete(&RULES, &[(1, 65_536), (2, 30_000), (3, 20_000)]);
    let without = compete(&RULES, &[(1, 65_536), (3, 20_000)]);
    assert_eq!(with.3[1], NO_SPIKE);
    assert_eq!(with.3[2], without.3[1]);
    let mild = Rules { inhibition: INHIBITION / 4, ..RULES };
    let with = compete(&mild, &[(1, 65_536), (2, 50_000), (3, 30_000)]);
    let without = compete(&mild, &[(1, 65_536), (3, 30_000)]);
    assert_ne!(with.3[1], NO_SPIKE);
    assert!(with.3[2] > without.3[1], "a second one that fires delays the third further");
}
