//! Whether the endpoints are worth asking on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chat_client::ChatError;

/// So many questions in a row without an answer are an endpoint that is gone, however few are asked at once.
const FEWEST: u64 = 32;

/// Counts questions without an answer, and remembers why a run was given up.
///
/// A wrong key or an endpoint that is gone would otherwise fail every question of a long run, one after the other.
#[derive(Debug)]
pub(super) struct Health {
    in_a_row: AtomicU64,
    limit: u64,
    given_up: Mutex<Option<String>>,
}

impl Health {
    pub fn new(concurrency: usize) -> Self {
        let limit = FEWEST.max(2 * concurrency as u64);
        Self { in_a_row: AtomicU64::new(0), limit, given_up: Mutex::new(None) }
    }

    pub fn answered(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    /// Notes a question without an answer; true when nothing more should be asked.
    pub fn failed(&self, is_hopeless: bool, told: &str) -> bool {
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let stops = is_hopeless || in_a_row >= self.limit;
        if stops {
            let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
            given_up.get_or_insert_with(|| told.to_owned());
        }
        stops
    }

    /// Why the run was given up, if it was.
    pub fn given_up(&self) -> Option<String> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether every other question would fail in the same way.
pub(super) fn is_hopeless(error: &ChatError) -> bool {
    matches!(
        error,
        ChatError::QuotaExhausted { .. }
            | ChatError::Redirect { .. }
            | ChatError::Status { status: 401 | 403 | 404, .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_hopeless_status(status: u16) -> bool {
        is_hopeless(&ChatError::Status { status, message: String::new(), retry_after: None })
    }

    #[test]
    fn a_wrong_key_ends_a_run_at_once() {
        let health = Health::new(1);
        assert!(!health.failed(is_hopeless_status(500), "first"));
        assert!(health.failed(is_hopeless_status(401), "second"));
        assert_eq!(health.given_up().as_deref(), Some("second"));
    }

    #[test]
    fn failures_end_a_run_only_in_a_row() {
        let health = Health::new(20);
        for _ in 0..3 {
            assert!((1..40).all(|_| !health.failed(false, "")));
            health.answered();
        }
        assert_eq!((1..=40).filter(|_| health.failed(false, "gone")).count(), 1);
    }
}
