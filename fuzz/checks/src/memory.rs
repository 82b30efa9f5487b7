//! What a reader allocates, counted.
#![allow(unsafe_code, reason = "an allocator is unsafe by its trait; it only counts and hands on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: isize) {
    // A thread that ends frees after its counters are gone: nobody looks at them then.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// Sound because every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // both may be held for a moment
        count(size.cast_signed());
        count(-layout.size().cast_signed());
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What `work` allocates within [`Allowance::hold`] is not the reader's.
pub(crate) fn apart<T>(work: impl FnOnce() -> T) -> T {
    let (held, peak) = (HELD.get(), PEAK.get());
    let value = work();
    HELD.set(held);
    PEAK.set(peak);
    value
}

/// How much memory a reader may hold at once: so many bytes for each of the input's, and so many in any case.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Bytes for each of the input.
    pub a_byte: usize,
    /// Bytes in any case.
    pub base: usize,
}

impl Allowance {
    /// Runs `read` over an input of `length` bytes.
    ///
    /// # Panics
    /// When it held more than is allowed at any time: then something was allocated by what the input claims, not by what it has.
    pub fn hold<T>(self, length: usize, read: impl FnOnce() -> T) -> T {
        let before = HELD.get();
        PEAK.set(before);
        let value = read();
        let held = (PEAK.get() - before).max(0).cast_unsigned();
        let allowed = self.a_byte.saturating_mul(length).saturating_add(self.base);
        assert!(held <= allowed, "{held} bytes were held for an input of {length}; {allowed} are allowed");
        value
    }
}
