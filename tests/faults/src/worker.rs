//! The plugin: what it does, and how it fails.

use std::sync::Arc;
use std::time::Duration;

use plugwire::connection::PluginSet;
use plugwire::plugin::{ServeConfig, serve};
use plugwire::{Reader, Result, Stream};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::HANDSHAKE;
use crate::judge::Fault;

/// The name that the plugin serves.
pub const NAME: &str = "worker";

#[plugwire::interface]
pub trait Worker {
    /// Answers after a time.
    async fn work(&self, micros: u64) -> Result<u64>;
    /// Calls back so many times.
    async fn ask(&self, guest: Arc<dyn Guest>, times: u32) -> Result<u32>;
    /// Counts to a number.
    async fn count(&self, to: u32) -> Result<Stream<u32>>;
    /// The sum of the items.
    async fn sum(&self, items: Stream<u32>) -> Result<u64>;
    /// The number of the bytes.
    async fn measure(&self, bytes: Reader) -> Result<u64>;
    /// Fails so: a number of [`Fault::ALL`].
    async fn fail(&self, fault: u32) -> Result<()>;
}

#[plugwire::interface]
pub trait Guest {
    async fn next(&self, number: u32) -> Result<u32>;
}

/// Set to have `main` panic.
static FALL: Notify = Notify::const_new();

struct Working;

#[plugwire::interface]
impl Worker for Working {
    async fn work(&self, micros: u64) -> Result<u64> {
        sleep(Duration::from_micros(micros)).await;
        Ok(micros)
    }

    async fn ask(&self, guest: Arc<dyn Guest>, times: u32) -> Result<u32> {
        let mut number = 0;
        for _ in 0..times {
            number = guest.next(number).await?;
        }
        Ok(number)
    }

    async fn count(&self, to: u32) -> Result<Stream<u32>> {
        Ok(Stream::new(futures::stream::iter(
            (1..=to).map(Ok::<_, plugwire::Error>),
        )))
    }

    async fn sum(&self, mut items: Stream<u32>) -> Result<u64> {
        let mut sum = 0;
        while let Some(item) = items.next().await {
            sum += u64::from(item?);
        }
        Ok(sum)
    }

    async fn measure(&self, mut bytes: Reader) -> Result<u64> {
        let mut read = Vec::new();
        bytes.read_to_end(&mut read).await?;
        Ok(read.len() as u64)
    }

    async fn fail(&self, fault: u32) -> Result<()> {
        match Fault::ALL.get(fault as usize) {
            Some(Fault::Abort) => std::process::abort(),
            Some(Fault::Exit) => std::process::exit(Fault::CODE),
            Some(Fault::Panic) => {
                FALL.notify_one();
                std::future::pending().await
            }
            Some(Fault::Memory) => exhaust(),
            Some(Fault::Kill | Fault::Stop) | None => Err("a signal does that".into()),
        }
    }
}

/// Takes memory until there is none.
fn exhaust() -> ! {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = pages
        .split(' ')
        .next()
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    let limit = Some(pages * 4096 + 32 * 1024 * 1024);
    let limit = Rlimit {
        current: limit,
        maximum: limit,
    };
    setrlimit(Resource::As, limit).expect("the limit is lower than before");
    let mut taken = Vec::new();
    loop {
        taken.push(vec![7u8; 1024 * 1024]);
    }
}

/// Serves, and ends the process, where a host has started it as a plugin.
///
/// # Panics
///
/// When it is asked to, by [`Worker::fail`].
pub fn serve_if_asked() {
    if std::env::var_os(&*HANDSHAKE.magic_cookie_key).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let plugins = PluginSet::new().register::<dyn Worker>(NAME, || Ok(Arc::new(Working)));
    runtime.expect("a runtime").block_on(async {
        tokio::select! {
            () = serve(ServeConfig::new(HANDSHAKE, plugins)) => {}
            () = FALL.notified() => panic!("as asked"),
        }
    });
    std::process::exit(0);
}
