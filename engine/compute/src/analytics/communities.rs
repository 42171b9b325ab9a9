//! Communities by modularity: Leiden (Traag, Waltman and van Eck 2019), with greedy instead of random refinement.
//!
//! Nodes move one by one to where modularity gains most, communities are refined so that none falls apart, the refined parts become
//! nodes, and all begins anew until nothing moves. This is a sequential algorithm, and here it is one: each move depends on those
//! before it, which is what makes its communities better than those of simultaneous moves. So it is no kernel.
//! Gains are compared in integers, nodes come in order of their numbers, ties go to the lower community: the same on every machine.

use std::collections::VecDeque;

use crate::kernels::shared::csr::Csr;

/// A partition of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Communities {
    /// Of each node; numbered from the largest, ties by their lowest node.
    pub of: Vec<u32>,
    /// How many nodes each has.
    pub sizes: Vec<u32>,
    /// Newman's modularity of the partition, -0.5..1; none without edges.
    pub modularity: Option<f64>,
}

/// Finds communities, in at most `rounds_max` rounds over the whole graph, each starting from what the one before found. Once a
/// round moves nothing, no node gains by moving alone.
pub fn communities(graph: &Csr, rounds_max: usize) -> Communities {
    let whole = Level::of(graph);
    let mut of: Vec<u32> = (0..graph.nodes() as u32).collect();
    for _ in 0..rounds_max {
        let found = numbered(&round(&whole, &of)).0;
        if std::mem::replace(&mut of, found.clone()) == found {
            break;
        }
    }
    let (of, sizes) = by_size(&of);
    let modularity = modularity(graph, &of);
    Communities { of, sizes, modularity }
}

/// One round: from single nodes of the graph up to groups of groups, until nothing joins.
fn round(whole: &Level, of: &[u32]) -> Vec<u32> {
    let mut of = of.to_vec();
    whole.move_nodes(&mut of);
    // Node of the level that each node of the graph has become part of.
    let mut part: Vec<u32> = (0..of.len() as u32).collect();
    let mut joined: Option<Level> = None;
    loop {
        let level = joined.as_ref().unwrap_or(whole);
        let (refined, parts) = numbered(&level.refine(&of));
        if parts == level.nodes() {
            return part.iter().map(|&part| of[part as usize]).collect();
        }
        let mut next_of = vec![0; parts];
        refined.iter().zip(&of).for_each(|(&into, &group)| next_of[into as usize] = group);
        part.iter_mut().for_each(|part| *part = refined[*part as usize]);
        let next = level.joined(&refined, parts);
        of = numbered(&next_of).0;
        next.move_nodes(&mut of);
        joined = Some(next);
    }
}

/// Newman's modularity of a partition; none without edges.
pub fn modularity(graph: &Csr, of: &[u32]) -> Option<f64> {
    let count = of.iter().max().map_or(0, |&last| last as usize + 1);
    let (mut inside, mut ends) = (vec![0u64; count], vec![0u64; count]);
    for node in 0..graph.nodes() as u32 {
        let own = of[node as usize];
        ends[own as usize] += u64::from(graph.degree(node));
        inside[own as usize] +=
            graph.row(node).iter().filter(|&&other| of[other as usize] == own).count() as u64;
    }
    let all = graph.ends() as f64;
    let share = |(&inside, &ends): (&u64, &u64)| inside as f64 / all - (ends as f64 / all).powi(2);
    (all > 0.0).then(|| inside.iter().zip(&ends).map(share).sum())
}

/// The same groups, numbered in the order they are met; how many.
fn numbered(groups: &[u32]) -> (Vec<u32>, usize) {
    let mut numbers = vec![u32::MAX; groups.iter().max().map_or(0, |&last| last as usize + 1)];
    let mut count = 0;
    let number = |&group: &u32| {
        let number = &mut numbers[group as usize];
        if *number == u32::MAX {
            *number = count;
            count += 1;
        }
        *number
    };
    let of = groups.iter().map(number).collect();
    (of, count as usize)
}

/// The same groups, numbered from the largest, ties in the order they are met; and their sizes.
fn by_size(groups: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let (met, count) = numbered(groups);
    let mut sizes = vec![0u32; count];
    met.iter().for_each(|&group| sizes[group as usize] += 1);
    let mut order: Vec<u32> = (0..count as u32).collect();
    order.sort_by_key(|&group| std::cmp::Reverse(sizes[group as usize]));
    let mut place = vec![0; count];
    order.iter().zip(0..).for_each(|(&group, at)| place[group as usize] = at);
    let of = met.into_iter().map(|group| place[group as usize]).collect();
    (of, order.into_iter().map(|group| sizes[group as usize]).collect())
}

/// A graph whose nodes are groups of nodes and whose edges are bundles of edges; what stays inside a group counts only in
/// its strength.
struct Level {
    offsets: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<u32>,
    /// Ends of edges at each node.
    strengths: Vec<u64>,
    /// Ends of all edges.
    total: u64,
}

/// Weights from one node to groups around it.
struct Around {
    weights: Vec<u64>,
    groups: Vec<u32>,
}

impl Around {
    fn new(groups: usize) -> Self {
        Around { weights: vec![0; groups], groups: Vec::new() }
    }

    fn add(&mut self, group: u32, weight: u32) {
        let sum = &mut self.weights[group as usize];
        if *sum == 0 {
            self.groups.push(group);
        }
        *sum += u64::from(weight);
    }

    /// Calls `each` with every group and its weight, and forgets them.
    fn drain(&mut self, mut each: impl FnMut(u32, u64)) {
        for group in self.groups.drain(..) {
            each(group, std::mem::take(&mut self.weights[group as usize]));
        }
    }
}

impl Level {
    fn of(graph: &Csr) -> Self {
        let offsets = if graph.nodes() == 0 { vec![0] } else { graph.offsets().to_vec() };
        Level {
            offsets,
            targets: graph.targets().to_vec(),
            weights: vec![1; graph.ends()],
            strengths: (0..graph.nodes() as u32).map(|node| u64::from(graph.degree(node))).collect(),
            total: graph.ends() as u64,
        }
    }

    fn nodes(&self) -> usize {
        self.strengths.len()
    }

    fn row(&self, node: u32) -> impl Iterator<Item = (u32, u32)> {
        let row = self.offsets[node as usize] as usize..self.offsets[node as usize + 1] as usize;
        self.targets[row.clone()].iter().copied().zip(self.weights[row].iter().copied())
    }

    /// What modularity gains, times a constant, when a node of this strength joins a group it is tied to so much.
    fn gain(&self, weight: u64, strength: u64, group: u64) -> i128 {
        i128::from(self.total) * i128::from(weight) - i128::from(strength) * i128::from(group)
    }

    /// Moves nodes to the groups where modularity gains most, until none gains by moving. Groups are numbered below `nodes()`.
    fn move_nodes(&self, of: &mut [u32]) {
        let nodes = self.nodes();
        let (mut totals, mut members) = (vec![0u64; nodes], vec![0u32; nodes]);
        for (node, &group) in of.iter().enumerate() {
            totals[group as usize] += self.strengths[node];
            members[group as usize] += 1;
        }
        let mut empty: Vec<u32> =
            (0..nodes as u32).rev().filter(|&group| members[group as usize] == 0).collect();
        let mut around = Around::new(nodes);
        let mut queue: VecDeque<u32> = (0..nodes as u32).collect();
        let mut queued = vec![true; nodes];
        while let Some(node) = queue.pop_front() {
            queued[node as usize] = false;
            let (old, strength) = (of[node as usize], self.strengths[node as usize]);
            self.row(node).for_each(|(other, weight)| around.add(of[other as usize], weight));
            totals[old as usize] -= strength;
            members[old as usize] -= 1;
            let stay = self.gain(around.weights[old as usize], strength, totals[old as usize]);
            // Alone is worth 0.
            let (mut best, mut new) = if stay < 0 { (0, None) } else { (stay, Some(old)) };
            around.drain(|group, weight| {
                let gain = self.gain(weight, strength, totals[group as usize]);
                if gain > best || (gain == best && new != Some(old) && new.is_some_and(|new| group < new)) {
                    (best, new) = (gain, Some(group));
                }
            });
            if members[old as usize] == 0 && new != Some(old) {
                empty.push(old);
            }
            let new = new.unwrap_or_else(|| empty.pop().expect("one was left free; this is a bug"));
            totals[new as usize] += strength;
            members[new as usize] += 1;
            if new == old {
                continue;
            }
            of[node as usize] = new;
            for (other, _) in self.row(node) {
                if of[other as usize] != new && !std::mem::replace(&mut queued[other as usize], true) {
                    queue.push_back(other);
                }
            }
        }
    }

    /// Parts of groups that hang together: nodes alone join the part of their own group where modularity gains most, as long as both
    /// are well connected to the rest of the group. Parts are numbered by one of their nodes.
    fn refine(&self, of: &[u32]) -> Vec<u32> {
        let nodes = self.nodes();
        let mut totals = vec![0u64; nodes];
        of.iter().zip(&self.strengths).for_each(|(&group, strength)| totals[group as usize] += strength);
        let mut part: Vec<u32> = (0..nodes as u32).collect();
        let mut alone = vec![true; nodes];
        let mut strengths = self.strengths.clone();
        // Weight from each part to the rest of its group.
        let mut cut: Vec<u64> = (0..nodes as u32)
            .map(|node| {
                let inside = self.row(node).filter(|(other, _)| of[*other as usize] == of[node as usize]);
                inside.map(|(_, weight)| u64::from(weight)).sum()
            })
            .collect();
        let mut around = Around::new(nodes);
        for node in 0..nodes as u32 {
            let (own, strength) = (node as usize, self.strengths[node as usize]);
            let group = totals[of[own] as usize];
            let is_tied = |cut: u64, strength: u64| self.gain(cut, strength, group - strength) >= 0;
            if !alone[own] || !is_tied(cut[own], strength) {
                continue;
            }
            let inside = self.row(node).filter(|(other, _)| of[*other as usize] == of[own]);
            inside.for_each(|(other, weight)| around.add(part[other as usize], weight));
            let mut best: Option<(i128, u32, u64)> = None;
            around.drain(|other, weight| {
                let gain = self.gain(weight, strength, strengths[other as usize]);
                let better = best.is_none_or(|(most, into, _)| gain > most || (gain == most && other < into));
                if gain >= 0 && better && is_tied(cut[other as usize], strengths[other as usize]) {
                    best = Some((gain, other, weight));
                }
            });
            if let Some((_, into, weight)) = best {
                let at = into as usize;
                part[own] = into;
                (alone[own], alone[at]) = (false, false);
                strengths[at] += strength;
                cut[at] = cut[at] + cut[own] - 2 * weight;
            }
        }
        part
    }

    /// The graph of these groups, numbered 0..count.
    fn joined(&self, groups: &[u32], count: usize) -> Level {
        let mut strengths = vec![0u64; count];
        let mut starts = vec![0u32; count + 1];
        for (node, &group) in groups.iter().enumerate() {
            strengths[group as usize] += self.strengths[node];
            starts[group as usize + 1] += 1;
        }
        for group in 0..count {
            starts[group + 1] += starts[group];
        }
        let mut members = vec![0u32; groups.len()];
        let mut next = starts.clone();
        for (node, &group) in groups.iter().enumerate() {
            members[next[group as usize] as usize] = node as u32;
            next[group as usize] += 1;
        }
        let mut joined = Level {
            offsets: vec![0],
            targets: Vec::new(),
            weights: Vec::new(),
            strengths,
            total: self.total,
        };
        let mut around = Around::new(count);
        for group in 0..count {
            for &node in &members[starts[group] as usize..starts[group + 1] as usize] {
                let leaving = self.row(node).filter(|(other, _)| groups[*other as usize] as usize != group);
                leaving.for_each(|(other, weight)| around.add(groups[other as usize], weight));
            }
            around.drain(|other, weight| {
                joined.targets.push(other);
                joined.weights.push(weight as u32);
            });
            joined.offsets.push(joined.targets.len() as u32);
        }
        joined
    }
}
