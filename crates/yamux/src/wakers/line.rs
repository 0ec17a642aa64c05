//! Tasks that wait in line for the same thing.

use std::collections::VecDeque;
use std::task::{Context, Waker};

/// Tasks in the order in which they came. Only the first one tries to get what all wait for.
#[derive(Default)]
pub(crate) struct Line {
    waiting: VecDeque<(u64, Waker)>,
    next: u64,
}

/// A task's place in a [`Line`], once it has one.
#[derive(Default)]
pub(crate) struct Ticket(Option<u64>);

impl Ticket {
    /// Whether the task waits. Its place has to be given up by [`Line::leave`] then.
    pub(crate) fn is_waiting(&self) -> bool {
        self.0.is_some()
    }
}

impl Line {
    /// Whether it is the turn of this task: no other one came before.
    pub(crate) fn is_first(&self, ticket: &Ticket) -> bool {
        match (self.waiting.front(), ticket.0) {
            (None, _) => true,
            (Some((first, _)), Some(own)) => *first == own,
            (Some(_), None) => false,
        }
    }

    /// Has the task wait where it stands, or at the end of the line.
    pub(crate) fn wait(&mut self, ticket: &mut Ticket, cx: &mut Context<'_>) {
        match self.place(ticket) {
            Some(place) => self.waiting[place].1.clone_from(cx.waker()),
            None => {
                ticket.0 = Some(self.next);
                self.waiting.push_back((self.next, cx.waker().clone()));
                self.next += 1;
            }
        }
    }

    /// The task waits no more. Returns the task to wake: the next one, where this one was the
    /// first.
    pub(crate) fn leave(&mut self, ticket: &mut Ticket) -> Option<Waker> {
        let place = self.place(ticket)?;
        self.waiting.remove(place);
        ticket.0 = None;
        match place {
            0 => self.first(),
            _ => None,
        }
    }

    /// The task whose turn it is.
    pub(crate) fn first(&self) -> Option<Waker> {
        self.waiting.front().map(|(_, waker)| waker.clone())
    }

    /// All tasks, each of which has to look for itself.
    pub(crate) fn all(&self) -> impl Iterator<Item = Waker> {
        self.waiting.iter().map(|(_, waker)| waker.clone())
    }

    fn place(&self, ticket: &Ticket) -> Option<usize> {
        let own = ticket.0?;
        // They came in the order of their tickets.
        let place = self.waiting.partition_point(|(other, _)| *other < own);
        self.waiting
            .get(place)
            .is_some_and(|(other, _)| *other == own)
            .then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Task {
        ticket: Ticket,
        woken: Arc<Count>,
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Task {
        fn wait(&mut self, line: &mut Line) {
            let waker = self.woken.clone().into();
            line.wait(&mut self.ticket, &mut Context::from_waker(&waker));
        }

        fn leave(&mut self, line: &mut Line) {
            if let Some(waker) = line.leave(&mut self.ticket) {
                waker.wake();
            }
        }

        fn woken(&self) -> usize {
            self.woken.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn the_first_one_goes_first_and_wakes_the_next() {
        let mut line = Line::default();
        let mut tasks: [Task; 3] = Default::default();
        assert!(line.is_first(&Ticket::default()));
        for task in &mut tasks {
            task.wait(&mut line);
        }
        assert!(!line.is_first(&Ticket::default()));
        let [one, two, three] = &mut tasks;
        assert!(line.is_first(&one.ticket) && !line.is_first(&two.ticket));
        line.first().unwrap().wake();
        one.leave(&mut line);
        assert!(line.is_first(&two.ticket) && !line.is_first(&three.ticket));
        assert_eq!([one.woken(), two.woken(), three.woken()], [1, 1, 0]);
        // It finds that there is no more, and keeps its place.
        two.wait(&mut line);
        assert!(line.is_first(&two.ticket));
    }

    #[test]
    fn a_task_that_gives_up_in_its_turn_passes_the_turn_on() {
        let mut line = Line::default();
        let mut tasks: [Task; 3] = Default::default();
        for task in &mut tasks {
            task.wait(&mut line);
        }
        let [one, two, three] = &mut tasks;
        // In the middle of the line it makes no difference to others.
        two.leave(&mut line);
        assert_eq!([one.woken(), three.woken()], [0, 0]);
        assert!(!two.ticket.is_waiting());
        line.first().unwrap().wake();
        one.leave(&mut line);
        assert_eq!([one.woken(), three.woken()], [1, 1]);
        // One that never waited has no place to give up.
        two.leave(&mut line);
        assert!(line.is_first(&three.ticket));
        three.leave(&mut line);
        assert!(line.first().is_none());
    }

    #[test]
    fn all_are_woken_at_the_end() {
        let mut line = Line::default();
        let mut tasks: [Task; 3] = Default::default();
        for task in &mut tasks {
            task.wait(&mut line);
        }
        line.all().for_each(Waker::wake);
        assert!(tasks.iter().all(|task| task.woken() == 1));
    }
}
