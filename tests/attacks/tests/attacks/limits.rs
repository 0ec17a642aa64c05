//! Messages on the control stream that claim to be long.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use plugwire_attacks::victim::Victim;
use plugwire_attacks::wire::{self, ACK, DATA, FIN, RST, SYN, WINDOW_UPDATE};

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

/// A gob message of 900 MiB: its length in four bytes.
const CLAIM: [u8; 5] = [0xfc, 0x38, 0x40, 0x00, 0x00];

/// So much is sent of it at most.
const MOST: usize = 256 << 20;

/// Sends the message on the control stream until the victim has none of it any more. Returns how
/// many bytes it took.
fn flood(peer: &mut UnixStream) -> usize {
    let mut window = wire::WINDOW as usize;
    let mut taken = 0;
    let mut body = vec![b'x'; 64 * 1024];
    body[..CLAIM.len()].copy_from_slice(&CLAIM);
    while taken < MOST {
        let n = body.len().min(window);
        if peer.write_all(&wire::data(0, 1, &body[..n])).is_err() {
            return taken;
        }
        taken += n;
        window -= n;
        body[..CLAIM.len()].fill(b'x');
        while window == 0 {
            match wire::Frame::read_from(peer) {
                Ok(frame) if frame.stream == 1 && frame.flags & (FIN | RST) != 0 => return taken,
                Ok(frame) if frame.stream == 1 && frame.kind == WINDOW_UPDATE => {
                    window += frame.length as usize;
                }
                Ok(_) => {}
                Err(_) => return taken,
            }
        }
    }
    taken
}

fn assert_refused(victim: &Victim, taken: usize) {
    let peak = victim.peak_memory() >> 20;
    eprintln!("{taken} bytes taken, {peak} MiB at most");
    assert!(taken <= 4 << 20, "{taken} bytes were taken");
    assert!(peak < 64, "{peak} MiB");
}

#[test]
fn a_plugin_takes_no_request_on_the_control_stream_that_is_too_long() {
    let victim = Victim::start(VICTIM, "plugin", &["max_message=1048576"]);
    for _ in 0..plugwire_attacks::rounds() {
        let mut peer = victim.connect();
        wire::open_three(&mut peer).unwrap();
        let taken = flood(&mut peer);
        assert_refused(&victim, taken);
        // The plugin hangs up.
        let mut rest = Vec::new();
        let _ = peer.read_to_end(&mut rest);
    }
}

#[test]
fn a_host_takes_no_reply_on_the_control_stream_that_is_too_long() {
    let victim = Victim::start(VICTIM, "host", &["max_message=1048576"]);
    for _ in 0..plugwire_attacks::rounds() {
        let mut peer = victim.connect();
        // The host opens its streams, and asks for an instance.
        loop {
            let frame = wire::Frame::read_from(&mut peer).unwrap();
            if frame.flags & SYN != 0 {
                let ack = wire::header(WINDOW_UPDATE, ACK, frame.stream, 0);
                peer.write_all(&ack).unwrap();
            }
            if frame.stream == 1 && frame.kind == DATA {
                break;
            }
        }
        let taken = flood(&mut peer);
        assert_refused(&victim, taken);
    }
}
