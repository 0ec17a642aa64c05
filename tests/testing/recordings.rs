//! Conversations as text.

use std::sync::Arc;
use std::time::Duration;

use plugwire::Reader;
use plugwire::codec::Codec;
use plugwire::testing::{FakeHost, Fault, pair_with};

use crate::store::{Kv, Three, config, plugins, store};

#[tokio::test(start_paused = true)]
async fn a_conversation_shows_each_call_with_its_answer() {
    for (codec, zero) in [(Codec::Gob, ""), (Codec::Rich, ", Value: 0")] {
        let kv = pair_with::<dyn Kv>(store(), config(codec)).await;
        kv.put("a".into(), 0).await.unwrap();
        // The second of two calls is answered first.
        let (slow, quick) = tokio::join!(kv.wait(1), kv.put("b".into(), -4));
        slow.unwrap();
        quick.unwrap();
        kv.get("c".into()).await.unwrap_err();
        kv.add("b".into(), Arc::new(Three)).await.unwrap();
        kv.import(Reader::new(std::io::Cursor::new("some text")))
            .await
            .unwrap();
        kv.faults().befall_at("Plugin.Wait", Fault::Silence);
        let short = kv.with_timeout(Duration::from_secs(1));
        short.wait(60).await.unwrap_err();
        let expected = format!(
            "control\n  \
               Dispenser.Dispense \"pair\" = 1\n\
             host dials 1\n  \
               Plugin.Put {{Key: \"a\"{zero}}} = nil\n  \
               Plugin.Wait 1 = nil\n  \
               Plugin.Put {{Key: \"b\", Value: -4}} = nil\n  \
               Plugin.Get \"c\" = error \"no such key: c\"\n  \
               Plugin.Add {{Adder: 1, Key: \"b\"}} = -1\n  \
               Plugin.Import 2 = 9\n  \
               Plugin.Wait 60 = cancelled\n\
             plugin dials 1\n  \
               Plugin.Add -4 = -1\n\
             plugin dials 2\n  \
               -> no bytes, end\n  \
               <- bytes \"some text\", end\n"
        );
        assert_eq!(kv.conversation(), expected, "{codec:?}");
    }
}

/// On a runtime of several threads, with calls at once: as often as the test is run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_is_the_same_in_every_run() {
    let mut first = None;
    for _ in 0..20 {
        let host = FakeHost::connect(plugins()).await.unwrap();
        let kv = host.dispense::<dyn Kv>("kv").await.unwrap();
        kv.put("a".into(), 1).await.unwrap();
        for _ in 0..3 {
            kv.add("a".into(), Arc::new(Three)).await.unwrap();
        }
        let conversation = host.conversation();
        assert_eq!(
            *first.get_or_insert_with(|| conversation.clone()),
            conversation
        );
    }
}

#[tokio::test(start_paused = true)]
async fn long_values_are_cut_and_bytes_of_any_kind_are_shown() {
    let host = FakeHost::connect(plugins()).await.unwrap();
    let kv = host.dispense::<dyn Kv>("kv").await.unwrap();
    kv.get("ü".repeat(100)).await.unwrap_err();
    let data = [&[0, 0xff, b'"'][..], &[b'x'; 300]].concat();
    kv.import(Reader::new(std::io::Cursor::new(data)))
        .await
        .unwrap_err();
    let conversation = host.conversation();
    let cut = format!("Plugin.Get \"{}\"... (200 bytes) = error", "ü".repeat(64));
    assert!(conversation.contains(&cut), "{conversation}");
    let start = format!(
        r#"<- bytes "\x00\xff\"{}"... (303 bytes), "#,
        "x".repeat(61)
    );
    assert!(conversation.contains(&start), "{conversation}");
}
