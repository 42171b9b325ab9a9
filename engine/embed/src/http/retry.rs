//! When to send again, and how long to wait before.
//!
//! Bounded in attempts and in waiting, because the caller is the engine's worker and everybody waits with it. A server
//! that asks for more patience than there is gets its answer passed on at once.

use std::time::Duration;

use crate::Error;

/// What one attempt came to.
pub(super) enum Verdict<T> {
    /// It worked.
    Done(T),
    /// It failed, and would again.
    Final(Error),
    /// It failed, and might not again; after `wait` if the server said so.
    Again {
        /// The failure, should there be no next attempt.
        error: Error,
        /// How long the server asked to be left alone.
        wait: Option<Duration>,
    },
}

/// Bounds of patience.
#[derive(Debug, Clone)]
pub(super) struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts_max: u32,
    /// Wait before the second attempt; doubles with each.
    pub wait_first: Duration,
    /// Longest single wait, asked for or not.
    pub wait_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts_max: 5, wait_first: Duration::from_millis(250), wait_max: Duration::from_secs(20) }
    }
}

impl RetryPolicy {
    /// Calls `attempt` with the attempt's number from 1 until it is done, final, or patience ends.
    pub(super) fn run<T>(&self, attempt: impl FnMut(u32) -> Verdict<T>) -> Result<T, Error> {
        self.run_with(attempt, std::thread::sleep)
    }

    fn run_with<T>(
        &self,
        mut attempt: impl FnMut(u32) -> Verdict<T>,
        mut sleep: impl FnMut(Duration),
    ) -> Result<T, Error> {
        let mut backoff = self.wait_first;
        for number in 1.. {
            match attempt(number) {
                Verdict::Done(value) => return Ok(value),
                Verdict::Final(error) => return Err(error),
                Verdict::Again { error, wait } => {
                    if number >= self.attempts_max || wait.is_some_and(|wait| wait > self.wait_max) {
                        return Err(error);
                    }
                    sleep(wait.unwrap_or(backoff.min(self.wait_max)));
                    backoff *= 2;
                }
            }
        }
        unreachable!("this is a bug: attempts are counted without end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits taken before `attempt` succeeds or patience ends, and whether it succeeded.
    fn waits(policy: &RetryPolicy, asked: &[Option<u64>]) -> (Vec<u64>, bool) {
        let mut slept = Vec::new();
        let result = policy.run_with(
            |number| match asked.get(number as usize - 1) {
                None => Verdict::Done(()),
                Some(wait) => Verdict::Again {
                    error: Error::Unreachable { url: String::new(), attempts: number, reason: String::new() },
                    wait: wait.map(Duration::from_millis),
                },
            },
            |wait| slept.push(wait.as_millis() as u64),
        );
        (slept, result.is_ok())
    }

    #[test]
    fn waits_double_up_to_the_longest_and_heed_the_server() {
        let policy = RetryPolicy {
            attempts_max: 6,
            wait_first: Duration::from_millis(100),
            wait_max: Duration::from_millis(500),
        };
        assert_eq!(waits(&policy, &[]), (vec![], true));
        assert_eq!(waits(&policy, &[None, None, None, None]), (vec![100, 200, 400, 500], true));
        assert_eq!(waits(&policy, &[Some(0), Some(500), None]), (vec![0, 500, 400], true));
        assert_eq!(waits(&policy, &[None, Some(501)]), (vec![100], false));
        assert_eq!(waits(&policy, &[None; 9]), (vec![100, 200, 400, 500, 500], false));
    }
}
