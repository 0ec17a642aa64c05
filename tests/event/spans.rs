//! Spans: their parents, their fields, and how they cross to the peer.

use std::sync::{Arc, Mutex};

use plugwire::connection::ConnectionConfig;
use plugwire::event::Propagator;
use plugwire::{CallContext, Reader};
use support::within;
use tracing::{Instrument, Span};

use crate::kv::{Events, Kv, Two, pair_of};
use crate::traces::{self, Traced};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn of(spans: &[Traced], name: &str, side: &str, method: &str) -> Traced {
    let mut found = spans.iter().filter(|span| {
        span.name == name && span.fields["side"] == side && span.fields["method"] == method
    });
    match (found.next(), found.next()) {
        (Some(span), None) => span.clone(),
        other => panic!("{other:?} in {spans:?}"),
    }
}

#[tokio::test]
async fn a_call_is_a_span_within_the_callers_and_in_the_peers_connection() {
    traces::record();
    let kv = pair_of(ConnectionConfig::default().name("kv-1")).await;
    traces::recorded("");
    let caller = tracing::info_span!("caller");
    let context = CallContext::default().with_traceparent(TRACE).unwrap();
    let called = context.scope(kv.add("ab".into(), Arc::new(Two)));
    assert_eq!(within(called.instrument(caller)).await.unwrap(), 4);
    drop(kv);
    let spans = traces::spans("plugwire::call");

    let made = of(&spans, "call", "host", "Plugin.Add");
    assert_eq!(made.target, "plugwire::call");
    assert_eq!(made.within, ["caller"]);
    assert_eq!(made.fields["plugin"], "kv-1");
    assert_eq!(made.fields["direction"], "made");
    assert_eq!(made.fields["outcome"], "answered");
    assert_eq!(made.fields["seq"], "0");
    assert!(made.fields["sent"].parse::<u64>().unwrap() > 0);
    assert!(made.fields["received"].parse::<u64>().unwrap() > 0);
    assert!(made.fields["duration"].parse::<f64>().unwrap() >= 0.0);

    let served = of(&spans, "call", "plugin", "Plugin.Add");
    assert_eq!(served.within, ["connection"]);
    assert_eq!(served.fields["traceparent"], TRACE);
    assert_eq!(served.fields["seq"], "0");

    // The method runs in its call's span, and so does the callback that it makes.
    let back = of(&spans, "callback", "plugin", "Plugin.Add");
    assert_eq!(back.target, "plugwire::callback");
    assert_eq!(back.within, ["call", "connection"]);
    let back = of(&spans, "callback", "host", "Plugin.Add");
    assert_eq!(back.within, ["connection"]);
    assert_eq!(back.fields["direction"], "served");
    assert_eq!(back.fields["traceparent"], TRACE);
}

#[tokio::test]
async fn what_is_lent_is_a_span_within_its_call() {
    traces::record();
    let kv = pair_of(ConnectionConfig::default()).await;
    let data = Reader::new(std::io::Cursor::new(vec![1; 1000]));
    let caller = tracing::info_span!("caller");
    assert_eq!(
        within(kv.import(data).instrument(caller)).await.unwrap(),
        1000
    );
    let events = traces::recorded("plugwire");
    drop(kv);
    // The task that serves the reader ends behind the call.
    let mut spans = events;
    while !spans.iter().any(|span| span.name == "stream") {
        tokio::task::yield_now().await;
        spans.extend(traces::recorded("plugwire"));
    }
    let stream = spans.iter().find(|span| span.name == "stream").unwrap();
    assert_eq!(stream.target, "plugwire::stream");
    assert_eq!(stream.within.last(), Some(&"caller"), "{stream:?}");
}

#[tokio::test]
async fn a_connection_is_a_span_and_its_events_are_within() {
    traces::record();
    let kv = pair_of(ConnectionConfig::default().name("kv-1")).await;
    let session = kv.host().broker().session().clone();
    drop(kv);
    within(session.closed()).await;
    let mut seen = Vec::new();
    let is_closed =
        |traced: &Traced| traced.name == "connection" && traced.fields["side"] == "host";
    while !seen.iter().any(is_closed) {
        tokio::task::yield_now().await;
        seen.extend(traces::recorded("plugwire::connection"));
    }
    let disconnected = seen
        .iter()
        .find(|traced| traced.fields.contains_key("reason") && traced.fields["side"] == "host");
    assert_eq!(disconnected.unwrap().within, ["connection"]);
}

/// Numbers each span in place of a tracing library.
#[derive(Debug, Default)]
struct Library {
    extracted: Mutex<Vec<String>>,
}

fn trace_of(span: &Span) -> Option<String> {
    let id = span.id()?.into_u64();
    Some(format!("00-0af7651916cd43dd8448eb211c80319c-{id:016x}-01"))
}

#[derive(Debug)]
struct Shared(Arc<Library>);

impl Propagator for Shared {
    fn inject(&self, span: &Span) -> Option<String> {
        trace_of(span)
    }

    fn extract(&self, _: &Span, traceparent: &str) {
        self.0
            .extracted
            .lock()
            .unwrap()
            .push(traceparent.to_owned());
    }
}

#[tokio::test]
async fn a_propagator_hands_the_span_on_to_the_peer() {
    traces::record();
    let library = Arc::new(Library::default());
    let config = ConnectionConfig::default().propagator(Shared(Arc::clone(&library)));
    let kv = pair_of(config.subscriber(Events::default())).await;
    within(kv.get("a".into())).await.unwrap();
    traces::recorded("");
    library.extracted.lock().unwrap().clear();
    within(kv.add("ab".into(), Arc::new(Two))).await.unwrap();
    drop(kv);
    let spans = traces::spans("plugwire::call");
    let extracted = library.extracted.lock().unwrap().clone();
    // That of the call, and that of the callback.
    let made = of(&spans, "call", "host", "Plugin.Add").fields["traceparent"].clone();
    let back = of(&spans, "callback", "plugin", "Plugin.Add").fields["traceparent"].clone();
    assert_ne!(made, back);
    assert_eq!(extracted, [made, back]);
}
