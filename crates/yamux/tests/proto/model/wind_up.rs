//! The end of a sequence: what was written arrives, and neither side holds anything then.

use super::*;

impl World {
    /// All that was written goes over the wire. Then each call that waits has a reason to.
    pub fn settle(&mut self) {
        loop {
            let mut busy = false;
            for side in [0, 1] {
                busy |= self.transmit(side, usize::MAX);
                busy |= self.deliver(side, usize::MAX);
            }
            if !busy {
                break;
            }
        }
        for side in [0, 1] {
            let Side {
                session,
                handles,
                opener_waits,
                accepter_waits,
            } = &mut self.sides[side];
            for handle in handles {
                let Handle {
                    key,
                    reader_waits,
                    writer_waits,
                } = *handle;
                let facts = &self.facts[&key.number()];
                if reader_waits {
                    let read = session.read(key, &mut vec![0; LARGE]);
                    assert!(
                        read.is_pending(),
                        "no event for {key:?}: {read:?} {facts:?}"
                    );
                }
                if writer_waits {
                    let write = session.poll_capacity(key, 1);
                    assert!(
                        write.is_pending(),
                        "no event for {key:?}: {write:?} {facts:?}"
                    );
                }
            }
            if *opener_waits {
                assert!(session.open().is_pending(), "no event for the opener");
            }
            if *accepter_waits {
                assert!(session.accept().is_pending(), "no event for the accepter");
            }
        }
        self.drain_events();
    }

    /// Reads all, drops all, and looks for what is left over.
    pub fn wind_up(mut self) {
        self.settle();
        loop {
            let mut busy = false;
            for side in [0, 1] {
                let before = self.sides[side].handles.len();
                self.accept(side);
                busy |= self.sides[side].handles.len() > before;
                for at in 0..self.sides[side].handles.len() {
                    while self.read_received(side, at, 100_000) {
                        busy = true;
                    }
                }
                self.drain_events();
            }
            self.settle();
            if !busy {
                break;
            }
        }
        self.check_all_arrived();
        for side in [0, 1] {
            while !self.sides[side].handles.is_empty() {
                self.drop(side, 0);
            }
        }
        self.settle();
        for side in &self.sides {
            let session = &side.session;
            assert_eq!((session.streams(), session.queued()), (0, 0));
            assert!(!session.has_output() && session.poll_timeout().is_none());
            assert_eq!(session.ended().is_some(), self.ended);
        }
        if !self.ended {
            self.check_no_leak();
        }
    }

    /// What was written and not given up has arrived.
    fn check_all_arrived(&self) {
        if self.ended || self.tight {
            return;
        }
        for (number, facts) in &self.facts {
            let given_up = [facts.dropped, facts.reset].concat().contains(&true);
            for side in [0, 1] {
                if !given_up {
                    assert_eq!(
                        facts.read[side],
                        facts.written[1 - side],
                        "{number}: {facts:?}"
                    );
                }
            }
        }
        let numbers = |side: usize| -> BTreeSet<_> {
            let handles = self.sides[side].handles.iter();
            handles.map(|handle| handle.key.number()).collect()
        };
        for number in numbers(0).symmetric_difference(&numbers(1)) {
            let facts = &self.facts[number];
            assert!([facts.dropped, facts.reset].concat().contains(&true));
        }
    }

    /// Sessions without streams are as new: all streams may be opened, and windows grow.
    fn check_no_leak(&mut self) {
        for side in [0, 1] {
            if self.went_away[1 - side] {
                continue;
            }
            self.sides[side].opener_waits = false;
            self.open(side);
            self.settle();
            self.sides[1 - side].accepter_waits = false;
            self.accept(1 - side);
            self.settle();
            let mut left = WINDOW as usize / 2;
            while left > 0 {
                let before = self.written_by(side);
                self.write(side, 0, left);
                left -= self.written_by(side) - before;
                self.settle();
            }
            while self.read_received(1 - side, 0, 50_000) {}
            self.settle();
            let key = self.sides[1 - side].handles[0].key;
            assert_eq!(self.sides[1 - side].session.receive_window(key), WIDE);
            self.drop(side, 0);
            self.drop(1 - side, 0);
            self.settle();
            let most = if self.tight { 6 } else { 256 };
            for _ in 0..most {
                let opened = self.sides[side].session.open();
                assert!(matches!(opened, Poll::Ready(Ok(_))), "{opened:?}");
            }
            // Their peer refuses some, which is not the point here.
            return;
        }
    }

    fn written_by(&self, side: usize) -> usize {
        let key = self.sides[side].handles[0].key;
        self.facts[&key.number()].written[side]
    }
}
