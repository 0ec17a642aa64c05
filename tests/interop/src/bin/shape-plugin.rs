//! The plugins of `shapes` and of `vault`. With the argument `msgpack` they speak MessagePack.

use plugwire::broker::BrokerConfig;
use plugwire::codec::Codec;
use plugwire::connection::ConnectionConfig;
use plugwire::plugin::{ServeConfig, serve};
use plugwire_interop::{shapes, vault};

#[tokio::main]
async fn main() {
    let codec = match std::env::args().nth(1).as_deref() {
        Some("msgpack") => Codec::MsgPack,
        _ => Codec::Gob,
    };
    let broker = BrokerConfig::default().codec(codec);
    let connection = ConnectionConfig::default().broker(broker);
    let plugins = vault::plugins(shapes::plugins());
    serve(ServeConfig::new(shapes::HANDSHAKE, plugins).connection(connection)).await;
}
