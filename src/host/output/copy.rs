//! A copy of what a plugin prints, to a writer of the host's.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Where the copy goes.
pub(in crate::host) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

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
        let Some(writer) = &mut self.writer else {
            return;
        };
        if let Err(error) = write_out(writer, bytes).await {
            tracing::warn!(%error, "cannot copy the plugin's {} any longer", self.name);
            self.writer = None;
        }
    }
}

/// Flushes each time, because what a plugin prints is wanted at once.
async fn write_out(writer: &mut Writer, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}
