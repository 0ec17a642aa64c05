//! When the crate ends the process.
//!
//! A plugin's `main` returns once serving has ended, and that ends the process, unless a method
//! blocks a thread: a runtime that is dropped waits for its threads, and if all are blocked,
//! serving itself does not end. In Go the process ends as soon as `main` returns. So
//! [`serve`](super::serve) makes the [rescue thread](plugwire_base::rescue) end the process.
//! [`try_serve`](super::try_serve) and [`serve_test`](super::serve_test) leave the process alone.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::host_watch::HostWatch;
use super::listener;
use crate::tuning::plugin as tuning;
use plugwire_base::rescue;

/// Counts the connections: each holds a clone.
#[derive(Clone, Default)]
pub(super) struct Presence(Arc<()>);

/// Ends the process after serving if a method keeps it alive. Dropping it stops that.
pub(super) struct Ending(Arc<Watched>);

struct Watched {
    host: HostWatch,
    presence: Presence,
    /// When the answer to the host's request to quit was sent.
    quit: OnceLock<Instant>,
    /// Whether the end was ordered because the host is gone.
    abandoned: AtomicBool,
}

impl Ending {
    /// `presence` is the one that each connection has a clone of.
    pub(super) fn watch(host: HostWatch, presence: Presence) -> Self {
        let shared = Arc::new(Watched {
            host,
            presence,
            quit: OnceLock::new(),
            abandoned: AtomicBool::new(false),
        });
        let watched = Arc::clone(&shared);
        rescue::while_blocked(Some(Box::new(move |since| watched.look(since))));
        Ending(shared)
    }

    /// For reporting that the host asked the plugin to quit.
    pub(super) fn quit(&self) -> Quit {
        Quit(Arc::clone(&self.0))
    }
}

/// Reports that the host asked the plugin to quit, and that the output was sent.
#[derive(Clone)]
pub(super) struct Quit(Arc<Watched>);

impl Quit {
    pub(super) fn quit(&self) {
        self.0.quit.get_or_init(Instant::now);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // After the request to quit, `main` still has to return.
        if self.0.quit.get().is_none() {
            rescue::while_blocked(None);
        }
    }
}

impl Watched {
    /// Called while a method has blocked a thread for `blocked`.
    fn look(&self, blocked: Duration) {
        if blocked < tuning::BLOCKED {
            return;
        }
        if let Some(quit) = self.quit.get() {
            if quit.elapsed() >= tuning::QUITTING {
                tracing::info!("a method goes on after quit, so the process is ended");
                exit(0);
            }
        } else if self.presence.is_empty()
            && self.host.is_gone()
            && !self.abandoned.swap(true, Ordering::Relaxed)
        {
            tracing::info!("the host is gone and a method goes on");
            end_process_after(tuning::UNATTENDED);
        }
    }
}

impl Presence {
    fn is_empty(&self) -> bool {
        // This one, and the one of the accept loop.
        Arc::strong_count(&self.0) <= 2
    }
}

/// Ends the process if it has not ended by then. For a plugin without a host: a host that asks a
/// plugin to quit kills it, too.
pub(super) fn end_process_after(grace: Duration) {
    let watchdog = move || {
        thread::sleep(grace);
        exit(1);
    };
    if let Err(error) = thread::Builder::new().spawn(watchdog) {
        tracing::error!(%error, "no thread to end the process with");
    }
}

/// Ends the process, even if its exit handlers do not return. The listener is not dropped, so its
/// files are removed here.
fn exit(code: i32) -> ! {
    let _ = thread::Builder::new().spawn(|| {
        thread::sleep(tuning::EXIT_HANDLERS);
        kill();
    });
    listener::remove_files();
    process::exit(code)
}

#[cfg(unix)]
fn kill() {
    use rustix::process::{Signal, getpid, kill_process};
    let _ = kill_process(getpid(), Signal::KILL);
}

#[cfg(not(unix))]
fn kill() {
    process::abort();
}
