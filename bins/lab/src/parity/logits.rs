//! Logits of whole sequences, against transformers in f32 and a plain forward pass in f64.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, FloatDType};
use iopo_model::{CausalLm, Precision, SegmentSpan, TokenLayout, load_model};

use super::{Comparison, Report};
use crate::golden::Golden;

/// Replays `seqN.{input_ids, position_ids, logits_f32, logits_f64}` through the model in `model`.
///
/// Tolerances: f32 1e-5 absolute, 3e-5 where positions pass 4,096 (the reference's rotation
/// angles are f32 and lose their digits there); f64 1e-9.
pub fn run(file: &Path, model: &Path) -> Result<Report> {
    let golden = Golden::open(file)?;
    let device = Device::flex();
    let load = |dtype| load_model(model, Precision::uniform(dtype), &device);
    let (single, double) = (load(FloatDType::F32)?, load(FloatDType::F64)?);
    let mut report = Report::default();
    for name in golden.names()?.iter().filter_map(|name| name.strip_suffix(".input_ids")) {
        let tokens = golden.tokens(&format!("{name}.input_ids"))?;
        let positions = golden.tokens(&format!("{name}.position_ids"))?;
        let far = positions.iter().any(|&position| position > 4_096);
        let segments = vec![SegmentSpan { range: 0..tokens.len(), parent: None }];
        let layout = TokenLayout::new(tokens, positions, segments).context(name.to_owned())?;
        let (ours32, ours64) = (logits(&single, &layout)?, logits(&double, &layout)?);
        let single_tolerance = if far { 3e-5 } else { 1e-5 };
        for (what, ours, key, tolerance) in [
            ("f32 against transformers f32", &ours32, "logits_f32", single_tolerance),
            ("f32 against f64", &ours32, "logits_f64", single_tolerance),
            ("f64 against f64", &ours64, "logits_f64", 1e-9),
        ] {
            let mut comparison = Comparison::new(format!("{name} {what}"), tolerance, 0.0);
            comparison.extend(ours, &golden.floats(&format!("{name}.{key}"))?);
            report.comparisons.push(comparison);
        }
    }
    ensure!(!report.comparisons.is_empty(), "{}: no seqN.input_ids", golden.path().display());
    Ok(report)
}

fn logits(model: &CausalLm, layout: &TokenLayout) -> Result<Vec<f64>> {
    Ok(model.logits(model.hidden_states(layout)?).try_into_vec_as::<f64>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{find, root};

    #[test]
    fn logits_equal_the_recorded_ones() {
        for (file, model) in [
            ("logits_qwen2-tiny.safetensors", "qwen2-tiny"),
            ("logits_llama3-tiny.safetensors", "llama3-tiny"),
            ("logits_qwen2-tiny.safetensors", "qwen2-tiny-hf5"),
        ] {
            let Some(path) = find(file) else { continue };
            let report = run(&path, &root().join("fixtures/models").join(model)).unwrap();
            assert!(report.passed(), "{model}\n{report}");
        }
    }

    #[test]
    fn another_model_breaks_parity() {
        let Some(path) = find("logits_qwen2-tiny.safetensors") else { return };
        let report = run(&path, &root().join("fixtures/models/qwen2-tiny-tied")).unwrap();
        assert!(!report.passed());
    }
}
