//! What holds of the rows that are kept.

use std::collections::BTreeSet;

use serde_json::Value;
use trace_schema::{ConstraintOperation, EvalRow, PreferenceGroup, PreferencePair, RejectedRow};
use trace_synthesis::pipeline::{Checks, Stage};
use trace_synthesis::testing::Slips;
use trace_world::CountDistribution;

use crate::common::{Bench, rows};

#[test]
fn kept_rows_are_right_by_the_verifiers() {
    let mut bench = Bench::new(150, Slips::SOME);
    bench.held_out = 15;
    let report = bench.run("out");
    assert!(report.summary.complete, "{:?}", report.given_up);
    let out = bench.out("out");
    let right = |prompt: &str, response: &str| bench.model.task(prompt).unwrap().verdict(response).followed();

    let groups: Vec<PreferenceGroup> = rows(&out.join("groups.jsonl"));
    assert!(groups.len() > 60, "{} groups", groups.len());
    for group in &groups {
        let (x1, x2) = (group.x1.prompt(), group.x2.prompt());
        assert!(right(&x1, &group.y1) && right(&x2, &group.y2), "{group:?}");
        assert!(!right(&x1, &group.y2) && !right(&x2, &group.y1), "{group:?}");
        assert_eq!((&group.x1.description, &group.x1.input), (&group.x2.description, &group.x2.input));
    }
    let operations: BTreeSet<ConstraintOperation> = groups.iter().map(|group| group.operation).collect();
    assert_eq!(operations.len(), 3);

    let pairs: Vec<PreferencePair> = rows(&out.join("pairs.jsonl"));
    assert!(pairs.len() >= groups.len());
    for pair in &pairs {
        let prompt = pair.instruction.prompt();
        assert!(right(&prompt, &pair.chosen) && !right(&prompt, &pair.rejected), "{pair:?}");
    }
    let sft: Vec<Value> = rows(&out.join("sft.jsonl"));
    for row in &sft {
        assert!(right(row["prompt"].as_str().unwrap(), row["completion"].as_str().unwrap()), "{row}");
    }
    let evaluation: Vec<EvalRow> = rows(&out.join("eval.jsonl"));
    let prompts: BTreeSet<String> = evaluation.iter().map(EvalRow::prompt).collect();
    assert!(!prompts.is_empty() && prompts.iter().all(|prompt| bench.model.task(prompt).is_some()));
    let trained_on = groups.iter().flat_map(|group| [group.x1.prompt(), group.x2.prompt()]);
    let trained_on = trained_on.chain(sft.iter().map(|row| row["prompt"].as_str().unwrap().to_owned()));
    assert!(trained_on.into_iter().all(|prompt| !prompts.contains(&prompt)));
}

#[test]
fn no_seed_is_lost() {
    let mut bench = Bench::new(120, Slips::SOME);
    bench.held_out = 12;
    let summary = bench.run("out").summary;
    let out = bench.out("out");
    let rejected: Vec<RejectedRow> = rows(&out.join("rejected.jsonl"));
    let ids = |name: &str| -> BTreeSet<String> {
        let rows: Vec<Value> = rows(&out.join(name));
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let rejected_at = |stages: &[Stage]| -> BTreeSet<String> {
        let is_there = |row: &&RejectedRow| stages.iter().any(|stage| stage.name() == row.stage);
        rejected.iter().filter(is_there).map(|row| row.id.clone()).collect()
    };
    let (before, after) = Stage::ALL.split_at(Stage::WorseResponse as usize);
    let (worse, group) = after.split_at(1);
    let (sft, pairs, groups, evaluation) =
        (ids("sft.jsonl"), ids("pairs.jsonl"), ids("groups.jsonl"), ids("eval.jsonl"));
    assert_eq!(sft.len() + evaluation.len() + rejected_at(before).len(), 120);
    assert_eq!(&pairs | &rejected_at(worse), sft);
    assert_eq!(&groups | &rejected_at(group), sft);
    assert_eq!(pairs.len() + rejected_at(worse).len(), sft.len());
    assert_eq!(groups.len() + rejected_at(group).len(), sft.len());
    assert!(rejected.iter().all(|row| row.row["seed"]["id"] == row.id.as_str()));

    assert_eq!((summary.seeds, summary.kept.rejected), (120, rejected.len() as u64));
    let mut coming = summary.seeds;
    for stage in &summary.funnel[..=Stage::Evaluation as usize] {
        let arrived = match stage.stage {
            Stage::Response => coming - evaluation.len() as u64,
            _ => coming,
        };
        // Between structuring and evaluation, a row may be rejected at an earlier stage of a later attempt.
        assert!(stage.entered <= arrived && stage.entered >= arrived / 2, "{stage:?} after {coming}");
        coming = stage.entered - stage.rejected;
    }
    let drawn: u64 = summary.operations.values().map(|count| count.drawn).sum();
    assert_eq!(drawn, sft.len() as u64);
}

#[test]
fn instructions_have_about_as_many_constraints_as_were_drawn() {
    let mut bench = Bench::new(60, Slips::NONE);
    bench.held_out = 10;
    bench.config.counts = CountDistribution::between(3, 4);
    let summary = bench.run("out").summary;
    assert_eq!(summary.training.by_constraint_count, summary.training.by_wanted_count);
    assert_eq!(summary.training.by_constraint_count.keys().copied().collect::<Vec<_>>(), [3, 4]);
    assert_eq!(summary.evaluation.by_constraint_count.keys().copied().collect::<Vec<_>>(), [2, 3]);
    let constraints: u64 = summary.training.by_dimension.values().sum();
    let counted = |(count, rows): (&usize, &u64)| *count as u64 * rows;
    assert_eq!(constraints, summary.training.by_constraint_count.iter().map(counted).sum::<u64>());
}

#[test]
fn provenance_tells_how_a_row_was_made() {
    let bench = Bench::new(30, Slips::SOME);
    let summary = bench.run("out").summary;
    let groups: Vec<PreferenceGroup> = rows(&bench.out("out").join("groups.jsonl"));
    for group in groups {
        let provenance = group.provenance.unwrap();
        assert_eq!(provenance.source.as_deref(), Some("trace-build"));
        assert_eq!(provenance.source_id.as_ref(), Some(&group.id));
        assert_eq!(provenance.generator_model.as_deref(), Some("world"));
        assert_eq!((provenance.seed, provenance.prompt_hash.map(|hash| hash.len())), (Some(1), Some(64)));
        assert!((1..=2).contains(&provenance.attempts.unwrap()));
        // Expansion, structuring, two checks, y1 and its judgement, x2, y2 and its judgement, and the four pairs.
        assert!(provenance.prompt_tokens.unwrap() >= 100, "{:?}", provenance.prompt_tokens);
        assert!(provenance.completion_tokens.unwrap() > 300);
    }
    let calls: u64 = summary.funnel.iter().map(|stage| stage.calls).sum();
    assert_eq!(calls * 10, summary.generator.prompt_tokens + summary.judge.prompt_tokens);
}

#[test]
fn the_papers_checks_keep_groups_whose_second_response_fits_both() {
    let run = |checks: Checks| {
        let mut bench = Bench::new(200, Slips::NONE);
        bench.config.checks = checks;
        bench.run("out");
        let groups: Vec<PreferenceGroup> = rows(&bench.out("out").join("groups.jsonl"));
        let fits = |group: &&PreferenceGroup| {
            bench.model.task(&group.x1.prompt()).unwrap().verdict(&group.y2).followed()
        };
        groups.iter().filter(fits).count()
    };
    assert_eq!(run(Checks::STRICT), 0);
    assert!(run(Checks::PAPER) > 0);
}
