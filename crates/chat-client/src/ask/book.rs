//! The books of a client: journal, counts and caps.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::caps::{AskConfig, AskObserver, AskProgress};
use super::client::StopSignal;
use super::health::Health;
use crate::chat::{Failure, Reply};
use crate::error::{AskError, ChatError, Rejection, with_causes};
use crate::journal::{Journal, JournalRecord, Location};
use crate::key::QuestionKey;

pub(super) struct Book {
    pub journal: Journal,
    pub stop: StopSignal,
    config: AskConfig,
    observer: Option<Box<dyn AskObserver>>,
    progress: Mutex<AskProgress>,
    health: Mutex<Health>,
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
        let health = Mutex::default();
        Self { journal, stop: StopSignal::new(), config, observer, progress: Mutex::new(progress), health }
    }

    /// Why no further question is asked, if the endpoint was given up.
    pub(super) fn given_up(&self) -> Option<String> {
        self.health().given_up()
    }

    /// Why questions stayed without an answer, the most frequent reason first.
    pub(super) fn reasons(&self) -> Vec<(String, u64)> {
        self.health().reasons()
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        // Its counts are right after each statement.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a question ended, and whether its refusal can be taken for one of the question itself: an endpoint that
    /// has answered nothing may refuse them all.
    fn examine(&self, result: &Result<Reply, Failure>) -> bool {
        let under_way = self.progress().in_flight;
        let mut health = self.health();
        let stops = match result {
            Ok(_) => {
                health.answered();
                false
            }
            Err(failure) => health.failed(&failure.error, under_way),
        };
        if stops {
            self.stop.stop();
        }
        health.has_answered() || !self.journal.is_empty()
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
        let is_trusted = self.book.examine(&result);
        let record = self.record(model, &result, is_trusted);
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

    fn record(&self, model: &str, result: &Result<Reply, Failure>, is_trusted: bool) -> JournalRecord {
        let (attempts, latency, usage) = match result {
            Ok(Reply { response, attempts, latency, .. }) => (*attempts, *latency, response.usage),
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
            rejection: failure
                .and_then(ChatError::rejection)
                .filter(|rejection| is_trusted || *rejection == Rejection::Refused),
            attempts,
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
            usage,
            cost: self.book.config.prices.map(|prices| prices.cost(usage)),
            changes: result.as_ref().map(|reply| reply.changes.clone()).unwrap_or_default(),
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
