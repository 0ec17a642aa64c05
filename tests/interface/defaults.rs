//! Newer traits, older peers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use plugwire::rpc::Service;
use plugwire::{Reader, Remote, Result};
use tokio::io::AsyncReadExt;

use crate::Pair;
use crate::counter::{AddHelper, Adder};
use support::within;

/// The trait as the older plugin had it.
#[plugwire::interface]
pub trait Old {
    async fn get(&self, key: String) -> Result<i64>;
}

/// The trait as it is now.
#[plugwire::interface]
pub trait New {
    async fn get(&self, key: String) -> Result<i64>;

    async fn twice(&self, mut key: String) -> Result<i64> {
        key.push('!');
        if key == "!" {
            return Err("a key is needed".into());
        }
        Ok(2 * self.get(key).await?)
    }

    async fn sum(&self, a: i64, key: String, helper: Arc<dyn AddHelper>) -> Result<i64> {
        helper.add(a, self.get(key).await?).await
    }

    async fn length(&self, mut text: Reader) -> Result<u64> {
        let mut all = String::new();
        Ok(text.read_to_string(&mut all).await? as u64)
    }

    #[plugwire(args = "map")]
    async fn mapped(&self, key: String, count: i64) -> Result<i64> {
        Ok(count * self.get(key).await?)
    }

    async fn made(&self) -> Result<Arc<dyn AddHelper>> {
        Ok(Adder::new())
    }

    async fn without_default(&self) -> Result<()>;
}

struct Length(AtomicU32);

#[plugwire::interface]
impl Old for Length {
    async fn get(&self, key: String) -> Result<i64> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(key.len() as i64)
    }
}

async fn older() -> (Pair, Remote<dyn New>, Arc<Length>) {
    let pair = Pair::new();
    let length = Arc::new(Length(AtomicU32::new(0)));
    let old = pair.connect::<dyn Old>(length.clone()).await;
    let new = Remote::new(Remote::rpc_client(&old).clone(), pair.host.clone());
    (pair, new, length)
}

#[tokio::test]
async fn a_default_body_runs_with_the_remote_as_self() {
    let (_pair, new, length) = older().await;
    assert_eq!(within(new.twice("abc".into())).await.unwrap(), 8);
    assert_eq!(length.0.load(Ordering::Relaxed), 1);
    let error = within(new.twice(String::new())).await.unwrap_err();
    assert_eq!(error.to_string(), "a key is needed");
    assert_eq!(within(new.mapped("ab".into(), 5)).await.unwrap(), 10);
}

#[tokio::test]
async fn a_default_body_gets_back_what_was_lent_for_the_call() {
    let (_pair, new, _) = older().await;
    let sum = within(new.sum(40, "ab".into(), Adder::new())).await;
    assert_eq!(sum.unwrap(), 42);
    let text = Reader::new(&b"some text"[..]);
    assert_eq!(within(new.length(text)).await.unwrap(), 9);
    let made = within(new.made()).await.unwrap();
    assert_eq!(within(made.add(1, 1)).await.unwrap(), 2);
}

#[tokio::test]
async fn without_a_default_body_the_caller_gets_the_error() {
    let (_pair, new, _) = older().await;
    let error = within(new.without_default()).await.unwrap_err();
    assert!(error.is_method_not_found());
    let expected = "rpc: can't find method Plugin.WithoutDefault";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn an_implementation_that_has_the_method_is_called() {
    struct Newer;
    #[plugwire::interface]
    impl New for Newer {
        async fn get(&self, _key: String) -> Result<i64> {
            Ok(1)
        }
        async fn twice(&self, _key: String) -> Result<i64> {
            Ok(-1)
        }
        async fn without_default(&self) -> Result<()> {
            Ok(())
        }
    }
    let pair = Pair::new();
    let new = pair.connect::<dyn New>(Arc::new(Newer)).await;
    assert_eq!(within(new.twice("abc".into())).await.unwrap(), -1);
    // Not overridden, it runs where the implementation is.
    let sum = within(new.sum(40, "ab".into(), Adder::new())).await;
    assert_eq!(sum.unwrap(), 41);
    within(new.without_default()).await.unwrap();
}

/// The peer's method is there; what it calls in its turn is not.
#[tokio::test]
async fn another_method_s_absence_is_no_reason_for_a_default_body() {
    let pair = Pair::new();
    let service = Service::new().method("Twice", |_: String| async {
        Err::<i64, _>("rpc: can't find method Plugin.Get")
    });
    let client = pair.connect_service(service).await;
    let new = Remote::<dyn New>::new(client, pair.host.clone());
    let error = within(new.twice("abc".into())).await.unwrap_err();
    assert!(error.is_method_not_found(), "{error}");
}

/// A peer that took the reader before it found that it lacks the method has read of it.
#[tokio::test]
async fn what_the_peer_has_taken_is_not_there_for_the_default_body() {
    let pair = Pair::new();
    let broker = pair.plugin.clone();
    let service = Service::new().method("Length", move |id: u32| {
        let broker = broker.clone();
        async move {
            let mut stream = broker.dial(id).await.map_err(|error| error.to_string())?;
            let first = stream.read_u8().await.map_err(|error| error.to_string())?;
            assert_eq!(first, b's');
            Err::<u64, _>("rpc: can't find method Plugin.Length".to_owned())
        }
    });
    let client = pair.connect_service(service).await;
    let new = Remote::<dyn New>::new(client, pair.host.clone());
    let text = Reader::new(&b"some text"[..]);
    let error = within(new.length(text)).await.unwrap_err();
    assert!(error.is_method_not_found(), "{error}");
}
