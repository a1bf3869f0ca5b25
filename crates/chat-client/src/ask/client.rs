//! A client that asks each question once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{Stream, stream};

use super::answers::{Answers, ask_one};
use super::book::Book;
use super::caps::{AskConfig, AskObserver, AskProgress};
use crate::chat::Chat;
use crate::error::{AskError, ConfigError};
use crate::journal::{Journal, JournalRecord};
use crate::key::Question;
use crate::response::ChatResponse;

/// An answer, fresh or from the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The answer.
    pub response: ChatResponse,
    /// How often the request was sent.
    pub attempts: u32,
    /// From the first sending to the answer, in whole milliseconds.
    pub latency: Duration,
    /// What was sent otherwise than asked, because the endpoint does not take it: "`temperature` left out".
    pub changes: Vec<String>,
    /// Whether the answer was there before it was asked for.
    pub from_journal: bool,
}

impl Answer {
    /// The answer or rejection of a record, or `None` if the question is to be asked again.
    pub(super) fn of(record: JournalRecord, from_journal: bool) -> Option<Result<Self, AskError>> {
        let JournalRecord { response, rejection, error, usage, attempts, latency_ms, changes, .. } = record;
        if let Some(response) = response {
            let (response, latency) = (response.into_response(usage), Duration::from_millis(latency_ms));
            return Some(Ok(Self { response, attempts, latency, changes, from_journal }));
        }
        let reason = error.unwrap_or_default();
        rejection.map(|rejection| Err(AskError::Rejected { rejection, reason, from_journal }))
    }
}

/// Stops a run: no further question is asked, and those under way are finished.
#[derive(Clone, Debug, Default)]
pub struct StopSignal(Arc<AtomicBool>);

impl StopSignal {
    /// A signal that is not given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the signal, for good; callable from a handler of Ctrl-C.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the signal was given.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A [`Chat`] with a journal: a question that was answered in an earlier run is not asked again.
///
/// Clones share journal, counts and caps.
#[derive(Clone)]
pub struct JournaledClient {
    pub(super) chat: Arc<dyn Chat>,
    pub(super) book: Arc<Book>,
    pub(super) keeps_rejections: bool,
}

impl fmt::Debug for JournaledClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.chat.model();
        formatter.debug_struct("JournaledClient").field("model", &model).field("book", &self.book).finish()
    }
}

impl JournaledClient {
    /// A client without an observer.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Setting`] for prices and costs below zero, and for a cap on the cost without prices.
    pub fn new(chat: impl Chat + 'static, journal: Journal, config: AskConfig) -> Result<Self, ConfigError> {
        Self::build(Arc::new(chat), journal, config, None)
    }

    /// A client whose progress is shown.
    ///
    /// # Errors
    ///
    /// Those of [`JournaledClient::new`].
    pub fn with_observer(
        chat: impl Chat + 'static,
        journal: Journal,
        config: AskConfig,
        observer: impl AskObserver + 'static,
    ) -> Result<Self, ConfigError> {
        Self::build(Arc::new(chat), journal, config, Some(Box::new(observer)))
    }

    fn build(
        chat: Arc<dyn Chat>,
        journal: Journal,
        config: AskConfig,
        observer: Option<Box<dyn AskObserver>>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let book = Arc::new(Book::new(journal, config, observer));
        Ok(Self { chat, book, keeps_rejections: false })
    }

    /// This client, for which a [`Rejection`](crate::Rejection) ends a question as an answer does: the journal keeps
    /// it, and the question is not asked again.
    #[must_use]
    pub fn keeping_rejections(self) -> Self {
        Self { keeps_rejections: true, ..self }
    }

    /// The model that is asked.
    pub fn model(&self) -> &str {
        self.chat.model()
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.book.journal
    }

    /// How far this client has come.
    pub fn progress(&self) -> AskProgress {
        self.book.progress()
    }

    /// What stops this client and its clones.
    pub fn stop_signal(&self) -> StopSignal {
        self.book.stop.clone()
    }

    /// Why no further question is asked, in the endpoint's words, if this client gave it up.
    ///
    /// It does so, by its stop signal, when every other question would end alike: when the account is empty or requests are
    /// redirected; when the key, the model or a setting is refused before anything was answered, or five times in a row;
    /// when the first five questions are refused in the same words; and after many questions in a row without an answer
    /// (32, or twice as many as are under way). Refusals of what a question says, or of its length, do not count.
    pub fn given_up(&self) -> Option<String> {
        self.book.given_up()
    }

    /// Why questions stayed without an answer since this client was made, the most frequent reason first, with their
    /// numbers. Words that differ in numbers and names alone are one reason.
    pub fn reasons(&self) -> Vec<(String, u64)> {
        self.book.reasons()
    }

    /// Asks one question, on a tokio runtime.
    ///
    /// # Errors
    ///
    /// Every [`AskError`] but [`AskError::InsideRuntime`].
    pub async fn ask(&self, question: Question) -> Result<Answer, AskError> {
        ask_one(self, question).await
    }

    /// Asks all questions, at most `max` at once (and at least one), and hands out what became of them in their order.
    ///
    /// Questions are taken from the stream as others finish. An answer that comes before its turn waits in the
    /// journal and not in memory, and delays no other question. A question that comes twice is asked once. An
    /// [`HttpChat`](crate::HttpChat) has a limit of its own, and the smaller of both holds.
    pub fn ask_all<S: Stream<Item = Question> + Unpin>(&self, questions: S, max: usize) -> Answers<S> {
        Answers::new(self.clone(), questions, max.max(1))
    }

    /// [`ask_all`](Self::ask_all) for an iterator.
    pub fn ask_each<I: IntoIterator<Item = Question>>(
        &self,
        questions: I,
        max: usize,
    ) -> Answers<stream::Iter<I::IntoIter>> {
        self.ask_all(stream::iter(questions), max)
    }
}
