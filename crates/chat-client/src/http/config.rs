//! Where an endpoint is, and how it is treated.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;

use super::client::HttpChat;
use crate::error::ConfigError;
use crate::secret::Secret;

/// When and how often a request is sent again.
///
/// After attempt n the wait is uniform from 0 to min(`max_delay`, `base_delay`·2ⁿ⁻¹) ("full jitter"). Where
/// the endpoint says how long to wait, that is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryConfig {
    /// Most attempts, the first included; 6 by default.
    pub max_attempts: u32,
    /// Longest wait after the first attempt; 500 ms by default.
    pub base_delay: Duration,
    /// Longest wait after any attempt; 30 s by default.
    pub max_delay: Duration,
    /// Longest `Retry-After` that is waited for; with a longer one the request is given up. 5 minutes by default.
    pub max_retry_after: Duration,
    /// Seed of the waits; 0 by default.
    pub seed: u64,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 6,
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(300),
            seed: 0,
        }
    }
}

/// An OpenAI-compatible endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// The address before `/chat/completions`, `https://api.openai.com/v1` for instance.
    pub base_url: String,
    /// The model that is asked.
    pub model: String,
    /// The environment variable that holds the API key; without one no key is sent.
    pub api_key_env: Option<String>,
    /// Most requests at once; 64 by default. Fewer are sent while the endpoint is overloaded.
    pub max_concurrency: usize,
    /// Time for a connection; 10 s by default.
    pub connect_timeout: Duration,
    /// Time for one attempt, the connection included; 180 s by default.
    pub request_timeout: Duration,
    /// Time for all attempts of a request together, waits between them included; none by default.
    pub deadline: Option<Duration>,
    /// Most bytes of a response; 16 MiB by default.
    pub max_response_bytes: usize,
    /// When and how often a request is sent again.
    pub retry: RetryConfig,
}

impl EndpointConfig {
    /// An endpoint without a key, with the defaults above.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            api_key_env: None,
            max_concurrency: 64,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(180),
            deadline: None,
            max_response_bytes: 16 << 20,
            retry: RetryConfig::default(),
        }
    }

    /// Reads the key and sets up the client; nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Setting`] for an invalid base URL, a missing or impossible key, a number that is zero and an empty
    /// model; [`ConfigError::Client`] where the system has no certificates and the address begins with `https`.
    pub fn init(self) -> Result<HttpChat, ConfigError> {
        let url = self.url()?;
        self.check_ranges()?;
        let key = self.api_key_env.as_deref().map(Key::from_env).transpose()?;
        HttpChat::new(self, url, key)
    }

    fn url(&self) -> Result<Url, ConfigError> {
        let wrong = |reason: String| {
            ConfigError::setting(format!(
                "the base URL {reason}; one like https://api.openai.com/v1 is needed"
            ))
        };
        let mut url =
            Url::parse(self.base_url.trim()).map_err(|error| wrong(format!("is not valid ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(format!("begins with {}:, not with http: or https:", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has a user name or password; keys come from the environment".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a part after ? or #".to_owned()));
        }
        let path = format!("{}/chat/completions", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(url)
    }

    fn check_ranges(&self) -> Result<(), ConfigError> {
        let is_set = [
            ("max_concurrency", self.max_concurrency > 0),
            ("connect_timeout", !self.connect_timeout.is_zero()),
            ("request_timeout", !self.request_timeout.is_zero()),
            ("deadline", self.deadline != Some(Duration::ZERO)),
            ("max_response_bytes", self.max_response_bytes > 0),
            ("max_attempts", self.retry.max_attempts > 0),
        ];
        if self.model.trim().is_empty() {
            return Err(ConfigError::setting("model must be a name"));
        }
        match is_set.into_iter().find(|(_, is_set)| !is_set) {
            Some((name, _)) => Err(ConfigError::setting(format!("{name} must be above zero"))),
            None => Ok(()),
        }
    }
}

/// An API key, and the header that carries it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub secret: Secret,
    pub header: HeaderValue,
}

impl Key {
    fn from_env(variable: &str) -> Result<Self, ConfigError> {
        let secret = Secret::from_env(variable)?;
        let mut header = HeaderValue::from_str(&format!("Bearer {}", secret.expose())).map_err(|_| {
            ConfigError::setting(format!(
                "the API key in the environment variable {variable} has characters that no header can hold"
            ))
        })?;
        header.set_sensitive(true);
        Ok(Self { secret, header })
    }
}
