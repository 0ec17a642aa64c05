//! Whether the host that started this process is alive.
//!
//! A host reads the plugin's standard output as long as it lives. When it dies, for any reason, the
//! system closes its end of the pipe, which shows at the plugin's end.

pub(super) use system::HostWatch;

#[cfg(unix)]
mod system {
    use std::os::fd::OwnedFd;
    use std::sync::Arc;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use plugwire_base::readiness::register;

    /// The plugin's end of the pipe. `None` if the host is not watched.
    #[derive(Clone)]
    pub(in crate::plugin) struct HostWatch(Option<Arc<AsyncFd<OwnedFd>>>);

    impl HostWatch {
        /// Watches for the end of the host, unless the process is meant to outlive it.
        pub(in crate::plugin) fn start(outlive: bool) -> Self {
            // A program starts a plugin as a session leader so that the plugin outlives it.
            if outlive || leads_session() {
                return Self(None);
            }
            let stdout = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3);
            let watched = stdout.map_err(std::io::Error::from);
            let watched = watched.and_then(|stdout| register(stdout, Interest::WRITABLE));
            // A file cannot be watched, and has no reader that could die.
            let refused = |error| tracing::debug!(%error, "the host cannot be watched");
            Self(watched.map_err(refused).ok().map(Arc::new))
        }

        /// Whether the host has died. Asks the system, and needs no runtime.
        pub(in crate::plugin) fn is_gone(&self) -> bool {
            let Some(stdout) = &self.0 else {
                return false;
            };
            let mut polled = [PollFd::new(stdout.get_ref(), PollFlags::empty())];
            let ended = PollFlags::ERR | PollFlags::HUP;
            poll(&mut polled, Some(&Timespec::default())).is_ok()
                && polled[0].revents().intersects(ended)
        }

        /// Waits for the host to die.
        pub(in crate::plugin) async fn gone(&self) {
            let Some(stdout) = &self.0 else {
                return std::future::pending().await;
            };
            loop {
                match stdout.writable().await {
                    Ok(ready) if ready.ready().is_write_closed() => return,
                    Ok(mut ready) => ready.clear_ready(),
                    Err(error) => {
                        tracing::debug!(%error, "the host cannot be watched");
                        return std::future::pending().await;
                    }
                }
            }
        }
    }

    /// Whether this process leads its session.
    ///
    /// Read from `/proc`, because a session that was begun outside of the process's namespace (that
    /// of a container, for example) has the number 0, which `rustix` does not accept.
    #[cfg(target_os = "linux")]
    fn leads_session() -> bool {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        leads_its_session(&stat)
    }

    #[cfg(not(target_os = "linux"))]
    fn leads_session() -> bool {
        use rustix::process::{getpid, getsid};
        getsid(None).is_ok_and(|leader| leader == getpid())
    }

    /// Whether the process with this `stat` leads its session; see `proc_pid_stat(5)`:
    /// `PID (NAME) STATE PARENT GROUP SESSION …`, where the name may have any characters.
    #[cfg(target_os = "linux")]
    fn leads_its_session(stat: &str) -> bool {
        let pid = stat.split(' ').next();
        let session = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split(' ').nth(4));
        session.is_some() && pid == session
    }

    #[cfg(all(test, target_os = "linux"))]
    mod tests {
        use super::leads_its_session;

        #[test]
        fn a_session_leader_shows_in_its_stat() {
            assert!(leads_its_session("7 (a plugin) S 1 7 7 34816 7 4194560 0"));
            assert!(leads_its_session("7 (a) b) (c) R 1 7 7 0 -1 4194560 0"));
            assert!(!leads_its_session("7 (7) S 1 7 3 34816 7 4194560 0"));
            assert!(!leads_its_session("7 (outside) S 0 7 0 0 -1 4194560 0"));
            assert!(!leads_its_session(""));
        }
    }
}

#[cfg(not(unix))]
mod system {
    #[derive(Clone)]
    pub(in crate::plugin) struct HostWatch;

    impl HostWatch {
        pub(in crate::plugin) fn start(_: bool) -> Self {
            Self
        }

        pub(in crate::plugin) fn is_gone(&self) -> bool {
            false
        }

        pub(in crate::plugin) async fn gone(&self) {
            std::future::pending().await
        }
    }
}
