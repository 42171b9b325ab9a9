//! Small random networks with every feature.

use crate::Result;
use crate::case::{Case, Draw};
use crate::network::known::vogels_abbott;
use crate::network::{
    Description, Layout, Lif, Poisson, Population, Projection, Stdp, Values, Wiring, lay_out,
};
use crate::simd::Real;

/// A network drawn at random: some hundred neurons that fire.
pub(crate) fn random_description(draw: &mut Draw) -> Description {
    let populations = 1 + draw.below(4);
    let any =
        |draw: &mut Draw, low: f64, high: f64| low + (high - low) * (f64::from(draw.signed()) + 1.0) / 2.0;
    let values = |draw: &mut Draw, low: f64, high: f64| match draw.below(3) {
        0 => Values::All(low + (high - low) / 2.0),
        1 => Values::Uniform { low, high, seed: (draw.below(2) == 0).then_some(77) },
        _ => Values::Normal { mean: low + (high - low) / 2.0, sd: (high - low) / 6.0 },
    };
    let populations: Vec<Population> = (0..populations)
        .map(|place| Population {
            name: format!("p{place}"),
            size: [1, 63, 64, 65, 130, 200][draw.below(6)],
            neuron: Lif {
                c_pf: 250.0,
                tau_m_ms: 10.0,
                tau_ex_ms: [0.5, 2.0, 10.0][draw.below(3)],
                tau_in_ms: [0.5, 2.0, 5.0][draw.below(3)],
                rest_mv: -65.0,
                threshold_mv: -50.0,
                reset_mv: any(draw, -70.0, -55.0),
                refractory_ms: [0.0, 0.1, 2.0][draw.below(3)],
            },
            current_pa: values(draw, 300.0, 500.0),
            potential_mv: values(draw, -65.0, -45.0),
            poisson: (draw.below(2) == 0)
                .then(|| Poisson { rate_hz: any(draw, 100.0, 30_000.0), weight_pa: any(draw, -60.0, 100.0) }),
        })
        .collect();
    let mut projections = Vec::new();
    for _ in 0..draw.below(6) {
        let (source, target) = (draw.below(populations.len()), draw.below(populations.len()));
        let sizes = [populations[source].size, populations[target].size];
        let sign = [1.0, 1.0, -4.0][draw.below(3)];
        let wiring = match draw.below(6) {
            0 => {
                let pair = |draw: &mut Draw| sizes.map(|size| draw.below(size as usize) as u32);
                Wiring::Pairs(draw.many(300, pair))
            }
            1 => Wiring::InDegree { count: draw.below(20) as u32, autapses: true },
            2 => Wiring::Probability { p: any(draw, 0.0, 0.2), autapses: draw.below(2) == 0 },
            _ if source == target && sizes[0] == 1 => Wiring::Pairs(Vec::new()),
            3 | 4 => Wiring::OutDegree {
                count: [0, 1, 9, 150, 400][draw.below(5)].min(2 * sizes[1]),
                autapses: draw.below(2) == 0,
                procedural: draw.below(4) > 0,
            },
            _ => Wiring::Hashed { in_degree: draw.below(20) as u32, first: draw.below(50) as u32, seed: 1 },
        };
        let listed = match &wiring {
            Wiring::Pairs(pairs) => Some(pairs.len()),
            _ => None,
        };
        let stored = !matches!(wiring, Wiring::OutDegree { procedural: true, .. });
        let stdp = (stored && draw.below(3) == 0).then_some(Stdp {
            // Short ones make turns of a few steps.
            tau_plus_ms: [20.0, 2.0, 0.1][draw.below(3)],
            tau_minus_ms: [15.0, 5.0, 0.3][draw.below(3)],
            lambda: 0.05,
            alpha: 1.1,
            weight_max_pa: 300.0,
        });
        let weight_pa = match (listed, &stdp) {
            (Some(count), None) if draw.below(2) == 0 => {
                Values::Each((0..count).map(|_| any(draw, -200.0, 200.0)).collect())
            }
            (_, Some(_)) => values(draw, 50.0, 250.0),
            _ => match values(draw, 40.0, 160.0) {
                Values::Normal { mean, sd } => Values::Normal { mean: mean * sign, sd: sd * 4.0 },
                Values::Uniform { low, high, .. } if sign > 0.0 => Values::Uniform { low, high, seed: None },
                _ => Values::All(50.0 * sign),
            },
        };
        let weight_pa = match weight_pa {
            Values::Uniform { low, high, .. } => Values::Uniform { low, high, seed: None },
            other => other,
        };
        let delay_ms = match (listed, draw.below(3)) {
            (_, 0) => Values::All(any(draw, 0.1, 3.0)),
            (_, _) if stdp.is_some() => Values::All(1.5),
            (Some(count), 1) => Values::Each((0..count).map(|_| any(draw, 0.1, 3.0)).collect()),
            _ => Values::Normal { mean: 1.5, sd: 0.75 },
        };
        projections.push(Projection { source, target, wiring, weight_pa, delay_ms, stdp });
    }
    Description { step_ms: 0.1, seed: draw.bits(), populations, projections }
}

/// A case of a description, from `step` on, with spikes and currents in the past.
fn case<T: Real>(
    name: String,
    description: &Description,
    step: u32,
    steps: u32,
    blocks: usize,
    draw: &mut Draw,
) -> Case {
    let seeds: Vec<u64> = (0..1 + draw.below(3)).map(|_| draw.bits()).collect();
    let layout: Layout<T> =
        lay_out(description, &seeds, blocks, u64::MAX).expect("a description that keeps the rules");
    let mut params = layout.params;
    (params.step, params.steps) = (step, steps);
    params.ring_steps = params.horizon + steps + draw.below(3) as u32;
    params.interval = 1 + draw.below(params.interval as usize) as u32;
    let cells = params.neurons as usize * params.replicas as usize;
    let inbox: Vec<i32> = draw.many(2 * cells, |draw| draw.below(9) as i32 - 4);
    // What is left over of a tile cannot have fired.
    let alive = |cell: usize| layout.releases[cell] != i32::MAX;
    let (neurons, rows) = (params.neurons as usize, params.ring_steps as usize);
    let mut spikes = vec![0u32; cells / 32 * rows];
    for (word, bits) in spikes.iter_mut().enumerate() {
        let (replica, of_row) = (word / (rows * neurons / 32), word % (neurons / 32));
        for bit in 0..32 {
            let fired = draw.below(50) == 0 && alive(replica * neurons + of_row * 32 + bit);
            *bits |= u32::from(fired) << bit;
        }
    }
    Case::new(name, &params)
        .bind(&layout.constants)
        .bind(&layout.tables)
        .bind(&layout.starts)
        .bind(&layout.synapses)
        .bind(&layout.columns)
        .bind(&layout.drives)
        .bind(&inbox)
        .bind(&layout.state)
        .bind(&layout.releases)
        .bind(&spikes)
        .bind(&layout.plastic)
}

/// A network that begins, about to run so many steps, in as many blocks as there are threads for.
pub fn beginning<T: Real>(description: &Description, steps: u32, blocks: usize) -> Result<Case> {
    let layout: Layout<T> = lay_out(description, &[description.seed], blocks, u64::MAX)?;
    let mut params = layout.params;
    (params.steps, params.ring_steps) = (steps, params.horizon + steps);
    let cells = params.neurons as usize;
    let name = format!("{cells} neurons, {steps} steps");
    Ok(Case::new(name, &params)
        .bind(&layout.constants)
        .bind(&layout.tables)
        .bind(&layout.starts)
        .bind(&layout.synapses)
        .bind(&layout.columns)
        .bind(&layout.drives)
        .bind(&vec![0i32; 2 * cells])
        .bind(&layout.state)
        .bind(&layout.releases)
        .bind(&vec![0u32; cells / 32 * params.ring_steps as usize])
        .bind(&layout.plastic))
}

pub(super) fn cases<T: Real>(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let mut cases = Vec::new();
    for number in 0..24 {
        let description = random_description(&mut draw);
        let steps = [0, 1, 2, 150, 400][draw.below(5)];
        let (step, blocks) = ([0, 1, 77, 1_000_000][draw.below(4)], 1 + draw.below(4));
        let name = format!("random network {number}, {steps} steps from {step}, {blocks} blocks");
        cases.push(case::<T>(name, &description, step, steps, blocks, &mut draw));
    }
    let far = far_description();
    cases.push(case::<T>("delays of a second".into(), &far, 77, 40, 2, &mut draw));
    cases
}

/// A network in which so much is under way that nobody keeps the sums of all steps ahead.
fn far_description() -> Description {
    let mut description = vogels_abbott(1_000);
    for (projection, delay_ms) in description.projections.iter_mut().zip([1_000.0, 0.1, 1.5, 999.9]) {
        projection.delay_ms = Values::All(delay_ms);
    }
    description
}
