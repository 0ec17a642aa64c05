//! Interfaces that gob cannot say: a host learns it when it dispenses one.

use std::sync::Arc;

use plugwire::Result;
use plugwire::broker::BrokerConfig;
use plugwire::connection::{ConnectionConfig, DispenseError, PluginSet, RpcClient, RpcServer};
use plugwire::rpc::Codec;
use support::within;

use crate::limits::Quiet;

#[plugwire::interface]
trait Wide {
    async fn total(&self) -> Result<u128>;
}

struct Nowhere;

#[plugwire::interface]
impl Wide for Nowhere {
    async fn total(&self) -> Result<u128> {
        Ok(1)
    }
}

fn plugins() -> PluginSet {
    PluginSet::new().register::<dyn Wide>("wide", || Ok(Arc::new(Nowhere)))
}

async fn connected(config: ConnectionConfig) -> RpcClient {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let server = RpcServer::new(plugins(), config.clone(), Arc::new(Quiet));
    tokio::spawn(async move { server.serve_conn(there).await });
    within(RpcClient::connect(here, &config)).await.unwrap()
}

const EXPECTED: &str = "Wide::total, result: an integer of 128 bits";

#[test]
fn a_set_can_be_checked_at_once() {
    let error = plugins().check().unwrap_err().to_string();
    assert!(error.contains(EXPECTED), "{error}");
    PluginSet::new().check().unwrap();
}

#[tokio::test]
async fn a_host_learns_it_when_it_dispenses() {
    let host = connected(ConnectionConfig::default()).await;
    let error = within(host.dispense::<dyn Wide>("wide")).await.unwrap_err();
    let DispenseError::Check { name, source } = error else {
        panic!("{error:?}")
    };
    assert_eq!(name, "wide");
    assert!(source.to_string().contains(EXPECTED), "{source}");
    // A host by hand gets the plugin's.
    let error = within(host.dispense_client("wide")).await.unwrap_err();
    assert!(error.to_string().contains(EXPECTED), "{error}");
}

#[tokio::test]
async fn with_the_rich_codec_everything_passes() {
    let broker = BrokerConfig::default().codec(Codec::Rich);
    let host = connected(ConnectionConfig::default().broker(broker)).await;
    let wide = within(host.dispense::<dyn Wide>("wide")).await.unwrap();
    assert_eq!(within(wide.total()).await.unwrap(), 1);
}
