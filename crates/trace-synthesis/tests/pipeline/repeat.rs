//! Runs that are repeated, interrupted, or in a hurry.

use std::sync::atomic::Ordering;

use chat_client::Caps;
use trace_synthesis::pipeline::Reason;
use trace_synthesis::testing::Slips;

use crate::common::{Bench, files};

#[test]
fn results_do_not_depend_on_how_many_questions_are_asked_at_once() {
    let mut bench = Bench::new(60, Slips::SOME);
    bench.held_out = 6;
    bench.config.concurrency = 1;
    bench.run("one");
    bench.config.concurrency = 32;
    bench.run("many");
    assert_eq!(files(&bench.out("one")), files(&bench.out("many")));
}

#[test]
fn another_seed_gives_other_rows() {
    let mut bench = Bench::new(20, Slips::NONE);
    bench.run("one");
    bench.config.seed = 2;
    bench.run("other");
    assert_ne!(files(&bench.out("one"))["groups.jsonl"], files(&bench.out("other"))["groups.jsonl"]);
}

#[test]
fn a_finished_run_asks_nothing_when_it_is_repeated() {
    let bench = Bench::new(40, Slips::SOME);
    bench.run("out");
    let (before, asked) = (files(&bench.out("out")), bench.asked.load(Ordering::Relaxed));
    bench.run("out");
    assert_eq!(files(&bench.out("out")), before);
    assert_eq!(bench.asked.load(Ordering::Relaxed), asked);
}

#[test]
fn runs_that_a_cap_stops_come_to_the_same_end_and_ask_nothing_twice() {
    let mut bench = Bench::new(40, Slips::SOME);
    bench.run("whole");
    let needed = bench.asked.swap(0, Ordering::Relaxed);
    for part in 1..=4 {
        bench.caps = Caps { max_questions: Some(needed * part / 5), ..Caps::default() };
        let summary = bench.run("parts").summary;
        assert!(!summary.complete);
        let open = |stage: &trace_synthesis::pipeline::FunnelStage| {
            stage.reasons.get(&Reason::NotAsked).copied().unwrap_or_default()
        };
        assert!(summary.funnel.iter().map(open).sum::<u64>() > 0);
    }
    bench.caps = Caps::default();
    assert!(bench.run("parts").summary.complete);
    assert_eq!(files(&bench.out("parts")), files(&bench.out("whole")));
    assert_eq!(bench.asked.load(Ordering::Relaxed), needed);
}
