//! What the process does for the connections it serves.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::watch;

use super::stdio::Stdio;
use crate::connection::ServeHooks;
use crate::mux::Stream;

/// Sends the process's output over the newest connection, and stops serving when told to quit.
pub(super) struct Hooks {
    pub(super) stdio: Arc<Stdio>,
    pub(super) quit: watch::Sender<bool>,
}

impl ServeHooks for Hooks {
    fn stdio(&self, stdout: Stream, stderr: Stream) {
        self.stdio.connect(stdout, stderr);
    }

    fn quit(&self) -> BoxFuture<'static, ()> {
        let stdio = Arc::clone(&self.stdio);
        let quit = self.quit.clone();
        Box::pin(async move {
            stdio.drain().await;
            quit.send_replace(true);
        })
    }
}
