//! The greeter: the interface that host and plugin share, and the plugin's half of it.

use std::sync::Arc;

use plugwire::connection::PluginSet;
use plugwire::handshake::HandshakeConfig;
use plugwire::plugin::{self, ServeConfig};
use plugwire::{Reader, Result};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The handshake of go-plugin's own example, so that its host can use this plugin too.
pub const HANDSHAKE: HandshakeConfig = HandshakeConfig::new(1, "BASIC_PLUGIN", "hello");

/// What a greeter does. The greeter of go-plugin's example has only the first method.
#[plugwire::interface]
pub trait Greeter {
    async fn greet(&self) -> Result<String>;

    /// The plugin calls back an interface of the caller.
    async fn greet_guest(&self, guest: Arc<dyn Guest>) -> Result<String>;

    /// The plugin reads from a reader of the caller, over a stream of its own.
    async fn checksum(&self, data: Reader) -> Result<u64>;

    /// Added later: this body replaces the method of a plugin that does not have it yet.
    async fn greet_loudly(&self) -> Result<String> {
        Ok(self.greet().await?.to_uppercase())
    }
}

/// A person to greet.
#[plugwire::interface]
pub trait Guest {
    async fn name(&self) -> Result<String>;
}

struct English;

#[plugwire::interface]
impl Greeter for English {
    async fn greet(&self) -> Result<String> {
        Ok("Hello!".to_owned())
    }

    async fn greet_guest(&self, guest: Arc<dyn Guest>) -> Result<String> {
        Ok(format!("Hello, {}!", guest.name().await?))
    }

    async fn checksum(&self, data: Reader) -> Result<u64> {
        Ok(checksum(data).await?)
    }
}

/// The whole `main` of a plugin.
pub async fn serve() {
    let plugins = PluginSet::new().register::<dyn Greeter>("greeter", || Ok(Arc::new(English)));
    plugin::serve(ServeConfig::new(HANDSHAKE, plugins)).await;
}

/// FNV-1a of all bytes of the reader.
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
