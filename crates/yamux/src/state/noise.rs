//! Frames that serve no purpose, of which a peer may send some, but not without end.

use tokio::time::Instant;

use super::{Noise, State, WINDOW};
use crate::error::SessionError;
use crate::frame::{GO_AWAY_PROTOCOL_ERROR, Kind};
use plugwire_base::seldom::Seldom;

/// How many seconds' worth of noise may come at once.
const BURST: u64 = 10;

/// So many of a peer's streams may be reset for each other frame: programs cancel what they began, some
/// of them all at once.
const RESETS: u64 = 10;

/// No more than this is taken to be on its way for streams that are gone.
const MOST_IN_FLIGHT: u64 = 64 << 20;

/// So many frames without data may be on their way for a stream that is gone: window updates, an end.
const FRAMES_IN_FLIGHT: u64 = 16;

/// Counts the noise of a session's peer.
pub(super) struct Meter {
    /// One for each kind, in their order.
    buckets: [Bucket; 5],
    /// How much may still arrive for streams that are gone: data in bytes, other frames as one each.
    in_flight: u64,
    refusals: Seldom,
}

impl Meter {
    pub(super) fn new(per_second: u32) -> Self {
        let rate = u64::from(per_second);
        let rates = [rate, rate * RESETS, rate, rate, rate];
        Meter {
            buckets: rates.map(Bucket::new),
            in_flight: 0,
            refusals: Seldom::default(),
        }
    }

    /// A stream is gone on which the peer may have sent so many bytes more.
    pub(super) fn stream_gone(&mut self, window: u32) {
        let more = self.in_flight + u64::from(window) + FRAMES_IN_FLIGHT;
        self.in_flight = more.min(MOST_IN_FLIGHT);
    }

    /// Whether a frame with such a body may have been on its way.
    fn was_in_flight(&mut self, body: u32) -> bool {
        match self.in_flight.checked_sub(u64::from(body.max(1))) {
            Some(left) => {
                self.in_flight = left;
                true
            }
            None => false,
        }
    }
}

/// So many a second, and some seconds' worth at once.
///
/// The time is only looked at when all were used up.
struct Bucket {
    per_second: u64,
    left: u64,
    /// When it was filled last; `None` where it was full then.
    filled: Option<Instant>,
}

impl Bucket {
    fn new(per_second: u64) -> Self {
        Bucket {
            per_second,
            left: per_second.saturating_mul(BURST),
            filled: None,
        }
    }

    fn take(&mut self, now: impl FnOnce() -> Instant) -> bool {
        if self.filled.is_none() || self.left == 0 {
            let now = now();
            if let Some(filled) = self.filled {
                let passed = now.saturating_duration_since(filled).as_micros();
                let more = passed.saturating_mul(u128::from(self.per_second)) / 1_000_000;
                let most = self.per_second.saturating_mul(BURST);
                self.left = u64::try_from(more).unwrap_or(u64::MAX).min(most);
                if self.left == 0 {
                    return false;
                }
            }
            self.filled = Some(now);
        }
        self.left -= 1;
        true
    }
}

impl State {
    /// The peer sent something of no use: an error once that is too much.
    pub(super) fn noise(&mut self, noise: Noise) -> Result<(), SessionError> {
        let bucket = &mut self.meter.buckets[noise as usize];
        if bucket.take(Instant::now) {
            return Ok(());
        }
        let per_second = bucket.per_second;
        self.queue(Kind::GoAway, 0, 0, GO_AWAY_PROTOCOL_ERROR);
        Err(SessionError::Noise { noise, per_second })
    }

    /// A frame came for a stream that there is not.
    pub(super) fn unknown_stream(&mut self, body: u32) -> Result<(), SessionError> {
        match self.meter.was_in_flight(body) {
            true => Ok(()),
            false => self.noise(Noise::UnknownStreams),
        }
    }

    /// A stream of the peer is one too many.
    pub(super) fn refused(&mut self, id: u32, why: &'static str) -> Result<(), SessionError> {
        if let Some(refused) = self.meter.refusals.say() {
            tracing::warn!(
                stream = id,
                more_refused = refused - 1,
                "{why}, resetting a new stream"
            );
        }
        // It sends data with it and behind it, until it hears.
        self.meter.stream_gone(WINDOW);
        self.noise(Noise::RefusedStreams)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// How many of so many are let through, at points in time that are so many milliseconds apart.
    fn taken(
        bucket: &mut Bucket,
        start: Instant,
        times: std::ops::Range<u64>,
        apart: u64,
    ) -> usize {
        let at = |n: u64| start + Duration::from_millis(n * apart);
        times.filter(|n| bucket.take(|| at(*n))).count()
    }

    #[test]
    fn a_burst_and_then_so_many_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100);
        assert_eq!(taken(&mut bucket, start, 0..5_000, 0), 1_000);
        assert!(!bucket.take(|| start + Duration::from_millis(9)));
        // One each ten milliseconds, whatever is tried.
        assert_eq!(taken(&mut bucket, start, 10..1_010, 1), 100);
        // And all of it again after a pause.
        let later = start + Duration::from_secs(3_600);
        assert_eq!(taken(&mut bucket, later, 0..5_000, 0), 1_000);
    }

    #[test]
    fn less_than_the_rate_never_ends_it() {
        let mut bucket = Bucket::new(100);
        assert_eq!(taken(&mut bucket, Instant::now(), 0..100_000, 10), 100_000);
    }

    #[test]
    fn the_largest_rate_is_no_bound() {
        let mut bucket = Bucket::new(u64::from(u32::MAX) * RESETS);
        let start = Instant::now();
        assert_eq!(taken(&mut bucket, start, 0..100_000, 0), 100_000);
    }

    #[test]
    fn what_was_on_its_way_is_no_noise() {
        let mut meter = Meter::new(1);
        assert!(!meter.was_in_flight(0));
        meter.stream_gone(1000);
        assert!(meter.was_in_flight(999));
        assert!(!meter.was_in_flight(100));
        for _ in 0..17 {
            assert!(meter.was_in_flight(0));
        }
        assert!(!meter.was_in_flight(0));
        for _ in 0..1_000_000 {
            meter.stream_gone(u32::MAX);
        }
        assert_eq!(meter.in_flight, MOST_IN_FLIGHT);
    }
}
