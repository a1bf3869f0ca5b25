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
//! No tensor of size `[tokens, vocab]` exists. Parts of a batch that share next to nothing go
//! through apart, each on a thread of its own.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Gradients, IndexingUpdateOp, Int, Tensor};

use crate::branches::{Branch, branches};
use crate::causal_lm::CausalLm;
use crate::checkpointing::{BackwardOptions, Checkpointing, chunks};
use crate::decoder::{DecoderLayer, LayerPass};
use crate::error::LayoutError;
use crate::kernels::{self, indices};
use crate::layout::{Predictions, TokenLayout};
use crate::parameters::{NamedTensor, Parameters, take_layer_gradients};
use crate::rope::RotaryEmbedding;
use crate::tail::Tail;

/// Rows that go through the feed-forward part at a time where layers are computed again. Enough for
/// fast products; what is kept for the gradient then no longer grows with the batch.
const FEED_FORWARD_ROWS: usize = 256;

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
        let values = |branch: &Branch| {
            let output = plain.decode_in_parts(&branch.layout, &plain.rotary(&branch.layout), |_| {})?;
            let rows = output.select(0, branch.predictions.source_indices(&plain.device()));
            let values = chunks(branch.origin.len(), head_chunk)
                .map(|(start, length)| plain.tail_values(&rows, &branch.predictions, start, length))
                .collect();
            Ok(Tensor::cat(values, 0))
        };
        let branches = self.branches(layout, predictions);
        let values = kernels::map(branches.iter().collect(), values);
        let values = values.into_iter().collect::<Result<Vec<_>, LayoutError>>()?;
        Ok(in_order(values, &branches))
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
        let branches = self.branches(layout, predictions);
        // Tapes that share a parameter would be one tape, and threads would wait for one another.
        let forward = |branch: &Branch| ForwardPass::run(self.with_own_tape(), branch, options);
        let passes = kernels::map(branches.iter().collect(), forward);
        let passes = passes.into_iter().collect::<Result<Vec<_>, LayoutError>>()?;
        let values = passes.iter().map(|pass| pass.values.clone()).collect();
        let (weights, found) = weigh(in_order(values, &branches))?;
        let device = weights.device();
        let jobs = passes.into_iter().zip(&branches).map(|(pass, branch)| {
            let origin = indices(branch.origin.iter().map(|&index| index as i64), &device);
            (pass, branch, weights.clone().select(0, origin))
        });
        // Nothing waits for a place in the order on one thread, so no branch's gradients are held back.
        if kernels::threads() == 1 {
            for (pass, branch, weights) in jobs {
                pass.backward::<E>(branch, weights, options, sink)?;
            }
            return Ok(found);
        }
        let backward = |(pass, branch, weights): (ForwardPass, &Branch, Tensor<1>)| {
            let mut gradients = Vec::new();
            pass.backward::<LayoutError>(branch, weights, options, &mut |gradient| gradients.push(gradient))?;
            Ok(gradients)
        };
        // Each name's gradients are added in the same order as on one thread.
        for gradients in kernels::map(jobs.collect(), backward) {
            let gradients: Vec<NamedTensor> = gradients.map_err(|error: LayoutError| E::from(error))?;
            gradients.into_iter().for_each(&mut *sink);
        }
        Ok(found)
    }

    /// What threads compute apart: on other devices than the CPU the whole, whose operations are parallel.
    fn branches(&self, layout: &TokenLayout, predictions: &Predictions) -> Vec<Branch> {
        if kernels::runs_on_calling_thread(&self.device()) {
            return branches(layout, predictions);
        }
        let origin = (0..predictions.sources.len()).collect();
        vec![Branch { layout: layout.clone(), predictions: predictions.clone(), origin }]
    }

    /// The same parameters as leaves of a tape that nobody else uses.
    fn with_own_tape(&self) -> Self {
        struct OwnLeaves;
        impl ModuleMapper for OwnLeaves {
            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                param.map(|tensor| {
                    let trained = tensor.is_require_grad();
                    tensor.without_autodiff().autodiff().set_require_grad(trained)
                })
            }
        }
        self.clone().map(&mut OwnLeaves)
    }

    /// The last layer's output, without a tape and with few rows of a feed-forward part at a time; `visit` sees
    /// every layer's input.
    fn decode_in_parts(
        &self,
        layout: &TokenLayout,
        rope: &RotaryEmbedding,
        mut visit: impl FnMut(&Tensor<2>),
    ) -> Result<Tensor<2>, LayoutError> {
        let whole = LayerPass::whole(rope, Checkpointing::Off);
        let pass = LayerPass { feed_forward_rows: FEED_FORWARD_ROWS, ..whole };
        let mut x = self.embed(layout)?;
        for layer in &self.model.layers {
            visit(&x);
            x = layer.apply_to_layout(x, &pass, layout);
        }
        Ok(x)
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
                let mut found = kernels::with_gradient(*output, upstream).backward();
                self.take_gradients(&mut found).into_iter().for_each(sink);
                return Ok(());
            }
        };
        for (index, (layer, input)) in self.model.layers.iter().zip(inputs).enumerate().rev() {
            let mut sink = |found: &mut Gradients| {
                take_layer_gradients(index, layer, found).into_iter().for_each(&mut *sink);
            };
            let leaf = leaf(input);
            let attended = layer.attend(leaf.clone(), rope, layout, Checkpointing::Selective);
            let middle =
                feed_forward_gradient(layer, attended.clone().without_autodiff(), upstream, &mut sink);
            let mut found = kernels::with_gradient(attended, middle).backward();
            upstream = gradient_of(&leaf, &mut found);
            sink(&mut found);
        }
        let embedded = self.embed(layout)?;
        if embedded.is_tracked() {
            let mut found = kernels::with_gradient(embedded, upstream).backward();
            self.take_gradients(&mut found).into_iter().for_each(sink);
        }
        Ok(())
    }
}

/// A branch on its way through the model.
struct ForwardPass {
    model: CausalLm,
    rope: RotaryEmbedding,
    forward: Forward,
    /// The last layer's output, without a tape.
    output: Tensor<2>,
    tail: Tail,
    /// Log-probs of the branch's predictions.
    values: Tensor<1>,
}

impl ForwardPass {
    fn run(model: CausalLm, branch: &Branch, options: BackwardOptions) -> Result<Self, LayoutError> {
        let layout = &branch.layout;
        let rope = model.rotary(layout);
        let (output, forward) = match options.checkpointing {
            Checkpointing::Full => {
                let mut inputs = Vec::with_capacity(model.model.layers.len());
                let output =
                    model.valid().decode_in_parts(layout, &rope, |input| inputs.push(input.clone()))?;
                (output, Forward::Inputs(inputs))
            }
            kept => {
                let output = model.decode_with(layout, &rope, kept)?;
                (output.clone().without_autodiff(), Forward::Tape(Box::new(output)))
            }
        };
        let rows = output.clone().select(0, branch.predictions.source_indices(&output.device()));
        let (values, tail) = model.tail_forward(rows, &branch.predictions, options);
        Ok(Self { model, rope, forward, output, tail, values })
    }

    fn backward<E: From<LayoutError>>(
        self,
        branch: &Branch,
        weights: Tensor<1>,
        options: BackwardOptions,
        sink: &mut dyn FnMut(NamedTensor),
    ) -> Result<(), E> {
        let Self { model, rope, forward, output, tail, values: _ } = self;
        let rows = model.tail_backward(tail, weights, &branch.predictions, options, sink);
        let sources = branch.predictions.source_indices(&output.device());
        // One position may predict several tokens: their gradients add up.
        let upstream = output.zeros_like().select_assign(0, sources, rows, IndexingUpdateOp::Add);
        drop(output);
        model.backward_layers(forward, upstream, &branch.layout, &rope, sink)
    }
}

/// Values of the branches' predictions in the order of the whole.
fn in_order(values: Vec<Tensor<1>>, branches: &[Branch]) -> Tensor<1> {
    let mut places: Vec<(usize, i64)> =
        branches.iter().flat_map(|b| b.origin.iter().copied()).zip(0..).collect();
    places.sort_unstable();
    let values = Tensor::cat(values, 0);
    let order = indices(places.into_iter().map(|(_, place)| place), &values.device());
    values.select(0, order)
}

/// What a forward pass leaves for the backward pass.
enum Forward {
    /// The output, with the tape that led to it.
    Tape(Box<Tensor<2>>),
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
        let output = layer.feed_forward(leaf.clone(), Checkpointing::Selective);
        let mut found = kernels::with_gradient(output, upstream.clone().narrow(0, start, length)).backward();
        let gradient = gradient_of(&leaf, &mut found);
        sink(&mut found);
        gradient
    };
    Tensor::cat(chunks(input.dims()[0], FEED_FORWARD_ROWS).map(part).collect(), 0)
}

pub(crate) fn leaf(values: Tensor<2>) -> Tensor<2> {
    values.autodiff().require_grad()
}

pub(crate) fn gradient_of(leaf: &Tensor<2>, found: &mut Gradients) -> Tensor<2> {
    leaf.grad_remove(found).unwrap_or_else(|| leaf.clone().without_autodiff().zeros_like())
}

impl Predictions {
    pub(crate) fn source_indices(&self, device: &burn::tensor::Device) -> Tensor<1, Int> {
        indices(self.sources.iter().map(|&i| i as i64), device)
    }
}
