//! Watches the executable of a plugin, to reload the plugin when the file changes.
//!
//! It looks at the file from time to time. That costs a system call, needs no descriptor, and works
//! on the file systems of networks and containers too, where the system sends no notice of a
//! change.

use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::control::Control;
use super::error::{ReloadError, StartError};
use super::instance::ended;
use crate::host::survivor::FileVersion;
use crate::host::{LaunchError, diagnose};
use plugwire_base::chain::logged;

/// Which versions of a file were seen.
#[derive(Debug)]
struct Seen {
    /// That of the last start.
    started: Option<FileVersion>,
    /// At the last look.
    last: Option<FileVersion>,
}

impl Seen {
    fn new(version: Option<FileVersion>) -> Self {
        Self {
            started: version,
            last: version,
        }
    }

    /// Whether the file is another one than at the last start, and complete: it has not changed
    /// since the last look. `None` is no file.
    fn look(&mut self, version: Option<FileVersion>) -> bool {
        let settled = version == self.last;
        self.last = version;
        let changed = version.is_some() && version != self.started;
        if settled && changed {
            self.started = version;
        }
        settled && changed
    }
}

/// The version of the file that starting the program would run.
fn version(program: &OsStr) -> Option<FileVersion> {
    diagnose::find(program).map(|(_, metadata)| FileVersion::of(&metadata))
}

/// The same, off the threads of the runtime: the file may be on a network.
pub(super) async fn look(program: &OsStr) -> Option<FileVersion> {
    let program = program.to_owned();
    let look = tokio::task::spawn_blocking(move || version(&program));
    look.await.ok().flatten()
}

/// An executable that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    program: OsString,
    every: Duration,
    seen: Seen,
}

impl Watched {
    /// From this moment on. Before the plugin is started, so that no change is missed. A plugin
    /// that was started by an earlier host may be of a version that is `known`.
    pub(super) fn new(program: OsString, every: Duration, known: Option<FileVersion>) -> Self {
        let mut seen = Seen::new(version(&program));
        seen.started = known.or(seen.started);
        Self {
            program,
            every,
            seen,
        }
    }
}

/// Whether the file is still open in a process that may write to it, so that it is tried again.
/// After any other failure that is done when the file changes.
fn is_busy(error: &ReloadError) -> bool {
    let ReloadError::Start(error) = error else {
        return false;
    };
    let StartError::Launch(LaunchError::Start { source, .. }) = &**error else {
        return false;
    };
    source.kind() == io::ErrorKind::ExecutableFileBusy
}

/// Reloads the plugin when its executable has changed, until the supervisor ends.
pub(super) async fn watch(control: Arc<Control>, watched: Watched) {
    let Watched {
        program,
        every,
        mut seen,
    } = watched;
    let mut stop = control.shared.stop.subscribe();
    let watching = async {
        loop {
            sleep(every).await;
            if !seen.look(look(&program).await) {
                continue;
            }
            tracing::info!(?program, "the plugin's executable has changed");
            if let Err(error) = control.reload(None).await {
                // Those that follow the events know of it.
                if is_busy(&error) {
                    seen.started = None;
                }
                tracing::debug!(?program, error = %logged(&error), "not reloaded");
            }
        }
    };
    tokio::select! {
        biased;
        () = ended(&mut stop) => {}
        () = watching => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(length: u64) -> Option<FileVersion> {
        Some(FileVersion {
            modified: None,
            length,
            file: 1,
        })
    }

    #[test]
    fn a_file_that_has_settled_is_loaded_once() {
        let mut seen = Seen::new(version(1));
        for (version, loads) in [
            (version(1), false),
            // It is being written.
            (version(2), false),
            (version(3), false),
            (None, false),
            (None, false),
            (version(4), false),
            (version(4), true),
            (version(4), false),
            // It was put back.
            (version(1), false),
            (version(1), true),
            // A change and back again, between two looks, is none.
            (version(5), false),
            (version(1), false),
            (version(1), false),
        ] {
            assert_eq!(seen.look(version), loads, "{seen:?}");
        }
    }

    #[test]
    fn a_file_that_comes_later_is_loaded() {
        let mut seen = Seen::new(None);
        assert!(!seen.look(version(1)));
        assert!(seen.look(version(1)));
    }
}
