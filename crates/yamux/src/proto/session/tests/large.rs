//! Large frames, which are written and read without copies.

use std::task::Poll;

use super::super::super::frame::{FIN, Header, Kind};
use super::super::super::{DirectRead, Event, NextRead, StreamKey};
use super::Side;
use crate::tuning::{DIRECT_READ, FRAME, HEADER_INPUT, INPUT, LARGE};

#[test]
fn a_frame_may_be_written_in_any_pieces() {
    let data: Vec<u8> = (0..100).collect();
    // Some of a small frame waits before the large one: 15 bytes.
    let whole = [
        &Header::data(1, 3)[..],
        b"abc",
        &Header::data(1, 100),
        &data,
    ]
    .concat();
    for n in 1..=whole.len() {
        let mut side = Side::new();
        let key = side.open();
        side.session.queue_data(key, b"abc");
        let (queued, header) = side.session.before_data(key, data.len());
        let mut written = [queued, &header, &data].concat();
        assert_eq!(written, whole);
        written.truncate(n);
        let begun = side.session.data_transmitted(side.now, key, &data, n);
        assert_eq!(begun, n > 15, "{n}");
        let mut rest = Vec::new();
        while let Some(more) = side.session.poll_transmit() {
            rest.extend_from_slice(more);
            let n = more.len();
            side.session.transmitted(side.now, n);
        }
        written.extend_from_slice(&rest);
        let end = if begun { whole.len() } else { 15 };
        assert_eq!(written, whole[..end], "{n}");
        // The window is used only by a frame that has begun.
        let left = 256 * 1024 - 3 - if begun { 100 } else { 0 };
        let mut capacity = 0;
        while let Poll::Ready(n) = side.session.poll_capacity(key, usize::MAX) {
            let n = n.unwrap();
            capacity += n;
            side.session.queue_data(key, &vec![0; n]);
        }
        assert_eq!(capacity, left);
        assert_eq!(
            side.session.total_transmitted(),
            12 + end as u64,
            "with the frame that opened the stream"
        );
    }
}

#[test]
fn a_frame_takes_along_the_one_that_opens_its_stream() {
    let mut side = Side::new();
    let Poll::Ready(Ok(key)) = side.session.open() else {
        panic!();
    };
    assert!(side.session.has_new_streams());
    let (queued, header) = side.session.before_data(key, 100);
    let n = queued.len() + header.len() + 100;
    assert!(side.session.data_transmitted(side.now, key, &[7; 100], n));
    assert!(!side.session.has_new_streams());
    assert_eq!(side.output(), []);
}

/// A session where a large frame of a stream has begun, whose reader waits with a large buffer.
fn lent(side: &mut Side) -> StreamKey {
    let key = side.open();
    let mut buffer = vec![0; LARGE];
    assert!(side.session.read(key, &mut buffer).is_pending());
    side.frame(Kind::Data, 0, 1, FRAME as u32).unwrap();
    assert_eq!(side.events(), []);
    assert_eq!(side.session.next_read(side.now), NextRead::Lent);
    assert_eq!(side.events(), [Event::Readable(key)]);
    assert!(side.session.reads_directly(key));
    key
}

#[test]
fn a_reader_that_waits_with_a_large_buffer_is_lent_the_connection() {
    let mut side = Side::new();
    let key = lent(&mut side);
    let all = DirectRead::Body {
        len: FRAME,
        behind: HEADER_INPUT,
    };
    assert_eq!(side.session.direct_read(key, 10 * FRAME), all);
    let part = DirectRead::Body {
        len: LARGE,
        behind: 0,
    };
    assert_eq!(side.session.direct_read(key, LARGE), part);
    assert_eq!(side.session.direct_read(key, LARGE - 1), DirectRead::NoRoom);
    side.session.body_read(FRAME - 10);
    // The rest is small, and worth it since it ends the frame.
    let rest = DirectRead::Body {
        len: 10,
        behind: HEADER_INPUT,
    };
    assert_eq!(side.session.direct_read(key, 10), rest);
    assert_eq!(side.session.direct_read(key, 9), DirectRead::NoRoom);
    side.session.body_read(10);
    assert_eq!(
        side.session.direct_read(key, LARGE),
        DirectRead::Frames(HEADER_INPUT)
    );
    assert_eq!(side.session.direct_read(key, LARGE - 1), DirectRead::NoRoom);
    // Another large frame keeps it with the reader, a small one gives it back.
    side.frame(Kind::Data, 0, 1, LARGE as u32).unwrap();
    assert!(side.session.reads_directly(key));
    side.session.body_read(LARGE);
    side.data(FIN, 1, b"small");
    assert_eq!(side.session.direct_read(key, FRAME), DirectRead::Other);
    assert_eq!(side.session.next_read(side.now), NextRead::Frames(INPUT));
    assert_eq!(side.events(), []);
    assert_eq!(side.read(key), (b"small".to_vec(), Poll::Ready(Ok(0))));
}

#[test]
fn a_reader_whose_buffer_was_filled_is_lent_the_connection_again() {
    let mut side = Side::new();
    let key = lent(&mut side);
    side.session.body_read(FRAME);
    // What is left of the buffer says little of the reader's next one.
    let none = side.session.take_received(key, 0, |_| {});
    assert_eq!(none, 0);
    side.session.end_direct_read(true);
    let mut buffer = vec![0; FRAME];
    assert!(side.session.read(key, &mut buffer).is_pending());
    side.frame(Kind::Data, 0, 1, FRAME as u32).unwrap();
    assert_eq!(side.session.next_read(side.now), NextRead::Lent);
    // So it is while it has something to read and has not come yet.
    side.session.end_direct_read(true);
    side.session.body_buffer(FRAME).unwrap();
    side.session.body_filled(side.now, FRAME);
    side.session.take_received(key, FRAME - 1, |_| {});
    side.session.take_received(key, 0, |_| {});
    assert_eq!(side.session.next_read(side.now), NextRead::Lent);
}

#[test]
fn the_driver_reads_for_a_reader_with_a_small_buffer_and_for_one_that_is_not_there() {
    for (waits, room) in [(true, LARGE - 1), (false, LARGE)] {
        let mut side = Side::new();
        let key = side.open();
        if waits {
            let mut buffer = vec![0; room];
            assert!(side.session.read(key, &mut buffer).is_pending());
        }
        side.frame(Kind::Data, 0, 1, FRAME as u32 + 1).unwrap();
        assert!(side.session.expects_large());
        assert_eq!(side.session.next_read(side.now), NextRead::Body(FRAME));
        side.session.body_buffer(FRAME).unwrap().fill(7);
        side.session.body_filled(side.now, FRAME);
        // What is left is small.
        assert_eq!(side.session.next_read(side.now), NextRead::Frames(INPUT));
        side.session.handle_input(side.now, &[7]).unwrap();
        assert_eq!(side.read(key).0, vec![7; FRAME + 1]);
        assert!(!side.session.expects_large());
    }
}

#[test]
fn a_reader_that_does_not_read_loses_the_connection_until_it_waits_again() {
    let mut side = Side::new();
    let key = lent(&mut side);
    assert_eq!(side.session.poll_timeout(), Some(side.now + DIRECT_READ));
    side.wait(DIRECT_READ);
    assert!(!side.session.reads_directly(key));
    let driver_reads = NextRead::Body(FRAME);
    assert_eq!(side.session.next_read(side.now), driver_reads);
    side.session.body_buffer(FRAME).unwrap();
    side.session.body_filled(side.now, FRAME);
    side.frame(Kind::Data, 0, 1, FRAME as u32).unwrap();
    // There is something to read, but the reader did not come last time.
    assert_eq!(side.session.next_read(side.now), driver_reads);
    let mut buffer = vec![0; FRAME];
    assert!(side.session.read(key, &mut buffer).is_ready());
    assert_eq!(side.session.next_read(side.now), driver_reads);
    // It waits.
    assert!(side.session.read(key, &mut buffer).is_pending());
    assert_eq!(side.session.next_read(side.now), NextRead::Lent);
}

#[test]
fn a_stream_that_is_given_up_gives_the_connection_back() {
    for reset in [false, true] {
        let mut side = Side::new();
        let key = lent(&mut side);
        match reset {
            true => side.session.reset_stream(key),
            false => side.session.drop_stream(side.now, key),
        }
        assert!(!side.session.reads_directly(key));
        assert_eq!(side.session.next_read(side.now), NextRead::Frames(INPUT));
        side.session
            .handle_input(side.now, &vec![0; FRAME])
            .unwrap();
        side.update(super::SYN, 2, 0);
        assert!(side.session.accept().is_ready());
    }
}

#[test]
fn a_session_that_closes_lends_nothing() {
    let mut side = Side::new();
    let key = lent(&mut side);
    side.session.start_close(crate::error::SessionError::Closed);
    assert!(!side.session.reads_directly(key));
    assert_eq!(side.session.next_read(side.now), NextRead::Body(FRAME));
}

#[test]
fn no_more_is_read_while_answers_pile_up() {
    let mut side = Side::with(crate::Config::default().max_noise(100_000));
    let mut pings = 0;
    while side.session.next_read(side.now) != NextRead::Full {
        side.frame(Kind::Ping, super::SYN, 0, pings).unwrap();
        pings += 1;
    }
    assert!((10_000..12_000).contains(&pings), "{pings}");
    side.output();
    assert_eq!(side.session.next_read(side.now), NextRead::Frames(INPUT));
}
