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
