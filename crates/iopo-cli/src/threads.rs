//! The threads that a program computes with.

use std::num::NonZero;

use thiserror::Error;

/// Threads that cannot be started.
#[derive(Debug, Error)]
#[error("cannot start the threads to compute with")]
pub struct ThreadsError(#[from] rayon::ThreadPoolBuildError);

/// Does everything on a thread of a pool, so that it works along with those it shares work among; one thread for each
/// core unless `threads` says otherwise.
///
/// # Errors
/// Threads that the system does not give.
pub fn on_threads<T: Send>(
    threads: Option<NonZero<usize>>,
    work: impl FnOnce() -> T + Send,
) -> Result<T, ThreadsError> {
    /// A main thread's.
    const STACK: usize = 8 << 20;
    let threads = threads.map_or(0, NonZero::get);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build()?;
    Ok(pool.install(work))
}
