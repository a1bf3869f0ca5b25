//! From a token trie to per-sequence log-probs.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use iopo_data::{TokenSequence, TokenTrie, TrieBatch};
use iopo_loss::CompletionLogProbs;
use iopo_model::{BackwardOptions, CausalLm, Predictions, SegmentSpan, TokenLayout};

use crate::error::TrainError;

/// Sequences that go through the model together.
#[derive(Debug, Clone)]
pub struct MicroBatch {
    trie: TrieBatch,
    layout: TokenLayout,
    predictions: Predictions,
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
        let span = |s: &iopo_data::Segment| SegmentSpan { range: s.range.clone(), parent: s.parent };
        let segments = trie.segments.iter().map(span).collect();
        let (sources, targets) = trie.predictions.iter().map(|p| (p.source, p.target)).unzip();
        Ok(Self {
            layout: TokenLayout::new(trie.tokens.clone(), trie.positions.clone(), segments)?,
            predictions: Predictions { sources, targets },
            trie,
        })
    }

    /// One of the sequences as a batch of its own.
    ///
    /// # Errors
    /// There is no such sequence.
    pub fn sequence(&self, index: usize) -> Result<Self, TrainError> {
        Self::new(&[self.token_sequence(index)])
    }

    /// The tokens of one of the sequences; none where there is no such sequence.
    pub(crate) fn token_sequence(&self, index: usize) -> TokenSequence {
        let mut prompt = self.trie.sequence_tokens(index);
        let completion = prompt.split_off(prompt.len() - self.trie.completion_tokens(index));
        TokenSequence { prompt, completion }
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
        &self.trie.sequences
    }

    /// Number of sequences.
    #[must_use]
    pub fn num_sequences(&self) -> usize {
        self.trie.num_sequences()
    }

    /// Number of tokens that the model computes.
    #[must_use]
    pub fn num_tokens(&self) -> usize {
        self.layout.num_tokens()
    }

    /// Completion tokens of each sequence.
    #[must_use]
    pub fn completion_tokens(&self) -> Vec<usize> {
        (0..self.num_sequences()).map(|index| self.trie.completion_tokens(index)).collect()
    }

    /// Sums over each sequence's completion of values that stand for predictions.
    ///
    /// # Shapes
    /// - `tokens`: `[predictions]`
    /// - result: `[sequences]`
    #[must_use]
    pub fn sum_by_sequence(&self, tokens: &Tensor<1>) -> Tensor<1> {
        let sum = |ranges: &Vec<Range<usize>>| {
            let parts =
                ranges.iter().map(|range| tokens.clone().narrow(0, range.start, range.len())).collect();
            Tensor::cat(parts, 0).sum()
        };
        Tensor::cat(self.trie.sequences.iter().map(sum).collect(), 0)
    }

    /// Each prediction's weight, where each sequence has one: the transpose of [`Self::sum_by_sequence`].
    #[must_use]
    pub fn weights_by_prediction(&self, by_sequence: &[f64]) -> Vec<f64> {
        let mut weights = vec![0.0; self.predictions.targets.len()];
        for (ranges, weight) in self.trie.sequences.iter().zip(by_sequence) {
            for prediction in ranges.iter().cloned().flatten() {
                weights[prediction] += weight;
            }
        }
        weights
    }

    /// Sums of token log-probs with the completions' lengths, as losses take them.
    pub(crate) fn log_probs(&self, sum: Tensor<1>) -> Result<CompletionLogProbs, TrainError> {
        let counts: Vec<f64> = self.completion_tokens().into_iter().map(|n| n as f64).collect();
        let counts = TensorData::new(counts, [self.num_sequences()]);
        let counts = Tensor::from_data(counts, (&sum.device(), sum.dtype()));
        Ok(CompletionLogProbs::new(sum, counts)?)
    }
}

/// Tokens that the model computes for these sequences alone: what they share counts once.
///
/// # Errors
/// A sequence without prompt or completion.
pub(crate) fn trie_tokens(sequences: &[TokenSequence]) -> Result<usize, TrainError> {
    let mut trie = TokenTrie::new();
    sequences.iter().try_for_each(|sequence| trie.insert(sequence))?;
    Ok(trie.num_tokens())
}

/// The log-probability of each sequence's completion given its prompt, in the order of the batch.
///
/// ```text
/// log π(y|x) = Σ_t log π(y_t | x, y_<t)
/// ```
///
/// Values without a tape; gradients come from [`micro_step`](crate::micro_step).
///
/// # Shapes
/// - sums and token counts: `[sequences]`
///
/// # Errors
/// Token ids outside the model's vocabulary.
pub fn sequence_log_probs(model: &CausalLm, batch: &MicroBatch) -> Result<CompletionLogProbs, TrainError> {
    let head_chunk = BackwardOptions::new(model.config().vocab_size).head_chunk;
    let tokens = model.token_log_prob_values(&batch.layout, &batch.predictions, head_chunk)?;
    batch.log_probs(batch.sum_by_sequence(&tokens))
}
