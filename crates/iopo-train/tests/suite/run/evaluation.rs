//! Evaluation.

use std::path::Path;

use burn::tensor::Device;
use iopo_train::Trainer;
use tempfile::tempdir;

use super::{LEFT_OVER, lines, run, short};
use crate::common::{config, trained_adapter};

fn evaluated(out: &Path) -> Vec<u64> {
    lines(out)
        .iter()
        .filter(|line| line["eval_loss"].is_number())
        .map(|line| line["step"].as_u64().unwrap())
        .collect()
}

#[test]
fn held_out_rows_are_evaluated_by_updates_by_epochs_and_at_the_end() {
    for (lines, steps) in [
        (&["val_size=1", "eval_strategy=steps", "eval_steps=4"][..], &[4, 6][..]),
        // Three groups in batches of two: an epoch is two updates.
        (&["val_size=1", "eval_strategy=epoch", "max_steps=5"], &[2, 4, 5]),
        (&["eval_dataset=eval_groups.jsonl", "eval_strategy=steps", "eval_steps=99"], &[6]),
        (&["val_size=1"], &[]),
    ] {
        let dir = tempdir().unwrap();
        let summary = run(dir.path(), lines);
        assert_eq!(evaluated(dir.path()), steps, "{lines:?}");
        assert_eq!(summary.evaluation.is_some(), !steps.is_empty());
    }
}

#[test]
fn epochs_that_end_within_an_update_are_noticed() {
    let dir = tempdir().unwrap();
    run(dir.path(), &LEFT_OVER);
    assert_eq!(evaluated(dir.path()), [2, 3, 5, 6]);
}

#[test]
fn an_evaluation_does_not_depend_on_its_batches() {
    let dir = tempdir().unwrap();
    let evaluate = |size: &str| {
        let sft = format!("adapter_name_or_path={}", trained_adapter().display());
        let config = config(dir.path(), &short(&[size, "stage=sft", &sft]));
        let trainer = Trainer::new(config, &Device::flex()).unwrap();
        trainer.evaluate(&trainer.data().train).unwrap().get("loss").unwrap()
    };
    let [one, three, all] =
        ["per_device_eval_batch_size=1", "per_device_eval_batch_size=3", "per_device_eval_batch_size=9"]
            .map(evaluate);
    assert!((one - all).abs() < 1e-6 * all && (three - all).abs() < 1e-6 * all, "{one} {three} {all}");
}
