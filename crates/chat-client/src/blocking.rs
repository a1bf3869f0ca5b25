//! The client for synchronous programs.

use futures_util::stream;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::ask::{Answer, Answered, Answers, JournaledClient};
use crate::chat::{Chat, Failure, Reply};
use crate::error::{AskError, ChatError, ConfigError};
use crate::key::Question;
use crate::request::ChatRequest;

/// Threads that carry requests while the caller does something else.
const WORKERS: usize = 2;

/// A runtime on which synchronous programs ask.
#[derive(Debug)]
pub struct BlockingRuntime {
    /// Taken when dropped.
    runtime: Option<Runtime>,
}

/// The answers of [`BlockingRuntime::ask_all`], in the order of the questions.
#[derive(Debug)]
pub struct BlockingAnswers<'a, I> {
    runtime: &'a BlockingRuntime,
    answers: Answers<stream::Iter<I>>,
    is_refused: bool,
}

impl BlockingRuntime {
    /// Starts two threads.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Runtime`] where the system gives no threads.
    pub fn new() -> Result<Self, ConfigError> {
        let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
        Ok(Self { runtime: Some(runtime.map_err(|source| ConfigError::Runtime { source })?) })
    }

    /// Runs to the end, unless that would block another runtime.
    fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        match &self.runtime {
            Some(runtime) if Handle::try_current().is_err() => Some(runtime.block_on(work)),
            _ => None,
        }
    }

    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of the responder; one with [`AskError::InsideRuntime`] as its cause when called on a runtime.
    pub fn chat(&self, chat: &dyn Chat, request: &ChatRequest) -> Result<Reply, Failure> {
        let refused = || Err(Failure::unsent(ChatError::local(AskError::InsideRuntime)));
        self.run(chat.chat(request)).unwrap_or_else(refused)
    }

    /// Asks one question and waits for its answer.
    ///
    /// # Errors
    ///
    /// Those of [`JournaledClient::ask`], and [`AskError::InsideRuntime`] when called on a runtime.
    pub fn ask(&self, client: &JournaledClient, question: Question) -> Result<Answer, AskError> {
        self.run(client.ask(question)).unwrap_or(Err(AskError::InsideRuntime))
    }

    /// [`JournaledClient::ask_all`] as an iterator. On a runtime of others its only item is
    /// [`AskError::InsideRuntime`].
    pub fn ask_all<I: IntoIterator<Item = Question>>(
        &self,
        client: &JournaledClient,
        questions: I,
        max: usize,
    ) -> BlockingAnswers<'_, I::IntoIter> {
        BlockingAnswers { runtime: self, answers: client.ask_each(questions, max), is_refused: false }
    }
}

impl<I: Iterator<Item = Question>> Iterator for BlockingAnswers<'_, I> {
    type Item = Answered;

    fn next(&mut self) -> Option<Answered> {
        if self.is_refused {
            return None;
        }
        self.runtime.run(self.answers.next()).unwrap_or_else(|| {
            self.is_refused = true;
            Some(Answered { index: 0, key: None, outcome: Err(AskError::InsideRuntime) })
        })
    }
}

impl Drop for BlockingRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping must not wait for the last answer of a local model.
            runtime.shutdown_background();
        }
    }
}
