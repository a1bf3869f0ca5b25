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

/// The outcome of a request, for the limiter.
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

/// The permission for one request; dropping it releases its place.
#[derive(Debug)]
pub(super) struct Permit {
    limiter: Arc<Limiter>,
    halvings: u64,
}

impl Permit {
    /// Reports the outcome of the request to the limiter.
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(limit: f64) -> State {
        State { limit, in_flight: 0, halvings: 0, paused_until: None }
    }

    #[test]
    fn overloads_of_requests_under_way_together_halve_the_limit_once() {
        let mut limiter = state(64.0);
        for _ in 0..64 {
            limiter.learn(Signal::Overload(None), 0, 64);
        }
        assert_eq!(limiter.slots(), 32);
        limiter.learn(Signal::Overload(None), 1, 64);
        assert_eq!(limiter.slots(), 16);
    }

    #[test]
    fn a_halved_limit_is_back_after_about_eight_rounds_of_answers() {
        for maximum in [16_usize, 64, 256] {
            let mut limiter = state(maximum as f64 / 2.0);
            let mut rounds = 0;
            while limiter.slots() < maximum {
                (0..limiter.slots()).for_each(|_| limiter.learn(Signal::Answered, 0, maximum));
                rounds += 1;
            }
            assert!((7..=10).contains(&rounds), "{maximum}: {rounds}");
        }
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn nothing_starts_before_the_time_that_is_asked_for() {
        let limiter = Arc::new(Limiter::new(4));
        let permit = limiter.acquire().await;
        permit.learn(Signal::Overload(Some(Duration::from_secs(17))));
        permit.learn(Signal::Overload(Some(Duration::from_secs(3))));
        let start = Instant::now();
        let _second = limiter.acquire().await;
        assert!(start.elapsed() >= Duration::from_secs(17), "{:?}", start.elapsed());
    }

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn a_waiter_that_is_dropped_loses_no_place() {
        let limiter = Arc::new(Limiter::new(1));
        let permit = limiter.acquire().await;
        let waiter = tokio::spawn({
            let limiter = Arc::clone(&limiter);
            async move { limiter.acquire().await }
        });
        tokio::task::yield_now().await;
        let next = tokio::spawn({
            let limiter = Arc::clone(&limiter);
            async move { drop(limiter.acquire().await) }
        });
        tokio::task::yield_now().await;
        drop(permit);
        waiter.abort();
        tokio::time::timeout(Duration::from_secs(1), next).await.unwrap().unwrap();
    }

    proptest! {
        #[test]
        fn the_limit_stays_between_one_and_its_maximum(
            maximum in 1_usize..300,
            signals in prop::collection::vec((any::<bool>(), 0_u64..4), 0..400),
        ) {
            let mut limiter = state(maximum as f64);
            for (is_overload, age) in signals {
                let signal = if is_overload { Signal::Overload(None) } else { Signal::Answered };
                let halvings = limiter.halvings.saturating_sub(age);
                let before = limiter.limit;
                limiter.learn(signal, halvings, maximum);
                prop_assert!((1..=maximum).contains(&limiter.slots()));
                prop_assert!(limiter.limit <= before + 1.0);
            }
        }
    }
}
