//! How far a run has come.

use crate::journal::Spent;

/// Counts of a client since it was made, and what its journal has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AskProgress {
    /// Questions that were asked.
    pub asked: u64,
    /// Questions that were answered.
    pub done: u64,
    /// Questions whose answer, or kept rejection, the journal had.
    pub from_journal: u64,
    /// Questions that were asked in vain.
    pub failed: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Questions under way.
    pub in_flight: u64,
    /// What all questions of the journal have taken, those of earlier runs included.
    pub spent: Spent,
}

/// Whoever shows progress.
pub trait AskObserver: Send + Sync {
    /// Called after each change, from the thread that made it; it should not block.
    fn progress(&self, progress: &AskProgress);
}

impl<F: Fn(&AskProgress) + Send + Sync> AskObserver for F {
    fn progress(&self, progress: &AskProgress) {
        self(progress);
    }
}
