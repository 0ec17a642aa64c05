//! The kit as a plugin process. What Go's `kitplugin` takes from its environment, so does this:
//! `KIT_VERSION` (the app version), `KIT_VERSIONS` (several, comma separated, each of which also
//! offers the greeter `version`, which greets with its number), `KIT_COOKIE` (`key=value`, the cookie it expects) and
//! `KIT_IGNORE_QUIT=1` (stay alive when asked to quit).

use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::plugin::{HclogLayer, ServeConfig, serve};
use plugwire::rpc::Service;
use plugwire_interop::{HANDSHAKE, KIT, service};
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
    plugins.clone().register("version", greet)
}

#[tokio::main]
async fn main() {
    tracing_subscriber::registry()
        .with(HclogLayer::new().with_filter(LevelFilter::INFO))
        .init();
    let plugins = PluginSet::new()
        .register(KIT, |broker| Ok(service::kit(broker)))
        .register("greeter", |_| Ok(greeter("Hello!".to_owned())));
    let mut config = ServeConfig::new(handshake(), plugins.clone());
    if let Ok(versions) = std::env::var("KIT_VERSIONS") {
        config = config.versioned_plugins(versions.split(',').map(|version| {
            let version = version.parse().expect("KIT_VERSIONS are numbers");
            (version, versioned(&plugins, version))
        }));
    }
    serve(config).await;
    if std::env::var("KIT_IGNORE_QUIT").is_ok_and(|value| value == "1") {
        std::future::pending::<()>().await;
    }
}
