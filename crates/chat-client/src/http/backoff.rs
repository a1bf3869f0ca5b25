//! How long to wait before a request is sent again.

use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::config::RetryConfig;
use crate::error::ChatError;

impl RetryConfig {
    /// The wait after failed attempt number `attempt`, or `None` where the request is given up.
    ///
    /// `ticket` distinguishes requests, so that those that failed together do not come back together.
    pub(super) fn delay(&self, error: &ChatError, attempt: u32, ticket: u64) -> Option<Duration> {
        if !error.is_retryable() || attempt >= self.max_attempts {
            return None;
        }
        let asked = error.retry_after().unwrap_or_default();
        (asked <= self.max_retry_after).then(|| asked + self.jitter(attempt, ticket))
    }

    fn jitter(&self, attempt: u32, ticket: u64) -> Duration {
        let doublings = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        self.base_delay.saturating_mul(doublings).min(self.max_delay).mul_f64(self.uniform(attempt, ticket))
    }

    /// A number from [0, 1) that seed, request and attempt alone decide, independent of other retries.
    fn uniform(&self, attempt: u32, ticket: u64) -> f64 {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(ticket.to_le_bytes());
        hash.update(attempt.to_le_bytes());
        let bits = hash.finalize().iter().take(7).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        // 53 bits are what a double holds.
        (bits >> 3) as f64 / (1_u64 << 53) as f64
    }
}

/// Reads `Retry-After`: seconds, or a date of HTTP, of which a past one is no wait.
///
/// # Source
///
/// RFC 9110, section 10.2.3.
pub(super) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    // Some endpoints send fractions, which the RFC does not know.
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BUSY: ChatError = ChatError::Timeout { after: Duration::ZERO };

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = httpdate::parse_http_date("Fri, 20 Nov 2026 22:00:00 GMT").unwrap();
        let parse = |value| parse_retry_after(value, now);
        assert_eq!(parse("17"), Some(Duration::from_secs(17)));
        assert_eq!(parse(" 0.25 "), Some(Duration::from_millis(250)));
        assert_eq!(parse("Fri, 20 Nov 2026 22:01:05 GMT"), Some(Duration::from_secs(65)));
        assert_eq!(parse("Fri, 20 Nov 2026 21:00:00 GMT"), Some(Duration::ZERO));
        for junk in ["", "soon", "-3", "NaN", "inf", "1e300"] {
            assert_eq!(parse(junk), None, "{junk}");
        }
    }

    #[test]
    fn a_longer_wait_than_allowed_gives_the_request_up() {
        let retry = RetryConfig { base_delay: Duration::ZERO, ..RetryConfig::default() };
        let error = |seconds| ChatError::status(429, "", Some(Duration::from_secs(seconds)));
        assert_eq!(retry.delay(&error(300), 1, 0), Some(Duration::from_secs(300)));
        assert_eq!(retry.delay(&error(301), 1, 0), None);
    }

    #[test]
    fn waits_fill_their_range_evenly() {
        let retry = RetryConfig::default();
        let mean = (0..4000).map(|ticket| retry.uniform(1, ticket)).sum::<f64>() / 4000.0;
        // Four standard errors of a uniform mean.
        assert!((mean - 0.5).abs() < 4.0 / (12.0_f64 * 4000.0).sqrt(), "{mean}");
    }

    proptest! {
        #[test]
        fn waits_are_bounded_and_repeatable(seed: u64, ticket: u64, attempt in 1_u32..200) {
            let retry = RetryConfig { seed, max_attempts: u32::MAX, ..RetryConfig::default() };
            let delay = retry.delay(&BUSY, attempt, ticket).unwrap();
            let bound = retry.base_delay.as_secs_f64() * 2_f64.powi(attempt as i32 - 1);
            prop_assert!(delay.as_secs_f64() <= bound.min(retry.max_delay.as_secs_f64()));
            prop_assert_eq!(Some(delay), retry.delay(&BUSY, attempt, ticket));
        }
    }
}
