//! A peer that makes names up, against the labels of the metrics.

use metrics_exporter_prometheus::PrometheusBuilder;
use plugwire::Remote;
use plugwire::connection::ConnectionConfig;
use plugwire::event::MetricsSubscriber;
use support::within;

use crate::kv::{Kv, pair_of};

/// Both sides have the subscriber: the plugin's side meets methods that it does not have, and the
/// host's side calls more than a label has values.
#[tokio::test]
async fn a_flood_of_methods_does_not_become_a_flood_of_labels() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let config = ConnectionConfig::default().subscriber(MetricsSubscriber::new());
    let kv = pair_of(config).await;
    within(kv.get("a".into())).await.unwrap();
    let rpc = Remote::rpc_client(&kv);
    for number in 0..1_000 {
        let method = format!("Plugin.Method{number}");
        within(rpc.call::<_, ()>(&method, &())).await.unwrap_err();
    }
    within(kv.get("a".into())).await.unwrap();
    let text = handle.render();
    let lines = |side: &str| {
        let side = format!("side=\"{side}\"");
        let of = |line: &&str| line.starts_with("plugwire_calls_total{") && line.contains(&side);
        text.lines()
            .filter(of)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (host, plugin) = (lines("host"), lines("plugin"));
    assert!(host.len() < 300, "{}", host.len());
    let has = |lines: &[String], parts: [&str; 2]| {
        let mut lines = lines.iter();
        lines.any(|line| parts.iter().all(|part| line.contains(part)))
    };
    assert!(has(&host, ["Plugin.Get", "} 2"]), "{host:?}");
    assert!(has(&host, ["method=\"other\"", ""]), "{host:?}");
    // The dispenser's, the method that there is, and the unknown ones.
    assert_eq!(plugin.len(), 3, "{plugin:?}");
    assert!(has(&plugin, ["method=\"unknown\"", "} 1000"]), "{plugin:?}");
}
