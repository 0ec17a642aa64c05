//! An allocator that counts what each thread allocates, so that tests may run side by side.
//!
//! A test binary that counts declares it:
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: support::alloc::Counting = support::alloc::Counting;
//!
//! let peak = support::alloc::peak(|| drop(Vec::<u8>::with_capacity(1000)));
//! assert!((1000..1100).contains(&peak), "{peak}");
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counted.
pub struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

fn live(bytes: isize) {
    // The cells are gone while the thread ends.
    let _ = LIVE.try_with(|live| live.set(live.get() + bytes));
    let _ = PEAK.try_with(|peak| peak.set(peak.get().max(LIVE.get())));
}

fn allocated(bytes: usize) {
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
    let _ = BYTES.try_with(|sum| sum.set(sum.get() + bytes));
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(bytes)));
    live(bytes as isize);
}

// SAFETY: every call is passed on to the system's allocator; the counters are plain cells without
// destructors.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        live(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may exist for a moment.
        allocated(size);
        live(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The most that this thread had allocated at once while `work` ran, above what was before, in
/// bytes.
pub fn peak(work: impl FnOnce()) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    work();
    usize::try_from(PEAK.get() - before).unwrap_or_default()
}

/// What is still allocated after `work`, in bytes.
pub fn kept(work: impl FnOnce()) -> usize {
    let before = LIVE.get();
    work();
    usize::try_from(LIVE.get() - before).unwrap_or_default()
}

/// How often `run` allocated.
pub fn allocations<R>(run: impl FnOnce() -> R) -> (usize, R) {
    let before = COUNT.get();
    let result = run();
    (COUNT.get() - before, result)
}

/// How many bytes `run` allocated in total.
pub fn allocated_bytes<R>(run: impl FnOnce() -> R) -> (usize, R) {
    let before = BYTES.get();
    let result = run();
    (BYTES.get() - before, result)
}

/// The size of the largest block that this thread asked for since this was last called, in bytes.
pub fn largest_block() -> usize {
    LARGEST.replace(0)
}
