//! Whole data sets: the same bytes, no overlap, valid rows, readable tasks.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use trace_schema::{ConstraintDimension, Record, UnknownLabels, to_json_line};
use trace_world::{
    Conditions, CountDistribution, DatasetConfig, EvaluationKind, HELD_OUT_PAIRS, Judge, MAX_ROWS, Rejection,
    Task, TaskSampler, Teacher, WorldDataset, WorldError,
};

/// The bytes of the data set below, on every machine.
const GOLDEN: &str = "a01ae59fdc686b0c3af8a0b315b95061ace867a47032bc5b9824f151d198f70b";

static DATA: LazyLock<WorldDataset> = LazyLock::new(|| generate(&DatasetConfig::new(600, 150, 11)));

fn generate(config: &DatasetConfig) -> WorldDataset {
    WorldDataset::generate(config).unwrap()
}

fn bytes(data: &WorldDataset) -> String {
    let mut text = to_json_line(&data.summary).unwrap();
    text.extend(data.sft.iter().map(|row| to_json_line(row).unwrap() + "\n"));
    text.extend(data.pairs.iter().map(|row| to_json_line(row).unwrap() + "\n"));
    text.extend(data.groups.iter().map(|row| to_json_line(row).unwrap() + "\n"));
    let rows = data.evaluation.iter().flat_map(|set| &set.rows);
    text.extend(rows.map(|row| to_json_line(row).unwrap() + "\n"));
    text
}

fn tasks(data: &WorldDataset, kind: EvaluationKind) -> Vec<Task> {
    let set = data.evaluation.iter().find(|set| set.kind == kind).unwrap();
    set.rows.iter().map(|row| Task::from_eval_row(row).unwrap()).collect()
}

#[test]
fn more_rows_than_a_data_set_may_have_are_refused_before_anything_is_made() {
    for wanted in [MAX_ROWS + 1, 1_000_000_000_000, usize::MAX] {
        for config in [DatasetConfig::new(wanted, 1, 1), DatasetConfig::new(1, wanted, 1)] {
            let error = WorldDataset::generate(&config).unwrap_err();
            assert!(matches!(error, WorldError::TooManyRows { .. }), "{error}");
            assert!(error.to_string().contains("1000000 at most"), "{error}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let small = DatasetConfig::new(60, 20, 11);
    assert_eq!(bytes(&generate(&small)), bytes(&generate(&small)));
    assert_ne!(bytes(&generate(&small)), bytes(&generate(&DatasetConfig { seed: 12, ..small })));
}

#[test]
fn the_bytes_are_those_of_every_other_machine() {
    assert_eq!(base16ct::lower::encode_string(&Sha256::digest(bytes(&DATA))), GOLDEN);
}

#[test]
fn rows_are_valid_and_as_many_as_asked_for() {
    assert_eq!((DATA.sft.len(), DATA.pairs.len(), DATA.groups.len()), (600, 600, 600));
    for (pair, group) in DATA.pairs.iter().zip(&DATA.groups) {
        pair.validate(UnknownLabels::Error).unwrap();
        group.validate(UnknownLabels::Error).unwrap();
    }
    for set in &DATA.evaluation {
        assert_eq!(set.rows.len(), 150);
        for row in &set.rows {
            row.validate(UnknownLabels::Error).unwrap();
        }
    }
}

#[test]
fn a_row_of_each_kind_is_about_the_same_instruction_and_response() {
    for ((sft, pair), group) in DATA.sft.iter().zip(&DATA.pairs).zip(&DATA.groups) {
        assert_eq!((&sft.prompt, &sft.completion), (&group.x1.prompt(), &group.y1));
        assert_eq!((&pair.instruction, &pair.chosen, &pair.id), (&group.x1, &group.y1, &group.id));
    }
}

#[test]
fn no_evaluation_prompt_is_trained_on_or_asked_twice() {
    let rows: Vec<String> =
        DATA.evaluation.iter().flat_map(|set| set.rows.iter().map(|row| row.prompt())).collect();
    let held: BTreeSet<&String> = rows.iter().collect();
    assert_eq!(held.len(), rows.len());
    for group in &DATA.groups {
        assert!(!held.contains(&group.x1.prompt()) && !held.contains(&group.x2.prompt()));
    }
    let trained: BTreeSet<&String> = DATA.sft.iter().map(|row| &row.prompt).collect();
    assert_eq!(trained.len(), DATA.sft.len());
    // The check finds something to remove, or it would prove nothing.
    assert!(DATA.summary.overlap_removed > 0);
    assert_eq!(DATA.summary.overlap_removed, DATA.summary.rejections.of(Rejection::InEvaluation));
    assert_eq!(DATA.summary.overlap, 0);
}

#[test]
fn evaluation_sets_ask_what_they_are_for() {
    let has_pair = |task: &Task| HELD_OUT_PAIRS.iter().any(|(one, other)| task.has(*one) && task.has(*other));
    let counts = |kind| tasks(&DATA, kind).iter().map(|task| task.clauses().len()).collect::<BTreeSet<_>>();
    assert_eq!(counts(EvaluationKind::Single), [1].into());
    assert_eq!(counts(EvaluationKind::Multi), [2, 3, 4, 5].into());
    assert_eq!(counts(EvaluationKind::Pairs), [2, 3, 4, 5].into());
    assert_eq!(counts(EvaluationKind::More), [6, 7].into());
    for kind in EvaluationKind::ALL {
        assert!(tasks(&DATA, kind).iter().all(|task| has_pair(task) == (kind == EvaluationKind::Pairs)));
    }
    for group in &DATA.groups {
        for instruction in [&group.x1, &group.x2] {
            assert!(instruction.constraints.len() <= 5);
            let has = |wanted: ConstraintDimension| {
                instruction.constraints.iter().any(|one| one.dimension == Some(wanted.into()))
            };
            assert!(HELD_OUT_PAIRS.iter().all(|(one, other)| !has(*one) || !has(*other)));
        }
    }
}

#[test]
fn every_dimension_and_type_is_trained_and_each_operation_occurs() {
    let summary = &DATA.summary;
    assert_eq!((summary.dimensions.len(), summary.types.len()), (24, 5));
    assert!(summary.dimensions.values().all(|count| *count >= 20), "{:?}", summary.dimensions);
    let operations = summary.operations;
    assert_eq!(operations.add + operations.delete + operations.revise, 600);
    assert!([operations.add, operations.delete, operations.revise].iter().all(|count| *count > 120));
}

#[test]
fn an_oracle_fills_the_matched_cells_alone() {
    let cells = DATA.summary.followed;
    assert_eq!((cells.x1_y1, cells.x2_y2, cells.x1_y2, cells.x2_y1), (600, 600, 0, 0));
}

#[test]
fn mistakes_of_teacher_and_judge_show_in_the_cells() {
    let config = DatasetConfig {
        teacher: Teacher { ignore: 0.25, confuse: 0.5 },
        judge: Judge { accepts_wrong: 0.3, rejects_right: 0.1 },
        conditions: Conditions::PAPER,
        ..DatasetConfig::new(300, 20, 1)
    };
    let summary = generate(&config).summary;
    assert!((150..295).contains(&summary.followed.x1_y1), "{:?}", summary.followed);
    assert!(summary.followed.x1_y2 > 0);
    assert!(summary.rejections.of(Rejection::FirstIsWrong) > 20);
    assert_eq!(summary.rejections.total(), summary.rejections.iter().map(|(_, count)| count).sum::<u64>());
}

#[test]
fn training_counts_follow_their_weights_in_spite_of_rejections() {
    let counts = CountDistribution::new(vec![1, 0, 2, 3]).unwrap();
    let sampler = TaskSampler::new(counts);
    let summary = generate(&DatasetConfig { sampler, ..DatasetConfig::new(1200, 20, 5) }).summary;
    let found = |count| summary.by_constraint_count.get(&count).copied().unwrap_or_default() as f64;
    assert_eq!(found(2), 0.0);
    let chi_square: f64 = [(1, 200.0), (3, 400.0), (4, 600.0)]
        .iter()
        .map(|(count, expected)| (found(*count) - expected).powi(2) / expected)
        .sum();
    // The 0.1 % quantile with 2 degrees of freedom.
    assert!(chi_square < 13.8, "{:?}", summary.by_constraint_count);
}

#[test]
fn any_writer_can_take_the_place_of_the_teacher() {
    let mut asked = 0;
    let config = DatasetConfig::new(20, 5, 3);
    let data = WorldDataset::generate_with(&config, &mut |task, rng| {
        asked += 1;
        Some(task.respond(rng))
    });
    assert_eq!(data.unwrap().groups.len(), 20);
    assert!(asked >= 40);
    let error = WorldDataset::generate_with(&config, &mut |_, _| None).unwrap_err();
    assert!(matches!(error, WorldError::TooFewRows { part: "training", made: 0, wanted: 20, .. }), "{error}");
}

#[test]
fn what_cannot_be_generated_is_an_error() {
    let config = DatasetConfig::new(10, 5, 1);
    let bad = [
        DatasetConfig { sampler: TaskSampler::new(CountDistribution::up_to(1)), ..config.clone() },
        DatasetConfig { teacher: Teacher { ignore: 1.5, confuse: 0.0 }, ..config.clone() },
        DatasetConfig { teacher: Teacher { ignore: 0.0, confuse: f64::NAN }, ..config.clone() },
        DatasetConfig { judge: Judge { accepts_wrong: -0.1, rejects_right: 0.0 }, ..config.clone() },
    ];
    for config in bad {
        assert!(matches!(WorldDataset::generate(&config), Err(WorldError::Sampler { .. })));
    }
    assert!(matches!(CountDistribution::new(vec![0, 0]), Err(WorldError::Sampler { .. })));
}
