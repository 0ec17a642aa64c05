//! A session whose peer sends any frames, while its owner does anything.

use std::task::Poll;
use std::time::{Duration, Instant};

use plugwire_yamux::Config;
use plugwire_yamux::proto::frame::{HEADER, Header, Kind};
use plugwire_yamux::proto::{Session, StreamKey};

use super::super::source::Source;

const MAX_STREAMS: usize = 8;
const MAX_BUFFERED: usize = 1 << 20;
const STEPS: usize = 500;

/// Frames, whole and cut, true and false, between steps of the session's owner. What the session
/// sends is well-formed, and what it holds is bounded.
pub fn yamux_frames(data: &[u8]) {
    let mut source = Source(data);
    let config = Config::default()
        .max_streams(MAX_STREAMS)
        .accept_backlog(4)
        .max_buffered(MAX_BUFFERED);
    let mut now = Instant::now();
    let mut session = match source.below(2) {
        0 => Session::client(config, now),
        _ => Session::server(config, now),
    };
    let mut sent = Vec::new();
    let mut held: Vec<StreamKey> = Vec::new();
    for _ in 0..STEPS {
        if source.is_empty() {
            break;
        }
        match source.below(12) {
            0..4 => {
                let frame = frame(&mut source);
                let cut = usize::from(source.byte()) % (frame.len() + 1);
                for part in [&frame[..cut], &frame[cut..]] {
                    let taken = session.handle_input(now, part);
                    let ended = session.ended().is_some();
                    assert!(part.is_empty() || taken.is_err() == ended);
                }
            }
            4 => {
                let len = usize::from(source.byte());
                let _ = session.handle_input(now, source.take(len));
            }
            5 => session.input_drained(),
            6 => {
                if let Poll::Ready(Ok(key)) = session.open() {
                    held.push(key);
                }
            }
            7 => {
                if let Poll::Ready(Ok(key)) = session.accept() {
                    held.push(key);
                }
            }
            8 => {
                if let Some(&key) = pick(&held, &mut source) {
                    let mut buffer = vec![0; 1 + source.number() as u16 as usize];
                    let _ = session.read(key, &mut buffer);
                }
            }
            9 => {
                if let Some(&key) = pick(&held, &mut source) {
                    let body = vec![7; source.number() as u16 as usize];
                    let _ = session.write(key, &body);
                }
            }
            10 => {
                let action = source.below(4);
                if let Some(&key) = pick(&held, &mut source) {
                    match action {
                        0 => session.finish(key),
                        1 => session.reset_stream(key),
                        _ => {
                            session.drop_stream(now, key);
                            held.retain(|kept| *kept != key);
                        }
                    }
                }
            }
            _ => {
                now += Duration::from_millis(source.number() as u16 as u64);
                if session.poll_timeout().is_some_and(|due| due <= now) {
                    session.handle_timeout(now);
                }
            }
        }
        while session.poll_event().is_some() {}
        // A connection that takes what there is, or a part of it.
        let takes = source.byte();
        while let Some(bytes) = session.poll_transmit() {
            let n = match takes {
                0..200 => bytes.len(),
                _ => bytes.len().min(usize::from(takes) - 199),
            };
            sent.extend_from_slice(&bytes[..n]);
            session.transmitted(now, n);
            if takes >= 200 {
                session.transmit_blocked(now);
                break;
            }
        }
        assert!(
            session.queued() < 1 << 20,
            "{} bytes queued",
            session.queued()
        );
    }
    for key in held {
        session.drop_stream(now, key);
    }
    check(&sent);
}

fn pick<'a, T>(from: &'a [T], source: &mut Source<'_>) -> Option<&'a T> {
    let at = usize::from(source.byte());
    from.get(at % from.len().max(1))
}

/// A frame that means something, mostly.
fn frame(source: &mut Source<'_>) -> Vec<u8> {
    let (kind, flags, stream) = (source.byte(), source.byte(), source.byte());
    let length = source.number() as u32;
    let body = match kind & 3 {
        0 => source.take(length.min(512) as usize),
        _ => &[],
    };
    // Now and then a length that the body does not have.
    let announced = match kind & 0x83 {
        0 => body.len() as u32,
        _ => length,
    };
    let mut bytes = vec![0, kind & 3, 0, flags & 15];
    bytes.extend_from_slice(&u32::from(stream & 15).to_be_bytes());
    bytes.extend_from_slice(&announced.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Fails if the bytes are no frames, but for a last one that is cut.
fn check(mut bytes: &[u8]) {
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
        let header = Header::decode(*header).expect("a header");
        let body = match header.kind {
            Kind::Data => header.length as usize,
            _ => 0,
        };
        match rest.get(body..) {
            Some(rest) => bytes = rest,
            None => return,
        }
    }
}
