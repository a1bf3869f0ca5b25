//! Gradients of weighted log-probs, at the memory of one layer and a few rows of scores.
//!
//! A loss sees the model only through log-probs, so its gradient is that of `Σ_p c_p log p_p`
//! with numbers `c_p` that are known once the log-probs are. That lets the backward pass be cut
//! into pieces, each with a short tape of its own:
//!
//! ```text
//! tokens ─→ layers ─→ x ─→ rows that predict ─→ norm, head, log-softmax ─→ log p ─→ c
//!                     ↑                                     │ in chunks of rows
//!                     └────────────── ∂/∂x ←────────────────┘
//! ```
//!
//! No tensor of size `[tokens, vocab]` exists. Where norm and head are frozen, one pass over a
//! chunk gives both `log p` and its gradient, which `c` only scales.

use burn::module::Module;
use burn::tensor::{Gradients, IndexingUpdateOp, Int, Tensor};

use crate::causal_lm::CausalLm;
use crate::cpu;
use crate::decoder::{Activations, DecoderLayer};
use crate::error::LayoutError;
use crate::layout::{Predictions, TokenLayout};
use crate::parameters::{NamedTensor, Parameters, take_layer_gradients};
use crate::rope::RotaryEmbedding;

/// How a backward pass trades time for memory; every choice gives the same gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackwardOptions {
    /// Keep only each layer's input on the way forward, and compute the layer again on the way back.
    pub checkpointing: bool,
    /// Compute the outputs of norms and gates again on the way back, rather than keep them: a few passes over
    /// memory against a third of the activations. CPU kernels only; other devices keep them.
    pub recompute_activations: bool,
    /// How many predictions' scores over the vocabulary exist at a time; at least 1.
    pub head_chunk: usize,
}

/// Scores that exist at a time at most: 64 MiB of f32, of which a handful of copies exist at once.
const SCORES: usize = 16 << 20;

/// Rows that go through the feed-forward part at a time where layers are computed again. Enough for
/// fast products; what is kept for the gradient then no longer grows with the batch.
const FEED_FORWARD_ROWS: usize = 256;

impl BackwardOptions {
    /// Keeps all activations; scores take a few dozen megabytes at a time at most.
    #[must_use]
    pub fn new(vocab_size: usize) -> Self {
        // More rows would make products no faster.
        Self {
            checkpointing: false,
            recompute_activations: false,
            head_chunk: (SCORES / vocab_size.max(1)).clamp(16, 256),
        }
    }
}

impl CausalLm {
    /// Log-probs of the predicted tokens, without a tape and with few scores at a time.
    ///
    /// The values are those of [`CausalLm::token_log_probs`].
    ///
    /// # Shapes
    /// - result: `[predictions]`
    ///
    /// # Errors
    /// A token id outside the vocabulary, or a source outside the layout.
    pub fn token_log_prob_values(
        &self,
        layout: &TokenLayout,
        predictions: &Predictions,
        head_chunk: usize,
    ) -> Result<Tensor<1>, LayoutError> {
        predictions.check(layout.num_tokens(), self.config().vocab_size)?;
        let plain = self.valid();
        let output = plain.decode_in_parts(layout, &plain.rotary(layout), |_| {})?;
        let rows = output.select(0, predictions.source_indices(&plain.device()));
        let values = chunks(predictions.targets.len(), head_chunk)
            .map(|(start, length)| plain.tail_values(&rows, predictions, start, length))
            .collect();
        Ok(Tensor::cat(values, 0))
    }

    /// Gradients of `Σ_p c_p log p_p` for the trained parameters, with `c = weigh(log p)`.
    ///
    /// `weigh` gets the log-probs, without a tape, and returns a weight for each, and whatever else
    /// it found, which is handed back. `sink` gets the gradients in pieces: a parameter's gradient
    /// is the sum of all that come under its name.
    ///
    /// # Shapes
    /// - log-probs and weights: `[predictions]`
    ///
    /// # Errors
    /// A token id outside the vocabulary, a source outside the layout, and whatever `weigh` returns.
    pub fn differentiate<T, E: From<LayoutError>>(
        &self,
        layout: &TokenLayout,
        predictions: &Predictions,
        options: BackwardOptions,
        weigh: impl FnOnce(Tensor<1>) -> Result<(Tensor<1>, T), E>,
        sink: &mut dyn FnMut(NamedTensor),
    ) -> Result<T, E> {
        predictions.check(layout.num_tokens(), self.config().vocab_size)?;
        let rope = self.rotary(layout);
        let (output, forward) = match options.checkpointing {
            true => {
                let mut inputs = Vec::with_capacity(self.model.layers.len());
                let output =
                    self.valid().decode_in_parts(layout, &rope, |input| inputs.push(input.clone()))?;
                (output, Forward::Inputs(inputs))
            }
            false => {
                let activations = match options.recompute_activations {
                    true => Activations::Recompute,
                    false => Activations::Keep,
                };
                let output = self.decode_with(layout, &rope, activations)?;
                (output.clone().without_autodiff(), Forward::Tape(output))
            }
        };
        let (upstream, found) = self.tail_gradient(output, predictions, options, weigh, sink)?;
        self.backward_layers(forward, upstream, layout, &rope, sink)?;
        Ok(found)
    }

    /// The gradient for the last layer's output.
    fn tail_gradient<T, E>(
        &self,
        output: Tensor<2>,
        predictions: &Predictions,
        options: BackwardOptions,
        weigh: impl FnOnce(Tensor<1>) -> Result<(Tensor<1>, T), E>,
        sink: &mut dyn FnMut(NamedTensor),
    ) -> Result<(Tensor<2>, T), E> {
        let sources = predictions.source_indices(&output.device());
        let rows = output.clone().select(0, sources.clone());
        let (upstream, found) = if self.tail_is_frozen() {
            self.scaled_tail_gradients(&rows, predictions, options.head_chunk, weigh)?
        } else {
            self.trained_tail_gradients(&rows, predictions, options, weigh, sink)?
        };
        // One position may predict several tokens: their gradients add up.
        Ok((output.zeros_like().select_assign(0, sources, upstream, IndexingUpdateOp::Add), found))
    }

    /// The last layer's output, without a tape and with few rows of a feed-forward part at a time; `visit` sees
    /// every layer's input.
    fn decode_in_parts(
        &self,
        layout: &TokenLayout,
        rope: &RotaryEmbedding,
        mut visit: impl FnMut(&Tensor<2>),
    ) -> Result<Tensor<2>, LayoutError> {
        let mut x = self.embed(layout)?;
        for layer in &self.model.layers {
            visit(&x);
            let middle = layer.attend(x, rope, layout, Activations::Keep);
            let part = |(start, length)| {
                layer.feed_forward(middle.clone().narrow(0, start, length), Activations::Keep)
            };
            x = Tensor::cat(chunks(middle.dims()[0], FEED_FORWARD_ROWS).map(part).collect(), 0);
        }
        Ok(x)
    }

    /// One pass over each chunk: value and gradient of every row, scaled once the weights are known.
    fn scaled_tail_gradients<T, E>(
        &self,
        rows: &Tensor<2>,
        predictions: &Predictions,
        head_chunk: usize,
        weigh: impl FnOnce(Tensor<1>) -> Result<(Tensor<1>, T), E>,
    ) -> Result<(Tensor<2>, T), E> {
        let (mut values, mut gradients) = (Vec::new(), Vec::new());
        for (start, length) in chunks(predictions.targets.len(), head_chunk) {
            let leaf = leaf(rows.clone().narrow(0, start, length));
            let log_probs = self.tail(leaf.clone(), predictions, start, length);
            values.push(log_probs.clone().without_autodiff());
            // Row p of this gradient is that of log p_p alone: no other row depends on it.
            gradients.push(gradient_of(&leaf, &mut log_probs.sum().backward()));
        }
        let (weights, found) = weigh(Tensor::cat(values, 0))?;
        let gradients = Tensor::cat(gradients, 0);
        let weights = weights.cast(burn::tensor::FloatDType::from(gradients.dtype()));
        Ok((gradients * weights.unsqueeze_dim(1), found))
    }

    /// Each chunk's parameter gradients need the weights, and those need all chunks: what was computed is kept
    /// where all scores fit and memory is not to be saved, and computed again elsewhere.
    fn trained_tail_gradients<T, E>(
        &self,
        rows: &Tensor<2>,
        predictions: &Predictions,
        options: BackwardOptions,
        weigh: impl FnOnce(Tensor<1>) -> Result<(Tensor<1>, T), E>,
        sink: &mut dyn FnMut(NamedTensor),
    ) -> Result<(Tensor<2>, T), E> {
        let total = predictions.targets.len();
        let keep = !options.checkpointing && total.saturating_mul(self.config().vocab_size) <= SCORES;
        let plain = self.valid();
        let (mut values, mut kept) = (Vec::new(), Vec::new());
        for (start, length) in chunks(total, options.head_chunk) {
            if keep {
                let leaf = leaf(rows.clone().narrow(0, start, length));
                let log_probs = self.tail(leaf.clone(), predictions, start, length);
                values.push(log_probs.clone().without_autodiff());
                kept.push((leaf, log_probs));
            } else {
                values.push(plain.tail_values(rows, predictions, start, length));
            }
        }
        let (weights, found) = weigh(Tensor::cat(values, 0))?;
        let mut gradients = Vec::new();
        let mut kept = kept.into_iter();
        for (start, length) in chunks(total, options.head_chunk) {
            let (leaf, log_probs) = kept.next().unwrap_or_else(|| {
                let leaf = leaf(rows.clone().narrow(0, start, length));
                let log_probs = self.tail(leaf.clone(), predictions, start, length);
                (leaf, log_probs)
            });
            let mut taken = (log_probs * weights.clone().narrow(0, start, length)).sum().backward();
            gradients.push(gradient_of(&leaf, &mut taken));
            self.take_gradients(&mut taken).into_iter().for_each(&mut *sink);
        }
        Ok((Tensor::cat(gradients, 0), found))
    }

    fn backward_layers<E: From<LayoutError>>(
        &self,
        forward: Forward,
        mut upstream: Tensor<2>,
        layout: &TokenLayout,
        rope: &RotaryEmbedding,
        sink: &mut dyn FnMut(NamedTensor),
    ) -> Result<(), E> {
        let inputs = match forward {
            Forward::Inputs(inputs) => inputs,
            Forward::Tape(output) => {
                let mut found = seed(output, upstream).backward();
                self.take_gradients(&mut found).into_iter().for_each(sink);
                return Ok(());
            }
        };
        for (index, (layer, input)) in self.model.layers.iter().zip(inputs).enumerate().rev() {
            let mut sink = |found: &mut Gradients| {
                take_layer_gradients(index, layer, found).into_iter().for_each(&mut *sink);
            };
            let leaf = leaf(input);
            let attended = layer.attend(leaf.clone(), rope, layout, Activations::Recompute);
            let middle =
                feed_forward_gradient(layer, attended.clone().without_autodiff(), upstream, &mut sink);
            let mut found = seed(attended, middle).backward();
            upstream = gradient_of(&leaf, &mut found);
            sink(&mut found);
        }
        let embedded = self.embed(layout)?;
        if embedded.is_tracked() {
            let mut found = seed(embedded, upstream).backward();
            self.take_gradients(&mut found).into_iter().for_each(sink);
        }
        Ok(())
    }
}

/// What a forward pass leaves for the backward pass.
enum Forward {
    /// The output, with the tape that led to it.
    Tape(Tensor<2>),
    /// Every layer's input.
    Inputs(Vec<Tensor<2>>),
}

/// The gradient for the input of a layer's second half, some rows at a time.
fn feed_forward_gradient(
    layer: &DecoderLayer,
    input: Tensor<2>,
    upstream: Tensor<2>,
    sink: &mut dyn FnMut(&mut Gradients),
) -> Tensor<2> {
    let part = |(start, length)| {
        let leaf = leaf(input.clone().narrow(0, start, length));
        let output = layer.feed_forward(leaf.clone(), Activations::Recompute);
        let mut found = seed(output, upstream.clone().narrow(0, start, length)).backward();
        let gradient = gradient_of(&leaf, &mut found);
        sink(&mut found);
        gradient
    };
    Tensor::cat(chunks(input.dims()[0], FEED_FORWARD_ROWS).map(part).collect(), 0)
}

/// A scalar whose gradient for `x` is `upstream`.
fn seed(x: Tensor<2>, upstream: Tensor<2>) -> Tensor<1> {
    cpu::seed(&x, &upstream).unwrap_or_else(|| (x * upstream).sum())
}

fn leaf(values: Tensor<2>) -> Tensor<2> {
    values.autodiff().require_grad()
}

fn gradient_of(leaf: &Tensor<2>, found: &mut Gradients) -> Tensor<2> {
    leaf.grad_remove(found).unwrap_or_else(|| leaf.clone().without_autodiff().zeros_like())
}

/// Start and length of pieces of at most `size`.
fn chunks(total: usize, size: usize) -> impl Iterator<Item = (usize, usize)> {
    let size = size.max(1);
    (0..total.div_ceil(size)).map(move |chunk| (chunk * size, size.min(total - chunk * size)))
}

impl Predictions {
    pub(crate) fn source_indices(&self, device: &burn::tensor::Device) -> Tensor<1, Int> {
        crate::causal_lm::indices(self.sources.iter().map(|&i| i as i64), device)
    }
}
