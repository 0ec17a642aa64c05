//! What a session holds is bounded by what is on its way, not by what once was.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use plugwire::mux::{Config, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::within::within;

/// Keeps the size of the largest block that the thread asked for.
struct Largest;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn note(bytes: usize) {
    // Not there any more while the thread ends.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(bytes)));
}

// SAFETY: every call is passed on as it is.
unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        unsafe { System.dealloc(ptr, layout) }
    }
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Largest = Largest;

/// The size of the largest block that this thread asked for since this was last called.
pub fn largest_block() -> usize {
    LARGEST.replace(0)
}

/// Many calls at once keep a slow connection full: there is always something that waits for it.
#[tokio::test]
async fn a_connection_that_is_never_idle_does_not_make_the_queue_grow() {
    const STREAMS: usize = 64;
    const CALLS: usize = 100;
    const SIZE: usize = 1000;
    let (here, there) = tokio::io::duplex(4096);
    let client = Session::client(here, Config::default());
    let server = Session::server(there, Config::default());
    let mut tasks = JoinSet::new();
    for _ in 0..STREAMS {
        let opened = within(client.open()).await.unwrap();
        let accepted = within(server.accept()).await.unwrap();
        for (mut stream, first) in [(opened, true), (accepted, false)] {
            tasks.spawn(async move {
                let mut buffer = vec![1; SIZE];
                for n in 0..CALLS {
                    if n > 0 || !first {
                        stream.read_exact(&mut buffer).await.unwrap();
                    }
                    stream.write_all(&buffer).await.unwrap();
                }
                stream
            });
        }
    }
    LARGEST.set(0);
    within(tasks.join_all()).await;
    // 64,000 bytes are on their way at a time; a hundred times as much went through.
    let largest = LARGEST.get();
    assert!(largest < 512 * 1024, "a block of {largest} bytes");
}
