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

    /// How many callsites the logs of all plugins have, and that of one: each is a few hundred
    /// bytes that are never given back. A plugin has some tens: modules, levels, sets of keys.
    pub(crate) const LOG_SITES: usize = 2_048;
    pub(crate) const LOG_SITES_OF_ONE: usize = 256;

    /// How many pairs of a line become fields of their own, and how long their keys may be, in
    /// bytes. `tracing` takes 32 fields.
    pub(crate) const LOG_PAIRS: usize = 16;
    pub(crate) const LOG_KEY: usize = 64;

    /// The longest target, in bytes.
    pub(crate) const LOG_TARGET_LENGTH: usize = 192;

    use super::Duration;

    /// Default of `start_timeout`. go-plugin: `client.go`, `StartTimeout`.
    pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(60);

    /// Default of `dial_timeout`. go-plugin has none. A busy plugin accepts within milliseconds,
    /// and TLS takes a few more, so ten seconds leave most of the start timeout for the rest.
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
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) const QUEUE_TURN: Duration = Duration::from_secs(1);

    /// How often a process that is not a child is looked for, where the system has no descriptors
    /// of processes. go-plugin: `internal/cmdrunner/process.go`, `pidWait`.
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
    pub(crate) const PID_POLL: Duration = Duration::from_secs(1);

    /// How much of a plugin's log is kept while no host reads it, in bytes; its writer waits then.
    /// Two thousand lines, more than a plugin logs in the seconds that an upgrade of its host
    /// takes. Linux gives a pipe up to 1 MiB, and all pipes of a user 64 MiB (`pipe(7)`): 256
    /// plugins.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) const OUTLET: usize = 256 * 1024;

    /// How many of the last lines on stderr an error shows: enough for the trace of a panic in Go.
    pub(crate) const TAIL_LINES: usize = 64;

    /// How much of each of those lines is kept, in bytes. With [`TAIL_LINES`], at most 32 KiB.
    pub(crate) const TAIL_LINE: usize = 512;

    /// How much of a panic's text is kept, in bytes: a page.
    pub(crate) const PANIC_TEXT: usize = 4096;

    /// How much of a panic's place and of its thread's name is kept, in bytes: a long path.
    pub(crate) const PANIC_PLACE: usize = 1024;

    /// How long ago a Rust panic may have been reported to be the one that ended the process: a
    /// program survives most panics. A backtrace of a large program takes seconds to print.
    pub(crate) const RECENT_PANIC: Duration = Duration::from_secs(10);
}

/// Keeping a plugin running.
#[cfg(feature = "host")]
pub(crate) mod supervisor {
    use super::Duration;

    /// Defaults of `RestartPolicy::delays`. A plugin starts in 10 to 50 ms, so the first delay
    /// leaves a crash loop at a few processes a second; the last is what Kubernetes and systemd
    /// users wait at most for a service to come back.
    pub(crate) const FIRST_DELAY: Duration = Duration::from_millis(100);
    pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(30);

    /// Default of `RestartPolicy::jitter`: plugins that failed together start up to a fifth of
    /// their delay apart.
    pub(crate) const JITTER: f64 = 0.2;

    /// Default of `RestartPolicy::stable_after`.
    pub(crate) const STABLE_AFTER: Duration = Duration::from_secs(60);

    /// Defaults of `RestartPolicy::limit`. With the default delays, ten restarts of a plugin that
    /// crashes at once take 78 s or more.
    pub(crate) const RESTARTS: u32 = 10;
    pub(crate) const WINDOW: Duration = Duration::from_secs(300);

    /// Default of `wait_timeout`: the start timeout.
    pub(crate) const WAIT_TIMEOUT: Duration = super::host::START_TIMEOUT;

    /// Default of `repeats`. A call that ended three processes would end a fourth.
    pub(crate) const REPEATS: u32 = 3;

    /// Default of `Health::deadline`. That of the keep-alive of a session.
    pub(crate) const HEALTH_DEADLINE: Duration = Duration::from_secs(10);

    /// Default of `drain_timeout`: what Kubernetes grants a service that it replaces.
    pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

    /// The most processes of a pool. Each takes a few descriptors, and most systems give a process
    /// 1,024.
    pub(crate) const MAX_INSTANCES: usize = 1024;

    /// How many events wait for a reader.
    pub(crate) const EVENTS: usize = 256;

    /// How many requests of one kind wait for the owner of a process. Their senders wait then.
    pub(crate) const ORDERS: usize = 16;

    /// How many processes that were replaced or lost may be ending while another one starts. Each
    /// of them has a bounded time.
    pub(crate) const MAX_ENDING: usize = 8;

    /// How soon, and how often at last, it is looked whether a process still has something to do.
    pub(crate) const FIRST_LOOK: Duration = Duration::from_millis(1);
    pub(crate) const LAST_LOOK: Duration = Duration::from_millis(50);

    /// The longest state file that is read, in bytes: that of the largest pool, with 64 KiB of log
    /// for each of 64 processes.
    pub(crate) const STATE_FILE: u64 = 16 * 1024 * 1024;

    /// How many times in the idle timeout it is looked whether a process is idle.
    pub(crate) const IDLE_LOOKS: u32 = 4;
}

/// Serving a host.
#[cfg(feature = "plugin")]
pub(crate) mod plugin {
    use super::Duration;

    /// Default of `max_pending`, in connections. go-plugin has no bound. Each takes one descriptor,
    /// and most systems give a process 1,024.
    pub(crate) const MAX_PENDING: usize = 256;

    /// How long a connection is served before a newer one can take its place. An honest host needs
    /// a few milliseconds to open its streams, and longer on a busy machine. With [`MAX_PENDING`],
    /// only a flood of 2,560 connections a second delays a host.
    pub(crate) const GRACE: Duration = Duration::from_millis(100);

    /// The first pause after a failure to accept that can pass, and the longest; each is twice the
    /// one before. Go's `http.Server` uses the same two.
    pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(5);
    pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(1);

    /// How long the connection of the host that asked the plugin to quit may go on. The host closes
    /// it as soon as it has the answer.
    pub(crate) const FINISH: Duration = Duration::from_secs(1);

    /// How long the process may go on after serving when no host is left to kill it.
    pub(crate) const UNATTENDED: Duration = Duration::from_secs(5);

    /// How long the shutdown hook may take: half of what hosts of this crate and go-plugin's wait
    /// for a plugin to end.
    pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

    /// How long the process may go on after the answer to quit while a method blocks a thread. The
    /// host kills it after 2 s (go-plugin: `client.go`, `Kill`).
    pub(crate) const QUITTING: Duration = Duration::from_secs(1);

    /// A method that blocks its thread for less may only be slow.
    pub(crate) const BLOCKED: Duration = Duration::from_millis(500);

    /// How long the process's exit handlers may take: they may wait for a lock that a blocked
    /// thread holds.
    pub(crate) const EXIT_HANDLERS: Duration = Duration::from_secs(1);

    /// How much output is kept for a host before writers have to wait, in bytes, for each of the
    /// two streams.
    pub(crate) const BACKLOG: usize = 1024 * 1024;

    /// How long writers wait for a host that reads no output at all. After that, output is dropped:
    /// the host may be waiting for this process to go on.
    pub(crate) const STALL: Duration = Duration::from_secs(5);

    /// How much output is written to a stream at a time, in bytes. Not measured: output is seldom
    /// fast, and a stream's window is 256 KiB.
    pub(crate) const CHUNK: usize = 32 * 1024;

    /// How long the host's request to quit may wait for output to be sent. Half of what a host
    /// waits before it kills the plugin.
    pub(crate) const DRAIN: Duration = Duration::from_secs(1);

    /// How long the end of serving may wait for output to be written to the original descriptors.
    pub(crate) const REST: Duration = Duration::from_millis(500);

    /// How much of a backtrace, and of any other text, is in the record of a panic, in bytes of the
    /// line: hosts read lines of up to 64 KiB as one.
    pub(crate) const BACKTRACE: usize = 32 * 1024;
    pub(crate) const PANIC_FIELD: usize = 8 * 1024;
}

/// Files and directories for sockets.
#[cfg(all(unix, any(feature = "host", feature = "plugin")))]
pub(crate) mod sys {
    use super::Duration;

    /// The most files that are removed with a private directory. It is made for a few sockets.
    pub(crate) const MAX_FILES: usize = 256;

    /// The longest that removing files may take, on a slow file system.
    pub(crate) const REMOVAL: Duration = Duration::from_secs(1);

    /// The most names that a sweep of a temporary directory looks at, and the longest that it
    /// takes.
    pub(crate) const SWEPT_NAMES: usize = 10_000;
    pub(crate) const SWEEP: Duration = Duration::from_secs(1);

    /// The most sockets in a directory that a sweep removes. A directory with more is in other use.
    pub(crate) const MAX_SOCKETS: usize = 16;

    /// How many swept directories are remembered, so that each is swept once. A host that uses a
    /// new place for each launch leaves few directories behind in each.
    pub(crate) const REMEMBERED: usize = 16;
}

/// TLS and one-time certificates.
pub(crate) mod tls {
    use super::Duration;

    /// Default of `tls_handshake_timeout`. go-plugin has none. A handshake takes a few
    /// milliseconds; ten seconds are for a host that is starved of processor time.
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

/// Calls.
pub(crate) mod rpc {
    use super::Duration;

    /// Default of `max_calls`: a bound on what a peer can make a server hold. Go's server has none.
    pub(crate) const MAX_CALLS: usize = 16 * 1024;

    /// With this many bytes to be written, senders wait for the peer to read: a stream's window
    /// (`hashicorp/yamux`: `const.go`, `initialStreamWindow`).
    pub(crate) const HIGH_WATER: usize = 256 * 1024;

    /// A buffer that grew beyond this, in bytes, is freed once it is empty, so that one large
    /// message costs an idle connection or thread nothing.
    pub(crate) const KEEP_BUFFER: usize = 64 * 1024;

    /// Room for the first read, in bytes. An idle connection holds no more.
    pub(crate) const SMALL_READ: usize = 1024;

    /// Room for a read from a peer that sends much, in bytes: the longest frame that this crate
    /// sends.
    pub(crate) const LARGE_READ: usize = 64 * 1024;

    /// After this many requests in a row the replies are written and other tasks get their turn.
    /// tokio's own budget of a task is 128 operations.
    pub(crate) const TURN: u32 = 64;

    /// A call this short costs less on the connection's task than as a task of its own.
    pub(crate) const QUICK: Duration = Duration::from_micros(20);

    /// After this many quick calls in a row the next one is expected to be quick, too.
    pub(crate) const TRIAL: u32 = 64;

    /// The longest trace context that travels with a call, in characters. That of W3C has 55.
    pub(crate) const LONGEST_TRACE: usize = 256;

    /// How many requests are read ahead while no further call may run, to find cancels among them.
    /// One read from a peer brings about as many small ones.
    pub(crate) const AHEAD: usize = 64;

    /// How many replies that lent something are noted before those that were taken are looked for:
    /// a caller takes most at once.
    pub(crate) const UNTAKEN: usize = 32;

    /// How many bytes of such requests are held: a stream's window.
    pub(crate) const AHEAD_BYTES: usize = HIGH_WATER;

    /// How many of the last lines on stderr an error's text shows: more do not fit on a line.
    pub(crate) const SHOWN_LINES: usize = 5;

    /// How many of them the report of a crash shows, to fit on a screen with the rest.
    pub(crate) const REPORTED_LINES: usize = 12;

    /// How many methods a crash keeps, of those whose calls it has lost. A screen's worth and more.
    pub(crate) const LOST_METHODS: usize = 64;

    /// How long a call whose whole session ended waits for the news that the process has ended. A
    /// process that dies loses its connections first and is reaped a moment later: after more than
    /// 500 ms, with a panic, where each core had four programs to run (`tests/faults`). One that
    /// lives on without its connection is rare.
    pub(crate) const SESSION_LOST: Duration = Duration::from_secs(2);

    /// The same for a call of the library's own. A launch waits for its first one, and then finds
    /// out by itself how the process ended.
    pub(crate) const CONTROL_LOST: Duration = Duration::from_millis(500);

    /// The same for a call whose stream alone ended, which is rarely by the death of the process.
    pub(crate) const STREAM_ENDED: Duration = Duration::from_millis(100);

    /// How many causes of an error cross, and how many a log line shows. Errors nest a few deep;
    /// one whose causes never end is a mistake that must not fill a message.
    pub(crate) use plugwire_base::chain::MAX_CAUSES as CAUSES;

    /// How long the texts of an error's causes may be together, in bytes: an error with a page of
    /// text a cause.
    pub(crate) const CAUSES_TEXT: usize = 64 * 1024;

    /// How long the value of an error may be, in bytes, with its type's name. A longer one is left
    /// out, and the error crosses as text.
    pub(crate) const ERROR_VALUE: usize = 1024 * 1024;
}

/// Events.
pub(crate) mod event {
    /// How many values a label of a metric may have. A plugin has some tens of methods; a time
    /// series of Prometheus is some kilobytes.
    #[cfg(feature = "metrics")]
    pub(crate) const LABELS: usize = 256;

    /// The longest instance name, in bytes: it is in each line of a plugin's log.
    pub(crate) const LONGEST_NAME: usize = 64;
}

/// The broker.
pub(crate) mod broker {
    use super::Duration;

    /// Default of `accept_timeout`. go-plugin: `mux_broker.go`, `Accept` and `timeoutWait`.
    pub(crate) const ACCEPT_TIMEOUT: Duration = Duration::from_secs(5);

    /// Default of `dial_timeout`: twice what a go-plugin peer lets a stream wait before it closes
    /// it. go-plugin itself waits for ever.
    pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(10);
}

/// One host and one plugin.
pub(crate) mod connection {
    use super::Duration;

    /// Default of `control_timeout`: go-plugin's `StartTimeout`. Its control calls wait for ever.
    pub(crate) const CONTROL_TIMEOUT: Duration = Duration::from_secs(60);

    /// How long the answer to `Control.Quit` waits for what was written before it.
    pub(crate) const QUIT_FLUSH: Duration = Duration::from_secs(1);
}

/// Readers and writers, and streams of items.
pub(crate) mod interface {
    /// How many bytes are copied at a time: the longest frame that this crate sends.
    pub(crate) const CHUNK: usize = 64 * 1024;

    /// How many interfaces, readers, writers and streams one value may hold. Each is a stream, and
    /// some are a task of the receiver's, for one to five bytes of the sender's.
    pub(crate) const MAX_NESTED: usize = 1024;

    /// How many items a channel holds, and how many are taken out of it together. A number as an
    /// item takes a quarter more processor time with 16, and two thirds more with 256 (both sides,
    /// two cores, `versus`, row `items`).
    pub(crate) const ITEMS: usize = 64;

    /// Items of so many bytes together are written at once. With 4 KiB a number takes a fifth more
    /// processor time; 64 KiB is no faster.
    pub(crate) const ITEM_BYTES: usize = 16 * 1024;

    /// After this many writes, or reads, without waiting, other tasks get their turn. Four and 64
    /// take the same processor time within 3 %: it is for those others that there is a bound.
    pub(crate) const ITEM_WRITES: u32 = 16;
    pub(crate) const ITEM_READS: u32 = 16;
}
