//! Work split among the threads of the one pool: the only place, with the kernels, that knows there are threads.

use rayon::prelude::*;

/// Runs `each` on every task, on the threads of the pool; a single task stays on the calling thread, since waking another
/// one takes longer than most single tasks.
pub(crate) fn in_parallel<T: Send>(tasks: Vec<T>, each: impl Fn(T) + Send + Sync) {
    if tasks.len() < 2 {
        tasks.into_iter().for_each(each);
    } else {
        tasks.into_par_iter().with_max_len(1).for_each(each);
    }
}

/// What `each` makes of 0..count, in order, on the threads of the pool; a single one on the calling thread.
pub fn collect_in_parallel<U: Send>(count: usize, each: impl Fn(usize) -> U + Send + Sync) -> Vec<U> {
    if count < 2 { (0..count).map(each).collect() } else { (0..count).into_par_iter().map(each).collect() }
}

/// What `each` makes of every item, in order; as `in_parallel` in parts of `part` items.
pub(crate) fn map_in_parallel<T: Sync, U: Send>(
    items: &[T],
    part: usize,
    each: impl Fn(&[T]) -> Vec<U> + Send + Sync,
) -> Vec<U> {
    let parts: Vec<&[T]> = items.chunks(part).collect();
    collect_in_parallel(parts.len(), |place| each(parts[place])).into_iter().flatten().collect()
}
