//! What observing costs where no subscriber wants it: no allocation.

use std::sync::Arc;

use plugwire::Result;
use plugwire::testing::pair;

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

/// How often a call allocates, on both sides together: for its reply's channel, for the future of
/// its method, for its messages. The figure is that of the crate before it had events.
const OF_A_CALL: usize = 100;

/// How many calls are counted.
const CALLS: usize = 1_000;

#[test]
fn a_call_allocates_no_more_than_without_events() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let kv = runtime.block_on(pair::<dyn Kv>(Arc::new(Same)));
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
    let most = CALLS * OF_A_CALL;
    assert!(allocations <= most, "{allocations} of at most {most}");
}
