//! Whoever answers: an endpoint, a local model, a rule.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

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
}

/// A request that was given up.
#[derive(Clone, Debug, Error)]
#[error("no answer after {attempts} attempt(s)")]
pub struct Failure {
    /// How often the request was sent.
    pub attempts: u32,
    /// From the first sending to the end.
    pub latency: Duration,
    /// What the last attempt came to.
    #[source]
    pub error: ChatError,
}

impl Failure {
    /// A request that was never sent.
    pub fn unsent(error: ChatError) -> Self {
        Self { attempts: 0, latency: Duration::ZERO, error }
    }
}

/// What [`Chat::chat`] returns.
pub type ChatFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>>;

/// Whoever answers requests: [`HttpChat`](crate::HttpChat), [`LocalChat`](crate::LocalChat), or a caller's own.
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
