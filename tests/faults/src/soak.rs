//! Supervised plugins for a long time: they crash, are reloaded, and are stopped while idle, all
//! under load. What this process holds is noted each second.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugwire::Remote;
use plugwire::host::{State, Supervisor, SupervisorConfig};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use support::rng::Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::callers::{Callers, Tally};
use crate::config;
use crate::figures::{Figures, children};
use crate::judge::{Fault, Judge};
use crate::plot::{Panel, svg};
use crate::worker::{NAME, Worker};

/// No single step takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The callers of each plugin.
const CALLERS: usize = 16;

/// Enough to be busy, and to leave a test machine some time of its own.
const PAUSE: Duration = Duration::from_millis(10);

/// One second of it.
#[derive(Clone, Copy, Debug)]
struct Sample {
    seconds: f64,
    figures: Figures,
    files: usize,
    children: usize,
    /// In all, so far.
    calls: u64,
}

/// What came of it.
pub struct Soak {
    samples: Vec<Sample>,
    pub tally: Tally,
    pub crashes: u64,
    pub reloads: u64,
    pub idle_stops: u64,
    left: Figures,
    before: Figures,
}

struct Plugin {
    supervisor: Arc<Supervisor>,
    worker: Remote<dyn Worker>,
}

impl Plugin {
    async fn start(config: SupervisorConfig) -> Result<Self, String> {
        let supervisor = Supervisor::start(config).map_err(|error| error.to_string())?;
        let worker = within(supervisor.dispense::<dyn Worker>(NAME)).await?;
        Ok(Self {
            worker: worker.map_err(|error| format!("{error:?}"))?,
            supervisor: Arc::new(supervisor),
        })
    }
}

async fn within<F: Future>(future: F) -> Result<F::Output, String> {
    let done = timeout(PATIENCE, future).await;
    done.map_err(|_| format!("not done within {PATIENCE:?}"))
}

/// Runs for so long, with `program` as the plugins, and calls `each` with a line each second.
///
/// # Errors
///
/// When a plugin does not start, or does not come back.
pub async fn run(
    program: &Path,
    time: Duration,
    seed: u64,
    mut each: impl FnMut(&str),
) -> Result<Soak, String> {
    let place = tempfile::tempdir().map_err(|error| error.to_string())?;
    let before = Figures::now();
    let config = || config(program, place.path());
    let crashing = Plugin::start(config()).await?;
    let pool = Plugin::start(config().instances(3)).await?;
    let reloaded = Plugin::start(config()).await?;
    let idle = Plugin::start(config().idle_timeout(Duration::from_millis(200))).await?;

    let judge = Arc::new(Judge::default());
    let (end, ended) = watch::channel(false);
    let mut callers = Vec::new();
    for (number, plugin) in [&crashing, &pool, &reloaded].into_iter().enumerate() {
        let seed = seed.wrapping_add(1000 * number as u64);
        callers.push(Callers::start(&plugin.worker, CALLERS, PAUSE, seed, &judge));
    }
    let mut tasks = JoinSet::new();
    for (number, plugin) in [&crashing, &pool].into_iter().enumerate() {
        let rng = Rng::new(seed ^ number as u64);
        let supervisor = Arc::clone(&plugin.supervisor);
        tasks.spawn(crash(supervisor, rng, Arc::clone(&judge), ended.clone()));
    }
    tasks.spawn(reload(Arc::clone(&reloaded.supervisor), ended.clone()));
    tasks.spawn(wake(
        idle.worker.clone(),
        judge.clone(),
        seed,
        ended.clone(),
    ));

    let start = Instant::now();
    let mut samples = Vec::new();
    each("seconds,calls,memory_kib,descriptors,tasks,threads,files,children");
    while start.elapsed() < time {
        sleep(Duration::from_secs(1)).await;
        // None of them ends before the soak does.
        if let Some(done) = tasks.try_join_next() {
            let (what, count) = done.map_err(|error| error.to_string())??;
            return Err(format!("no more {what} after {count}"));
        }
        let sample = Sample {
            seconds: start.elapsed().as_secs_f64(),
            figures: Figures::now(),
            files: std::fs::read_dir(place.path()).map_or(0, Iterator::count),
            children: children().len(),
            calls: callers.iter().map(Callers::answers).sum(),
        };
        each(&line(&sample));
        samples.push(sample);
    }
    end.send_replace(true);
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    while let Some(done) = within(tasks.join_next()).await? {
        let (what, count) = done.map_err(|error| error.to_string())??;
        *counts.entry(what).or_default() += count;
    }
    let mut tally = Tally::default();
    for callers in callers {
        tally.add(within(callers.stop()).await?);
    }
    for plugin in [crashing, pool, reloaded, idle] {
        within(plugin.supervisor.shutdown()).await?;
    }
    let count = |what| counts.get(what).copied().unwrap_or_default();
    Ok(Soak {
        samples,
        tally,
        crashes: count("crashes"),
        reloads: count("reloads"),
        idle_stops: count("idle stops"),
        left: Figures::now(),
        before,
    })
}

type Done = Result<(&'static str, u64), String>;

/// Ends a process every second or two.
async fn crash(
    supervisor: Arc<Supervisor>,
    mut rng: Rng,
    judge: Arc<Judge>,
    mut ended: watch::Receiver<bool>,
) -> Done {
    let mut crashes = 0;
    loop {
        let pause = Duration::from_millis(1000 + rng.below(1000) as u64);
        if timeout(pause, ended.wait_for(|&ended| ended)).await.is_ok() {
            return Ok(("crashes", crashes));
        }
        let ready = |state: &State| matches!(state, State::Ready { .. });
        within(supervisor.watch().until(ready)).await?;
        let states = supervisor.states();
        let pids: Vec<u32> = states
            .iter()
            .filter_map(|state| match state {
                State::Ready { pid } => *pid,
                _ => None,
            })
            .collect();
        let Some(&pid) = pids.get(rng.below(pids.len().max(1))) else {
            continue;
        };
        let fault = match rng.below(20) {
            0 => Fault::Stop,
            _ => Fault::Kill,
        };
        // Noted before: its calls may fail at once.
        judge.note(pid, fault);
        let signal = match fault {
            Fault::Stop => Signal::STOP,
            _ => Signal::KILL,
        };
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
        if let Some(raw) = raw {
            match kill_process(raw, signal) {
                Ok(()) => crashes += 1,
                // It has ended by itself meanwhile.
                Err(Errno::SRCH) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// Reloads the plugin every three seconds.
async fn reload(supervisor: Arc<Supervisor>, mut ended: watch::Receiver<bool>) -> Done {
    let mut reloads = 0;
    let pause = Duration::from_secs(3);
    while timeout(pause, ended.wait_for(|&ended| ended))
        .await
        .is_err()
    {
        let reloaded = within(supervisor.reload()).await?;
        reloaded.map_err(|error| format!("{error:?}"))?;
        reloads += 1;
    }
    Ok(("reloads", reloads))
}

/// Calls, and leaves the plugin alone until it is idle, again and again.
async fn wake(
    worker: Remote<dyn Worker>,
    judge: Arc<Judge>,
    seed: u64,
    mut ended: watch::Receiver<bool>,
) -> Done {
    let mut stops = 0;
    let pause = Duration::from_millis(500);
    while timeout(pause, ended.wait_for(|&ended| ended))
        .await
        .is_err()
    {
        let callers = Callers::start(&worker, CALLERS, PAUSE, seed.wrapping_add(stops), &judge);
        sleep(Duration::from_millis(100)).await;
        let tally = within(callers.stop()).await?;
        if let Some(wrong) = tally.wrong.first() {
            return Err(wrong.clone());
        }
        stops += 1;
    }
    Ok(("idle stops", stops))
}

fn line(sample: &Sample) -> String {
    let Sample {
        seconds,
        figures,
        files,
        children,
        calls,
    } = sample;
    let Figures {
        memory,
        descriptors,
        threads,
        tasks,
    } = figures;
    format!("{seconds:.1},{calls},{memory},{descriptors},{tasks},{threads},{files},{children}")
}

/// A figure of a second.
type Column = fn(&Sample) -> usize;

impl Soak {
    /// What was noted, with the names of the columns, as the text of a plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let seconds: Vec<_> = self.samples.iter().map(|sample| sample.seconds).collect();
        let panel = |name: &str, value: &dyn Fn(&Sample) -> usize| Panel {
            name: name.to_owned(),
            values: self
                .samples
                .iter()
                .map(|sample| value(sample) as f64)
                .collect(),
        };
        let mut last = 0;
        let calls = self.samples.iter().map(|sample| {
            let calls = sample.calls.saturating_sub(last);
            last = sample.calls;
            calls as f64
        });
        let panels = [
            Panel {
                name: "calls answered in the second".to_owned(),
                values: calls.collect(),
            },
            panel("resident memory, MiB", &|sample| {
                sample.figures.memory / 1024
            }),
            panel("descriptors", &|sample| sample.figures.descriptors),
            panel("tasks", &|sample| sample.figures.tasks),
        ];
        let title = "A host whose plugins crash, are reloaded and idle out, under load";
        svg(title, &seconds, &panels)
    }

    /// What is wrong with it: what grows, what is left, calls that failed for another reason than
    /// they should.
    #[must_use]
    pub fn verdict(&self) -> (String, bool) {
        let mut text = String::new();
        let mut is_good = self.tally.wrong.is_empty();
        for wrong in self.tally.wrong.iter().take(10) {
            let _ = writeln!(text, "WRONG: {wrong}");
        }
        // What may be more: memory by the whims of its allocator, the others by what ends just
        // now.
        let columns: [(&str, Column, usize); 5] = [
            ("memory, KiB", |sample| sample.figures.memory, 4096),
            ("descriptors", |sample| sample.figures.descriptors, 16),
            ("tasks", |sample| sample.figures.tasks, 40),
            ("threads", |sample| sample.figures.threads, 8),
            ("files", |sample| sample.files, 4),
        ];
        let quarter = self.samples.len() / 4;
        if quarter > 0 {
            // The first quarter is for caches to fill and allocators to settle.
            let (early, late) = (
                &self.samples[quarter..2 * quarter],
                &self.samples[3 * quarter..],
            );
            for (name, value, more) in columns {
                let (before, after) = (median(early, value), median(late, value));
                let is_flat = after <= before + before / 10 + more;
                is_good &= is_flat;
                let mark = if is_flat { "" } else { "  GROWS" };
                let _ = writeln!(text, "{name}: {before} → {after}{mark}");
            }
        }
        let leaks = self.left.descriptors > self.before.descriptors + 8;
        is_good &= !leaks;
        let _ = writeln!(text, "before: {:?}\nafter:  {:?}", self.before, self.left);
        let Tally {
            answered,
            failed,
            longest,
            ..
        } = &self.tally;
        let _ = writeln!(
            text,
            "{answered} calls answered, failed: {failed:?}, the longest {longest:?}; {} crashes, \
             {} reloads, {} idle stops",
            self.crashes, self.reloads, self.idle_stops
        );
        (text, is_good)
    }
}

fn median(samples: &[Sample], value: Column) -> usize {
    let mut values: Vec<_> = samples.iter().map(value).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
