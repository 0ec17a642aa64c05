//! When what a call brought along is let go. In virtual time, of which nothing here takes any
//! unless it says so.

use std::sync::Arc;
use std::time::Duration;

use plugwire::rpc::Service;
use plugwire::{Remote, Result};
use support::causes::assert_fails;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use crate::Pair;
use crate::counter::{AddHelper, Adder};

#[plugwire::interface]
pub trait Keeper {
    async fn borrow(&self, helper: Arc<dyn AddHelper>) -> Result<i64>;
    async fn keep(&self, helper: Arc<dyn AddHelper>) -> Result<()>;
    async fn kept(&self) -> Result<i64>;
    async fn forget(&self) -> Result<()>;
    async fn make(&self) -> Result<Arc<dyn AddHelper>>;
    async fn hold(&self, helper: Arc<dyn AddHelper>) -> Result<()>;
}

#[derive(Default)]
struct Memory {
    kept: Mutex<Option<Arc<dyn AddHelper>>>,
    made: Mutex<Option<Arc<Adder>>>,
}

#[plugwire::interface]
impl Keeper for Memory {
    async fn borrow(&self, helper: Arc<dyn AddHelper>) -> Result<i64> {
        helper.add(1, 2).await
    }

    async fn keep(&self, helper: Arc<dyn AddHelper>) -> Result<()> {
        *self.kept.lock().await = Some(helper);
        Ok(())
    }

    async fn kept(&self) -> Result<i64> {
        match &*self.kept.lock().await {
            Some(helper) => helper.add(3, 4).await,
            None => Err("nothing is kept".into()),
        }
    }

    async fn forget(&self) -> Result<()> {
        *self.kept.lock().await = None;
        Ok(())
    }

    async fn make(&self) -> Result<Arc<dyn AddHelper>> {
        let made = self.made.lock().await.take();
        Ok(made.ok_or("nothing to give")?)
    }

    async fn hold(&self, _helper: Arc<dyn AddHelper>) -> Result<()> {
        std::future::pending().await
    }
}

async fn keeper(memory: Memory) -> (Pair, Remote<dyn Keeper>) {
    let pair = Pair::new();
    let keeper = pair.connect::<dyn Keeper>(Arc::new(memory)).await;
    tokio::time::pause();
    (pair, keeper)
}

/// A keeper that never dials what it is given.
async fn careless(reply: std::result::Result<(), &'static str>) -> (Pair, Remote<dyn Keeper>) {
    let pair = Pair::new();
    let service = Service::new()
        .method("Keep", move |_: u32| async move { reply })
        .method("Hold", |_: u32| std::future::pending::<Result<()>>());
    let client = pair.connect_service(service).await;
    let keeper = Remote::new(client, pair.host.clone());
    tokio::time::pause();
    (pair, keeper)
}

/// Waits for the drop, and tells how long that took.
async fn dropped(mut dropped: mpsc::UnboundedReceiver<()>) -> Duration {
    let begun = Instant::now();
    dropped.recv().await.expect("told by the drop");
    begun.elapsed()
}

const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_helper_is_let_go_when_the_method_is_done_with_it() {
    let (_pair, keeper) = keeper(Memory::default()).await;
    let (adder, drops) = Adder::watched();
    assert_eq!(keeper.borrow(adder).await.unwrap(), 3);
    assert!(dropped(drops).await < AT_ONCE);
}

#[tokio::test]
async fn a_kept_helper_is_let_go_when_the_plugin_lets_go() {
    let (_pair, keeper) = keeper(Memory::default()).await;
    let (adder, mut drops) = Adder::watched();
    keeper.keep(adder).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(keeper.kept().await.unwrap(), 7);
    assert_eq!(drops.try_recv(), Err(TryRecvError::Empty));
    keeper.forget().await.unwrap();
    assert!(dropped(drops).await < AT_ONCE);
}

#[tokio::test]
async fn a_returned_interface_is_let_go_when_the_caller_lets_go() {
    let (adder, mut drops) = Adder::watched();
    let memory = Memory::default();
    *memory.made.lock().await = Some(adder);
    let (_pair, keeper) = keeper(memory).await;
    let made = keeper.make().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(made.add(1, 1).await.unwrap(), 2);
    assert_eq!(drops.try_recv(), Err(TryRecvError::Empty));
    drop(made);
    assert!(dropped(drops).await < AT_ONCE);
}

#[tokio::test]
async fn a_returned_interface_that_nobody_dials_is_let_go_in_time() {
    let (adder, drops) = Adder::watched();
    let memory = Memory::default();
    *memory.made.lock().await = Some(adder);
    let (_pair, keeper) = keeper(memory).await;
    let rpc = Remote::rpc_client(&keeper);
    let _id: u32 = rpc.call("Plugin.Make", &()).await.unwrap();
    assert_eq!(dropped(drops).await.as_secs(), 5);
}

#[tokio::test]
async fn a_call_that_failed_before_the_peer_dialed_takes_back_what_it_lent() {
    let (_pair, keeper) = careless(Err("no")).await;
    let (adder, drops) = Adder::watched();
    assert_fails(keeper.keep(adder).await, "no");
    assert!(dropped(drops).await < AT_ONCE);
}

/// Go's plugins may dial after they have replied.
#[tokio::test]
async fn a_call_that_succeeded_leaves_it_to_be_dialed_as_long_as_go_plugin_does() {
    let (_pair, keeper) = careless(Ok(())).await;
    let (adder, drops) = Adder::watched();
    keeper.keep(adder).await.unwrap();
    assert_eq!(dropped(drops).await.as_secs(), 5);
}

#[tokio::test]
async fn an_abandoned_call_takes_back_what_it_lent() {
    let (_pair, keeper) = careless(Ok(())).await;
    let (adder, drops) = Adder::watched();
    let abandoned = tokio::time::timeout(Duration::from_secs(1), keeper.hold(adder)).await;
    assert!(abandoned.is_err());
    assert!(dropped(drops).await < AT_ONCE);

    let (adder, drops) = Adder::watched();
    let late = keeper
        .with_timeout(Duration::from_secs(1))
        .hold(adder)
        .await;
    assert!(late.unwrap_err().is_timeout());
    assert!(dropped(drops).await < AT_ONCE);
}

#[tokio::test]
async fn the_end_of_the_session_lets_everything_go() {
    let (pair, keeper) = keeper(Memory::default()).await;
    let (kept, kept_drops) = Adder::watched();
    keeper.keep(kept).await.unwrap();
    let (held, held_drops) = Adder::watched();
    let holding = tokio::spawn(async move { keeper.hold(held).await });
    pair.plugin.session().close().await;
    assert!(holding.await.unwrap().unwrap_err().is_disconnected());
    assert!(dropped(kept_drops).await < AT_ONCE);
    assert!(dropped(held_drops).await < AT_ONCE);
}
