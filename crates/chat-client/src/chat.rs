//! The responder behind a client: an endpoint, a local model, a rule.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::runtime::Handle;

use crate::error::ChatError;
use crate::request::ChatRequest;
use crate::response::ChatResponse;

/// An answer, and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The answer.
    pub response: ChatResponse,
    /// How often the request was sent, this time included.
    pub attempts: u32,
    /// From the first sending to the answer.
    pub latency: Duration,
    /// What was sent otherwise than asked, because the endpoint does not take it: "`temperature` left out".
    pub changes: Vec<String>,
}

/// A request that was given up.
#[derive(Clone, Debug, Error)]
#[error("no answer after {attempts} attempt(s)")]
pub struct Failure {
    /// How often the request was sent.
    pub attempts: u32,
    /// From the first sending to the end.
    pub latency: Duration,
    /// The error of the last attempt.
    #[source]
    pub error: ChatError,
}

impl Failure {
    /// A request that was never sent.
    pub fn unsent(error: ChatError) -> Self {
        Self { attempts: 0, latency: Duration::ZERO, error }
    }
}

/// The result of [`Chat::chat`].
pub type ChatFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>>;

/// A responder: [`HttpChat`](crate::HttpChat), [`LocalChat`](crate::LocalChat), or a caller's own.
pub trait Chat: Send + Sync {
    /// The name of the model, which is part of every question's key.
    fn model(&self) -> &str;

    /// Answers a request; retries, where there are any, are this function's own.
    fn chat<'a>(&'a self, request: &'a ChatRequest) -> ChatFuture<'a>;
}

impl<C: Chat + ?Sized> Chat for Arc<C> {
    fn model(&self) -> &str {
        (**self).model()
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> ChatFuture<'a> {
        (**self).chat(request)
    }
}

impl<C: Chat + ?Sized> Chat for Box<C> {
    fn model(&self) -> &str {
        (**self).model()
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> ChatFuture<'a> {
        (**self).chat(request)
    }
}

type Responder = dyn Fn(&ChatRequest) -> Result<ChatResponse, ChatError> + Send + Sync;

/// A function in the place of an endpoint: a local model, or a rule.
///
/// Each call runs on a thread that may block, so as many run at once as are asked at once.
///
/// ```
/// use chat_client::{BlockingRuntime, ChatRequest, ChatResponse, LocalChat};
///
/// let echo = LocalChat::new("echo", |request: &ChatRequest| {
///     Ok(ChatResponse::text(request.messages[0].content.clone()))
/// });
/// let reply = BlockingRuntime::new()?.chat(&echo, &ChatRequest::user("Hello"))?;
/// assert_eq!(reply.response.content, "Hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LocalChat {
    model: String,
    respond: Arc<Responder>,
}

impl LocalChat {
    /// A responder under the name of `model`; an error of its own is best a [`ChatError::Local`].
    pub fn new(
        model: impl Into<String>,
        respond: impl Fn(&ChatRequest) -> Result<ChatResponse, ChatError> + Send + Sync + 'static,
    ) -> Self {
        Self { model: model.into(), respond: Arc::new(respond) }
    }
}

impl fmt::Debug for LocalChat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LocalChat").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Chat for LocalChat {
    fn model(&self) -> &str {
        &self.model
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> ChatFuture<'a> {
        Box::pin(async move {
            let started = Instant::now();
            let answer = match Handle::try_current() {
                Ok(handle) => {
                    let (respond, request) = (Arc::clone(&self.respond), request.clone());
                    let task = handle.spawn_blocking(move || respond(&request));
                    task.await.unwrap_or_else(|error| Err(ChatError::local(error)))
                }
                // Other executors have no threads of ours to wait on.
                Err(_) => (self.respond)(request),
            };
            let latency = started.elapsed();
            match answer {
                Ok(response) => Ok(Reply { response, attempts: 1, latency, changes: Vec::new() }),
                Err(error) => Err(Failure { attempts: 1, latency, error }),
            }
        })
    }
}
