//! The worker of `context`.

use plugwire::plugin::{ServeConfig, serve};
use plugwire_interop::context;

#[tokio::main]
async fn main() {
    serve(ServeConfig::new(context::HANDSHAKE, context::plugins())).await;
}
