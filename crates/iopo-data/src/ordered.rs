//! Mapping a stream on several threads without losing its order.

use std::iter::Fuse;
use std::num::NonZero;

use rayon::ThreadPool;
use rayon::prelude::*;

/// Items in hand for each thread: enough that none waits for the last item of a chunk for long.
const ITEMS_PER_THREAD: usize = 64;

/// A main thread's: templates call themselves, and engines for regular expressions go deep.
const STACK: usize = 8 << 20;

/// A stream whose items go through a function on several threads, and come out in their order.
///
/// While one chunk is mapped the next is read, so at most two chunks of the source are ever ahead
/// of the items handed out. No thread works between two calls of `next`; they end with the stream.
pub(crate) struct OrderedMap<I: Iterator, F, T> {
    source: Fuse<I>,
    map: F,
    pool: ThreadPool,
    chunk: usize,
    /// Read, and not yet mapped.
    unmapped: Vec<I::Item>,
    /// Mapped, and not handed out yet.
    mapped: std::vec::IntoIter<T>,
}

/// The threads could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {threads} threads")]
pub struct ThreadsError {
    /// How many were asked for.
    pub threads: usize,
    /// The system's error.
    source: rayon::ThreadPoolBuildError,
}

impl<I, F, T> OrderedMap<I, F, T>
where
    I: Iterator<Item: Send> + Send,
    F: Fn(I::Item) -> T + Sync,
    T: Send,
{
    /// Maps `source` by `map` on `threads` threads.
    ///
    /// # Errors
    ///
    /// [`ThreadsError`].
    pub(crate) fn new(source: I, threads: NonZero<usize>, map: F) -> Result<Self, ThreadsError> {
        let threads = threads.get();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build();
        Ok(Self {
            source: source.fuse(),
            map,
            pool: pool.map_err(|source| ThreadsError { threads, source })?,
            chunk: threads.saturating_mul(ITEMS_PER_THREAD),
            unmapped: Vec::new(),
            mapped: Vec::new().into_iter(),
        })
    }

    /// Maps what was read, and reads the next chunk meanwhile.
    fn advance(&mut self) {
        let Self { source, map, pool, chunk, unmapped, mapped } = self;
        let items = std::mem::take(unmapped);
        // One item is long work: threads share a chunk evenly only if they take items one by one.
        let work = || items.into_par_iter().with_max_len(1).map(&*map).collect::<Vec<_>>();
        let read = || source.by_ref().take(*chunk).collect::<Vec<_>>();
        let (done, next) = pool.install(|| rayon::join(work, read));
        *mapped = done.into_iter();
        *unmapped = next;
    }
}

impl<I, F, T> Iterator for OrderedMap<I, F, T>
where
    I: Iterator<Item: Send> + Send,
    F: Fn(I::Item) -> T + Sync,
    T: Send,
{
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if let Some(item) = self.mapped.next() {
            return Some(item);
        }
        if self.unmapped.is_empty() {
            self.advance();
        }
        self.advance();
        self.mapped.next()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn threads(count: usize) -> NonZero<usize> {
        NonZero::new(count).unwrap()
    }

    #[test]
    fn order_and_results_do_not_depend_on_the_number_of_threads() {
        for count in [1, 2, 5] {
            for items in [0, 1, ITEMS_PER_THREAD, 2 * ITEMS_PER_THREAD * count + 1, 1000] {
                let mapped = OrderedMap::new(0..items, threads(count), |item| item * 3).unwrap();
                assert_eq!(mapped.collect::<Vec<_>>(), (0..items).map(|item| item * 3).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn no_more_is_read_than_the_look_ahead() {
        for count in [1, 2, 5] {
            let read = AtomicUsize::new(0);
            let source = (0..5000).inspect(|_| {
                read.fetch_add(1, Ordering::Relaxed);
            });
            let mapped = OrderedMap::new(source, threads(count), |item| item).unwrap();
            assert_eq!(read.load(Ordering::Relaxed), 0);
            for item in mapped {
                let ahead = read.load(Ordering::Relaxed) - item;
                assert!(ahead <= 2 * ITEMS_PER_THREAD * count, "{ahead} items ahead with {count} threads");
            }
            assert_eq!(read.load(Ordering::Relaxed), 5000);
        }
    }

    #[test]
    fn an_ended_stream_stays_ended() {
        let mut mapped = OrderedMap::new([1].into_iter(), threads(2), |item| item).unwrap();
        assert_eq!([mapped.next(), mapped.next(), mapped.next()], [Some(1), None, None]);
    }
}
