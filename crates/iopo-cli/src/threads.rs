//! The threads that a program computes with.

use std::num::NonZero;
use std::thread::available_parallelism;

use thiserror::Error;

/// Threads that cannot be started.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ThreadsError {
    /// The system gives no threads.
    #[error("cannot start the threads to compute with")]
    Start(#[from] rayon::ThreadPoolBuildError),
    /// So many that they would only get in one another's way.
    #[error(
        "--threads {asked} is too many: this machine has {cores} cores, and at most {most} threads make sense"
    )]
    TooMany { asked: usize, cores: usize, most: usize },
}

/// Does everything on a thread of a pool, so that it works along with those it shares work among; one thread for each
/// core unless `threads` says otherwise.
///
/// # Errors
/// More than four threads for each core, if more than 16; and threads that the system does not give.
pub fn on_threads<T: Send>(
    threads: Option<NonZero<usize>>,
    work: impl FnOnce() -> T + Send,
) -> Result<T, ThreadsError> {
    /// A main thread's.
    const STACK: usize = 8 << 20;
    let cores = available_parallelism().map_or(1, NonZero::get);
    let threads = threads.map_or(0, NonZero::get);
    check(threads, cores)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build()?;
    Ok(pool.install(work))
}

/// Idle threads look for work of others, and with hundreds for each core no work is done.
fn check(asked: usize, cores: usize) -> Result<(), ThreadsError> {
    let most = cores.saturating_mul(4).max(16);
    if asked <= most { Ok(()) } else { Err(ThreadsError::TooMany { asked, cores, most }) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_few_threads_for_each_core_are_the_most() {
        assert!(check(0, 2).is_ok() && check(16, 2).is_ok() && check(64, 16).is_ok());
        let error = check(1000, 2).unwrap_err().to_string();
        assert_eq!(
            error,
            "--threads 1000 is too many: this machine has 2 cores, and at most 16 threads make sense"
        );
        assert!(on_threads(NonZero::new(usize::MAX), || ()).is_err());
        assert_eq!(on_threads(NonZero::new(2), rayon::current_num_threads).unwrap(), 2);
    }
}
