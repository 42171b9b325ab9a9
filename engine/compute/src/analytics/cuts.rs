//! Cut nodes: without which a component falls apart (Hopcroft and Tarjan 1973).
//!
//! One depth-first walk in the order of the rows: sequential by nature and linear in the edges, so it is no kernel.

use crate::kernels::shared::csr::Csr;

/// For each node, how many others would lose contact to the largest part of their component without it; 0 unless it is a cut
/// node.
pub fn cuts(graph: &Csr) -> Vec<u32> {
    const UNSEEN: u32 = u32::MAX;
    let nodes = graph.nodes();
    // When a node was met; the earliest node that it and those below it are tied to; how many those are.
    let (mut met, mut low, mut below) = (vec![UNSEEN; nodes], vec![0u32; nodes], vec![1u32; nodes]);
    // What falls off below a node without it: all together, and the largest part.
    let (mut off, mut largest) = (vec![0u32; nodes], vec![0u32; nodes]);
    let (mut time, mut order) = (0, Vec::new());
    let mut path: Vec<(u32, usize)> = Vec::new();
    for root in 0..nodes as u32 {
        if met[root as usize] != UNSEEN {
            continue;
        }
        let first = order.len();
        path.push((root, 0));
        while let Some((node, next)) = path.last_mut() {
            let at = *node as usize;
            if *next == 0 {
                (met[at], low[at]) = (time, time);
                time += 1;
                order.push(*node);
            }
            let unseen = graph.row(*node)[*next..].iter().position(|&other| {
                low[at] = low[at].min(met[other as usize]);
                met[other as usize] == UNSEEN
            });
            if let Some(place) = unseen {
                let other = graph.row(*node)[*next + place];
                *next += place + 1;
                path.push((other, 0));
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                let parent = parent as usize;
                below[parent] += below[at];
                low[parent] = low[parent].min(low[at]);
                if low[at] >= met[parent] {
                    off[parent] += below[at];
                    largest[parent] = largest[parent].max(below[at]);
                }
            }
        }
        let others = (order.len() - first) as u32 - 1;
        for &node in &order[first..] {
            let node = node as usize;
            off[node] = others - largest[node].max(others - off[node]);
        }
    }
    off
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Draw;
    use crate::kernels::shared::csr::shapes;

    /// Components without a node, by plain walks.
    fn plainly(graph: &Csr, without: u32) -> u32 {
        let reach = |start: u32, seen: &mut Vec<bool>| {
            let (mut stack, mut count) = (vec![start], 0);
            while let Some(node) = stack.pop() {
                if !std::mem::replace(&mut seen[node as usize], true) {
                    count += 1;
                    stack.extend(graph.row(node));
                }
            }
            count
        };
        let mut seen = vec![false; graph.nodes()];
        seen[without as usize] = true;
        let row = graph.row(without);
        let parts: Vec<u32> = row.iter().map(|&other| reach(other, &mut seen)).collect();
        parts.iter().sum::<u32>() - parts.iter().max().unwrap_or(&0)
    }

    #[test]
    fn each_node_cuts_off_what_plain_walks_miss_without_it() {
        for (name, graph) in shapes(&mut Draw::new(3)) {
            if graph.nodes() < 1_000 {
                let plain: Vec<u32> = (0..graph.nodes() as u32).map(|node| plainly(&graph, node)).collect();
                assert_eq!(cuts(&graph), plain, "{name}");
            }
        }
    }
}
