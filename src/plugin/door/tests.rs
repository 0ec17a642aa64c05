use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex};

use rustix::io::Errno;

use super::*;
use crate::tuning::plugin::*;

/// A listener that gives the results it was made with, and then stays pending.
#[derive(Default)]
struct Script(Mutex<VecDeque<io::Result<u32>>>);

impl Script {
    fn add(&self, accepted: impl IntoIterator<Item = io::Result<u32>>) {
        self.0.lock().unwrap().extend(accepted);
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Listen for Script {
    type Connection = u32;

    async fn accept(&self) -> io::Result<u32> {
        let next = self.0.lock().unwrap().pop_front();
        match next {
            Some(accepted) => accepted,
            None => pending().await,
        }
    }
}

fn door(most: usize) -> Door<Script> {
    Door::new(Script::default(), most)
}

/// Admits connections that are never a host's. Each says by its number that it was dropped.
struct Guests {
    tasks: JoinSet<u32>,
    dropped: Arc<Mutex<Vec<u32>>>,
}

impl Guests {
    fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            dropped: Arc::default(),
        }
    }

    fn admit(&mut self, door: &Door<Script>, number: u32, is_host: bool) {
        struct Dropped(u32, Arc<Mutex<Vec<u32>>>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.1.lock().unwrap().push(self.0);
            }
        }
        let dropped = Dropped(number, self.dropped.clone());
        door.admit(&mut self.tasks, |place| async move {
            let _dropped = dropped;
            let _place = match is_host {
                true => {
                    place.give_up();
                    None
                }
                false => Some(place),
            };
            pending().await
        });
    }

    async fn dropped(&self) -> Vec<u32> {
        // Tasks that were aborted get their turn.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.dropped.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn errors_that_pass_are_waited_out() {
    let mut door = door(8);
    let failures = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::PROTO,
        Errno::NETDOWN,
        Errno::HOSTDOWN,
        Errno::NOMEM,
        Errno::PERM,
        Errno::MFILE,
        Errno::MFILE,
    ];
    door.listener
        .add(failures.map(|errno| Err(io::Error::from(errno))));
    door.listener.add([Ok(1), Err(Errno::MFILE.into()), Ok(2)]);
    let start = Instant::now();
    assert_eq!(door.accept().await.unwrap(), 1);
    // 5, 10, 20, 40, 80, 160, 320 and 640 ms, and then 1 s each.
    let bounded = Duration::from_millis(1275 + 2 * 1000);
    let waited = start.elapsed();
    assert!(
        waited >= bounded && waited < bounded + Duration::from_millis(20),
        "{waited:?}"
    );
    // After a success the pauses begin anew.
    let start = Instant::now();
    assert_eq!(door.accept().await.unwrap(), 2);
    assert!(start.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_aborted_delays_no_other() {
    let mut door = door(8);
    let aborted = || io::Error::from(Errno::CONNABORTED);
    door.listener.add((0..1000).map(|_| Err(aborted())));
    door.listener.add([Ok(1)]);
    let start = Instant::now();
    assert_eq!(door.accept().await.unwrap(), 1);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_cannot_pass_is_final() {
    for errno in [Errno::BADF, Errno::FAULT, Errno::NOTSOCK] {
        let mut door = door(8);
        door.listener.add([Err(errno.into())]);
        let error = door.accept().await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(errno.raw_os_error()));
    }
}

/// As when a connection ends in the midst of the pause, and the loop turns.
#[tokio::test(start_paused = true)]
async fn a_pause_goes_on_where_accepting_was_left() {
    let mut door = door(8);
    for _ in 0..8 {
        door.listener.add([Err(Errno::MFILE.into())]);
    }
    door.listener.add([Ok(1)]);
    let start = Instant::now();
    loop {
        if let Ok(accepted) = tokio::time::timeout(Duration::from_millis(1), door.accept()).await {
            assert_eq!(accepted.unwrap(), 1);
            break;
        }
    }
    assert!(start.elapsed() >= Duration::from_millis(1275));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_makes_room_for_a_newcomer() {
    let mut door = door(2);
    let mut guests = Guests::new();
    door.listener.add((1..=4).map(Ok));
    for expected in 1..=2 {
        let number = door.accept().await.unwrap();
        assert_eq!(number, expected);
        guests.admit(&door, number, false);
    }
    let start = Instant::now();
    // The third waits until the first has had its time, which begins when its task runs.
    let number = door.accept().await.unwrap();
    assert!(start.elapsed() >= GRACE && start.elapsed() < 2 * GRACE);
    guests.admit(&door, number, false);
    assert_eq!(guests.dropped().await, [1]);
    let number = door.accept().await.unwrap();
    guests.admit(&door, number, false);
    assert_eq!(guests.dropped().await, [1, 2]);
    assert_eq!(door.listener.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_connection_replaces_a_host() {
    let mut door = door(2);
    let mut guests = Guests::new();
    door.listener.add((1..=100).map(Ok));
    for number in 1..=100 {
        assert_eq!(door.accept().await.unwrap(), number);
        guests.admit(&door, number, number <= 50);
        // So that the hosts have opened their streams.
        tokio::task::yield_now().await;
    }
    assert_eq!(guests.dropped().await, Vec::from_iter(51..=98));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_left_is_taken_at_once() {
    let mut door = door(1);
    let mut tasks = JoinSet::new();
    door.listener.add((1..=2).map(Ok));
    door.accept().await.unwrap();
    door.admit(&mut tasks, |place| async move {
        tokio::time::sleep(Duration::from_millis(3)).await;
        place.give_up();
        pending::<()>().await;
    });
    let start = Instant::now();
    door.accept().await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(5));
    assert!(door.pending.is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_descriptors_the_older_half_goes() {
    let mut door = door(8);
    let mut guests = Guests::new();
    for number in 1..=5 {
        guests.admit(&door, number, false);
    }
    tokio::task::yield_now().await;
    tokio::time::sleep(GRACE).await;
    guests.admit(&door, 6, false);
    door.listener.add([Err(Errno::MFILE.into()), Ok(7)]);
    assert_eq!(door.accept().await.unwrap(), 7);
    assert_eq!(guests.dropped().await, [1, 2, 3]);
    // What has just come is left its time.
    door.listener.add([Err(Errno::MFILE.into()), Ok(8)]);
    door.listener.add([Err(Errno::MFILE.into()), Ok(9)]);
    assert_eq!(door.accept().await.unwrap(), 8);
    assert_eq!(door.accept().await.unwrap(), 9);
    assert_eq!(guests.dropped().await, [1, 2, 3, 4, 5]);
}

/// What runs late is not late itself.
#[tokio::test(start_paused = true)]
async fn a_connection_s_time_begins_when_its_task_runs() {
    let mut door = door(1);
    let mut guests = Guests::new();
    door.listener.add([Ok(2)]);
    guests.admit(&door, 1, false);
    tokio::time::advance(10 * GRACE).await;
    door.pending.unbegin();
    // It has not run, so no time will do.
    let accepted = tokio::time::timeout(10 * GRACE, door.accept()).await;
    assert!(accepted.is_err(), "{accepted:?}");
    door.pending.begin(1);
    let start = Instant::now();
    assert_eq!(door.accept().await.unwrap(), 2);
    assert!(start.elapsed() >= GRACE, "{:?}", start.elapsed());
}
