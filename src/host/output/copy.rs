//! A copy of what a plugin prints, to a writer of the host's.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

type AnyWriter = Box<dyn AsyncWrite + Send + Unpin>;

/// Where the copy goes. The clones of a configuration share it, and the plugins that they start
/// take turns. `None` once writing to it has failed.
#[derive(Clone)]
pub(in crate::host) struct Writer(Arc<Mutex<Option<AnyWriter>>>);

impl Writer {
    pub(in crate::host) fn new(writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(writer)))))
    }
}

/// Writes the copy, if there is a writer, and gives up when that fails. Reading must go on, or the
/// plugin would block on a full pipe.
pub(super) struct Copy {
    writer: Option<Writer>,
    name: &'static str,
}

impl Copy {
    pub(super) fn new(writer: Option<Writer>, name: &'static str) -> Self {
        Self { writer, name }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        let Some(shared) = &self.writer else {
            return;
        };
        let mut shared = shared.0.lock().await;
        let Some(writer) = &mut *shared else {
            return;
        };
        if let Err(error) = write_out(writer, bytes).await {
            tracing::warn!(%error, "cannot copy the plugin's {} any longer", self.name);
            *shared = None;
        }
    }
}

/// Flushes each time, because what a plugin prints is wanted at once.
async fn write_out(writer: &mut AnyWriter, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}
