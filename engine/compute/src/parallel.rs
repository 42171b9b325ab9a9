//! Work split among the threads of the one pool: the only place, with the kernels, that knows there are threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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

/// Runs `each` on every member of a team that meets at a barrier again and again. The members are threads of their own: tasks of
/// the pool must not wait for each other, since two teams in one pool would each hold threads that the other waits for.
pub(crate) fn in_lockstep<T: Send>(members: Vec<T>, each: impl Fn(T, &Barrier) + Send + Sync) {
    let barrier = Barrier::new(members.len());
    let mut members = members.into_iter();
    let Some(first) = members.next() else { return };
    std::thread::scope(|scope| {
        // A thread may be refused while others wait already.
        let _mourner = Mourner(&barrier);
        let run = |member| {
            let _mourner = Mourner(&barrier);
            each(member, &barrier);
        };
        for member in members {
            scope.spawn(move || run(member));
        }
        run(first);
    });
}

/// Where the members of a team wait for each other. Waits are short, so it looks often before it lets go of the core.
pub(crate) struct Barrier {
    members: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
}

/// Looks at the barrier before the core is offered to others: a few microseconds.
const LOOKS: usize = 2_000;

impl Barrier {
    fn new(members: usize) -> Self {
        let (arrived, round) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Barrier { members, arrived, round, broken: AtomicBool::new(false) }
    }

    /// Returns once all members are here. What a member wrote before, all see after.
    pub fn wait(&self) {
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.members {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            return;
        }
        let mut looks = 0;
        while self.round.load(Ordering::Acquire) == round {
            assert!(!self.broken.load(Ordering::Relaxed), "another member of the team panicked");
            looks += 1;
            if looks < LOOKS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

/// Tells the others when a member panics, so that they do not wait for ever.
struct Mourner<'a>(&'a Barrier);

impl Drop for Mourner<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn nobody_passes_a_barrier_before_all_are_there() {
        for members in [1, 2, 5] {
            let count = Mutex::new(0);
            in_lockstep((0..members).collect(), |_, barrier| {
                for round in 1..50 {
                    *count.lock().unwrap() += 1;
                    barrier.wait();
                    assert_eq!(*count.lock().unwrap(), round * members);
                    barrier.wait();
                }
            });
        }
    }

    #[test]
    fn a_panic_ends_the_team() {
        let ended = std::panic::catch_unwind(|| {
            in_lockstep(vec![0, 1], |member, barrier| {
                assert!(member == 0, "one of two");
                barrier.wait();
            });
        });
        assert!(ended.is_err());
    }
}
