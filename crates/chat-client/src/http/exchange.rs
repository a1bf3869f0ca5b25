//! One request, one response.

use std::sync::Arc;
use std::time::SystemTime;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, Url};
use serde_json::Value;

use super::backoff::parse_retry_after;
use super::config::Key;
use crate::body;
use crate::error::ChatError;
use crate::response::ChatResponse;
use crate::secret::Secret;

/// Bytes of an error's body that are read.
const ERROR_BYTES: usize = 64 << 10;

/// Shortest key that is looked for in answers: placeholders such as `EMPTY` are words that answers may hold.
const LEAST_KEY_BYTES: usize = 16;

/// The parts of a connection to an endpoint.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub client: Client,
    pub url: Url,
    pub key: Option<Key>,
    pub max_response_bytes: usize,
}

impl Endpoint {
    pub(super) async fn exchange(&self, body: Vec<u8>) -> Result<ChatResponse, ChatError> {
        let mut request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key.header.clone());
        }
        let response = request.body(body).send().await;
        let response = response.map_err(|error| ChatError::connection(error.without_url()))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(ChatError::Redirect { status: status.as_u16() });
        }
        if !status.is_success() {
            return Err(self.status_error(response).await);
        }
        let body = read(response, self.max_response_bytes).await?;
        self.parse(&String::from_utf8(body).map_err(ChatError::not_utf8)?)
    }

    /// Reads a body. The key is taken out of its decoded texts, since escapes hide it in the body, and out of those that
    /// are put together from several.
    fn parse(&self, body: &str) -> Result<ChatResponse, ChatError> {
        let Some(Key { secret, .. }) = &self.key else {
            return ChatResponse::parse(body);
        };
        // An error has no key of any length, while an answer keeps its words.
        if secret.expose().len() < LEAST_KEY_BYTES
            && let Ok(response) = ChatResponse::parse(body)
        {
            return Ok(response);
        }
        let mut value =
            body::document(body).map_err(|error| ChatError::not_json(&secret.redact(body), error))?;
        secret.redact_all(&mut value);
        let response = body::completion(&value)?;
        Ok(ChatResponse {
            content: secret.redact(&response.content),
            reasoning: response.reasoning.map(|reasoning| secret.redact(&reasoning)),
            ..response
        })
    }

    async fn status_error(&self, response: Response) -> ChatError {
        let status = response.status().as_u16();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| parse_retry_after(value, SystemTime::now()));
        // The status says enough where its body cannot be read.
        let body = read(response, ERROR_BYTES).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let body = self.key.as_ref().map_or_else(|| body.to_string(), |key| redacted(&key.secret, &body));
        ChatError::status(status, &body, wait)
    }
}

/// A body with the key redacted; of JSON, also in its decoded strings.
fn redacted(secret: &Secret, body: &str) -> String {
    match serde_json::from_str::<Value>(body) {
        Ok(mut value) => {
            secret.redact_all(&mut value);
            value.to_string()
        }
        Err(_) => secret.redact(body),
    }
}

/// The whole body, unless it is longer than `limit`.
async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, ChatError> {
    let mut body = Vec::new();
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(ChatError::TooLarge { limit });
    }
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(ChatError::TooLarge { limit }),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                let source = Arc::new(error.without_url());
                return Err(ChatError::CutBody { received: body.len(), source });
            }
        }
    }
}
