//! The books of a client: journal, counts and caps.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::caps::{AskConfig, AskObserver, AskProgress};

use crate::chat::{Failure, Reply};
use crate::error::{AskError, ChatError, with_causes};
use crate::journal::{Journal, JournalRecord, Location};
use crate::key::QuestionKey;

pub(super) struct Book {
    pub journal: Journal,
    config: AskConfig,
    observer: Option<Box<dyn AskObserver>>,
    progress: Mutex<AskProgress>,
}

impl fmt::Debug for Book {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Book")
            .field("journal", &self.journal)
            .field("config", &self.config)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

/// A question that counts as under way until this value is finished or dropped.
#[derive(Debug)]
pub(super) struct Entry {
    book: Arc<Book>,
    key: QuestionKey,
    tag: String,
    is_finished: bool,
}

impl Book {
    pub(super) fn new(journal: Journal, config: AskConfig, observer: Option<Box<dyn AskObserver>>) -> Self {
        let progress = AskProgress { spent: journal.report().spent, ..AskProgress::default() };
        Self { journal, config, observer, progress: Mutex::new(progress) }
    }

    pub(super) fn progress(&self) -> AskProgress {
        *self.counts()
    }

    fn counts(&self) -> MutexGuard<'_, AskProgress> {
        // Counts are right after each statement.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the counts and shows them.
    fn update(&self, change: impl FnOnce(&mut AskProgress)) {
        let mut counts = self.counts();
        change(&mut counts);
        let now = *counts;
        // The observer is foreign code, which may ask for the counts itself.
        drop(counts);
        if let Some(observer) = &self.observer {
            observer.progress(&now);
        }
    }

    /// The place of an answer that is there already, or of a rejection that counts as one.
    pub(super) fn known(&self, key: &QuestionKey, or_rejection: bool) -> Option<Location> {
        let place = self.journal.find(key, or_rejection)?;
        self.update(|counts| counts.from_journal += 1);
        Some(place)
    }

    /// Enters a question as asked, unless a cap forbids it or its answer could not be kept.
    pub(super) fn enter(self: &Arc<Self>, key: QuestionKey, tag: String) -> Result<Entry, AskError> {
        self.journal.check_open()?;
        let mut reached = None;
        self.update(|counts| {
            reached = self.config.caps.reached(&counts.spent, counts.in_flight);
            if reached.is_none() {
                counts.asked += 1;
                counts.in_flight += 1;
            }
        });
        match reached {
            Some(error) => Err(error),
            None => Ok(Entry { book: Arc::clone(self), key, tag, is_finished: false }),
        }
    }
}

impl Entry {
    /// Records how a question ended. Nothing is awaited here, so that an answer is kept once it has come.
    ///
    /// The place has an answer, or a rejection where that `keeps_rejections`.
    pub(super) fn finish(
        mut self,
        model: &str,
        result: Result<Reply, Failure>,
        keeps_rejections: bool,
    ) -> Result<Location, AskError> {
        let record = self.record(model, &result);
        let written = self.book.journal.add(&record);
        self.is_finished = true;
        self.book.update(|counts| {
            // In one change with what it took: a cap on questions would count it twice in between.
            counts.in_flight -= 1;
            counts.retries += u64::from(record.attempts.saturating_sub(1));
            counts.spent.add(&record);
            if record.response.is_some() {
                counts.done += 1;
            } else {
                counts.failed += 1;
            }
        });
        let place = written?;
        match result {
            Err(failure) if !(keeps_rejections && record.rejection.is_some()) => {
                Err(AskError::Failed(failure))
            }
            _ => Ok(place),
        }
    }

    fn record(&self, model: &str, result: &Result<Reply, Failure>) -> JournalRecord {
        let (attempts, latency, usage) = match result {
            Ok(Reply { response, attempts, latency }) => (*attempts, *latency, response.usage),
            Err(Failure { attempts, latency, error }) => {
                (*attempts, *latency, error.usage().unwrap_or_default())
            }
        };
        let failure = result.as_ref().err().map(|failure| &failure.error);
        JournalRecord {
            key: self.key,
            tag: self.tag.clone(),
            model: model.to_owned(),
            response: result.as_ref().ok().map(|reply| reply.response.clone().into()),
            error: failure.map(|error| with_causes(error)),
            rejection: failure.and_then(ChatError::rejection),
            attempts,
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            usage,
            cost: self.book.config.prices.map(|prices| prices.cost(usage)),
            time_ms: now_ms(),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.is_finished {
            self.book.update(|counts| counts.in_flight -= 1);
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
