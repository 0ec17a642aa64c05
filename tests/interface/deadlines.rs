//! Deadlines of a call, of a method, of a client; in virtual time.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plugwire::rpc::Service;
use plugwire::{Error, Reader, Remote, Result};
use tokio::time::Instant;

use crate::Pair;

const SECOND: Duration = Duration::from_secs(1);

#[plugwire::interface]
pub trait Slow {
    async fn never(&self) -> Result<()>;
    async fn at_once(&self) -> Result<i64>;
    /// Promises an interface and does not serve it.
    async fn promised(&self) -> Result<Arc<dyn Slow>>;
    /// Promises data and has none.
    async fn promised_data(&self) -> Result<Reader>;
}

struct Sleeper;

#[plugwire::interface]
impl Slow for Sleeper {
    async fn never(&self) -> Result<()> {
        std::future::pending().await
    }

    async fn at_once(&self) -> Result<i64> {
        Ok(1)
    }

    async fn promised(&self) -> Result<Arc<dyn Slow>> {
        Ok(Arc::new(Sleeper))
    }

    async fn promised_data(&self) -> Result<Reader> {
        Err("none here".into())
    }
}

async fn times_out<T>(call: impl Future<Output = Result<T>>, after: Duration) {
    let begun = Instant::now();
    let error = call.await.err().expect("it times out");
    assert!(error.is_timeout(), "{error}");
    assert_eq!(begun.elapsed().as_secs(), after.as_secs());
}

#[tokio::test]
async fn a_deadline_is_set_on_the_client_for_all_for_one_method_or_for_one_call() {
    let pair = Pair::new();
    let slow = pair.connect::<dyn Slow>(Arc::new(Sleeper)).await;
    tokio::time::pause();
    let all = slow.with_timeout(3 * SECOND);
    times_out(all.never(), 3 * SECOND).await;
    assert_eq!(all.at_once().await.unwrap(), 1);

    let one = all.with_method_timeout(<dyn Slow>::NEVER, 5 * SECOND);
    times_out(one.never(), 5 * SECOND).await;
    let one = one.with_method_timeout(<dyn Slow>::AT_ONCE, SECOND);
    times_out(one.never(), 5 * SECOND).await;

    // The handle that it was made of is as it was.
    times_out(all.never(), 3 * SECOND).await;
    times_out(slow.with_timeout(SECOND).never(), SECOND).await;

    let error = slow.with_timeout(SECOND).never().await.unwrap_err();
    assert_eq!(error.to_string(), "Plugin.Never gave no answer within 1s");
}

#[tokio::test]
async fn a_deadline_may_be_of_any_length() {
    let pair = Pair::new();
    let slow = pair.connect::<dyn Slow>(Arc::new(Sleeper)).await;
    let patient = slow.with_timeout(Duration::MAX);
    assert_eq!(patient.at_once().await.unwrap(), 1);
    assert!(patient.promised().await.unwrap().at_once().await.is_ok());
    let patient = slow.with_method_timeout(<dyn Slow>::AT_ONCE, Duration::MAX);
    assert_eq!(patient.at_once().await.unwrap(), 1);
    tokio::time::pause();
    times_out(slow.with_timeout(Duration::ZERO).never(), Duration::ZERO).await;
}

/// A peer that announces what it does not serve, under a number of its own each time.
async fn promising(pair: &Pair) -> Remote<dyn Slow> {
    let ids = Arc::new(AtomicU32::new(99));
    let promise = move |_: ()| {
        let id = ids.fetch_add(1, Ordering::Relaxed);
        async move { Ok::<_, String>(id) }
    };
    let service = Service::new()
        .method("Promised", promise.clone())
        .method("PromisedData", promise);
    let client = pair.connect_service(service).await;
    Remote::<dyn Slow>::new(client, pair.host.clone())
}

#[tokio::test]
async fn a_deadline_covers_connecting_to_what_is_returned() {
    let pair = Pair::new();
    let slow = promising(&pair).await;
    tokio::time::pause();
    let promised = slow.with_timeout(2 * SECOND);
    times_out(promised.promised_data(), 2 * SECOND).await;
    // Without one it is the peer that ends it, which lets no stream wait longer.
    let begun = Instant::now();
    let error = slow.promised_data().await.err().unwrap();
    assert!(matches!(error, Error::Dial(_)), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn an_interface_that_leads_nowhere_fails_its_first_call_in_time() {
    let pair = Pair::new();
    let slow = promising(&pair).await;
    tokio::time::pause();
    // It can be called at once, without waiting for the peer to confirm it.
    let begun = Instant::now();
    let promised = slow.promised().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let error = promised.at_once().await.unwrap_err();
    assert!(error.is_disconnected(), "{error}");
    let causes = std::iter::successors(error.source(), |&error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    assert!(
        causes.concat().contains("did not accept broker id 99"),
        "{causes:?}"
    );
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[test]
fn a_method_s_name_can_be_asked_for() {
    assert_eq!(<dyn Slow>::AT_ONCE.name(), "Plugin.AtOnce");
}
