//! How much memory many rows take.

use std::sync::Arc;
use std::time::Instant;

use trace_synthesis::testing::{Slips, WorldModel};
use trace_world::CountDistribution;

use crate::common::Bench;

/// As many rows as the paper's training set, roughly.
const ROWS: usize = 120_000;

/// Most memory that they may take, in KiB: 2 GiB.
const MOST: u64 = 2 << 20;

/// Peak of resident memory of this process in KiB, as Linux counts it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Run it alone and optimised:
/// `CARGO_PROFILE_DEV_OPT_LEVEL=3 cargo test -p trace-synthesis --test suite -- --ignored --nocapture memory`
#[test]
#[ignore = "takes minutes; it measures"]
fn bookkeeping_of_120_thousand_rows_takes_less_than_two_gibibytes() {
    let rows = std::env::var("TRACE_SYNTHESIS_TEST_ROWS").map_or(ROWS, |rows| rows.parse().unwrap());
    let mut bench = Bench::new(rows, Slips::NONE);
    bench.model = Arc::new(WorldModel::new(Slips::NONE));
    bench.held_out = 1000.min(rows as u64 / 2);
    bench.config.counts = CountDistribution::up_to(5);
    bench.config.concurrency = 64;
    // Texts are compared, and only those with the same pieces are rejected.
    bench.config.similarity.near_duplicates = true;
    bench.config.similarity.threshold = 1.0;
    let started = Instant::now();
    let summary = bench.run("out").summary;
    let journal = std::fs::metadata(bench.out("out").join("journal.jsonl")).unwrap().len();
    let Some(peak) = peak() else {
        eprintln!("skipped: there is no /proc/self/status here");
        return;
    };
    let calls: u64 = summary.funnel.iter().map(|stage| stage.calls).sum();
    eprintln!(
        "{rows} seeds, {calls} answers, {:?} in {:.0?}; journal {} MiB; peak {} MiB",
        summary.kept,
        started.elapsed(),
        journal >> 20,
        peak >> 10
    );
    assert!(peak < MOST, "{peak} KiB");
}
