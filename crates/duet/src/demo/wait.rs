//! Waiting for what has to happen, by looking again and again until a deadline.

use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// How long anything in the scenario may take to arrive.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The pause between two looks; short, for it is part of every latency that is measured.
const PAUSE: Duration = Duration::from_millis(1);

/// Looks until there is something to see; `None` once the patience is over.
pub async fn until<T, F, Fut>(patience: Duration, mut look: F) -> anyhow::Result<Option<T>>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = anyhow::Result<Option<T>>>,
{
    let deadline = Instant::now() + patience;
    loop {
        if let Some(seen) = look().await? {
            return Ok(Some(seen));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
