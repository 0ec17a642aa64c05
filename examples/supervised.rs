//! A plugin that is kept running: it crashes and is started again, it is replaced under its
//! callers, and it is stopped while it has nothing to do.
//!
//! `cargo run --example supervised` hosts a plugin that is this same program, started again.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use plugwire::connection::{BoxError, PluginSet};
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{
    ClientConfig, EventKind, Health, RestartPolicy, State, Supervisor, SupervisorConfig,
};
use plugwire::plugin::{self, ServeConfig};
use plugwire::{Remote, Result};

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "SUPERVISED_PLUGIN", "hello");

#[plugwire::interface]
trait Dice {
    /// A call that is lost in a crash is made anew: it does no harm to ask twice.
    #[plugwire(idempotent)]
    async fn sides(&self) -> Result<u32>;
    /// The process that answers.
    async fn process(&self) -> Result<u32>;
    async fn crash(&self) -> Result<()>;
}

struct Cube;

#[plugwire::interface]
impl Dice for Cube {
    async fn sides(&self) -> Result<u32> {
        Ok(6)
    }

    async fn process(&self) -> Result<u32> {
        Ok(std::process::id())
    }

    async fn crash(&self) -> Result<()> {
        std::process::abort()
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Only a host sets the cookie, so this is how the program knows that it is the plugin.
    if std::env::var_os(&*HANDSHAKE.magic_cookie_key).is_some() {
        let plugins = PluginSet::new().register::<dyn Dice>("dice", || Ok(Arc::new(Cube)));
        plugin::serve(ServeConfig::new(HANDSHAKE, plugins)).await;
        return Ok(());
    }

    let command = Command::new(std::env::current_exe()?);
    let first_delay = Duration::from_millis(10);
    let config = SupervisorConfig::new(ClientConfig::new(HANDSHAKE, command))
        .restart(RestartPolicy::default().delays(first_delay, Duration::from_secs(10)))
        .health(Health::every(Duration::from_secs(5)))
        .idle_timeout(Duration::from_millis(500));
    let supervisor = Supervisor::start(config)?;
    let outcome = play(&supervisor).await;
    supervisor.shutdown().await;
    outcome
}

async fn play(supervisor: &Supervisor) -> Result<(), BoxError> {
    let dice = supervisor.dispense::<dyn Dice>("dice").await?;
    let dice = dice.with_timeout(Duration::from_secs(10));
    let mut events = supervisor.events();
    let first = dice.process().await?;

    // The call that is under way fails, and says how the plugin ended.
    match dice.crash().await {
        Err(error) if error.is_crashed() => println!("a call is lost: the plugin crashed"),
        other => println!("unexpectedly {other:?}"),
    }
    // The next one waits for the plugin that is started in its place.
    let second = dice.process().await?;
    println!("the same handle, another process: {}", first != second);

    // With callers at work, another process takes over, and no call fails.
    let callers: Vec<_> = (0..8).map(|_| tokio::spawn(roll(dice.clone()))).collect();
    supervisor.reload().await?;
    for caller in callers {
        caller.await??;
    }
    println!("reloaded: {}", dice.process().await? != second);

    // Without calls it is stopped, and the next call starts it.
    supervisor
        .watch()
        .until(|state| matches!(state, State::Idle))
        .await;
    println!("idle, and still {} sides", dice.sides().await?);

    let mut seen = Vec::new();
    while !matches!(seen.last(), Some(EventKind::Idle)) {
        seen.extend(events.next().await.map(|event| event.kind));
    }
    let crashes = seen
        .iter()
        .filter(|kind| matches!(kind, EventKind::Down { .. }));
    println!("crashes: {}", crashes.count());
    Ok(())
}

async fn roll(dice: Remote<dyn Dice>) -> Result<()> {
    for _ in 0..1000 {
        dice.sides().await?;
    }
    Ok(())
}
