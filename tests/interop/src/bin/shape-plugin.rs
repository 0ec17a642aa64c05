//! The plugins of `shapes`.

use plugwire::plugin::{ServeConfig, serve};
use plugwire_interop::shapes;

#[tokio::main]
async fn main() {
    serve(ServeConfig::new(shapes::HANDSHAKE, shapes::plugins())).await;
}
