//! When the crate ends the process.
//!
//! A plugin's `main` returns once serving has ended, and the process with it. Not so where a method
//! blocks a thread: the runtime waits for its threads when it is dropped, and where all are blocked,
//! serving itself does not come to its end. In Go the process is gone as soon as `main` returns. So
//! [`serve`](super::serve) has the [rescuing thread](plugwire_base::rescue) see to it.
//! [`try_serve`](super::try_serve) and [`serve_test`](super::serve_test) leave the process alone.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::host_watch::HostWatch;
use super::listener;
use plugwire_base::rescue;

/// How long the process may go on after serving when nobody is left to kill it.
pub(super) const UNATTENDED: Duration = Duration::from_secs(5);

/// How long the process may go on after the answer to quit while a method blocks a thread. The host
/// kills it after 2 s.
const QUITTING: Duration = Duration::from_secs(1);

/// A method that blocks its thread for less may just be slow.
const BLOCKED: Duration = Duration::from_millis(500);

/// How long the process's exit handlers may take: they may wait for what a blocked thread holds.
const HANDLERS: Duration = Duration::from_secs(1);

/// Counts the connections there are: each holds a clone.
#[derive(Clone, Default)]
pub(super) struct Presence(Arc<()>);

/// Sees to it that the process ends after serving, until it is dropped.
pub(super) struct Ending(Arc<Shared>);

struct Shared {
    host: HostWatch,
    presence: Presence,
    quit: OnceLock<Instant>,
    /// Whether the end was ordered since the host is gone.
    abandoned: AtomicBool,
}

impl Ending {
    /// Begins to. `presence` is what the server clones for each connection.
    pub(super) fn watch(host: HostWatch, presence: Presence) -> Self {
        let shared = Arc::new(Shared {
            host,
            presence,
            quit: OnceLock::new(),
            abandoned: AtomicBool::new(false),
        });
        let watched = Arc::clone(&shared);
        rescue::while_blocked(Some(Box::new(move |since| watched.look(since))));
        Ending(shared)
    }

    /// What is to say that the host asked the plugin to quit.
    pub(super) fn quit(&self) -> Quit {
        Quit(Arc::clone(&self.0))
    }
}

/// Says that the host asked the plugin to quit, and that its output was sent.
#[derive(Clone)]
pub(super) struct Quit(Arc<Shared>);

impl Quit {
    pub(super) fn quit(&self) {
        self.0.quit.get_or_init(Instant::now);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // After the request to quit it is `main` that has to return.
        if self.0.quit.get().is_none() {
            rescue::while_blocked(None);
        }
    }
}

impl Shared {
    /// A method has held a thread for so long.
    fn look(&self, blocked: Duration) {
        if blocked < BLOCKED {
            return;
        }
        if let Some(quit) = self.quit.get() {
            if quit.elapsed() >= QUITTING {
                tracing::info!("a method goes on after quit, so the process is ended");
                exit(0);
            }
        } else if self.presence.is_empty()
            && self.host.is_gone()
            && !self.abandoned.swap(true, Ordering::Relaxed)
        {
            tracing::info!("the host is gone and a method goes on");
            end_process_after(UNATTENDED);
        }
    }
}

impl Presence {
    fn is_empty(&self) -> bool {
        // This one, and the server's.
        Arc::strong_count(&self.0) <= 2
    }
}

/// Ends the process if it has not ended by then. Where there was a host to ask it to quit, there is
/// one to kill it, too.
pub(super) fn end_process_after(grace: Duration) {
    let watchdog = move || {
        thread::sleep(grace);
        exit(1);
    };
    if let Err(error) = thread::Builder::new().spawn(watchdog) {
        tracing::error!(%error, "nobody sees to it that the process ends");
    }
}

/// Ends the process, also where its exit handlers do not return. What serves is not dropped, so its
/// socket is removed here.
fn exit(code: i32) -> ! {
    let _ = thread::Builder::new().spawn(|| {
        thread::sleep(HANDLERS);
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
