//! Data.

use std::collections::BTreeSet;
use std::f64::consts::LN_2;
use std::path::Path;

use iopo_data::{EncodedExample, TextTokenizer};
use iopo_train::load_data;
use tempfile::tempdir;

use super::{fail, losses, run};
use crate::common::{config, fixture, tiny};

#[test]
fn max_samples_takes_the_first_rows_before_anything_else() {
    let load = |more: &[&str]| {
        let config = config(Path::new("unused"), more);
        load_data(&config, TextTokenizer::from_dir(tiny()).unwrap()).unwrap()
    };
    let all = load(&[]).train;
    assert_eq!(load(&["max_samples=3"]).train, all[..3]);
    // Rows are counted before a group becomes two pairs, in each file, and before the split.
    assert_eq!(load(&["stage=dpo", "max_samples=3"]).train.len(), 6);
    assert_eq!(load(&["dataset=[groups.jsonl, eval_groups.jsonl]", "max_samples=3"]).train.len(), 6);
    let split = load(&["max_samples=4", "val_size=0.5"]);
    let mut both = [split.train, split.held_out].concat();
    both.sort_by_key(|example| all.iter().position(|other| other == example));
    assert_eq!(both, all[..4]);
    assert_eq!(load(&["max_samples=99"]).train.len(), 24);
}

#[test]
fn both_pairs_of_a_group_are_held_out_together() {
    let config = config(Path::new("unused"), &["stage=dpo", "val_size=5"]);
    let data = load_data(&config, TextTokenizer::from_dir(tiny()).unwrap()).unwrap();
    assert_eq!((data.train.len(), data.held_out.len()), (38, 10));
    let responses = |examples: &[EncodedExample]| -> BTreeSet<BTreeSet<Vec<u32>>> {
        let of = |example: &EncodedExample| example.sequences().into_iter().map(|s| s.completion).collect();
        examples.iter().map(of).collect()
    };
    assert!(responses(&data.train).is_disjoint(&responses(&data.held_out)));
    assert_eq!((data.report.kept, data.held_out_report.unwrap().kept), (38, 10));
}

#[test]
fn val_size_is_a_share_rounded_up_or_a_number_of_rows() {
    let held_out = |size: &str| {
        let config = config(Path::new("unused"), &[size]);
        load_data(&config, TextTokenizer::from_dir(tiny()).unwrap()).unwrap().held_out.len()
    };
    assert_eq!(["val_size=0", "val_size=0.1", "val_size=1", "val_size=7"].map(held_out), [0, 3, 1, 7]);
}

#[test]
fn holding_every_row_out_is_refused() {
    let dir = tempdir().unwrap();
    let error = fail(dir.path(), &["val_size=4"]);
    assert_eq!(error.to_string(), "dataset: no example is left to train on: val_size 4 holds all 4 rows out");
}

#[test]
fn a_row_that_is_too_little_for_the_stage_is_named() {
    let dir = tempdir().unwrap();
    let data = format!("dataset_dir={}", fixture("golden/data").display());
    let error = fail(dir.path(), &[&data, "dataset=dpo_tiny"]);
    assert!(error.to_string().contains("dpo_tiny.json"), "{error}");
}

#[test]
fn bad_rows_stop_the_run_or_are_left_out_and_counted() {
    let dir = tempdir().unwrap();
    let good = |number: usize| format!("{{\"prompt\": \"q{number}\", \"completion\": \"a\", \"score\": 1}}");
    let broken = "{\"prompt\": \"q\", \"completion\": ";
    let rows = [&good(1), broken, &good(2), "{\"prompt\": \"q\", \"completion\": \"\"}", "", "7", &good(3)];
    std::fs::write(dir.path().join("rows.jsonl"), rows.join("\n") + "\n").unwrap();
    let data = format!("dataset_dir={}", dir.path().display());
    let load = |more: &str| {
        let config = config(Path::new("unused"), &["stage=sft", &data, "dataset=rows.jsonl", more]);
        load_data(&config, TextTokenizer::from_dir(tiny()).unwrap())
    };
    let error = load("bad_rows=stop").unwrap_err().to_string();
    assert!(error.starts_with("row 2 of "), "{error}");
    let data = load("bad_rows=skip").unwrap();
    assert_eq!((data.train.len(), data.skipped.count), (3, 3));
    let notices: Vec<String> = data.notices.iter().map(|notice| notice.text.clone()).collect();
    let [unused, skipped] = &notices[..] else { panic!("{notices:?}") };
    assert!(unused.starts_with("`score` is not used in 3 rows, first row 1 of "), "{unused}");
    assert!(skipped.starts_with("3 rows are left out, first: row 2 of "), "{skipped}");
    assert!(skipped.contains("row 4 of ") && skipped.contains("row 6 of "), "{skipped}");
}

#[test]
fn what_is_wrong_with_every_row_is_not_skipped() {
    let dir = tempdir().unwrap();
    std::fs::write(dir.path().join("rows.jsonl"), "{\"prompt\": \"q\", \"completion\": \"\"}\n".repeat(3))
        .unwrap();
    let data = format!("dataset_dir={}", dir.path().display());
    let error = |more: &[&str]| {
        let lines = [&[&*data, "dataset=rows.jsonl", "bad_rows=skip"], more].concat();
        load_data(&config(Path::new("unused"), &lines), TextTokenizer::from_dir(tiny()).unwrap())
            .unwrap_err()
            .to_string()
    };
    let all = error(&["stage=sft"]);
    assert!(all.contains("bad_rows skips all 3 rows, first: row 1 of "), "{all}");
    // Rows of another task are no bad rows.
    std::fs::write(dir.path().join("rows.jsonl"), "{\"prompt\": \"q\", \"completion\": \"a\"}\n".repeat(3))
        .unwrap();
    let task = error(&["stage=dpo"]);
    assert!(task.starts_with("row 1 of ") && task.contains("a preference pair"), "{task}");
}

#[test]
fn the_forks_own_files_train() {
    let dir = tempdir().unwrap();
    let data = format!("dataset_dir={}", fixture("golden/data").display());
    let lines = [&data, "dataset=iopo_tiny", "max_samples=1", "max_steps=1", "warmup_ratio=0.1"];
    let summary = run(dir.path(), &lines);
    assert!((losses(&summary)[0] - LN_2).abs() < 1e-6);
}
