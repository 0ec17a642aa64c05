//! What observing costs where no subscriber wants it: no allocation.

use std::sync::{Arc, Mutex};

use plugwire::Result;
use plugwire::connection::{ConnectionConfig, PluginSet, RpcClient, RpcServer, ServeHooks};
use plugwire::handshake::Extensions;
use plugwire::interface::BoxFuture;
use plugwire::mux::Stream;

#[global_allocator]
static ALLOCATOR: support::alloc::Counting = support::alloc::Counting;

#[plugwire::interface]
trait Kv {
    async fn get(&self, key: i64) -> Result<i64>;
}

struct Same;

#[plugwire::interface]
impl Kv for Same {
    async fn get(&self, key: i64) -> Result<i64> {
        Ok(key)
    }
}

/// A plugin without output. Dropped, its streams would be reset.
#[derive(Default)]
struct Hooks(Mutex<Option<(Stream, Stream)>>);

impl ServeHooks for Hooks {
    fn stdio(&self, stdout: Stream, stderr: Stream) {
        *self.0.lock().unwrap() = Some((stdout, stderr));
    }

    fn quit(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// How often a call allocates, on both sides together: for its reply's channel, for the future of
/// its method, for its messages. It is the figure of the crate before it had events.
const OF_A_CALL: usize = 10;

/// How many calls are counted.
const CALLS: usize = 1_000;

#[test]
fn a_call_allocates_no_more_than_without_events() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (here, there) = tokio::io::duplex(1 << 16);
    let plugins = PluginSet::new().register::<dyn Kv>("kv", || Ok(Arc::new(Same)));
    let config = ConnectionConfig::default();
    let server = RpcServer::new(plugins, config.clone(), Arc::new(Hooks::default()));
    let (_client, kv) = runtime.block_on(async {
        tokio::spawn(async move { server.serve_conn(there).await });
        let client = RpcClient::connect_as(here, &config, Extensions::supported());
        let client = client.await.unwrap();
        let kv = client.dispense::<dyn Kv>("kv").await.unwrap();
        (client, kv)
    });
    let calls = || {
        runtime.block_on(async {
            for key in 0..CALLS as i64 {
                assert_eq!(kv.get(key).await.unwrap(), key);
            }
        });
    };
    // Types are learned, and buffers have grown.
    calls();
    let (allocations, ()) = support::alloc::allocations(calls);
    // A buffer may grow now and then.
    let most = CALLS * OF_A_CALL + CALLS / 10;
    assert!(allocations <= most, "{allocations} of at most {most}");
}
