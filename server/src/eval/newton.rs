//! Newton's method for small convex problems, of whose variables some may not fall below zero (Bertsekas 1982: steps on the
//! variables that are free, projected). Deterministic, and exact to the last digits where gradient descent creeps.

/// Steps at most; ten are usual.
const STEPS_MAX: usize = 200;
/// Halvings of one step.
const HALVINGS_MAX: usize = 50;
/// Share of the promised decrease that a step must bring (Armijo).
const DECREASE_MIN: f64 = 1e-4;

/// A convex function.
pub trait Objective {
    /// Its value.
    fn value(&self, at: &[f64]) -> f64;
    /// Its gradient, and its matrix of second derivatives by rows.
    fn slopes(&self, at: &[f64]) -> (Vec<f64>, Vec<f64>);
}

/// The lowest point, from zero. `non_negative[i]` keeps variable i at or above zero.
pub fn minimise(objective: &impl Objective, non_negative: &[bool], tolerance: f64) -> Vec<f64> {
    let count = non_negative.len();
    let mut x = vec![0.0; count];
    let mut value = objective.value(&x);
    for _ in 0..STEPS_MAX {
        let (gradient, hessian) = objective.slopes(&x);
        let held: Vec<bool> =
            (0..count).map(|at| non_negative[at] && x[at] <= 0.0 && gradient[at] >= 0.0).collect();
        if (0..count).all(|at| held[at] || gradient[at].abs() <= tolerance) {
            break;
        }
        let free: Vec<usize> = (0..count).filter(|&at| !held[at]).collect();
        let newton = direction(&free, &gradient, &hessian);
        // A Newton step that runs into a bound need not go down; the scaled gradient does.
        let steepest = || {
            let mut step = vec![0.0; count];
            for &at in &free {
                step[at] = -gradient[at] / hessian[at * count + at].max(1e-12);
            }
            step
        };
        let search = |step: &[f64]| search(objective, &x, value, &gradient, step, non_negative);
        let Some((next, lower)) = newton.and_then(|step| search(&step)).or_else(|| search(&steepest()))
        else {
            break;
        };
        (x, value) = (next, lower);
    }
    x
}

/// The first point on the halved, projected step that is low enough.
fn search(
    objective: &impl Objective,
    x: &[f64],
    value: f64,
    gradient: &[f64],
    step: &[f64],
    non_negative: &[bool],
) -> Option<(Vec<f64>, f64)> {
    let mut share = 1.0;
    for _ in 0..HALVINGS_MAX {
        let moved = |at: usize| {
            let to = x[at] + share * step[at];
            if non_negative[at] { to.max(0.0) } else { to }
        };
        let next: Vec<f64> = (0..x.len()).map(moved).collect();
        let promised: f64 = (0..x.len()).map(|at| gradient[at] * (next[at] - x[at])).sum();
        let lower = objective.value(&next);
        if promised < 0.0 && lower <= value + DECREASE_MIN * promised {
            return Some((next, lower));
        }
        share /= 2.0;
    }
    None
}

/// Solves for the Newton step on the free variables (Cholesky); none where the matrix is not positive.
fn direction(free: &[usize], gradient: &[f64], hessian: &[f64]) -> Option<Vec<f64>> {
    let (count, width) = (free.len(), gradient.len());
    let mut low = vec![0.0; count * count];
    for row in 0..count {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| low[row * count + k] * low[column * count + k]).sum();
            let left = hessian[free[row] * width + free[column]] - known;
            if row == column {
                if left <= 1e-14 {
                    return None;
                }
                low[row * count + row] = left.sqrt();
            } else {
                low[row * count + column] = left / low[column * count + column];
            }
        }
    }
    let mut solved: Vec<f64> = free.iter().map(|&at| -gradient[at]).collect();
    for row in 0..count {
        let known: f64 = (0..row).map(|k| low[row * count + k] * solved[k]).sum();
        solved[row] = (solved[row] - known) / low[row * count + row];
    }
    for row in (0..count).rev() {
        let known: f64 = (row + 1..count).map(|k| low[k * count + row] * solved[k]).sum();
        solved[row] = (solved[row] - known) / low[row * count + row];
    }
    let mut step = vec![0.0; width];
    free.iter().zip(solved).for_each(|(&at, value)| step[at] = value);
    Some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (x - a)' M (x - a) / 2 with M positive.
    struct Bowl {
        lowest: [f64; 2],
        matrix: [f64; 4],
    }

    impl Objective for Bowl {
        fn value(&self, at: &[f64]) -> f64 {
            let off = [at[0] - self.lowest[0], at[1] - self.lowest[1]];
            let m = &self.matrix;
            (m[0] * off[0] * off[0] + (m[1] + m[2]) * off[0] * off[1] + m[3] * off[1] * off[1]) / 2.0
        }

        fn slopes(&self, at: &[f64]) -> (Vec<f64>, Vec<f64>) {
            let off = [at[0] - self.lowest[0], at[1] - self.lowest[1]];
            let m = &self.matrix;
            let gradient = vec![m[0] * off[0] + m[1] * off[1], m[2] * off[0] + m[3] * off[1]];
            (gradient, m.to_vec())
        }
    }

    #[test]
    fn the_lowest_point_is_found_inside_and_on_the_bound() {
        let bowl = Bowl { lowest: [2.0, -1.0], matrix: [4.0, 1.0, 1.0, 3.0] };
        let near = |found: &[f64], wanted: [f64; 2]| {
            assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        };
        near(&minimise(&bowl, &[false, false], 1e-12), [2.0, -1.0]);
        // At x1 = 0 the slope of x0 vanishes where 4 (x0 - 2) + 1 = 0.
        near(&minimise(&bowl, &[true, true], 1e-12), [1.75, 0.0]);
        near(&minimise(&bowl, &[true, false], 1e-12), [2.0, -1.0]);
    }
}
