//! Callers of a plugin that fails: calls, callbacks, streams of items and readers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use plugwire::{Reader, Remote, Result, Stream};
use support::rng::Rng;
use tokio::task::JoinSet;

use crate::judge::Judge;
use crate::worker::{Guest, Worker};

/// The deadline of a call.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// How much later than its deadline a call may be, on a machine that is busy.
pub const SLACK: Duration = Duration::from_secs(2);

/// What callers have done.
#[derive(Debug, Default)]
pub struct Tally {
    pub answered: u64,
    /// The calls that failed, by the reason.
    pub failed: BTreeMap<&'static str, u64>,
    /// The longest that a call took.
    pub longest: Duration,
    /// Calls that were wrong: late, or with another reason than the true one.
    pub wrong: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.answered += other.answered;
        for (reason, calls) in other.failed {
            *self.failed.entry(reason).or_default() += calls;
        }
        self.longest = self.longest.max(other.longest);
        self.wrong.extend(other.wrong);
    }
}

/// Callers at work.
pub struct Callers {
    tasks: JoinSet<Tally>,
    done: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
}

impl Callers {
    /// Starts so many, each with a pause between two calls.
    #[must_use]
    pub fn start(
        worker: &Remote<dyn Worker>,
        callers: usize,
        pause: Duration,
        seed: u64,
        judge: &Arc<Judge>,
    ) -> Self {
        let (done, answers) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let mut tasks = JoinSet::new();
        for caller in 0..callers {
            let worker = worker.with_timeout(DEADLINE);
            let rng = Rng::new(seed.wrapping_add(caller as u64));
            let (done, answers, judge) =
                (Arc::clone(&done), Arc::clone(&answers), Arc::clone(judge));
            tasks.spawn(call(worker, pause, rng, done, answers, judge));
        }
        Self {
            tasks,
            done,
            answers,
        }
    }

    /// How many calls were answered.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Waits for the last calls.
    pub async fn stop(mut self) -> Tally {
        self.done.store(true, Ordering::Relaxed);
        let mut sum = Tally::default();
        while let Some(tally) = self.tasks.join_next().await {
            match tally {
                Ok(tally) => sum.add(tally),
                Err(error) => sum.wrong.push(error.to_string()),
            }
        }
        sum
    }
}

async fn call(
    worker: Remote<dyn Worker>,
    pause: Duration,
    mut rng: Rng,
    done: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    judge: Arc<Judge>,
) -> Tally {
    let mut tally = Tally::default();
    while !done.load(Ordering::Relaxed) {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let begin = Instant::now();
        let answer = one(&worker, &mut rng).await;
        let took = begin.elapsed();
        tally.longest = tally.longest.max(took);
        if took > DEADLINE + SLACK {
            tally
                .wrong
                .push(format!("a call took {took:?}: {answer:?}"));
        }
        match answer {
            Ok(()) => {
                tally.answered += 1;
                answers.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => match judge.judge(begin, &error) {
                Ok(reason) => *tally.failed.entry(reason).or_default() += 1,
                Err(wrong) => tally.wrong.push(wrong),
            },
        }
    }
    tally
}

/// Answers with the next number.
struct Counting;

#[plugwire::interface]
impl Guest for Counting {
    async fn next(&self, number: u32) -> Result<u32> {
        Ok(number + 1)
    }
}

/// One call of a random kind, with its answer checked. What comes in pieces has the deadline of a
/// call for all of them.
async fn one(worker: &Remote<dyn Worker>, rng: &mut Rng) -> Result<()> {
    const ITEMS: u32 = 50;
    const BYTES: usize = 20_000;
    match rng.below(5) {
        0 => {
            let micros = rng.below(3000) as u64;
            assert_eq!(worker.work(micros).await?, micros);
        }
        1 => assert_eq!(worker.ask(Arc::new(Counting), 3).await?, 3),
        2 => {
            let mut items = worker.count(ITEMS).await?;
            let mut last = 0;
            // The bound is the test's: a stream has no deadline.
            let all = async {
                while let Some(item) = items.next().await {
                    let item = item?;
                    assert_eq!(item, last + 1);
                    last = item;
                }
                Ok::<_, plugwire::Error>(())
            };
            match tokio::time::timeout(DEADLINE + 2 * SLACK, all).await {
                Ok(ended) => ended?,
                Err(_) => return Err("a stream of items hangs".into()),
            }
            assert_eq!(last, ITEMS);
        }
        3 => {
            let items = futures::stream::iter((1..=ITEMS).map(Ok::<_, plugwire::Error>));
            let sum = worker.sum(Stream::new(items)).await?;
            assert_eq!(sum, u64::from(ITEMS * (ITEMS + 1) / 2));
        }
        _ => {
            let bytes = std::io::Cursor::new(vec![5; BYTES]);
            assert_eq!(worker.measure(Reader::new(bytes)).await?, BYTES as u64);
        }
    }
    Ok(())
}
