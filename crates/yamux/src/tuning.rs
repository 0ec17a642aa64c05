//! Every constant that was tuned and could be another number, with what speaks for this one.
//!
//! Numbers of the protocol are in [`proto::frame`](crate::proto); what users set is in
//! [`Config`](crate::Config). Figures are from `docs/performance.md` (`benches/versus/run`) unless
//! they say otherwise.

use std::time::Duration;

// Flow control.

/// What a stream's window grows to, in bytes, once half of it was read.
///
/// 1 GiB through a reader: 220 ms of processor time with 256 KiB, 186 ms with 1 MiB. 4 MiB halve
/// the wake-ups once more and gain no time.
pub(crate) const WIDE_WINDOW: u32 = 1024 * 1024;

/// How many streams of a session have a wide window at a time: 64 MiB at most for windows that
/// grew.
pub(crate) const WIDE_STREAMS: usize = 64;

// Frames that wait to be written.

/// Above this many bytes that wait for the connection, writers wait too, and no window update is
/// queued. Above this many bytes of answers, the session reads no more.
///
/// It is two large frames: enough for one write to carry what 64 callers have to say at once.
pub(crate) const HIGH_WATER: usize = 128 * 1024;

/// Above this many bytes that wait for the connection, no stream is opened or accepted. It is more
/// than data alone comes to, so writers of large blocks do not keep streams from being opened.
pub(crate) const STREAMS_WAIT: usize = 2 * HIGH_WATER;

/// The body of the longest frame that is sent, in bytes: the unit in which streams take turns.
///
/// Go's reader takes frames of any length. A longer frame gains less than 1 % on a reader of 1 GiB,
/// and others wait longer behind it.
pub(crate) const FRAME: usize = 64 * 1024;

/// From this many bytes on, a frame is large: it is worth a system call of its own, from its
/// writer's buffer or into its reader's.
///
/// A large frame saves two copies; below 8 KiB the copies cost less than the system call. Together
/// with frames that gather under the session's lock, 1 GiB through a reader took 231 ms in place of
/// 487 ms.
pub(crate) const LARGE: usize = 8 * 1024;

/// A new stream is usually written at once, perhaps a few task switches later: its number, its
/// confirmation, a call, a reply. A stream's end is often followed by more, too. So the frame that
/// opens, accepts or ends a stream waits for up to this many turns of the driver. Otherwise it
/// would be a system call of its own, and wake the peer for an empty frame.
///
/// A dispense took 161 µs without, 120 µs with it; a callback's writes fell from 7 to 4.
pub(crate) const NEW_STREAM_TURNS: u8 = 2;

/// How many waiting writers are woken at once when the connection has room. More would find that
/// the first of them used the room up.
///
/// 1 GiB through 64 streams: 556 ms when all were woken, 427 ms with 4, and with readers that keep
/// the socket until no more has arrived.
pub(crate) const WRITERS_WOKEN: usize = 4;

// Reading.

/// Bytes read at once where frames are small.
pub(crate) const INPUT: usize = 32 * 1024;

/// Bytes read at once where the header of a large frame is expected: little of the frame's body
/// comes along, which would have to be copied.
pub(crate) const HEADER_INPUT: usize = 512;

/// How many reads the driver does in one turn, before the session is unlocked and other tasks run:
/// 256 KiB of small frames at most.
///
/// A peer that floods 8 streams with frames of 1,000 bytes, and exchanges of 64 bytes beside it, on
/// two threads: with 128 reads an exchange took 420 to 453 µs (median) and the flood had 335 to 716
/// MiB/s, with 8 it took 300 to 372 µs and had 494 to 707 MiB/s. Large frames on 64 streams take
/// the same time with both.
pub(crate) const READS: usize = 8;

/// How long the reader of a large stream may keep the connection without reading from it.
pub(crate) const DIRECT_READ: Duration = Duration::from_millis(2);

/// An empty buffer above this size, in bytes, is not kept by its stream: an idle stream costs
/// little, however much once went through it.
pub(crate) const KEPT_BUFFER: usize = 4 * 1024;

/// A buffer up to this size, in bytes, is kept for the next stream that needs one.
pub(crate) const SPARE_BUFFER: usize = 256 * 1024;

// Limits of what a peer may do.

/// When streams are reset because the session holds too much, this part of the limit is made free,
/// so that a peer has to send as much before all streams are looked at again.
pub(crate) const FREED_PART: usize = 64;

/// How many seconds' worth of noise may come at once.
pub(crate) const NOISE_BURST: u64 = 10;

/// How many of its streams a peer may reset for each other noisy frame: programs cancel what they
/// began, and some cancel all of it at once.
pub(crate) const NOISE_RESETS: u64 = 10;

/// The most that is taken to be on its way for streams that are gone, in bytes.
pub(crate) const MOST_IN_FLIGHT: u64 = 64 << 20;

/// How many frames without data may be on their way for a stream that is gone: window updates, an
/// end.
pub(crate) const FRAMES_IN_FLIGHT: u64 = 16;

// Keep-alive.

/// How often within the keep-alive timeout something late is looked at again.
pub(crate) const LOOKS: u32 = 8;

/// After a message from outside of any task, this many messages from tasks have to follow before
/// the session counts as used by tasks alone.
pub(crate) const FROM_TASKS: u8 = 16;

// Busy polling: see `busy_poll`. Figures are of `docs/performance.md`, "Beside other work".

/// How many arrivals belong to the beginning of a session, while a plugin is started and dispensed:
/// that is over soon, and both sides need their cores for other work.
pub(crate) const BEGINNING: u8 = 16;

/// From the beginning of one try to the beginning of the next. Two of them are over within 100 ms
/// of a change of load.
pub(crate) const PERIOD: Duration = Duration::from_millis(50);

/// How long each way of waiting is tried: 2 % of the time for the worse one, and some ten exchanges
/// even where each takes 100 µs.
pub(crate) const TRY: Duration = Duration::from_millis(1);

/// A try that lasted longer than this has met a pause in the conversation.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);

/// Fewer arrivals than these, in both ways together, say too little of either.
pub(crate) const ARRIVALS: u32 = 8;

/// The most that one try counts, as a logarithm: four times as much, or a quarter. So two tries are
/// enough for a change, while one that met a hiccup is outweighed by those before it.
pub(crate) const CLEAR: f64 = 2.0;

/// A try in which one way brought less than twice as much ([`TWICE`], as a logarithm) counts for
/// less ([`DOUBTFUL`]): exchanges with a peer that has a scheduler of its own, such as Go's, differ
/// by that much from one millisecond to the next.
pub(crate) const TWICE: f64 = 1.0;
pub(crate) const DOUBTFUL: f64 = 0.2;

/// Staying awake is begun where it gains more than a fifth ([`GAIN`], as a logarithm), and left off
/// below a tenth ([`NO_GAIN`]): it costs processor time. On idle cores sleeping has good moments,
/// while both sides happen to share one, so it takes several tries without a gain after clear ones.
pub(crate) const GAIN: f64 = 0.26;
pub(crate) const NO_GAIN: f64 = 0.1;
