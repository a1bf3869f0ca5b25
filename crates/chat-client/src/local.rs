//! Answers that come from this process.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Handle;

use crate::chat::{Chat, ChatFuture, Failure, Reply};
use crate::error::ChatError;
use crate::request::ChatRequest;
use crate::response::ChatResponse;

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
                Ok(response) => Ok(Reply { response, attempts: 1, latency }),
                Err(error) => Err(Failure { attempts: 1, latency, error }),
            }
        })
    }
}
