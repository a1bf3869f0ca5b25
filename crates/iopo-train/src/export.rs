//! An adapter merged into its model, checked before it is written.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, FloatDType};
use iopo_model::{CausalLm, Precision, TokenLayout, load_adapter, load_model, save_model};

use crate::answering::carry_over;
use crate::error::TrainError;
use crate::files::{
    create_folder, read_folder, remove_empty_folder, remove_folder, rename, sync_contents, sync_folder,
};

/// The measurements of the check, over all vocabulary entries of all probe tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportReport {
    /// Largest absolute difference between the logits of adapter and merged model.
    pub difference: f64,
    /// The tolerance for the float type written.
    pub tolerance: f64,
    /// Root mean square of the same difference.
    pub rms_difference: f64,
    /// Root mean square of what the adapter changes: its logits minus those of the model without it.
    pub effect: f64,
    /// Probe tokens compared.
    pub tokens: usize,
    /// What the user should know about the files, in sentences.
    pub notes: Vec<String>,
}

const PROBE_ROWS: usize = 4;
const PROBE_LENGTH: usize = 24;

/// Largest share of the adapter's effect that the merge may change.
///
/// A merge that rounds every update away stands at 1. Rounding errors are as good as independent of
/// the effect, so at one half four fifths of what the merged model changed, in squares, is what the
/// adapter learned.
const LOST_SHARE: f64 = 0.5;

/// Merges an adapter into its model and writes a Hugging Face folder, unless their logits differ.
///
/// Both are run on probe rows first, in f32, so that the rounding of the merged weights to `dtype`
/// is all that is compared. It must be small in two ways: against the largest logit, or the merge
/// is broken; and against what the adapter itself changes, or the export would quietly be the
/// model without it. Small updates to large bf16 weights fail the second one.
///
/// The folder is written beside `out` and renamed: a failed export leaves nothing.
///
/// # Errors
/// `out` holds something already, files that cannot be read or written, and logits that differ
/// beyond either tolerance.
pub fn export_merged(
    model: &Path,
    adapter: &Path,
    out: &Path,
    dtype: FloatDType,
    device: &Device,
) -> Result<ExportReport, TrainError> {
    if !read_folder(out)?.is_empty() {
        return Err(TrainError::at(
            out,
            "it is not empty; choose another folder to export to, or remove it first",
        ));
    }
    let base = load_model(model, Precision::default(), device)?;
    let adapted = load_adapter(base.clone(), adapter)?;
    let merged = adapted.clone().merge_lora().with_weights_as(dtype);
    let mut report = compare(&base, &adapted, &merged.clone().with_weights_as(FloatDType::F32), dtype)?;
    check(&report, adapter, dtype)?;
    let carried = write(&merged, model, adapter, out)?;
    if !carried.is_empty() {
        report.notes.push(format!("{} of the results: as the adapter has it", carried.join(" and ")));
    }
    Ok(report)
}

fn check(report: &ExportReport, adapter: &Path, dtype: FloatDType) -> Result<(), TrainError> {
    let &ExportReport { difference, tolerance, rms_difference, effect, .. } = report;
    // NaN fails both.
    if !is_within(difference, tolerance) {
        let reason = format!(
            "the merged model's logits differ from the adapter's by {difference:.2e}, more than {tolerance:.2e} for \
             {dtype:?} weights; nothing was exported"
        );
        return Err(TrainError::at(adapter, reason));
    }
    // An adapter that changes nothing has nothing to lose.
    if effect != 0.0 && !is_within(rms_difference, LOST_SHARE * effect) {
        let dtype = format!("{dtype:?}");
        return Err(TrainError::MergeLosesUpdate { difference: rms_difference, effect, dtype });
    }
    Ok(())
}

fn is_within(value: f64, limit: f64) -> bool {
    value <= limit
}

/// The share of the largest logit that rounding may change.
///
/// Weights keep 24, 11 or 8 bits. Errors of a layer add up over the layers, roughly as the root of
/// their number, and the largest of some million logits lies a few deviations out: so some tens of
/// units of the precision each.
fn relative_tolerance(dtype: FloatDType) -> f64 {
    match dtype {
        FloatDType::F64 | FloatDType::F32 => 1e-4,
        FloatDType::F16 => 1e-2,
        _ => 1e-1,
    }
}

fn compare(
    base: &CausalLm,
    adapted: &CausalLm,
    merged: &CausalLm,
    dtype: FloatDType,
) -> Result<ExportReport, TrainError> {
    let vocab = adapted.config().vocab_size;
    let (mut difference, mut largest) = (0.0_f64, 0.0_f64);
    let (mut squares, mut effect_squares, mut count) = (0.0, 0.0, 0);
    for row in 0..PROBE_ROWS {
        // Spread over the vocabulary without needing a tokenizer: steps of a large odd number.
        let tokens = (0..PROBE_LENGTH).map(|i| ((row + 1) * (i + 1) * 7_919 % vocab) as u32).collect();
        let layout = TokenLayout::sequence(tokens, 0)?;
        let (base, adapted) = (logits(base, &layout)?, logits(adapted, &layout)?);
        for ((base, adapted), merged) in base.into_iter().zip(adapted).zip(logits(merged, &layout)?) {
            let error: f64 = merged - adapted;
            // A NaN must survive the maximum, and stay: the maximum with it would be the number.
            let is_nan = difference.is_nan() || error.is_nan();
            difference = if is_nan { f64::NAN } else { difference.max(error.abs()) };
            largest = largest.max(adapted.abs());
            squares += error * error;
            effect_squares += (adapted - base) * (adapted - base);
            count += 1;
        }
    }
    let mean_root = |squares: f64| (squares / f64::from(count)).sqrt();
    Ok(ExportReport {
        difference,
        tolerance: relative_tolerance(dtype) * largest,
        rms_difference: mean_root(squares),
        effect: mean_root(effect_squares),
        tokens: PROBE_ROWS * PROBE_LENGTH,
        notes: base.notes().to_vec(),
    })
}

fn logits(model: &CausalLm, layout: &TokenLayout) -> Result<Vec<f64>, TrainError> {
    model
        .logits(model.hidden_states(layout)?)
        .try_into_vec_as::<f64>()
        .map_err(|error| TrainError::Device { what: "logits", reason: error.to_string() })
}

/// Writes the merged model; what training wrote beside the adapter outranks the model's own files.
fn write(
    merged: &CausalLm,
    source: &Path,
    adapter: &Path,
    out: &Path,
) -> Result<Vec<&'static str>, TrainError> {
    let temporary = beside(out);
    // Files of a killed export belong to another model.
    let result = remove_folder(&temporary)
        .and_then(|()| create_folder(&temporary))
        .and_then(|()| Ok(save_model(merged, source, &temporary)?))
        .and_then(|()| carry_over(adapter, &temporary))
        .and_then(|carried| {
            sync_contents(&temporary)?;
            // An empty folder may be in the way, which not every system replaces.
            remove_empty_folder(out)?;
            rename(&temporary, out)?;
            Ok(carried)
        });
    if result.is_err() {
        // The first failure is the one to report.
        let _ = remove_folder(&temporary);
        return result;
    }
    if let Some(parent) = out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_folder(parent)?;
    }
    result
}

fn beside(out: &Path) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!(".{name}.tmp"))
}
