//! Frames that wait for the connection.

use super::frame::{HEADER, Header};

/// Above this many bytes that wait for the connection, writers wait too. Above this many bytes of
/// answers nothing is read that may need another.
pub(super) const HIGH_WATER: usize = 128 * 1024;

/// Above this many bytes that wait for the connection no stream is opened or accepted. It is more than
/// data alone comes to, so that writers of large blocks do not keep streams from being opened.
const STREAMS_WAIT: usize = 2 * HIGH_WATER;

/// What was queued and not written yet, in one piece.
///
/// All of it is bounded, however much the peer does and however little it reads. Data waits at
/// [`HIGH_WATER`], streams are not opened or accepted above [`STREAMS_WAIT`], answers stop the reading
/// at [`HIGH_WATER`], and window updates are not queued above it. What is left is what a stream may
/// say once, such as its end: twelve bytes each.
#[derive(Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// How much of `bytes` the connection has taken.
    written: usize,
    /// How many bytes are answers to what was read. These are not answered in turn, so two sides that
    /// stop reading for them do not wait for each other.
    answers: usize,
}

impl Outgoing {
    pub(super) fn push(&mut self, header: Header) {
        self.bytes.extend_from_slice(&header.encode());
    }

    pub(super) fn push_answer(&mut self, header: Header) {
        self.push(header);
        self.answers += HEADER;
    }

    /// A data frame, or what is left of one.
    pub(super) fn push_frame(&mut self, header: &[u8], body: &[u8]) {
        self.bytes.extend_from_slice(header);
        self.bytes.extend_from_slice(body);
    }

    /// What the connection has not taken.
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether so many answers wait that nothing may be read that could need another.
    pub(super) fn is_full_of_answers(&self) -> bool {
        self.answers > HIGH_WATER
    }

    /// Whether a stream may be opened or accepted.
    pub(super) fn has_room_for_streams(&self) -> bool {
        self.len() <= STREAMS_WAIT
    }

    /// Whether a window update may be queued.
    pub(super) fn has_room_for_windows(&self) -> bool {
        self.len() <= HIGH_WATER
    }

    /// The connection took so much of what was [unwritten](Self::unwritten).
    pub(super) fn took(&mut self, n: usize) {
        self.written += n;
        self.answers = self.answers.saturating_sub(n);
    }

    /// Makes room. Frames may go on to come for as long as the connection is behind: what it has taken
    /// must not pile up before them.
    pub(super) fn forget_written(&mut self) {
        if self.written >= HIGH_WATER {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }

    /// Everything was written, or never will be.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(HIGH_WATER);
        self.written = 0;
        self.answers = 0;
    }
}
