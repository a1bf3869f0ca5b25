//! Runs that are repeated, interrupted, or in a hurry.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chat_client::{Caps, ChatError, ChatRequest, Usage};
use trace_synthesis::pipeline::{Reason, Stage};
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
fn what_was_refused_is_not_asked_again() {
    let bench = Bench::new(20, Slips::SOME);
    let model = Arc::clone(&bench.model);
    let report = bench.run_with("out", move |request: &ChatRequest| {
        let is_about = |number: u32| request.messages[0].content.contains(&format!("request {number} "));
        match () {
            () if is_about(3) => {
                Err(ChatError::Refused { refusal: "No.".to_owned(), usage: Usage::default() })
            }
            () if is_about(5) => Err(ChatError::status(400, "This is too long.", None)),
            () => Ok(model.answer(request)),
        }
    });
    assert!(report.summary.complete);
    let reasons = &report.summary.funnel[Stage::Expansion as usize].reasons;
    assert_eq!((reasons[&Reason::Refused], reasons[&Reason::InvalidRequest]), (1, 1));
    let (before, asked) = (files(&bench.out("out")), bench.asked.load(Ordering::Relaxed));
    // The model would answer now.
    bench.run("out");
    assert_eq!(bench.asked.load(Ordering::Relaxed), asked);
    assert_eq!(files(&bench.out("out")), before);
}

#[test]
fn files_that_the_configuration_no_longer_wants_are_taken_away() {
    let mut bench = Bench::new(12, Slips::NONE);
    bench.held_out = 3;
    bench.run("out");
    assert!(bench.out("out/eval.jsonl").exists());
    std::fs::write(bench.out("out/notes.txt"), "mine").unwrap();
    bench.held_out = 0;
    bench.run("out");
    assert!(!bench.out("out/eval.jsonl").exists());
    assert!(bench.out("out/notes.txt").exists());
}

#[test]
fn files_of_two_runs_have_no_summary_beside_them() {
    let bench = Bench::new(12, Slips::NONE);
    bench.run("out");
    let before = files(&bench.out("out"));
    let groups = bench.out("out/groups.jsonl");
    // All is asked again, and meanwhile something comes in the way.
    [&groups, &bench.out("out/journal.jsonl")].iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let (model, in_the_way) = (Arc::clone(&bench.model), groups.join("in the way"));
    let answer = move |request: &ChatRequest| {
        std::fs::create_dir_all(&in_the_way).unwrap();
        Ok(model.answer(request))
    };
    assert!(bench.try_with("out", answer).is_err());
    assert!(bench.out("out/sft.jsonl").exists() && !bench.out("out/summary.json").exists());
    std::fs::remove_dir_all(&groups).unwrap();
    bench.run("out");
    assert_eq!(files(&bench.out("out")), before);
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
