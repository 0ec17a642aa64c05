//! The figures that the crate was tuned with, in one place: each with the measurement or the
//! source that made it what it is. What a user can set has its default here too.
//!
//! A bound that the wire or the operating system gives (a field's width, the length of a socket's
//! path) is not a matter of tuning, and stands where it is used. "go-plugin" and a file name is
//! the default of go-plugin v1.8.0 in that file.

use std::time::Duration;

/// Handshake line.
pub(crate) mod handshake {
    /// The longest handshake line that is read, in bytes. It is the limit of Go's `bufio.Scanner`
    /// (`bufio.MaxScanTokenSize`), with which go-plugin reads the line (`client.go`).
    pub(crate) const MAX_LINE: usize = 64 * 1024;

    /// How much of a first line that is no handshake an error's text shows, in characters: a
    /// screenful, which shows what the program was.
    pub(crate) const SHOWN_LINE: usize = 1024;

    /// How much of a line longer than [`MAX_LINE`] an error keeps, in bytes: a line of a terminal.
    pub(crate) const SHOWN_START: usize = 80;
}

/// Launching a plugin, watching it, and ending it.
#[cfg(feature = "host")]
pub(crate) mod host {
    use std::ops::RangeInclusive;

    use super::Duration;

    /// Default of `start_timeout`. go-plugin: `client.go`, `StartTimeout`.
    pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(60);

    /// Default of `dial_timeout`. go-plugin has none. A busy plugin accepts within milliseconds, and
    /// TLS takes a few more, so ten seconds leave most of the start timeout for the rest.
    pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

    /// Default of `kill_grace`. go-plugin: `client.go`, `Kill`, waits as long for the exit.
    pub(crate) const KILL_GRACE: Duration = Duration::from_secs(2);

    /// Default of `ports`. go-plugin: `client.go`, `MinPort` and `MaxPort`.
    pub(crate) const PORTS: RangeInclusive<u16> = 10_000..=25_000;

    /// Default of `plugin_log_buffer_size`, in bytes. go-plugin: `client.go`,
    /// `defaultPluginLogBufferSize`.
    pub(crate) const LOG_BUFFER: usize = 64 * 1024;

    /// The least of `plugin_log_buffer_size`, in bytes: the level of a plain line, `[ERROR] `, must
    /// fit into the first piece.
    pub(crate) const LEAST_LOG_BUFFER: usize = 16;

    /// How long a plugin that failed may take to exit by itself before it is killed. A plugin that
    /// crashes loses its connection first and its process a moment later, and the error should name
    /// its own exit status and last lines. Not measured; it bounds how much later a launch fails.
    pub(crate) const EXIT_GRACE: Duration = Duration::from_millis(500);

    /// How long to wait for a killed process to be gone. Only a process that the kernel holds up (a
    /// dead network file system) takes longer; its owner task goes on waiting.
    pub(crate) const KILL_WAIT: Duration = Duration::from_secs(5);

    /// How long a runner may take to find out why its plugin does not work. It may ask a container
    /// engine, which takes longer than reading a file.
    pub(crate) const DIAGNOSE: Duration = Duration::from_secs(5);

    /// How long output is still read once the process is gone. What a dead process wrote is in the
    /// pipe and is read at once. A process that it started may hold the pipe open for ever.
    pub(crate) const DRAIN: Duration = Duration::from_millis(500);

    /// How long the report of a crash waits for the last lines on stderr. They are in the pipe and
    /// are read at once, unless the writer that they are copied to is slow.
    pub(crate) const LAST_LINES: Duration = Duration::from_millis(50);

    /// How long removing a plugin's files may hold up the news of its end. Removal goes on then.
    pub(crate) const REMOVAL: Duration = Duration::from_secs(1);

    /// How long a session may take to say why it ended, once its connection has.
    pub(crate) const SESSION_END: Duration = Duration::from_secs(1);

    /// How long a thread waits in the system's queue of a listener that has no room. A runtime that
    /// shuts down waits as long for the thread.
    #[cfg(unix)]
    pub(crate) const QUEUE_TURN: Duration = Duration::from_secs(1);

    /// How often a process that is not a child is looked for, where the system has no descriptors of
    /// processes. go-plugin: `internal/cmdrunner/process.go`, `pidWait`.
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
    pub(crate) const PID_POLL: Duration = Duration::from_secs(1);

    /// How many of the last lines on stderr an error shows: enough for the trace of a panic in Go.
    pub(crate) const TAIL_LINES: usize = 64;

    /// How much of each of those lines is kept, in bytes. With [`TAIL_LINES`], at most 32 KiB.
    pub(crate) const TAIL_LINE: usize = 512;

    /// How much of a panic's text is kept, in bytes: a page.
    pub(crate) const PANIC_TEXT: usize = 4096;

    /// How long ago a Rust panic may have been reported to be the one that ended the process: a
    /// program survives most panics. A backtrace of a large program takes seconds to print.
    pub(crate) const RECENT_PANIC: Duration = Duration::from_secs(10);
}

/// TLS and one-time certificates.
pub(crate) mod tls {
    use super::Duration;

    /// Default of `tls_handshake_timeout`. go-plugin has none. A handshake takes a few milliseconds;
    /// ten seconds are for a host that is starved of processor time.
    pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

    /// How long before now a certificate is valid from: the clocks of two machines differ by less.
    /// go-plugin: `mtls.go`, `NotBefore`.
    #[cfg(feature = "tls")]
    pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(30);

    /// How long a certificate is valid: 30 years. go-plugin: `mtls.go`, `NotAfter`. The key is gone
    /// long before.
    #[cfg(feature = "tls")]
    pub(crate) const LIFETIME: Duration = Duration::from_secs(262_980 * 60 * 60);

    /// How much of a certificate that is none an error's text shows, in bytes: enough to see what
    /// it is. No more, because it might be a key by mistake.
    #[cfg(feature = "tls")]
    pub(crate) const SHOWN_CERT: usize = 24;
}
