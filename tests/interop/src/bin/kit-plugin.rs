//! The kit as a plugin process. What Go's `kitplugin` takes from its environment, so does this:
//! `KIT_VERSION` (the app version), `KIT_VERSIONS` (several, comma separated, each of which also
//! offers the greeter `version`, which greets with its number), `KIT_TEST=1` (test mode: print the
//! reattach configuration, serve until stdin ends), `KIT_COOKIE` (`key=value`, the cookie it
//! expects), `KIT_TLS` (a directory with certificates) and `KIT_IGNORE_QUIT=1` (stay alive when
//! asked to quit). Of its own it takes `KIT_LISTEN` (a TCP address).

use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::plugin::{HclogLayer, ServeConfig, ServeTestConfig, serve, serve_test};
use plugwire::rpc::Service;
use plugwire_interop::{HANDSHAKE, KIT, service, tls};
use tokio::io::AsyncReadExt;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

fn handshake() -> HandshakeConfig {
    let mut handshake = HANDSHAKE;
    if let Ok(version) = std::env::var("KIT_VERSION") {
        handshake.protocol_version = version.parse().expect("KIT_VERSION is a number");
    }
    if let Ok(cookie) = std::env::var("KIT_COOKIE") {
        let (key, value) = cookie.split_once('=').expect("KIT_COOKIE is key=value");
        handshake.magic_cookie_key = key.to_owned().into();
        handshake.magic_cookie_value = value.to_owned().into();
    }
    handshake
}

fn greeter(greeting: String) -> Service {
    Service::new().method("Greet", move |_: ()| {
        let greeting = greeting.clone();
        async move { Ok::<_, String>(greeting) }
    })
}

fn versioned(plugins: &PluginSet, version: u32) -> PluginSet {
    let greet = move |_| Ok(greeter(format!("version {version}")));
    plugins.clone().register_service("version", greet)
}

async fn test_mode(config: ServeConfig) {
    let server = serve_test(config, ServeTestConfig::new())
        .await
        .expect("the kit is served");
    let reattach = serde_json::to_string(server.reattach_config()).expect("JSON");
    println!("{reattach}");
    let mut nothing = Vec::new();
    let _ = tokio::io::stdin().read_to_end(&mut nothing).await;
    server.stop().await.expect("the kit was served");
}

/// Panics in `main` when it is asked to, while the plugin serves.
async fn crash() {
    service::CRASH.notified().await;
    panic!("kit crashed");
}

#[tokio::main]
async fn main() {
    tracing_subscriber::registry()
        .with(HclogLayer::new().with_filter(LevelFilter::INFO))
        .init();
    let plugins = PluginSet::new()
        .register_service(KIT, |broker| Ok(service::kit(broker)))
        .register_service("greeter", |_| Ok(greeter("Hello!".to_owned())));
    let mut config = ServeConfig::new(handshake(), plugins.clone());
    if let Ok(versions) = std::env::var("KIT_VERSIONS") {
        config = config.versioned_plugins(versions.split(',').map(|version| {
            let version = version.parse().expect("KIT_VERSIONS are numbers");
            (version, versioned(&plugins, version))
        }));
    }
    if let Ok(address) = std::env::var("KIT_LISTEN") {
        let address: std::net::SocketAddr = address.parse().expect("KIT_LISTEN is an address");
        config = config.listen_tcp(address);
    }
    if let Some(directory) = std::env::var_os("KIT_TLS") {
        config = config.tls(tls::plugin(directory.as_ref()));
    }
    if std::env::var_os("KIT_TEST").is_some() {
        return test_mode(config).await;
    }
    tokio::select! {
        () = serve(config) => {}
        () = crash() => {}
    }
    if std::env::var("KIT_IGNORE_QUIT").is_ok_and(|value| value == "1") {
        std::future::pending::<()>().await;
    }
}
