//! Frames that serve no purpose, of which a peer may send some, but not without end.

use std::time::Instant;

use plugwire_base::rate_limited_log::RateLimitedLog;

use super::time::Now;
use crate::error::Noise;
use crate::tuning::{FRAMES_IN_FLIGHT, MOST_IN_FLIGHT, NOISE_BURST, NOISE_RESETS};

/// Counts the noise of a session's peer.
#[derive(Debug)]
pub(super) struct NoiseMeter {
    /// One for each kind, in their order.
    buckets: [Bucket; 5],
    /// How much may still arrive for streams that are gone: data in bytes, other frames as one
    /// each.
    in_flight: u64,
    refusals: RateLimitedLog,
}

impl NoiseMeter {
    pub(super) fn new(per_second: u32) -> Self {
        let rate = u64::from(per_second);
        let rates = [rate, rate * NOISE_RESETS, rate, rate, rate];
        NoiseMeter {
            buckets: rates.map(Bucket::new),
            in_flight: 0,
            refusals: RateLimitedLog::default(),
        }
    }

    /// A noisy frame came. An error, with how many a second are allowed, where it is one too many.
    pub(super) fn count(&mut self, noise: Noise, now: impl Now) -> Result<(), u64> {
        let bucket = &mut self.buckets[noise as usize];
        match bucket.take(now) {
            true => Ok(()),
            false => Err(bucket.per_second),
        }
    }

    /// A stream is gone on which the peer may have sent `window` bytes more.
    pub(super) fn stream_gone(&mut self, window: u32) {
        let more = self.in_flight + u64::from(window) + FRAMES_IN_FLIGHT;
        self.in_flight = more.min(MOST_IN_FLIGHT);
    }

    /// Whether a frame with a body of `body` bytes may have been on its way.
    pub(super) fn was_in_flight(&mut self, body: u32) -> bool {
        match self.in_flight.checked_sub(u64::from(body.max(1))) {
            Some(left) => {
                self.in_flight = left;
                true
            }
            None => false,
        }
    }

    /// A stream was refused. How many were since the last warning, if it is time for another.
    pub(super) fn note_refusal(&mut self, now: Instant) -> Option<u64> {
        self.refusals.note(now)
    }
}

/// A token bucket: a number of frames a second, and some seconds' worth at once.
///
/// It looks at the time only when it is empty.
#[derive(Debug)]
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
            left: per_second.saturating_mul(NOISE_BURST),
            filled: None,
        }
    }

    fn take(&mut self, now: impl Now) -> bool {
        if self.filled.is_none() || self.left == 0 {
            let now = now.now();
            if let Some(filled) = self.filled {
                let passed = now.saturating_duration_since(filled).as_micros();
                let more = passed.saturating_mul(u128::from(self.per_second)) / 1_000_000;
                let most = self.per_second.saturating_mul(NOISE_BURST);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// How many of the frames numbered by `times` are let through, each `apart` milliseconds after
    /// the one before.
    fn taken(
        bucket: &mut Bucket,
        start: Instant,
        times: std::ops::Range<u64>,
        apart: u64,
    ) -> usize {
        let at = |n: u64| start + Duration::from_millis(n * apart);
        times.filter(|n| bucket.take(at(*n))).count()
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100);
        assert_eq!(taken(&mut bucket, start, 0..5_000, 0), 1_000);
        assert!(!bucket.take(start + Duration::from_millis(9)));
        // One each ten milliseconds, however often it is tried.
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
        let mut bucket = Bucket::new(u64::from(u32::MAX) * NOISE_RESETS);
        let start = Instant::now();
        assert_eq!(taken(&mut bucket, start, 0..100_000, 0), 100_000);
    }

    #[test]
    fn a_clock_is_read_once_for_a_burst() {
        let reads = std::cell::Cell::new(0);
        let start = Instant::now();
        let clock = || {
            reads.set(reads.get() + 1);
            start
        };
        let mut bucket = Bucket::new(100);
        for _ in 0..1_000 {
            assert!(bucket.take(clock));
        }
        assert_eq!(reads.get(), 1);
        assert!(!bucket.take(clock));
        assert_eq!(reads.get(), 2);
    }

    #[test]
    fn each_kind_has_a_bucket_of_its_own() {
        let start = Instant::now();
        let mut meter = NoiseMeter::new(1);
        for (noise, burst) in [
            (Noise::RefusedStreams, 10),
            (Noise::ResetStreams, 100),
            (Noise::Pings, 10),
            (Noise::EmptyFrames, 10),
            (Noise::UnknownStreams, 10),
        ] {
            for _ in 0..burst {
                assert_eq!(meter.count(noise, start), Ok(()));
            }
            assert_eq!(meter.count(noise, start), Err(burst / 10), "{noise}");
        }
    }

    #[test]
    fn what_was_on_its_way_is_no_noise() {
        let mut meter = NoiseMeter::new(1);
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
