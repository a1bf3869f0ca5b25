//! Completion log-probs of recorded batches, per token and in sum.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Device, FloatDType};
use iopo_model::{CausalLm, Precision, load_model};
use iopo_train::MicroBatch;

use super::recorded::RecordedBatch;
use super::{Comparison, Report};
use crate::golden::Golden;

/// Replays `bN.*` through the token trie and the model.
///
/// Tolerances: token log-probs 2e-5; sums of several hundred tokens 5e-4 in f32 (the record itself
/// is 1.2e-4 from f64) and 1e-8 in f64; token counts exact.
pub fn run(file: &Path, model: &Path) -> Result<Report> {
    let golden = Golden::open(file)?;
    let device = Device::flex();
    let load = |dtype| load_model(model, Precision::uniform(dtype), &device);
    let (single, double) = (load(FloatDType::F32)?, load(FloatDType::F64)?);
    let mut report = Report::default();
    for name in golden.names()?.iter().filter_map(|name| name.strip_suffix(".input_ids")) {
        let recorded = RecordedBatch::read(&golden, name)?;
        let batch = MicroBatch::new(&recorded.sequences)?;
        let (ours32, ours64) = (token_log_probs(&single, &batch)?, token_log_probs(&double, &batch)?);
        report.comparisons.push(counts(&golden, name, &recorded)?);
        report.comparisons.push(per_token(&golden, name, &recorded, &ours32)?);
        for (what, ours, key, tolerance) in [
            ("sums, f32 against transformers f32", &ours32, "logps_f32", 5e-4),
            ("sums, f32 against f64", &ours32, "logps_f64", 5e-4),
            ("sums, f64 against f64", &ours64, "logps_f64", 1e-8),
        ] {
            let key = format!("{name}.{key}");
            let expected = golden.floats(&key)?;
            let mut comparison = Comparison::new(format!("{name} {what}"), tolerance, 0.0);
            for (tokens, &row) in ours.iter().zip(&recorded.rows) {
                comparison.push(tokens.iter().sum(), *row_of(&expected, row, &key)?);
            }
            report.comparisons.push(comparison);
        }
    }
    ensure!(!report.comparisons.is_empty(), "{}: no bN.input_ids", golden.path().display());
    Ok(report)
}

/// Each sequence's token log-probs, first completion token first.
fn token_log_probs(model: &CausalLm, batch: &MicroBatch) -> Result<Vec<Vec<f64>>> {
    let all = model.token_log_probs(batch.layout(), batch.predictions())?.try_into_vec_as::<f64>()?;
    let of = |ranges: &Vec<std::ops::Range<usize>>| {
        ranges.iter().flat_map(|range| all[range.clone()].to_vec()).collect()
    };
    Ok(batch.sequences().iter().map(of).collect())
}

fn counts(golden: &Golden, name: &str, recorded: &RecordedBatch) -> Result<Comparison> {
    let expected = golden.integers(&format!("{name}.valid_length"))?;
    let mut comparison = Comparison::exact(format!("{name} completion tokens"));
    for (sequence, &row) in recorded.sequences.iter().zip(&recorded.rows) {
        comparison.push(sequence.completion.len() as f64, *row_of(&expected, row, name)? as f64);
    }
    Ok(comparison)
}

fn per_token(golden: &Golden, name: &str, recorded: &RecordedBatch, ours: &[Vec<f64>]) -> Result<Comparison> {
    let key = format!("{name}.per_token_logps_f32");
    let (expected, shape) = (golden.floats(&key)?, golden.shape(&key)?);
    let [_, width] = shape[..] else {
        bail!("{key} has shape {shape:?}, expected rows and columns");
    };
    let mut comparison = Comparison::new(format!("{name} tokens, f32 against transformers f32"), 2e-5, 0.0);
    for (index, tokens) in ours.iter().enumerate() {
        // Column t of the record holds the log-prob of token t + 1.
        let start = recorded.rows[index] * width + recorded.first_completion[index] - 1;
        let recorded = expected.get(start..start + tokens.len());
        comparison.extend(tokens, recorded.with_context(|| format!("{key} is too short"))?);
    }
    Ok(comparison)
}

fn row_of<'a, T>(values: &'a [T], row: usize, name: &str) -> Result<&'a T> {
    values.get(row).with_context(|| format!("{name}: {} rows, row {row} is needed", values.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{find, root};

    #[test]
    fn log_probs_equal_the_recorded_ones() {
        let Some(path) = find("quad_logps_qwen2-tiny.safetensors") else { return };
        let report = run(&path, &root().join("fixtures/models/qwen2-tiny")).unwrap();
        assert!(report.passed(), "{report}");
    }

    #[test]
    fn another_model_breaks_parity() {
        let Some(path) = find("quad_logps_qwen2-tiny.safetensors") else { return };
        let report = run(&path, &root().join("fixtures/models/qwen2-tiny-tied")).unwrap();
        assert!(!report.passed());
    }
}
