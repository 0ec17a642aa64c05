//! Frames that mean nothing, in numbers.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use plugwire_attacks::rounds;
use plugwire_attacks::victim::Victim;
use plugwire_attacks::wire::{
    self, ACK, DATA, Frame, GO_AWAY, PING, RST, SYN, WINDOW_UPDATE, header,
};

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

const MIB: usize = 1 << 20;

/// A peer that is honest is answered, so that an attack which fails is not taken for one that was
/// held.
#[test]
fn a_victim_answers_a_ping() {
    let victim = Victim::start(VICTIM, "plugin", &[]);
    let mut peer = victim.connect();
    wire::open_three(&mut peer).unwrap();
    assert_answers(&mut peer);
    assert!(victim.memory() <= victim.peak_memory());
    assert!(victim.descriptors() > 3);
}

fn assert_answers(peer: &mut UnixStream) {
    peer.write_all(&wire::header(PING, SYN, 0, 7)).unwrap();
    loop {
        let frame = wire::Frame::read_from(peer).unwrap();
        if frame.kind == PING {
            assert_eq!(frame.length, 7);
            return;
        }
    }
}

/// Sends frames until the victim closes the connection, or until a million were taken. Gives how
/// many were taken, and the last frame that came back.
fn flood(victim: &Victim, frames: impl Fn(u32) -> Vec<u8>) -> (u32, Option<Frame>) {
    let mut peer = victim.connect();
    wire::open_three(&mut peer).unwrap();
    let mut back = peer.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut last = None;
        while let Ok(frame) = wire::Frame::read_from(&mut back) {
            last = Some(frame);
        }
        last
    });
    let most = 1_000_000 * rounds() as u32;
    let mut taken = 0;
    while taken < most {
        let block: Vec<u8> = (taken..taken + 1_000).flat_map(&frames).collect();
        if peer.write_all(&block).is_err() {
            break;
        }
        taken += 1_000;
    }
    let _ = peer.shutdown(std::net::Shutdown::Write);
    (taken, reading.join().unwrap())
}

fn assert_told_to_go(mode: &str, frames: impl Fn(u32) -> Vec<u8>) {
    let victim = Victim::start(VICTIM, mode, &[]);
    let (taken, last) = flood(&victim, frames);
    let last = last.unwrap();
    assert_eq!(
        (last.kind, last.length),
        (GO_AWAY, 1),
        "after {taken} frames"
    );
    assert!(taken < 1_000_000, "{taken} frames were taken");
    let peak = victim.peak_memory();
    println!("{taken} frames, {} KiB at most", peak / 1024);
    assert!(peak < 64 * MIB, "{peak} bytes");
    // It goes on with others.
    let mut other = victim.connect();
    wire::open_three(&mut other).unwrap();
    assert_answers(&mut other);
}

#[test]
fn a_flood_of_pings_is_told_to_go() {
    assert_told_to_go("plugin", |n| header(PING, SYN, 0, n).to_vec());
}

#[test]
fn a_flood_of_answers_that_were_not_asked_for_is_told_to_go() {
    assert_told_to_go("plugin", |n| header(PING, ACK, 0, n).to_vec());
}

#[test]
fn a_flood_of_empty_frames_is_told_to_go() {
    assert_told_to_go("plugin", |_| header(DATA, 0, 1, 0).to_vec());
    assert_told_to_go("plugin", |_| header(WINDOW_UPDATE, 0, 3, 0).to_vec());
}

#[test]
fn a_flood_for_streams_that_there_are_not_is_told_to_go() {
    assert_told_to_go("plugin", |n| {
        header(WINDOW_UPDATE, 0, 2 * n + 1_001, 1).to_vec()
    });
    assert_told_to_go("plugin", |n| wire::data(0, 2 * n + 1_001, b"hello"));
}

#[test]
fn a_flood_of_streams_that_are_opened_and_reset_is_told_to_go() {
    assert_told_to_go("plugin", |n| {
        let id = 2 * n + 7;
        [
            header(WINDOW_UPDATE, SYN, id, 0),
            header(WINDOW_UPDATE, RST, id, 0),
        ]
        .concat()
    });
}

#[test]
fn a_flood_of_streams_that_nobody_accepts_is_told_to_go() {
    assert_told_to_go("idle", |n| {
        header(WINDOW_UPDATE, SYN, 2 * n + 7, 0).to_vec()
    });
}

/// The broker accepts all of these, and waits for what they are for.
#[test]
fn a_hundred_thousand_streams_cost_little() {
    let victim = Victim::start(VICTIM, "plugin", &[]);
    let mut peer = victim.connect();
    wire::open_three(&mut peer).unwrap();
    let mut back = peer.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while back.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
    for n in 0..100_000 * rounds() as u32 {
        if peer
            .write_all(&header(WINDOW_UPDATE, SYN, 2 * n + 7, 0))
            .is_err()
        {
            break;
        }
    }
    std::thread::sleep(Duration::from_millis(100));
    let peak = victim.peak_memory();
    println!("{} KiB at most", peak / 1024);
    assert!(peak < 256 * MIB, "{peak} bytes");
    let mut other = victim.connect();
    wire::open_three(&mut other).unwrap();
    assert_answers(&mut other);
}
