//! Calls in both directions.

use std::sync::Arc;

use plugwire::{Error, Reader, Writer};
use tokio::io::AsyncReadExt;

use crate::Pair;
use crate::counter::{Adder, Counter, Memory};
use support::within;

/// What is done with a counter, wherever it is.
async fn use_counter(counter: &dyn Counter) {
    counter.put("a".into(), 2, Adder::new()).await.unwrap();
    counter.put("a".into(), 40, Adder::new()).await.unwrap();
    assert_eq!(counter.get("a".into()).await.unwrap(), 42);
    let error = counter.get("b".into()).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no \"b\"");
    let error = counter.put("a".into(), i64::MAX, Adder::new()).await;
    assert_eq!(error.unwrap_err().to_string(), "too large");

    let data = Reader::new(&b"one\ntwo\nthree\n"[..]);
    assert_eq!(counter.import("lines".into(), data).await.unwrap(), 14);
    assert_eq!(counter.keys().await.unwrap(), ["a", "lines"]);

    let (out, mut exported) = tokio::io::duplex(1024);
    counter.export(Writer::new(out)).await.unwrap();
    let mut text = String::new();
    exported.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "a 42\nlines 3\n");

    let watch = counter.watch("a".into()).await.unwrap();
    let (next, put) = tokio::join!(watch.next(), counter.put("a".into(), 1, Adder::new()));
    put.unwrap();
    assert_eq!(next.unwrap(), 43);

    let mut digits = String::new();
    let mut opened = counter.open("a".into()).await.unwrap();
    opened.read_to_string(&mut digits).await.unwrap();
    assert_eq!(digits, "43");

    let helper = counter.first(Some(Adder::new())).await.unwrap();
    assert_eq!(helper.unwrap().add(1, 2).await.unwrap(), 3);
    assert!(counter.first(None).await.unwrap().is_none());
}

#[tokio::test]
async fn an_implementation_in_this_process_is_used_as_any() {
    within(use_counter(&Memory::default())).await;
}

#[tokio::test]
async fn a_remote_implementation_is_used_as_any() {
    let pair = Pair::new();
    let counter = pair
        .connect::<dyn Counter>(Arc::new(Memory::default()))
        .await;
    within(use_counter(&counter)).await;
    let shared: Arc<dyn Counter> = Arc::new(counter);
    assert_eq!(within(shared.get("a".into())).await.unwrap(), 43);
}

/// What a host gets of one plugin it hands to another.
#[tokio::test]
async fn a_remote_implementation_is_served_onward() {
    let (first, second) = (Pair::new(), Pair::new());
    let counter = first
        .connect::<dyn Counter>(Arc::new(Memory::default()))
        .await;
    let onward = second.connect::<dyn Counter>(Arc::new(counter)).await;
    within(use_counter(&onward)).await;
}

#[tokio::test]
async fn an_interface_goes_through_a_third_process() {
    let (first, second) = (Pair::new(), Pair::new());
    let [one, two] = [&first, &second].map(|pair| async {
        pair.connect::<dyn Counter>(Arc::new(Memory::default()))
            .await
    });
    let (one, two) = (one.await, two.await);
    // A helper that the first plugin gives back is handed to the second.
    let helper = within(one.first(Some(Adder::new())))
        .await
        .unwrap()
        .unwrap();
    within(two.put("a".into(), 7, helper)).await.unwrap();
    assert_eq!(within(two.get("a".into())).await.unwrap(), 7);
}

#[tokio::test]
async fn an_id_that_leads_nowhere_fails_the_call() {
    #[derive(serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Put {
        key: String,
        value: i64,
        sum: u32,
    }
    let pair = Pair::new();
    let counter = pair
        .connect::<dyn Counter>(Arc::new(Memory::default()))
        .await;
    tokio::time::pause();
    let put = Put {
        key: "a".into(),
        value: 1,
        sum: 99,
    };
    let client = plugwire::Remote::rpc_client(&counter);
    let error = client
        .call::<Put, ()>("Plugin.Put", &put)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("did not accept broker id 99"),
        "{error}"
    );
}

#[tokio::test]
async fn the_error_of_a_lost_connection_is_told_from_the_implementation_s() {
    let pair = Pair::new();
    let counter = pair
        .connect::<dyn Counter>(Arc::new(Memory::default()))
        .await;
    let own = within(counter.get("b".into())).await.unwrap_err();
    assert!(!own.is_disconnected());
    pair.plugin.session().close().await;
    let lost = within(counter.get("b".into())).await.unwrap_err();
    assert!(matches!(lost, Error::Call(_)));
    assert!(lost.is_disconnected(), "{lost}");
}
