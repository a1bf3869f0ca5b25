//! How long the allocator keeps what is freed.

/// Has mimalloc keep freed memory for a minute, unless `MIMALLOC_PURGE_DELAY` says otherwise.
///
/// Steps allocate and free blocks of megabytes, which mimalloc hands out again without asking the system: programs that
/// compute set [`MiMalloc`](crate::MiMalloc) as their global allocator, and call this before anything else.
///
/// The allocator's own default is a second. A step that takes longer would get all its memory from
/// the system again, page by page: a seventh of the time of a step of one second.
#[allow(unsafe_code, reason = "the allocator's options are C functions")]
pub fn keep_freed_memory() {
    /// `mi_option_purge_delay` of mimalloc.h, which the bindings leave out.
    const PURGE_DELAY: i32 = 15;
    const MILLISECONDS: i64 = 60_000;
    // SAFETY: it sets a number in a table of the allocator's, before any other thread runs.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, MILLISECONDS as _) };
}
