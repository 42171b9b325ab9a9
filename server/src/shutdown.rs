//! Stopping in order: the first signal is heard by every part, calls in flight get their grace, a second signal ends
//! the process at once.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A token that the first SIGTERM or SIGINT cancels. The second one exits at once with 128 + the signal's number.
pub fn on_signals() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stopping = CancellationToken::new();
    let heard = stopping.clone();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping: calls in flight may finish; a second signal exits at once");
        heard.cancel();
        let second = either(&mut terminate, &mut interrupt).await;
        std::process::exit(128 + second.as_raw_value());
    });
    Ok(stopping)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> SignalKind {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate(),
        _ = interrupt.recv() => SignalKind::interrupt(),
    }
}

/// Waits for all tasks, at most `grace`; what still runs then is dropped. Answers whether all had finished.
pub async fn drain<T: 'static>(mut tasks: JoinSet<T>, grace: Duration) -> bool {
    let all = async { while tasks.join_next().await.is_some() {} };
    tokio::time::timeout(grace, all).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn draining_waits_for_the_quick_and_drops_the_slow() {
        let grace = Duration::from_secs(10);
        let quick = JoinSet::from_iter([tokio::time::sleep(Duration::from_secs(9))]);
        assert!(drain(quick, grace).await);
        let slow = JoinSet::from_iter([tokio::time::sleep(Duration::from_secs(11))]);
        assert!(!drain(slow, grace).await);
    }
}
