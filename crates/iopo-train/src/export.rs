//! An adapter merged into its model, checked before it is written.

use std::path::Path;

use burn::tensor::{Device, FloatDType};
use iopo_model::{CausalLm, Precision, TokenLayout, load_adapter, load_model, save_model};

use crate::error::TrainError;

/// What the check saw.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportReport {
    /// Largest absolute difference between the logits of adapter and merged model.
    pub difference: f64,
    /// What is allowed for the float type written.
    pub tolerance: f64,
    /// Probe tokens compared.
    pub tokens: usize,
}

const PROBE_ROWS: usize = 4;
const PROBE_LENGTH: usize = 24;

/// Merges an adapter into its model and writes a Hugging Face folder, unless their logits differ.
///
/// Both are run on probe rows first. The merged weights are rounded to `dtype`, so the tolerance
/// is a few units of its precision; rounding that eats the adapter's update is caught here
/// rather than in production.
///
/// # Errors
/// Files that cannot be read or written, and logits that differ beyond the tolerance.
pub fn export_merged(
    model: &Path,
    adapter: &Path,
    out: &Path,
    dtype: FloatDType,
    device: &Device,
) -> Result<ExportReport, TrainError> {
    let precision = |weights| Precision { weights, adapter: FloatDType::F32, loss: FloatDType::F32 };
    let adapted = load_adapter(load_model(model, precision(FloatDType::F32), device)?, adapter)?;
    let merged = adapted.clone().merge_lora().with_weights_as(dtype);
    let report = compare(&adapted, &merged, tolerance(dtype))?;
    if report.difference.is_nan() || report.difference > report.tolerance {
        let ExportReport { difference, tolerance, .. } = report;
        return Err(TrainError::MergeDiffers { difference, tolerance, dtype: format!("{dtype:?}") });
    }
    save_model(&merged, model, out)?;
    Ok(report)
}

/// Relative to logits of order ten: f32 keeps seven digits of them, bf16 between two and three.
fn tolerance(dtype: FloatDType) -> f64 {
    match dtype {
        FloatDType::F64 | FloatDType::F32 => 1e-3,
        FloatDType::F16 => 5e-2,
        _ => 5e-1,
    }
}

fn compare(adapted: &CausalLm, merged: &CausalLm, tolerance: f64) -> Result<ExportReport, TrainError> {
    let vocab = adapted.config().vocab_size;
    let mut difference: f64 = 0.0;
    for row in 0..PROBE_ROWS {
        // Spread over the vocabulary without needing a tokenizer: steps of a large odd number.
        let tokens = (0..PROBE_LENGTH).map(|i| ((row + 1) * (i + 1) * 7_919 % vocab) as u32).collect();
        let layout = TokenLayout::sequence(tokens, 0)?;
        let logits = |model: &CausalLm| -> Result<Vec<f64>, TrainError> {
            model
                .logits(model.hidden_states(&layout)?)
                .try_into_vec_as::<f64>()
                .map_err(|error| TrainError::Device { what: "logits", reason: error.to_string() })
        };
        for (a, b) in logits(adapted)?.into_iter().zip(logits(merged)?) {
            // A NaN must survive the maximum.
            difference = if (a - b).is_nan() { f64::NAN } else { difference.max((a - b).abs()) };
        }
    }
    Ok(ExportReport { difference, tolerance, tokens: PROBE_ROWS * PROBE_LENGTH })
}
