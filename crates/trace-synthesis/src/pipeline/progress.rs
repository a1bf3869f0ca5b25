//! How far a run has come, for those who watch it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::stage::Stage;

const STAGES: usize = Stage::ALL.len();

/// Live counts of a run. They are added to from many threads; each is exact, and all together are of about one time.
#[derive(Debug, Default)]
pub struct Progress {
    entered: [AtomicU64; STAGES],
    rejected: [AtomicU64; STAGES],
    finished: AtomicU64,
}

impl Progress {
    /// How many rows have come to a stage, in this run.
    pub fn entered(&self, stage: Stage) -> u64 {
        self.entered[stage as usize].load(Ordering::Relaxed)
    }

    /// How many were rejected there.
    pub fn rejected(&self, stage: Stage) -> u64 {
        self.rejected[stage as usize].load(Ordering::Relaxed)
    }

    /// How many seeds are done with, and written.
    pub fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.entered[stage as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reject(&self, stage: Stage) {
        self.rejected[stage as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn finish(&self) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }
}
