//! A plugin, for `go-plugin`'s basic example or the `greeter` example to host:
//!
//! ```text
//! cargo build --examples
//! cargo run --example greeter -- target/debug/examples/greeter_plugin
//! ```

#[path = "greeter/plugin_half.rs"]
mod plugin_half;

#[tokio::main]
async fn main() {
    plugin_half::serve().await;
}
