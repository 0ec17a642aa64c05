//! Peers whose pace is meant to keep a thread awake.
//!
//! A binary of its own, since it measures processor time: beside other tests the peer does not
//! keep its pace, and staying awake is worth more than it is to an idle machine.

use std::io::Write;
use std::time::{Duration, Instant};

use plugwire_attacks::rounds;
use plugwire_attacks::victim::Victim;
use plugwire_attacks::wire::{self, SYN, WINDOW_UPDATE};

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

/// What a peer costs that sends a frame every 60 µs for a second.
fn cost(arguments: &[&str]) -> Duration {
    let victim = Victim::start(VICTIM, "plugin", arguments);
    let mut peer = victim.connect();
    wire::open_three(&mut peer).unwrap();
    // Beyond the exchange that a session begins with.
    for stream in (7..47).step_by(2) {
        peer.write_all(&wire::header(WINDOW_UPDATE, SYN, stream, 0))
            .unwrap();
        peer.write_all(&wire::data(0, stream, &(stream / 2).to_le_bytes()))
            .unwrap();
    }
    let before = victim.processor_time();
    let end = Instant::now() + Duration::from_secs(1) * rounds() as u32;
    let mut next = Instant::now();
    let frame = wire::header(WINDOW_UPDATE, 0, 1, 1);
    while Instant::now() < end {
        while Instant::now() < next {
            std::hint::spin_loop();
        }
        next = Instant::now() + Duration::from_micros(60);
        peer.write_all(&frame).unwrap();
    }
    victim.processor_time() - before
}

/// A peer that sends at a pace of its own gains nothing by a victim that stays awake for it, so
/// the victim does not. Other processes can disturb the pace, so the least of 20 rounds counts, or
/// of as many as it takes.
#[test]
fn a_frame_every_60_us_costs_no_more_than_handling_it() {
    let (mut awake, mut asleep) = (Duration::MAX, Duration::MAX);
    for _ in 0..20 {
        awake = awake.min(cost(&[]));
        asleep = asleep.min(cost(&["sleepy"]));
        // A victim that stays awake takes the whole second.
        if awake < asleep * 3 / 2 + Duration::from_millis(150) {
            return;
        }
    }
    panic!("by default {awake:?}, without busy polling {asleep:?}");
}
