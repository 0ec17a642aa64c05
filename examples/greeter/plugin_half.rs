//! The greeter: what both examples serve.

use std::convert::Infallible;

use plugwire::broker::MuxBroker;
use plugwire::connection::{BoxError, PluginSet};
use plugwire::handshake::HandshakeConfig;
use plugwire::plugin::{self, ServeConfig};
use plugwire::rpc::Service;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The handshake of go-plugin's own example, so that its host can use this plugin too.
pub const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");

/// All that a plugin's `main` has to do.
pub async fn serve() {
    let plugins = PluginSet::new().register_service("greeter", |broker| Ok(greeter(broker)));
    plugin::serve(ServeConfig::new(HANDSHAKE, plugins)).await;
}

fn greeter(broker: MuxBroker) -> Service {
    let callbacks = broker.clone();
    let readers = broker;
    Service::new()
        // An argument of no use is a nil `interface{}` in Go and `()` here.
        .method("Greet", |_: ()| async {
            Ok::<_, Infallible>("Hello!".to_owned())
        })
        // An interface crosses the wire as a number, under which the broker connects to it.
        .method("GreetGuest", move |guest: u32| {
            let broker = callbacks.clone();
            async move {
                let guest = broker.dial_client(guest).await?;
                let name: String = guest.call("Plugin.Name", &()).await?;
                Ok::<_, BoxError>(format!("Hello, {name}!"))
            }
        })
        // So does a reader: the bytes come on a stream of their own.
        .method("Checksum", move |reader: u32| {
            let broker = readers.clone();
            async move {
                let reader = broker.dial(reader).await?;
                Ok::<_, BoxError>(checksum(reader).await?)
            }
        })
}

/// FNV-1a of everything there is to read.
pub async fn checksum(mut reader: impl AsyncRead + Unpin) -> std::io::Result<u64> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = reader.read(&mut buffer).await?;
        if count == 0 {
            return Ok(hash);
        }
        for &byte in &buffer[..count] {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
