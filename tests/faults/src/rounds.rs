//! Rounds of faults.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugwire::host::{State, Supervisor};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use support::rng::Rng;
use tokio::time::{sleep, timeout};

use crate::callers::{Callers, Tally};
use crate::figures::{Figures, children};
use crate::judge::{Fault, Judge};
use crate::worker::{NAME, Worker};
use crate::{CALLERS, config};

/// No single step takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of the rounds.
pub struct Report {
    pub rounds: usize,
    pub seed: u64,
    pub tally: Tally,
    /// From each fault to the next process in service.
    pub recoveries: BTreeMap<Fault, Vec<Duration>>,
    pub before: Figures,
    pub after: Figures,
    /// What is left that should not be.
    pub left: Vec<String>,
}

impl Report {
    /// Whether all went as it should.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.tally.wrong.is_empty() && self.left.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            answered,
            failed,
            longest,
            wrong,
        } = &self.tally;
        writeln!(f, "{} rounds, seed {}", self.rounds, self.seed)?;
        writeln!(f, "{answered} calls answered, failed: {failed:?}")?;
        writeln!(f, "the longest call: {longest:?}")?;
        for (fault, recoveries) in &self.recoveries {
            let (median, worst) = (middle(recoveries), recoveries.iter().max());
            let worst = worst.copied().unwrap_or_default();
            let times = recoveries.len();
            writeln!(
                f,
                "{fault:?}, {times} times: in service again after {median:.1?}, {worst:.1?} at worst"
            )?;
        }
        writeln!(f, "before: {:?}\nafter:  {:?}", self.before, self.after)?;
        for wrong in wrong.iter().take(20).chain(&self.left) {
            writeln!(f, "WRONG: {wrong}")?;
        }
        Ok(())
    }
}

fn middle(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// So many rounds, with the program as the plugin.
///
/// # Errors
///
/// When the plugin does not come back, or hangs.
pub async fn run(program: &Path, rounds: usize, seed: u64) -> Result<Report, String> {
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    // What a runtime and the crate make once is there before.
    warm_up(program, place.path()).await?;
    let before = Figures::now();

    let supervisor = Supervisor::start(config(program, place.path()));
    let supervisor = supervisor.map_err(|error| error.to_string())?;
    let worker = within(supervisor.dispense::<dyn Worker>(NAME)).await?;
    let worker = worker.map_err(|error| format!("{error:?}"))?;
    let judge = Arc::new(Judge::default());
    let pause = Duration::from_millis(1);
    let callers = Callers::start(&worker, CALLERS, pause, seed, &judge);
    let mut rng = Rng::new(seed ^ 0xfa);
    let mut recoveries = BTreeMap::<_, Vec<_>>::new();
    // Each fault as often as any other, in a random order.
    let mut order: Vec<Fault> = (0..rounds)
        .map(|n| Fault::ALL[n % Fault::ALL.len()])
        .collect();
    for at in (1..order.len()).rev() {
        order.swap(at, rng.below(at + 1));
    }
    for (round, fault) in order.into_iter().enumerate() {
        let answers = callers.answers() + CALLERS as u64;
        let at_work = async {
            while callers.answers() < answers {
                sleep(Duration::from_millis(1)).await;
            }
        };
        within(at_work)
            .await
            .map_err(|_| format!("round {round}: no answers"))?;
        sleep(Duration::from_micros(rng.below(30_000) as u64)).await;
        let old = ready(&supervisor, None).await?;
        judge.note(old, fault);
        let begin = Instant::now();
        inject(fault, old, &worker).await?;
        ready(&supervisor, Some(old))
            .await
            .map_err(|error| format!("round {round}, {fault:?}: {error}"))?;
        recoveries.entry(fault).or_default().push(begin.elapsed());
    }
    let tally = within(callers.stop()).await?;
    let last = ready(&supervisor, None).await?;
    within(supervisor.shutdown()).await?;
    drop((supervisor, worker));

    let mut pids = judge.pids();
    pids.push(last);
    let left = left(&before, &pids, place.path()).await;
    Ok(Report {
        rounds,
        seed,
        tally,
        recoveries,
        before,
        after: Figures::now(),
        left,
    })
}

async fn warm_up(program: &Path, place: &Path) -> Result<(), String> {
    let supervisor = Supervisor::start(config(program, place));
    let supervisor = supervisor.map_err(|error| error.to_string())?;
    let worker = within(supervisor.dispense::<dyn Worker>(NAME)).await?;
    worker.map_err(|error| format!("{error:?}"))?;
    within(supervisor.shutdown()).await?;
    drop(supervisor);
    let ended = async {
        while Figures::now().tasks > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    within(ended).await
}

async fn within<F: Future>(future: F) -> Result<F::Output, String> {
    let done = timeout(PATIENCE, future).await;
    done.map_err(|_| format!("not done within {PATIENCE:?}"))
}

/// The process in service, other than an old one.
async fn ready(supervisor: &Supervisor, old: Option<u32>) -> Result<u32, String> {
    let is_new = |state: &State| matches!(state, State::Ready { pid } if *pid != old);
    match within(supervisor.watch().until(is_new)).await? {
        Some(State::Ready { pid: Some(pid) }) => Ok(pid),
        other => Err(format!("{other:?}")),
    }
}

async fn inject(
    fault: Fault,
    pid: u32,
    worker: &plugwire::Remote<dyn Worker>,
) -> Result<(), String> {
    let signal = match fault {
        Fault::Kill => Signal::KILL,
        Fault::Stop => Signal::STOP,
        asked => {
            let number = Fault::ALL.iter().position(|fault| *fault == asked);
            let number = u32::try_from(number.unwrap_or_default()).unwrap_or_default();
            let failed = within(worker.with_timeout(PATIENCE).fail(number)).await?;
            return match failed {
                Err(error) if error.is_crashed() => Ok(()),
                other => Err(format!("{fault:?} was answered with {other:?}")),
            };
        }
    };
    kill_process(raw(pid)?, signal).map_err(|error| error.to_string())
}

fn raw(pid: u32) -> Result<Pid, String> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| "no process id".to_owned())
}

/// What is left of processes, zombies, files, descriptors and tasks, once they had a little time.
async fn left(before: &Figures, pids: &[u32], place: &Path) -> Vec<String> {
    let start = Instant::now();
    loop {
        let mut left = Vec::new();
        for &pid in pids {
            if raw(pid).is_ok_and(|pid| test_kill_process(pid).is_ok()) {
                left.push(format!("process {pid}"));
            }
        }
        for (pid, state) in children() {
            if pids.contains(&pid) {
                left.push(format!("child {pid} in state {state}"));
            }
        }
        let files = std::fs::read_dir(place).into_iter().flatten().flatten();
        left.extend(files.map(|file| format!("file {}", file.path().display())));
        let now = Figures::now();
        if now.tasks > before.tasks {
            left.push(format!("{} tasks", now.tasks - before.tasks));
        }
        if now.descriptors > before.descriptors {
            left.push(format!(
                "{} descriptors",
                now.descriptors - before.descriptors
            ));
        }
        if left.is_empty() || start.elapsed() > Duration::from_secs(10) {
            return left;
        }
        sleep(Duration::from_millis(10)).await;
    }
}
