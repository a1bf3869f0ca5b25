//! Checks on a few sequences that the numbers on disk are those of the reference.

use std::path::Path;

use burn::tensor::FloatDType;
use iopo_data::{EncodedExample, TokenSequence};
use iopo_model::CausalLm;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cache::Records;
use super::fingerprint::SequenceKey;
use crate::batch::{MicroBatch, sequence_log_probs};
use crate::error::TrainError;
use crate::step::scalar;

/// Sequences that are recomputed, one from each equal part of the data.
const PROBES: usize = 4;

/// The same ones in every run of the same data.
const SEED: u64 = 0x1090;

/// Deviations from the measured noise that chance explains: the largest of some thousand sequences
/// is about four from the mean, and the noise is measured on four only.
const DEVIATIONS: f64 = 8.0;

/// The tolerance between two computations of one log-prob in different batches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rounding {
    /// Per unit of log-prob.
    relative: f64,
    /// Per root of completion tokens: errors of single tokens are nearly independent.
    per_root_token: f64,
}

impl Rounding {
    pub(crate) fn of(self, log_prob: f64, tokens: usize) -> f64 {
        self.relative * (1.0 + log_prob.abs()) + self.per_root_token * (tokens as f64).sqrt()
    }
}

/// Largest difference, per unit of log-prob, that another order of summation makes.
///
/// f32 keeps 24 bits, and measured differences are a unit or two of the last place of a sum, some
/// 1e-7 of it; bf16 keeps 8 bits.
pub(crate) fn summation_order(weights: FloatDType) -> f64 {
    match weights {
        FloatDType::F64 | FloatDType::F32 => 1e-5,
        _ => 1e-2,
    }
}

/// Computes a few sequences with the model, and compares.
///
/// Each is computed alone and with the others. The difference is the effect of another batch on this
/// device (some round the factors of a product), and the tolerance includes it.
pub(super) fn probe(
    model: &CausalLm,
    examples: &[&EncodedExample],
    records: &Records,
    file: &Path,
) -> Result<Rounding, TrainError> {
    let sequences = spread(examples);
    let together = sums(model, &sequences)?;
    let mut rounding = Rounding { relative: summation_order(model.precision().weights), per_root_token: 0.0 };
    let mut alone = Vec::with_capacity(sequences.len());
    for (sequence, together) in sequences.iter().zip(together) {
        let value =
            scalar(sequence_log_probs(model, &MicroBatch::new(std::slice::from_ref(sequence))?)?.sum)?;
        let noise = (value - together).abs() / (sequence.completion.len() as f64).sqrt();
        rounding.per_root_token = rounding.per_root_token.max(DEVIATIONS * noise);
        alone.push(value);
    }
    for (sequence, live) in sequences.iter().zip(alone) {
        let cached = records.get(&SequenceKey::of(sequence)).copied().unwrap_or(f64::NAN);
        let tolerance = rounding.of(live, sequence.completion.len());
        // Written so that NaN fails.
        let agrees = (cached - live).abs() <= tolerance;
        if !agrees {
            return Err(TrainError::ReferenceDiffers { file: file.to_owned(), cached, live, tolerance });
        }
    }
    Ok(rounding)
}

fn sums(model: &CausalLm, sequences: &[TokenSequence]) -> Result<Vec<f64>, TrainError> {
    sequence_log_probs(model, &MicroBatch::new(sequences)?)?
        .sum
        .try_into_vec_as::<f64>()
        .map_err(|error| TrainError::Device { what: "log-probs", reason: error.to_string() })
}

/// One sequence from each of [`PROBES`] equal parts of all sequences.
fn spread(examples: &[&EncodedExample]) -> Vec<TokenSequence> {
    let total: usize = examples.iter().map(|example| example.num_sequences()).sum();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let bounds: Vec<usize> = (0..=PROBES).map(|part| part * total / PROBES).collect();
    let parts = bounds.windows(2).filter(|part| part[0] < part[1]);
    parts.filter_map(|part| nth_sequence(examples, rng.random_range(part[0]..part[1]))).collect()
}

fn nth_sequence(examples: &[&EncodedExample], mut index: usize) -> Option<TokenSequence> {
    for example in examples {
        if index < example.num_sequences() {
            return example.sequences().into_iter().nth(index);
        }
        index -= example.num_sequences();
    }
    None
}
