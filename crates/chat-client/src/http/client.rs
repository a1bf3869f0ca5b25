//! Attempts at a request until one is answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout};

use super::adapt::Adaptation;
use super::config::{EndpointConfig, Key};
use super::exchange::Endpoint;
use super::limiter::{Limiter, Permit, Signal};
use crate::chat::{Chat, ChatFuture, Failure, Reply};
use crate::error::{ChatError, ConfigError, SharedError};
use crate::request::ChatRequest;
use crate::response::ChatResponse;

/// A client of one endpoint and model; clones share its connections and its limit.
///
/// All calls belong on one tokio runtime, since connections live on the runtime that opened them. A request counts as
/// under way while it is sent and answered, and not while it waits to be sent again.
#[derive(Clone, Debug)]
pub struct HttpChat {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: EndpointConfig,
    endpoint: Endpoint,
    limiter: Arc<Limiter>,
    /// Requests so far, to give them different waits.
    tickets: AtomicU64,
    /// What the endpoint does not take.
    adaptation: Mutex<Adaptation>,
}

/// The outcome of attempts, also where a deadline ends them.
#[derive(Default)]
struct Attempts {
    count: u32,
    last: Option<ChatError>,
    /// What was other in the last request than asked.
    changes: Vec<String>,
}

impl HttpChat {
    pub(super) fn new(config: EndpointConfig, url: Url, key: Option<Key>) -> Result<Self, ConfigError> {
        let client = client(&config, url.scheme() == "https")?;
        let endpoint = Endpoint { client, url, key, max_response_bytes: config.max_response_bytes };
        let limiter = Arc::new(Limiter::new(config.max_concurrency));
        let (tickets, adaptation) = (AtomicU64::new(0), Mutex::default());
        Ok(Self { inner: Arc::new(Inner { config, endpoint, limiter, tickets, adaptation }) })
    }

    /// How many requests may be under way now, from 1 to the configured maximum.
    pub fn concurrency_limit(&self) -> usize {
        self.inner.limiter.limit()
    }
}

impl Chat for HttpChat {
    fn model(&self) -> &str {
        &self.inner.config.model
    }

    fn chat<'a>(&'a self, request: &'a ChatRequest) -> ChatFuture<'a> {
        Box::pin(self.inner.answer(request))
    }
}

impl Inner {
    async fn answer(&self, request: &ChatRequest) -> Result<Reply, Failure> {
        let body = match request.body(&self.config.model).map_err(Failure::unsent)? {
            Value::Object(body) => body,
            other => {
                let reason = format!("its body is {other}, which is not an object");
                return Err(Failure::unsent(ChatError::InvalidRequest { reason }));
            }
        };
        // Neither deadline nor latency include the time before the first attempt may start.
        let first = self.limiter.acquire().await;
        let started = Instant::now();
        let mut attempts = Attempts::default();
        let answer = match self.config.deadline {
            None => self.attempts(&body, first, &mut attempts).await,
            Some(after) => match timeout(after, self.attempts(&body, first, &mut attempts)).await {
                Ok(answer) => answer,
                Err(_) => Err(ChatError::Deadline { after, last: attempts.last.take().map(Box::new) }),
            },
        };
        let latency = started.elapsed();
        let Attempts { count: attempts, changes, .. } = attempts;
        match answer {
            Ok(response) => Ok(Reply { response, attempts, latency, changes }),
            Err(error) => Err(Failure { attempts, latency, error }),
        }
    }

    async fn attempts(
        &self,
        asked: &Map<String, Value>,
        first: Permit,
        attempts: &mut Attempts,
    ) -> Result<ChatResponse, ChatError> {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let (mut permit, mut tries) = (first, 0);
        loop {
            let (body, changes) = self.adaptation().apply(asked);
            attempts.count += 1;
            attempts.changes = changes;
            let error = match self.attempt(&body).await {
                Ok(response) => {
                    permit.learn(Signal::Answered);
                    return Ok(response);
                }
                Err(error) => error,
            };
            // Each time something more is sent otherwise, so this comes to an end.
            self.adaptation().learn(&error, &body);
            if error.setting().is_some() && self.adaptation().apply(asked).0 != body {
                continue;
            }
            tries += 1;
            let delay = self.config.retry.delay(&error, tries, ticket);
            if error.is_overload() {
                // A wait that is longer than the client bears holds up only the request that is given up.
                permit.learn(Signal::Overload(error.retry_after().filter(|_| delay.is_some())));
            }
            drop(permit);
            let Some(delay) = delay else {
                return Err(error);
            };
            attempts.last = Some(error);
            sleep(delay).await;
            permit = self.limiter.acquire().await;
        }
    }

    fn adaptation(&self) -> MutexGuard<'_, Adaptation> {
        // It is right after each statement.
        self.adaptation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(&self, body: &Map<String, Value>) -> Result<ChatResponse, ChatError> {
        let after = self.config.request_timeout;
        let body = serde_json::to_vec(body)
            .map_err(|error| ChatError::InvalidRequest { reason: error.to_string() })?;
        let exchange = timeout(after, self.endpoint.exchange(body));
        exchange.await.unwrap_or(Err(ChatError::Timeout { after }))
    }
}

fn client(config: &EndpointConfig, is_https: bool) -> Result<Client, ConfigError> {
    let failed = |source: SharedError| ConfigError::Client { source };
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(Arc::new(error)))?;
    let tls = if is_https {
        builder.with_platform_verifier().map_err(|error| failed(Arc::new(error)))?
    } else {
        // Never used, redirections not being followed; the system's certificates may be missing.
        builder.with_root_certificates(RootCertStore::empty())
    };
    Client::builder()
        .tls_backend_preconfigured(tls.with_no_client_auth())
        .redirect(Policy::none())
        .connect_timeout(config.connect_timeout)
        .build()
        .map_err(|error| failed(Arc::new(error)))
}
