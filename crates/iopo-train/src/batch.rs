//! From a token trie to log-probs of tokens and sequences.

use std::ops::Range;

use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData};
use iopo_data::{TokenSequence, TokenTrie, TrieBatch};
use iopo_loss::CompletionLogProbs;
use iopo_model::{BackwardOptions, CausalLm, Predictions, SegmentSpan, TokenLayout};

use crate::error::TrainError;
use crate::log_probs::TokenLogProbs;

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

    /// Log-probs of every sequence's completion tokens from those of the predictions. Sequences that
    /// begin their completion alike share predictions.
    ///
    /// # Shapes
    /// - `predictions`: `[predictions]`
    #[must_use]
    pub fn by_token(&self, predictions: &Tensor<1>) -> TokenLogProbs {
        let values = predictions.clone().select(0, self.prediction_of_token(&predictions.device()));
        TokenLogProbs { values, lengths: self.completion_tokens() }
    }

    /// Loss weights of the predictions from those of the tokens, which add up where sequences share a
    /// prediction: the transpose of [`Self::by_token`].
    ///
    /// # Shapes
    /// - `tokens`: `[tokens of all completions]`
    /// - result: `[predictions]`
    #[must_use]
    pub fn by_prediction(&self, tokens: Tensor<1>) -> Tensor<1> {
        let device = tokens.device();
        let zeros = Tensor::zeros([self.predictions.targets.len()], (&device, tokens.dtype()));
        zeros.select_assign(0, self.prediction_of_token(&device), tokens, IndexingUpdateOp::Add)
    }

    /// The prediction of each completion token, sequence after sequence.
    fn prediction_of_token(&self, device: &Device) -> Tensor<1, Int> {
        let indices: Vec<i64> =
            self.trie.sequences.iter().flatten().cloned().flatten().map(|index| index as i64).collect();
        let length = indices.len();
        Tensor::from_data(TensorData::new(indices, [length]), device)
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

/// The log-probs of every completion token given its prompt and the tokens before it, without a tape.
///
/// # Errors
/// Token ids outside the model's vocabulary.
pub fn token_log_probs(model: &CausalLm, batch: &MicroBatch) -> Result<TokenLogProbs, TrainError> {
    let head_chunk = BackwardOptions::new(model.config().vocab_size).head_chunk;
    let predictions = model.token_log_prob_values(&batch.layout, &batch.predictions, head_chunk)?;
    Ok(batch.by_token(&predictions))
}

/// The log-prob of each sequence's completion given its prompt, in the order of the batch.
///
/// Values without a tape; gradients come from [`micro_step`](crate::micro_step).
///
/// # Shapes
/// - sums and token counts: `[sequences]`
///
/// # Errors
/// Token ids outside the model's vocabulary.
pub fn sequence_log_probs(model: &CausalLm, batch: &MicroBatch) -> Result<CompletionLogProbs, TrainError> {
    token_log_probs(model, batch)?.sums()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two completions that share their first token, and a third alone.
    fn batch() -> MicroBatch {
        let sequence = |prompt: &[u32], completion: &[u32]| TokenSequence {
            prompt: prompt.to_vec(),
            completion: completion.to_vec(),
        };
        let sequences = [sequence(&[1, 2], &[3, 4, 9]), sequence(&[1, 2], &[3, 5]), sequence(&[7], &[8, 9])];
        MicroBatch::new(&sequences).unwrap()
    }

    fn column(values: &[f32]) -> Tensor<1> {
        Tensor::from_data(TensorData::from(values), &Device::flex())
    }

    fn numbers(values: Tensor<1>) -> Vec<f64> {
        values.try_into_vec_as::<f64>().unwrap()
    }

    #[test]
    fn a_shared_prediction_is_a_token_of_every_sequence_and_has_the_sum_of_their_weights() {
        let batch = batch();
        assert_eq!(batch.predictions().targets, [3, 4, 9, 5, 8, 9]);
        let tokens = batch.by_token(&column(&[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]));
        assert_eq!(numbers(tokens.values), [-1.0, -2.0, -3.0, -1.0, -4.0, -5.0, -6.0]);
        assert_eq!(tokens.lengths, [3, 2, 2]);
        let weights = batch.by_prediction(column(&[1.0, 2.0, 3.0, 10.0, 20.0, 100.0, 200.0]));
        assert_eq!(numbers(weights), [11.0, 2.0, 3.0, 20.0, 100.0, 200.0]);
    }
}
