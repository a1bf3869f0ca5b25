//! Attempts at a request until one is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::{Instant, sleep, timeout};

use super::config::{EndpointConfig, Key};
use super::exchange::Endpoint;
use super::limiter::{Limiter, Signal};
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
}

/// The outcome of attempts, also where a deadline ends them.
#[derive(Default)]
struct Attempts {
    count: u32,
    last: Option<ChatError>,
}

impl HttpChat {
    pub(super) fn new(config: EndpointConfig, url: Url, key: Option<Key>) -> Result<Self, ConfigError> {
        let client = client(&config, url.scheme() == "https")?;
        let endpoint = Endpoint { client, url, key, max_response_bytes: config.max_response_bytes };
        let limiter = Arc::new(Limiter::new(config.max_concurrency));
        Ok(Self { inner: Arc::new(Inner { config, endpoint, limiter, tickets: AtomicU64::new(0) }) })
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
        let body = request.body(&self.config.model).map_err(Failure::unsent)?.to_string().into_bytes();
        // Neither deadline nor latency include the time before the first attempt may start.
        let first = self.limiter.acquire().await;
        let started = Instant::now();
        let mut attempts = Attempts::default();
        let answer = match self.config.deadline {
            None => self.attempts(&body, first, &mut attempts).await,
            Some(after) => match timeout(after, self.attempts(&body, first, &mut attempts)).await {
                Ok(answer) => answer,
                Err(_) => Err(ChatError::Deadline { after, last: attempts.last.map(Box::new) }),
            },
        };
        let (attempts, latency) = (attempts.count, started.elapsed());
        match answer {
            Ok(response) => Ok(Reply { response, attempts, latency }),
            Err(error) => Err(Failure { attempts, latency, error }),
        }
    }

    async fn attempts(
        &self,
        body: &[u8],
        first: super::limiter::Permit,
        attempts: &mut Attempts,
    ) -> Result<ChatResponse, ChatError> {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let mut permit = first;
        loop {
            attempts.count += 1;
            let error = match self.attempt(body).await {
                Ok(response) => {
                    permit.learn(Signal::Answered);
                    return Ok(response);
                }
                Err(error) => error,
            };
            let delay = self.config.retry.delay(&error, attempts.count, ticket);
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

    async fn attempt(&self, body: &[u8]) -> Result<ChatResponse, ChatError> {
        let after = self.config.request_timeout;
        let exchange = timeout(after, self.endpoint.exchange(body.to_vec()));
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
