//! What is rejected, and with which stage and reason.

use std::collections::BTreeSet;

use chat_client::{ChatError, FinishReason, Usage};
use serde_json::json;
use trace_schema::RejectedRow;
use trace_synthesis::pipeline::{Reason, Stage};
use trace_synthesis::testing::Slips;
use trace_world::Teacher;

use crate::common::{Bench, rows};

/// Stages and reasons of what was rejected, each once.
fn faults(bench: &Bench) -> BTreeSet<(String, String)> {
    let rows: Vec<RejectedRow> = rows(&bench.out("out").join("rejected.jsonl"));
    rows.into_iter().map(|row| (row.stage, row.reason)).collect()
}

/// The only stage and reason there should be.
fn only(stage: Stage, reason: Reason) -> BTreeSet<(String, String)> {
    [(stage.name().to_owned(), reason.name().to_owned())].into()
}

fn status(status: u16) -> ChatError {
    ChatError::status(status, "No.", None)
}

/// Runs with one slip that always happens.
fn run(slips: Slips) -> BTreeSet<(String, String)> {
    let bench = Bench::new(12, slips);
    bench.run("out");
    faults(&bench)
}

#[test]
fn each_slip_is_rejected_where_it_happens() {
    assert_eq!(run(Slips { refused: 1.0, ..Slips::NONE }), only(Stage::Structuring, Reason::PoorInstruction));
    assert_eq!(
        run(Slips { incomplete: 1.0, ..Slips::NONE }),
        only(Stage::QualityControl, Reason::Incomplete)
    );
    assert_eq!(run(Slips { broken: 1.0, ..Slips::NONE }), only(Stage::Expansion, Reason::UnreadableAnswer));
    let teacher = Teacher { ignore: 1.0, confuse: 0.0 };
    assert!(
        run(Slips { teacher, ..Slips::NONE }).contains(&("evaluation".to_owned(), "low-score".to_owned()))
    );
}

#[test]
fn a_redundant_instruction_is_repaired() {
    let mut bench = Bench::new(12, Slips { redundant: 1.0, ..Slips::NONE });
    assert!(bench.run("out").summary.kept.sft > 10);
    bench.config.attempts.repairs = 0;
    bench.config.count_tolerance = None;
    bench.run("out");
    assert_eq!(faults(&bench), only(Stage::QualityControl, Reason::Redundant));
}

#[test]
fn too_many_constraints_are_off_target() {
    let mut bench = Bench::new(12, Slips { redundant: 1.0, ..Slips::NONE });
    bench.config.count_tolerance = Some(0);
    bench.run("out");
    assert_eq!(faults(&bench), only(Stage::Structuring, Reason::OffTarget));
    let rejected: Vec<RejectedRow> = rows(&bench.out("out").join("rejected.jsonl"));
    for row in rejected {
        let wanted = row.row["constraints_wanted"].as_u64().unwrap();
        let found = row.row["x1"]["constraints"].as_array().unwrap().len() as u64;
        assert_eq!(row.detail.unwrap(), format!("{found} constraints, not {wanted}"));
    }
}

#[test]
fn a_refusal_is_an_answer_and_a_failure_is_not() {
    let refused = || ChatError::Refused { refusal: "No.".to_owned(), usage: Usage::default() };
    for (error, reason) in [
        (refused(), Reason::Refused),
        (ChatError::status(400, "The prompt was flagged by moderation.", None), Reason::Refused),
        (ChatError::status(400, "The prompt is too long.", None), Reason::InvalidRequest),
        (status(413), Reason::InvalidRequest),
    ] {
        let bench = Bench::new(5, Slips::NONE);
        let report = bench.run_with("out", move |_| Err(error.clone()));
        assert!(report.summary.complete && report.given_up.is_none());
        assert_eq!(faults(&bench), only(Stage::Expansion, reason));
        assert_eq!(report.summary.funnel[Stage::Expansion as usize].reasons[&reason], 5);
    }
    let bench = Bench::new(5, Slips::NONE);
    let failed = || ChatError::Malformed { path: "usage".to_owned(), reason: "missing".to_owned() };
    let report = bench.run_with("out", move |_| Err(failed()));
    assert!(!report.summary.complete && report.given_up.is_none());
    assert_eq!(faults(&bench), only(Stage::Expansion, Reason::NoAnswer));
}

#[test]
fn a_run_in_which_the_endpoint_refused_every_seed_is_not_complete() {
    // Too few for the endpoint to be given up.
    let bench = Bench::new(2, Slips::NONE);
    let report = bench.run_with("out", |_| Err(status(400)));
    assert!(!report.summary.complete);
    assert_eq!(faults(&bench), only(Stage::Expansion, Reason::NoAnswer));
    // Nothing of it is kept for good.
    assert_eq!(bench.run("out").summary.kept.sft, 2);
}

#[test]
fn a_setting_that_the_endpoint_refuses_ends_a_run_at_once() {
    let bench = Bench::new(200, Slips::NONE);
    let refusal = json!({"error": {"message": "no", "param": "seed", "code": "unsupported_parameter"}});
    let report = bench.run_with("out", move |_| Err(ChatError::status(400, &refusal.to_string(), None)));
    assert!(!report.summary.complete && report.given_up.unwrap().contains("status 400: no"));
    assert!(bench.asked.load(std::sync::atomic::Ordering::Relaxed) < 50);
}

/// Responses are all that is not JSON or a score.
fn with_reasoning(bench: &Bench, name: &str, before: &'static str) -> trace_synthesis::pipeline::RunReport {
    let model = std::sync::Arc::clone(&bench.model);
    bench.run_with(name, move |request| Ok(format!("{before}{}", model.answer(request))))
}

#[test]
fn responses_are_written_without_the_reasoning_before_them() {
    let bench = Bench::new(8, Slips::NONE);
    bench.run("plain");
    let completions = |name: &str| -> Vec<String> {
        let rows: Vec<trace_schema::CompletionRow> = rows(&bench.out(name).join("sft.jsonl"));
        rows.into_iter().map(|row| row.completion).collect()
    };
    let report = with_reasoning(&bench, "closed", "<think>\nOne, two.\n</think>\n\n");
    assert!(report.summary.complete && report.summary.reasoning.stripped > 8);
    with_reasoning(&bench, "half_open", "One, two.\n</think>\n\n");
    assert_eq!(completions("plain").len(), 8);
    assert_eq!(completions("plain"), completions("closed"));
    assert_eq!(completions("plain"), completions("half_open"));
    for file in ["sft.jsonl", "pairs.jsonl", "groups.jsonl"] {
        let text = std::fs::read_to_string(bench.out("closed").join(file)).unwrap();
        assert!(!text.contains("think>"), "{file}");
    }
}

#[test]
fn reasoning_can_be_kept_in_a_field_of_its_own() {
    let mut bench = Bench::new(8, Slips::NONE);
    bench.config.reasoning = trace_score::ReasoningMode::Separate;
    with_reasoning(&bench, "out", "<think>One, two.</think>");
    let groups: Vec<trace_schema::PreferenceGroup> = rows(&bench.out("out").join("groups.jsonl"));
    assert!(!groups.is_empty());
    for group in groups {
        let reasoning = group.provenance.and_then(|provenance| provenance.reasoning).unwrap();
        assert_eq!(reasoning.response.as_deref(), Some("One, two."));
        assert_eq!(reasoning.second_response.as_deref(), Some("One, two."));
        assert!(!group.y1.contains("think>") && !group.y2.contains("think>"));
    }
}

#[test]
fn a_response_that_ends_within_its_reasoning_is_rejected() {
    let bench = Bench::new(3, Slips::NONE);
    let model = std::sync::Arc::clone(&bench.model);
    bench.run_with("out", move |request| {
        let answer = model.answer(request);
        // Answers to the other questions are objects, or scores.
        Ok(if answer.contains('{') || answer.contains("[[") { answer } else { format!("<think>{answer}") })
    });
    assert_eq!(faults(&bench), only(Stage::Response, Reason::CutOff));
}

#[test]
fn a_response_that_the_model_did_not_end_is_rejected() {
    let other = |word: &str| FinishReason::Other(word.to_owned());
    for ended in [FinishReason::Length, FinishReason::ToolCalls, other("tool_use"), other("halted")] {
        let bench = Bench { ended, ..Bench::new(3, Slips::NONE) };
        bench.run("out");
        assert_eq!(faults(&bench), only(Stage::Response, Reason::CutOff), "{:?}", bench.ended);
    }
    for ended in [FinishReason::Unknown, other("eos"), other("END_TURN"), other("completed")] {
        let bench = Bench { ended, ..Bench::new(3, Slips::NONE) };
        bench.run("out");
        assert!(
            faults(&bench).iter().all(|(_, reason)| reason != Reason::CutOff.name()),
            "{:?}",
            bench.ended
        );
    }
}

#[test]
fn an_endpoint_that_never_answers_is_given_up() {
    let bench = Bench::new(500, Slips::NONE);
    let failed = || ChatError::Malformed { path: "usage".to_owned(), reason: "missing".to_owned() };
    let report = bench.run_with("out", move |_| Err(failed()));
    assert!(report.given_up.unwrap().contains("malformed at usage"));
    assert!(bench.asked.load(std::sync::atomic::Ordering::Relaxed) < 100);
    assert_eq!(report.summary.kept.rejected, 500);
}

#[test]
fn an_endpoint_that_takes_no_question_is_given_up_and_the_next_run_goes_on() {
    let bench = Bench::new(150, Slips::NONE);
    let report = bench.run_with("out", move |_| Err(status(400)));
    assert!(!report.summary.complete && report.given_up.unwrap().contains("status 400"));
    assert!(bench.asked.load(std::sync::atomic::Ordering::Relaxed) < 100);
    let report = bench.run("out");
    assert!(report.summary.complete && report.given_up.is_none());
    assert!(report.summary.kept.sft > 50);
}

#[test]
fn seeds_and_instructions_of_an_evaluation_set_are_not_trained_on() {
    let mut bench = Bench::new(30, Slips::NONE);
    bench.held_out = 10;
    bench.run("first");
    // The evaluation set of a run becomes one that another, over the same seeds, must keep apart from.
    std::fs::copy(bench.out("first").join("eval.jsonl"), bench.out("evaluation.jsonl")).unwrap();
    bench.config.similarity.threshold = 1.0;
    bench.run("out");
    let rejected: Vec<RejectedRow> = rows(&bench.out("out").join("rejected.jsonl"));
    let contaminated: Vec<&RejectedRow> =
        rejected.iter().filter(|row| row.reason == Reason::Contaminated.name()).collect();
    // The same seeds are held out again, and give the same instructions.
    assert!(contaminated.len() >= 10, "{rejected:?}");
    assert!(contaminated.iter().all(|row| row.detail.as_ref().unwrap().contains("evaluation.jsonl")));
    assert_eq!(rows::<serde_json::Value>(&bench.out("out").join("eval.jsonl")).len(), 0);
}

#[test]
fn prompts_of_completion_rows_are_kept_apart_from_too() {
    let mut bench = Bench::new(10, Slips::NONE);
    bench.run("first");
    let trained_on: Vec<serde_json::Value> = rows(&bench.out("first").join("sft.jsonl"));
    assert!(trained_on.len() > 5);
    std::fs::copy(bench.out("first").join("sft.jsonl"), bench.out("evaluation.jsonl")).unwrap();
    bench.config.similarity.threshold = 1.0;
    bench.run("out");
    assert_eq!(rows::<serde_json::Value>(&bench.out("out").join("sft.jsonl")).len(), 0);
    let fault = |fault: &(String, String)| fault.1 == Reason::Contaminated.name();
    assert!(faults(&bench).iter().any(fault));
}

#[test]
fn the_same_seed_twice_is_used_once() {
    let mut bench = Bench::new(6, Slips::NONE);
    let lines: Vec<String> = (0..6)
        .map(|number| {
            json!({"id": format!("{number}"), "instruction": "Name some things."}).to_string() + "\n"
        })
        .collect();
    std::fs::write(bench.out("seeds.jsonl"), lines.concat()).unwrap();
    bench.config.similarity.near_duplicates = true;
    assert_eq!(bench.run("out").summary.kept.sft, 1);
    assert!(faults(&bench).contains(&("seed".to_owned(), "near-duplicate".to_owned())));
}
