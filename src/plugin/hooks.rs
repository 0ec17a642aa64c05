//! What a connection does to its process: it takes the output, and it ends the serving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use tokio::sync::watch;

use super::ending::Quit;
use super::shutdown::{Shutdown, ShuttingDown};
use super::stdio::Stdio;
use crate::connection::ServeHooks;
use crate::mux::Stream;

/// Sends the process's output over the newest connection, and stops serving when the host asks the
/// plugin to quit. Each connection has its own.
pub(super) struct Hooks {
    /// `None` if output is not captured. The streams then end at once.
    pub(super) stdio: Option<Arc<Stdio>>,
    pub(super) quit: watch::Sender<bool>,
    /// Whether this connection asked the plugin to quit.
    pub(super) asked: Arc<AtomicBool>,
    /// `None` if the process may go on after serving.
    pub(super) ending: Option<Quit>,
    pub(super) shutting_down: ShuttingDown,
}

impl ServeHooks for Hooks {
    fn stdio(&self, stdout: Stream, stderr: Stream) {
        if let Some(stdio) = &self.stdio {
            stdio.connect(stdout, stderr);
        }
    }

    fn quit(&self) -> BoxFuture<'static, ()> {
        let stdio = self.stdio.clone();
        let quit = self.quit.clone();
        self.asked.store(true, Ordering::Relaxed);
        let ending = self.ending.clone();
        let shutting_down = self.shutting_down.clone();
        Box::pin(async move {
            // It may call the host, and what it prints is sent.
            shutting_down.run(Shutdown::Quit).await;
            if let Some(stdio) = stdio {
                stdio.drain().await;
            }
            if let Some(ending) = ending {
                ending.quit();
            }
            quit.send_replace(true);
        })
    }
}
