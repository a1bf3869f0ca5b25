//! From a token trie to per-sequence log-probs.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use iopo_data::{TokenSequence, TrieBatch};
use iopo_loss::CompletionLogProbs;
use iopo_model::{CausalLm, Predictions, SegmentSpan, TokenLayout};

use crate::error::TrainError;

/// Sequences that go through the model together.
#[derive(Debug, Clone)]
pub struct MicroBatch {
    layout: TokenLayout,
    predictions: Predictions,
    sequences: Vec<Vec<Range<usize>>>,
}

impl MicroBatch {
    /// Lays out sequences; equal prefixes are computed once.
    ///
    /// # Errors
    /// No sequence, or one without prompt or completion.
    pub fn new(sequences: &[TokenSequence]) -> Result<Self, TrainError> {
        Self::from_trie(TrieBatch::from_sequences(sequences)?)
    }

    /// Takes a layout that was made before.
    ///
    /// # Errors
    /// A layout that contradicts itself.
    pub fn from_trie(trie: TrieBatch) -> Result<Self, TrainError> {
        let segments =
            trie.segments.into_iter().map(|s| SegmentSpan { range: s.range, parent: s.parent }).collect();
        let (sources, targets) = trie.predictions.iter().map(|p| (p.source, p.target)).unzip();
        Ok(Self {
            layout: TokenLayout::new(trie.tokens, trie.positions, segments)?,
            predictions: Predictions { sources, targets },
            sequences: trie.sequences,
        })
    }

    /// Tokens, positions and segments.
    #[must_use]
    pub fn layout(&self) -> &TokenLayout {
        &self.layout
    }

    /// Which position predicts which completion token.
    #[must_use]
    pub fn predictions(&self) -> &Predictions {
        &self.predictions
    }

    /// The predictions that make up each sequence's completion, first token first.
    #[must_use]
    pub fn sequences(&self) -> &[Vec<Range<usize>>] {
        &self.sequences
    }

    /// Number of sequences.
    #[must_use]
    pub fn num_sequences(&self) -> usize {
        self.sequences.len()
    }

    /// Number of tokens that the model computes.
    #[must_use]
    pub fn num_tokens(&self) -> usize {
        self.layout.num_tokens()
    }

    /// Completion tokens of each sequence.
    #[must_use]
    pub fn completion_tokens(&self) -> Vec<usize> {
        self.sequences.iter().map(|ranges| ranges.iter().map(Range::len).sum()).collect()
    }
}

/// The log-probability of each sequence's completion given its prompt, in the order of the batch.
///
/// ```text
/// log π(y|x) = Σ_t log π(y_t | x, y_<t)
/// ```
///
/// # Shapes
/// - sums and token counts: `[sequences]`
///
/// # Errors
/// Token ids outside the model's vocabulary.
pub fn sequence_log_probs(model: &CausalLm, batch: &MicroBatch) -> Result<CompletionLogProbs, TrainError> {
    let tokens = model.token_log_probs(&batch.layout, &batch.predictions)?;
    let sums = batch.sequences.iter().map(|ranges| sum_over(&tokens, ranges)).collect();
    let sum = Tensor::cat(sums, 0);
    let counts: Vec<f64> = batch.completion_tokens().into_iter().map(|n| n as f64).collect();
    let counts = TensorData::new(counts, [batch.num_sequences()]);
    let counts = Tensor::from_data(counts, (&sum.device(), sum.dtype()));
    Ok(CompletionLogProbs::new(sum, counts)?)
}

fn sum_over(tokens: &Tensor<1>, ranges: &[Range<usize>]) -> Tensor<1> {
    let parts = ranges.iter().map(|range| tokens.clone().narrow(0, range.start, range.len())).collect();
    Tensor::cat(parts, 0).sum()
}
