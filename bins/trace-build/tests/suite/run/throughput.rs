//! How busy the endpoint is kept.

use std::time::{Duration, Instant};

use trace_synthesis::testing::Slips;

use super::bench::{Bench, run};
use super::endpoint::{Endpoint, Faults};
use crate::common::stderr;

const DELAY: Duration = Duration::from_millis(200);

const CONCURRENCY: usize = 16;

/// The share of the concurrency that was in use between the first request and the last seed's expansion: after it,
/// rows run out, and no scheduler can help.
fn share_in_use(arrivals: &[Instant], from: Instant, to: Instant) -> f64 {
    let busy: Duration = arrivals
        .iter()
        .filter(|arrival| **arrival < to)
        .map(|arrival| (*arrival + DELAY).min(to).saturating_duration_since(*arrival))
        .sum();
    busy.as_secs_f64() / ((to - from).as_secs_f64() * CONCURRENCY as f64)
}

#[test]
fn nine_tenths_of_the_concurrency_are_in_use() {
    let seeds = 60;
    let bench = Bench::new(seeds);
    let endpoint = Endpoint::start(Slips::SOME, Faults::None, DELAY);
    let config =
        bench.configure("out", &endpoint.server.base_url(), &format!("  concurrency: {CONCURRENCY}\n"), "");
    let output = run(&config);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let arrivals = endpoint.arrivals();
    assert_eq!(endpoint.server.max_concurrency(), CONCURRENCY as u64);
    // The last stretch, in which the last rows end one after the other, is as long as a row has questions.
    let tail = DELAY * 25;
    let (first, last) = (arrivals[0], arrivals[arrivals.len() - 1]);
    let end = last - tail;
    let share = share_in_use(&arrivals, first, end);
    let all = arrivals.len() as f64 * DELAY.as_secs_f64()
        / ((last - first + DELAY).as_secs_f64() * CONCURRENCY as f64);
    eprintln!(
        "{} requests in {:.1?}: {:.1} % of {CONCURRENCY} in use, {:.1} % with the end",
        arrivals.len(),
        last - first,
        100.0 * share,
        100.0 * all
    );
    // The aim is 90 %; a machine that is busy with other tests takes some of it.
    assert!(share > 0.8, "{share}");
}
