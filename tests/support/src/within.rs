//! A deadline for everything that is awaited: long, for it passes only where something hangs.

use std::time::Duration;

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("within the deadline")
}
