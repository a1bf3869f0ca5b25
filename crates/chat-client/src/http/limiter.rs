//! How many requests may be under way at once.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A limit that grows by addition and shrinks by halves, between 1 and `maximum`.
///
/// It starts at its maximum. An answer raises it by min(1, step / limit) with step = max(1, maximum / 16), so that it
/// is back from its half after about eight rounds of answers. An overload halves it, once for all requests that were
/// under way together, and lets none start before the time that the endpoint asks for.
///
/// # Source
///
/// AIMD: Chiu and Jain 1989, with the constants above being ours.
#[derive(Debug)]
pub(super) struct Limiter {
    maximum: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    limit: f64,
    in_flight: usize,
    /// How often the limit was halved.
    halvings: u64,
    paused_until: Option<Instant>,
}

/// What a request says about the endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signal {
    /// It was answered.
    Answered,
    /// There was too much to do, and a wait is asked for.
    Overload(Option<Duration>),
}

impl Limiter {
    pub(super) fn new(maximum: usize) -> Self {
        let state = State { limit: maximum as f64, in_flight: 0, halvings: 0, paused_until: None };
        Self { maximum, state: Mutex::new(state), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The numbers are right after each statement, so a panic elsewhere does not spoil them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests may be under way now.
    pub(super) fn limit(&self) -> usize {
        self.state().slots()
    }

    /// Waits until one more request may start.
    pub(super) async fn acquire(self: &Arc<Self>) -> Permit {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Registered before looking, so that no release falls between.
            changed.as_mut().enable();
            let take = self.state().take();
            match take {
                Take::Taken { halvings } => return Permit { limiter: Arc::clone(self), halvings },
                Take::PausedUntil(until) => sleep_until(until).await,
                Take::Full => changed.await,
            }
        }
    }
}

enum Take {
    Taken { halvings: u64 },
    PausedUntil(Instant),
    Full,
}

impl State {
    fn slots(&self) -> usize {
        (self.limit as usize).max(1)
    }

    fn take(&mut self) -> Take {
        if let Some(until) = self.paused_until {
            if Instant::now() < until {
                return Take::PausedUntil(until);
            }
            self.paused_until = None;
        }
        if self.in_flight >= self.slots() {
            return Take::Full;
        }
        self.in_flight += 1;
        Take::Taken { halvings: self.halvings }
    }

    fn learn(&mut self, signal: Signal, halvings: u64, maximum: usize) {
        let maximum = maximum as f64;
        match signal {
            Signal::Answered => {
                let step = (maximum / 16.0).max(1.0);
                self.limit = (self.limit + (step / self.limit).min(1.0)).min(maximum);
            }
            Signal::Overload(wait) => {
                if halvings == self.halvings {
                    self.limit = (self.limit / 2.0).max(1.0);
                    self.halvings += 1;
                }
                let until = wait.map(|wait| Instant::now() + wait);
                self.paused_until = self.paused_until.max(until);
            }
        }
    }
}

/// Room for one request; dropped, it is free again.
#[derive(Debug)]
pub(super) struct Permit {
    limiter: Arc<Limiter>,
    halvings: u64,
}

impl Permit {
    /// Tells the limiter what the request met with.
    pub(super) fn learn(&self, signal: Signal) {
        self.limiter.state().learn(signal, self.halvings, self.limiter.maximum);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.state().in_flight -= 1;
        // One for the place that is free now, one for what the limit may have grown by.
        self.limiter.changed.notify_one();
        self.limiter.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
