//! Inputs on which the forms of `activation_spread` are compared.

use super::{CLASSES, Class, FIRED_WORDS, HUB_BIT, NONE, Norm, ONE, SpreadParams};
use crate::case::{Case, Draw};

/// Random graphs of several shapes, with silent, dense, star-shaped and self-tied ones among them; lanes that reach many nodes
/// by so little that they rest and wake again; sums that saturate.
pub(super) fn cases(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let shapes: &[(&str, usize, usize, u32, u32)] = &[
        // name, nodes, edges, lanes, leaves_max
        ("no lane", 5, 4, 0, 9),
        ("no seed", 5, 4, 1, 9),
        ("one node", 1, 0, 1, 9),
        ("sparse", 64, 80, 3, 20),
        ("dense", 97, 2000, 5, 1000),
        ("stops early", 300, 1500, 2, 3),
        ("many lanes", 211, 900, 65, 40),
        ("star", 257, 512, 4, 100),
        ("many weak", 300, 30_000, 3, 1000),
        // As wide as a program that plays a card can follow: it ends the loops of an invocation after 65,535 rounds.
        ("wide", 900, 4_500, 3, 900),
        ("saturated", 40, 40_000, 2, 1000),
    ];
    shapes.iter().map(|&shape| case(&mut draw, shape)).collect()
}

fn case(draw: &mut Draw, (name, nodes, edges, lanes, leaves_max): (&str, usize, usize, u32, u32)) -> Case {
    let (weak, saturated) = (name == "many weak", name == "saturated");
    // Half of the edges leave from node 0.
    let star = matches!(name, "star" | "wide");
    let params = SpreadParams {
        lanes,
        nodes: nodes as u32,
        fired_max: 64,
        leaves_max,
        steps_max: if weak { 200 } else { 40 },
        leak_div: if saturated { 1 } else { 50 },
        synapse_div: if saturated { 1_000_000 } else { 1 + draw.below(9) as u32 },
        degree_max: if name == "wide" { 5_000 } else { 30 },
        leaves_total: nodes as u32,
        driven_damp: ONE / 3,
    };
    let mut rows = vec![[Vec::new(), Vec::new()]; nodes];
    for _ in 0..edges {
        let from = if star { draw.below(2) * draw.below(nodes) } else { draw.below(nodes) };
        let packed = (draw.below(CLASSES) as u32) << 24 | draw.below(1 << 14) as u32;
        rows[from][draw.below(2)].push([draw.below(nodes) as u32, packed]);
    }
    let (mut table, mut arena) = (Vec::new(), Vec::new());
    for row in &rows {
        let start = arena.len() as u32 / 2;
        table.extend([start, start + row[0].len() as u32, row[0].len() as u32, row[1].len() as u32]);
        arena.extend(row.iter().flatten().flatten().copied());
    }
    arena.extend([0, 0]);
    let owners = draw.many(nodes, |draw| if draw.below(3) == 0 { HUB_BIT } else { 0 });
    let norms = [Norm::Weight, Norm::Share, Norm::Row, Norm::Root];
    let classes: [Class; CLASSES] = std::array::from_fn(|class| Class {
        gain: match class {
            _ if weak => draw.below(12),
            _ if saturated => 127 * 256,
            7 => draw.below(127 * 256),
            _ => draw.below(600),
        } as u32,
        norm: norms[class % 4],
        gate_floor: draw.below(ONE as usize + 1) as u32,
    });
    let (mut starts, mut seeds) = (vec![0u32], Vec::new());
    for _ in 0..lanes {
        if name != "no seed" {
            let mut chosen = draw.many(7, |draw| draw.below(nodes) as u32);
            chosen.extend(star.then_some(0));
            chosen.sort_unstable();
            chosen.dedup();
            seeds.extend(chosen);
        }
        starts.push(seeds.len() as u32);
    }
    let drives = draw.many(seeds.len(), |draw| draw.below(ONE as usize / 4) as u32 * draw.below(2) as u32);
    let gates = draw.many(seeds.len(), |draw| draw.below(ONE as usize) as u32);
    Case::new(name, &params)
        .bind(&table)
        .bind(&owners)
        .bind(&arena)
        .bind(&Class::table(&classes))
        .bind(&starts)
        .bind(&seeds)
        .bind(&drives)
        .bind(&gates)
        .bind(&vec![0u32; lanes as usize])
        .bind(&vec![NONE; lanes as usize * 64 * FIRED_WORDS])
}
