//! The example's exporter, scraped over a socket.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use plugwire::connection::ConnectionConfig;
use plugwire::event::MetricsSubscriber;
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::exporter;
use crate::kv::{Events, Kv, Two, pair_of};

#[tokio::test]
async fn prometheus_gets_the_metrics_of_the_calls() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // Of this thread, which is that of the test's runtime.
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let events = Events::default();
    let config = ConnectionConfig::default().name("kv-1");
    let config = config.subscriber(MetricsSubscriber::new());
    let kv = pair_of(config.subscriber(events.clone())).await;
    for _ in 0..3 {
        within(kv.get("a".into())).await.unwrap();
    }
    within(kv.get(String::new())).await.unwrap_err();
    within(kv.add("a".into(), Arc::new(Two))).await.unwrap();
    events
        .wait_for(&["plugin served Plugin.Add answered"])
        .await;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let broker = kv.host().broker().clone();
    let export = move || broker.snapshot().record();
    let exporting = exporter::serve(listener, handle, export);
    let scraping = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    };
    let text = within(async {
        tokio::select! {
            ended = exporting => panic!("{ended:?}"),
            text = scraping => text,
        }
    })
    .await;

    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let value = |metric: &str, labels: &[&str]| {
        let of = |line: &&str| {
            line.starts_with(&format!("{metric}{{"))
                && labels.iter().all(|part| line.contains(part))
        };
        let mut lines = body.lines().filter(of);
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("{metric} {labels:?}: {body}"));
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    let (made, get) = (r#"direction="made""#, r#"method="Plugin.Get""#);
    let (host, kv) = (r#"side="host""#, r#"plugin="kv-1""#);
    let (answered, failed) = (r#"outcome="answered""#, r#"outcome="failed""#);
    let calls = "plugwire_calls_total";
    assert_eq!(value(calls, &[host, kv, made, get, answered]), 3.0);
    assert_eq!(value(calls, &[host, kv, made, get, failed]), 1.0);
    let plugin = r#"side="plugin""#;
    assert_eq!(
        value(calls, &[plugin, r#"direction="served""#, get, answered]),
        3.0
    );
    assert_eq!(
        value(
            calls,
            &[host, r#"direction="served""#, "Plugin.Add", answered]
        ),
        1.0
    );
    let duration = "plugwire_call_duration_seconds_count";
    assert_eq!(value(duration, &[host, made, get]), 4.0);
    assert!(value("plugwire_call_sent_bytes_total", &[host, made, get]) > 0.0);
    assert_eq!(value("plugwire_calls_in_flight", &[host, made]), 0.0);
    assert_eq!(value("plugwire_connections", &[host]), 1.0);
    assert_eq!(
        value("plugwire_queue_bytes", &[host, r#"queue="outbox""#]),
        0.0
    );
    assert_eq!(value("plugwire_accept_backlog", &[host]), 0.0);
    let about = "# HELP plugwire_calls_total Calls that have ended.";
    assert!(body.contains(about), "{body}");
}
