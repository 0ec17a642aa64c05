//! Frames that mean nothing, in numbers.

use std::io::Write;

use plugwire_attacks::victim::Victim;
use plugwire_attacks::wire::{self, PING, SYN};

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

/// A peer that is honest is answered, so that an attack which fails is not taken for one that was held.
#[test]
fn a_victim_answers_a_ping() {
    let victim = Victim::start(VICTIM, "plugin", &[]);
    let mut peer = victim.connect();
    wire::open_three(&mut peer).unwrap();
    peer.write_all(&wire::header(PING, SYN, 0, 7)).unwrap();
    loop {
        let frame = wire::read_frame(&mut peer).unwrap();
        if frame.kind == PING {
            assert_eq!(frame.length, 7);
            break;
        }
    }
    assert!(victim.memory() <= victim.peak_memory());
    assert!(victim.descriptors() > 3);
}
