//! What a peer can make a session hold, measured.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use plugwire_attacks::rounds;
use plugwire_attacks::victim::Victim;
use plugwire_attacks::wire::{self, ACK, FIN, PING, SYN, WINDOW, WINDOW_UPDATE, header};

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

const MIB: usize = 1 << 20;

/// Throws away what the victim says, until the connection ends.
fn drain(peer: &UnixStream) {
    let mut back = peer.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while back.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
}

fn assert_answers(victim: &Victim) {
    let mut peer = victim.connect();
    wire::open_three(&mut peer).unwrap();
    peer.write_all(&header(PING, SYN, 0, 7)).unwrap();
    while wire::Frame::read_from(&mut peer).unwrap().kind != PING {}
}

/// Unsolicited streams, each with all that may be sent on one, in pieces of a size.
fn fill(mode: &str, streams: usize, piece: usize, limit: usize) {
    let victim = Victim::start(VICTIM, mode, &[]);
    let before = victim.memory();
    let mut peer = victim.connect();
    drain(&peer);
    wire::open_three(&mut peer).unwrap();
    let mut body = vec![0xff; piece];
    for n in 0..(streams * rounds()) as u32 {
        let id = 2 * n + 7;
        peer.write_all(&header(WINDOW_UPDATE, SYN, id, 0)).unwrap();
        // What the broker takes for the number under which it waits for this stream.
        body[..4].copy_from_slice(&(1_000 + n).to_le_bytes());
        for _ in 0..WINDOW as usize / piece {
            peer.write_all(&wire::data(0, id, &body)).unwrap();
        }
    }
    peer.write_all(&header(PING, SYN, 0, 1)).unwrap();
    // Until it was looked at, or nearly.
    std::thread::sleep(Duration::from_millis(200));
    let peak = victim.peak_memory() - before;
    println!("{} MiB at most, for {streams} streams", peak / MIB);
    assert!(peak < limit, "{} MiB", peak / MIB);
    assert_answers(&victim);
}

#[test]
fn two_thousand_full_windows_that_nobody_asked_for() {
    fill("plugin", 2_000, WINDOW as usize, 300 * MIB);
}

/// In small frames, whose buffers grow step by step.
#[test]
fn two_thousand_windows_in_small_frames() {
    fill("plugin", 2_000, 4_096, 300 * MIB);
}

#[test]
fn a_thousand_full_windows_that_nobody_accepts() {
    fill("idle", 1_000, WINDOW as usize, 80 * MIB);
}

/// The victim opens streams and finishes them; the peer acknowledges and finishes each, and reads
/// nothing at all.
#[test]
fn streams_for_a_peer_that_acknowledges_and_does_not_read() {
    let mut victim = Victim::start(VICTIM, "opener", &[]);
    let before = victim.memory();
    let mut peer = victim.connect();
    peer.set_write_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let start = Instant::now();
    let mut ended = 0;
    for n in 0..1_000_000 * rounds() as u32 {
        let frame = header(WINDOW_UPDATE, ACK | FIN, 2 * n + 1, 0);
        if peer.write_all(&frame).is_err() || start.elapsed() > Duration::from_secs(3) {
            break;
        }
        ended = n;
        // What was not opened yet cannot be acknowledged.
        if n % 256 == 255 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let peak = victim.peak_memory() - before;
    println!("{} KiB at most, {ended} acknowledged", peak / 1024);
    assert!(peak < 16 * MIB, "{} KiB", peak / 1024);
    assert!(!victim.ends_within(Duration::ZERO));
}

/// A peer that takes nothing while much is written to it is gone after ten seconds; here the memory
/// counts until then.
#[test]
fn a_peer_that_reads_nothing_of_large_writes() {
    let victim = Victim::start(VICTIM, "writer", &[]);
    let before = victim.memory();
    let mut peer = victim.connect();
    for n in 0..200 {
        let id = 2 * n + 1;
        peer.write_all(&header(WINDOW_UPDATE, SYN, id, 100 << 20))
            .unwrap();
    }
    std::thread::sleep(Duration::from_millis(500));
    let peak = victim.peak_memory() - before;
    println!("{} KiB at most", peak / 1024);
    assert!(peak < 32 * MIB, "{} KiB", peak / 1024);
}
