//! A host that exports the metrics of its plugin.
//!
//! `cargo run --example metrics --features metrics` prints an address, such as
//! `http://127.0.0.1:40001/metrics`, which serves Prometheus's text until Ctrl-C. The plugin is
//! this same program, started again.

#[path = "metrics/exporter.rs"]
mod exporter;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use plugwire::Result;
use plugwire::connection::{BoxError, ConnectionConfig, PluginSet};
use plugwire::event::MetricsSubscriber;
use plugwire::handshake::HandshakeConfig;
use plugwire::host::{Client, ClientConfig};
use plugwire::plugin::{self, ServeConfig};
use tokio::net::TcpListener;

const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "METRICS_PLUGIN", "example");

#[plugwire::interface]
trait Clock {
    async fn tick(&self, n: u64) -> Result<String>;
}

struct Ticking;

#[plugwire::interface]
impl Clock for Ticking {
    async fn tick(&self, n: u64) -> Result<String> {
        match n % 5 {
            4 => Err("out of step".into()),
            _ => Ok(format!("tick {n}")),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    if std::env::var_os(&*HANDSHAKE.magic_cookie_key).is_some() {
        let plugins = PluginSet::new().register::<dyn Clock>("clock", || Ok(Arc::new(Ticking)));
        plugin::serve(ServeConfig::new(HANDSHAKE, plugins)).await;
        return Ok(());
    }

    // The recorder first: the subscriber says to it what each metric is.
    let handle = PrometheusBuilder::new().install_recorder()?;
    let metrics = ConnectionConfig::default().subscriber(MetricsSubscriber::new());
    let command = Command::new(std::env::current_exe()?);
    let config = ClientConfig::new(HANDSHAKE, command)
        .connection(metrics)
        .name("clock-1");
    let client = Client::launch(config).await?;
    let clock = client.dispense::<dyn Clock>("clock").await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/metrics", listener.local_addr()?);
    let exporting = exporter::serve(listener, handle, || client.snapshot().record());
    let ticking = async {
        for n in 0.. {
            let _ = clock.tick(n).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        exported = exporting => exported?,
        () = ticking => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    client.kill().await;
    Ok(())
}
