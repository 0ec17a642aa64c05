//! What many calls leave behind that lend and take within values: neither tasks nor streams nor
//! values.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use plugwire::broker::{BrokerConfig, MuxBroker};
use plugwire::mux::{self, Session};
use plugwire::{Reader, Writer};
use support::{until, within};
use tokio::runtime::Handle;
use tokio::task::yield_now;

use crate::Pair;
use crate::nested::{Channels, Job, Sum, Worker, Works};

fn job(hook: &Arc<Sum>) -> Job {
    Job {
        name: "a".into(),
        channels: Channels {
            input: Reader::new(&b"text"[..]),
            output: Writer::new(tokio::io::sink()),
        },
        progress: Some(hook.clone()),
        hooks: BTreeMap::from([("one".to_owned(), hook.clone() as _)]),
    }
}

/// One call in four is dropped after some turns of the runtime, each time at another place.
#[tokio::test]
async fn ten_thousand_calls_and_cancelled_ones_leave_nothing_behind() {
    // A stream that stays is one that a later call lacks.
    let config = mux::Config::default().keep_alive(None).max_streams(300);
    let (here, there) = tokio::io::duplex(64 * 1024);
    let pair = Pair {
        host: MuxBroker::new(
            Session::client(here, config.clone()),
            BrokerConfig::default(),
        ),
        plugin: MuxBroker::new(Session::server(there, config), BrokerConfig::default()),
    };
    let worker = pair.connect::<dyn Worker>(Arc::new(Works)).await;
    let hook = Arc::new(Sum::default());
    within(worker.run(vec![job(&hook)])).await.unwrap();
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let quiet = || Arc::strong_count(&hook) == 1;
    until("the first call is over", quiet).await;
    let before = tasks();
    for round in 0..10_000 {
        let mut call = worker.run(vec![job(&hook)]);
        if round % 4 > 0 {
            within(call).await.unwrap();
            continue;
        }
        for _ in 0..(round / 4) % 40 {
            if poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx)))
                .await
                .is_ready()
            {
                break;
            }
            yield_now().await;
        }
    }
    until("all is dropped", quiet).await;
    until("all tasks have ended", || tasks() <= before).await;
}
