//! What a factory of a plugin sees of the connection that it makes an instance for.

use std::sync::Arc;

use plugwire::connection::{ConnectionConfig, Peer, PluginSet, RpcClient, RpcServer};
use plugwire::rpc::{Registry, Server, Service};
use support::within;

use crate::limits::Quiet;

#[plugwire::interface]
trait Namer {
    async fn name(&self) -> plugwire::Result<String>;
}

struct Named(String);

#[plugwire::interface]
impl Namer for Named {
    async fn name(&self) -> plugwire::Result<String> {
        Ok(self.0.clone())
    }
}

async fn connect(server: RpcServer) -> RpcClient {
    let (here, there) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move { server.serve_conn(there).await });
    let config = ConnectionConfig::default();
    within(RpcClient::connect(here, &config)).await.unwrap()
}

#[tokio::test]
async fn a_factory_sees_the_broker_the_version_and_the_host() {
    let plugins = PluginSet::new().register_with::<dyn Namer>("namer", |context| {
        assert_eq!(*context.peer(), Peer::default());
        let clock = Service::new().method("Now", |_: ()| async { Ok::<_, String>(7i64) });
        let id = context.broker().share(clock);
        let version = context.app_version().ok_or("no version")?;
        Ok(Arc::new(Named(format!("{version} {id}"))))
    });
    let server = |version: Option<u32>| {
        let config = ConnectionConfig::default();
        let server = RpcServer::new(plugins.clone(), config, Arc::new(Quiet));
        match version {
            Some(version) => server.app_version(version),
            None => server,
        }
    };
    let client = connect(server(Some(3))).await;
    let namer = within(client.dispense::<dyn Namer>("namer")).await.unwrap();
    let name = within(namer.name()).await.unwrap();
    let (version, id) = name.split_once(' ').unwrap();
    assert_eq!(version, "3");
    let clock = within(client.broker().dial_client(id.parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(
        within(clock.call::<_, i64>("Plugin.Now", &()))
            .await
            .unwrap(),
        7
    );

    let client = connect(server(None)).await;
    let refused = within(client.dispense::<dyn Namer>("namer")).await;
    assert_eq!(refused.unwrap_err().to_string(), "no version");
}

#[tokio::test]
async fn a_server_of_several_services_is_given_more() {
    let registry = Registry::new();
    let given = registry.clone();
    let plugins = PluginSet::new().register_server("many", move |context| {
        assert_eq!(context.app_version(), None);
        let one = Service::new().method("Get", |_: ()| async { Ok::<_, String>(1i64) });
        Ok(Server::new().register("One", one).registry(&given))
    });
    let config = ConnectionConfig::default();
    let client = connect(RpcServer::new(plugins, config, Arc::new(Quiet))).await;
    let many = within(client.dispense_client("many")).await.unwrap();
    assert_eq!(
        within(many.call::<_, i64>("One.Get", &())).await.unwrap(),
        1
    );
    let two = Service::new().method("Get", |_: ()| async { Ok::<_, String>(2i64) });
    registry.insert("Two", two);
    assert_eq!(
        within(many.call::<_, i64>("Two.Get", &())).await.unwrap(),
        2
    );
}
