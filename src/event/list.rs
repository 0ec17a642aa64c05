//! The list of events. Each is declared here, once.
//!
//! A metric is a kind, a name, a unit, the labels beside `plugin` and `side`, and its value: a
//! field, or a number. `docs/observability.md` has the list as a table, which a test compares.

use std::time::Duration;

use super::declare::events;
#[cfg(feature = "metrics")]
use super::declare::{described, measured};
#[cfg(feature = "metrics")]
use super::labels::{Bounds, Label as _};
use super::meta::{Direction, Entry, Event, Meta, MetricEntry, Outcome, Shown as _, said};

events! {
    /// A plugin was started, and has answered.
    DEBUG "plugwire::launch"
    Launched as on_launched {
        /// The process id, where there is one.
        pid: Option<u32>,
        /// The app version that was negotiated.
        app_version: u32,
        /// From the start of the launch to the first answer.
        duration: Duration,
    }
    metrics {
        counter "plugwire_launches_total" Count [] = 1 "Plugins that were started and answered.";
        histogram "plugwire_launch_duration_seconds" Seconds [] = duration
            "How long launches took that succeeded.";
    }

    /// A plugin could not be started.
    DEBUG "plugwire::launch"
    LaunchFailed<'a> as on_launch_failed {
        /// The error's text.
        error: &'a str,
        /// From the start of the launch to its failure.
        duration: Duration,
    }
    metrics {
        counter "plugwire_launch_failures_total" Count [] = 1 "Launches that failed.";
    }

    /// A plugin's process has ended.
    DEBUG "plugwire::launch"
    Exited<'a> as on_exited {
        /// The process id, where there is one.
        pid: Option<u32>,
        /// How: `exited`, `killed` by this host, or `disconnected`.
        how: &'a str,
        /// The exit status, where the system gives it.
        status: Option<&'a str>,
    }
    metrics {
        counter "plugwire_exits_total" Count [how] = 1 "Processes of plugins that have ended.";
    }

    /// A supervised plugin failed, and is going to be started again.
    DEBUG "plugwire::launch"
    Restarting as on_restarting {
        /// The pause before the start.
        delay: Duration,
        /// How many times in a row it has failed.
        failures: u32,
    }
    metrics {
        counter "plugwire_restarts_total" Count [] = 1 "Starts after a failure.";
    }

    /// Another process took the place of a supervised plugin's.
    DEBUG "plugwire::launch"
    Reloaded as on_reloaded {
        /// The id of the new process, where there is one.
        pid: Option<u32>,
    }
    metrics {
        counter "plugwire_reloads_total" Count [] = 1 "Processes that replaced another.";
    }

    /// A session with the peer has begun.
    DEBUG "plugwire::connection"
    Connected as on_connected {}
    metrics {
        counter "plugwire_connections_total" Count [] = 1 "Sessions that have begun.";
        gauge "plugwire_connections" Count [] = 1 "Sessions that are open.";
    }

    /// A session with the peer has ended.
    DEBUG "plugwire::connection"
    Disconnected<'a> as on_disconnected {
        /// Why.
        reason: &'a str,
    }
    metrics {
        gauge "plugwire_connections" Count [] = (-1) "Sessions that are open.";
    }

    /// A call begins: one that this side makes, or serves.
    TRACE "plugwire::call"
    CallBegun<'a> as on_call_begun {
        /// Which side calls.
        direction: Direction,
        /// The service and method, such as `Plugin.Get`; `unknown` where the peer calls one that
        /// this side does not have.
        method: &'a str,
    }
    metrics {
        gauge "plugwire_calls_in_flight" Count [direction] = 1 "Calls under way.";
    }

    /// A call has ended.
    DEBUG "plugwire::call"
    CallEnded<'a> as on_call_ended {
        /// Which side calls.
        direction: Direction,
        /// As of its begin.
        method: &'a str,
        /// Its number on its stream. None where it was not sent.
        seq: Option<u64>,
        /// How it ended.
        outcome: Outcome,
        /// From its begin to its end.
        duration: Duration,
        /// The encoded argument of a call that is made, or reply of one that is served, in bytes.
        sent: u64,
        /// The encoded reply of a call that is made, or argument of one that is served, in bytes.
        received: u64,
    }
    metrics {
        counter "plugwire_calls_total" Count [direction method outcome] = 1
            "Calls that have ended.";
        histogram "plugwire_call_duration_seconds" Seconds [direction method] = duration
            "How long calls took.";
        counter "plugwire_call_sent_bytes_total" Bytes [direction method] = sent
            "Arguments and replies that were sent.";
        counter "plugwire_call_received_bytes_total" Bytes [direction method] = received
            "Arguments and replies that have arrived.";
        gauge "plugwire_calls_in_flight" Count [direction] = (-1) "Calls under way.";
    }

    /// A stream of a session was opened.
    TRACE "plugwire::stream"
    StreamOpened as on_stream_opened {
        /// Its number in its session.
        stream: u32,
        /// Whether the peer has opened it.
        by_peer: bool,
    }
    metrics {
        counter "plugwire_streams_total" Count [by_peer] = 1 "Streams that were opened.";
        gauge "plugwire_streams" Count [] = 1 "Streams that are open.";
    }

    /// A stream of a session is gone.
    TRACE "plugwire::stream"
    StreamClosed as on_stream_closed {
        /// Its number in its session.
        stream: u32,
    }
    metrics {
        gauge "plugwire_streams" Count [] = (-1) "Streams that are open.";
    }

    /// A writer has used up the window of its stream, and waits for the peer to read.
    TRACE "plugwire::stream"
    WindowStalled as on_window_stalled {
        /// The stream's number in its session.
        stream: u32,
    }
    metrics {
        counter "plugwire_window_stalls_total" Count [] = 1
            "How often a writer had to wait for the peer to read.";
    }

    /// A limit was met.
    DEBUG "plugwire::limit"
    LimitMet<'a> as on_limit_met {
        /// The option that sets it, such as `accept_backlog` or `max_calls`; `outbox` for the
        /// messages that wait for a peer that reads slowly.
        limit: &'a str,
    }
    metrics {
        counter "plugwire_limits_met_total" Count [limit] = 1 "How often a limit was met.";
    }
}
