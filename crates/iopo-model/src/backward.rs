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
use burn::tensor::{DType, FloatDType, Gradients, IndexingUpdateOp, Int, Tensor};

use crate::branches::{Branch, branches};
use crate::causal_lm::CausalLm;
use crate::checkpointing::{BackwardOptions, Checkpointing, chunks};
use crate::decoder::{DecoderLayer, LayerPass};
use crate::error::LayoutError;
use crate::gradients::ParameterGradients;
use crate::head::HeadPass;
use crate::kernels::{self, indices};
use crate::layout::{Predictions, TokenLayout};
use crate::parameters::{NamedTensor, Parameters, take_layer_gradients};
use crate::rope::RotaryEmbedding;
use crate::tape::{gradient_of, leaf};

/// Rows that go through the feed-forward part at a time where layers are recomputed. Enough for
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
        let branches = self.branches(layout, predictions)?;
        let plain = self.valid();
        let log_probs = |branch: &Branch| {
            let output = plain.decode_in_parts(&branch.layout, &plain.rotary(&branch.layout), |_| {})?;
            let rows = output.select(0, branch.predictions.source_indices(&plain.device()));
            Ok(plain.head_log_probs_in_chunks(&rows, &branch.predictions.targets, head_chunk))
        };
        let log_probs = kernels::map(branches.iter().collect(), log_probs);
        let log_probs = log_probs.into_iter().collect::<Result<Vec<_>, LayoutError>>()?;
        Ok(self.in_order(log_probs, branches.iter()))
    }

    /// Log-probs of the predicted tokens, and the backward pass from their loss weights to gradients of the
    /// trained parameters:
    ///
    /// ```text
    /// let pass = policy.log_prob_pass(layout, predictions, options)?;
    /// let weights = ∂ loss / ∂ pass.log_probs();
    /// let gradients = pass.backward(weights)?;
    /// ```
    ///
    /// # Errors
    /// A token id outside the vocabulary, or a source outside the layout.
    pub fn log_prob_pass(
        &self,
        layout: &TokenLayout,
        predictions: &Predictions,
        options: BackwardOptions,
    ) -> Result<LogProbPass, LayoutError> {
        // Tapes that share a parameter would be one tape, and threads would wait for one another.
        let forward = |branch| BranchPass::forward(self.with_own_tape(), branch, options);
        let passes = kernels::map(self.branches(layout, predictions)?, forward);
        let branches = passes.into_iter().collect::<Result<Vec<_>, LayoutError>>()?;
        let log_probs = branches.iter().map(|pass| pass.log_probs.clone()).collect();
        let log_probs = self.in_order(log_probs, branches.iter().map(|pass| &pass.branch));
        Ok(LogProbPass { branches, log_probs, options })
    }

    /// The parts that threads compute: the whole batch on devices other than the CPU, whose operations are parallel.
    fn branches(&self, layout: &TokenLayout, predictions: &Predictions) -> Result<Vec<Branch>, LayoutError> {
        predictions.check(layout.num_tokens(), self.config().vocab_size)?;
        if predictions.sources.is_empty() {
            return Ok(Vec::new());
        }
        if kernels::runs_on_calling_thread(&self.device()) {
            return Ok(branches(layout, predictions));
        }
        let origin = (0..predictions.sources.len()).collect();
        Ok(vec![Branch { layout: layout.clone(), predictions: predictions.clone(), origin }])
    }

    /// The branches' log-probs in the order of all predictions.
    fn in_order<'a>(
        &self,
        log_probs: Vec<Tensor<1>>,
        branches: impl Iterator<Item = &'a Branch>,
    ) -> Tensor<1> {
        let mut places: Vec<(usize, i64)> =
            branches.flat_map(|branch| branch.origin.iter().copied()).zip(0..).collect();
        places.sort_unstable();
        let device = self.device().without_autodiff();
        if places.is_empty() {
            return Tensor::zeros([0], (&device, DType::from(self.precision.loss)));
        }
        let order = indices(places.into_iter().map(|(_, place)| place), &device);
        Tensor::cat(log_probs, 0).select(0, order)
    }

    /// The same parameters as leaves of a separate tape.
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

    /// Takes the gradient of the last layer's output through the layers and the embedding.
    fn layers_backward(
        &self,
        layers: LayersPass,
        mut upstream: Tensor<2>,
        layout: &TokenLayout,
        rope: &RotaryEmbedding,
        gradients: &mut impl Extend<NamedTensor>,
    ) {
        let inputs = match layers {
            LayersPass::Inputs(inputs) => inputs,
            LayersPass::Tape(output) => {
                gradients.extend(self.take_gradients(&mut backward_from(*output, upstream)));
                return;
            }
        };
        for (index, (layer, input)) in self.model.layers.iter().zip(inputs).enumerate().rev() {
            let leaf = leaf(input);
            let attended = layer.attend(leaf.clone(), rope, layout, Checkpointing::Selective);
            let middle = attended.clone().without_autodiff();
            let of_middle = feed_forward_backward(index, layer, middle, upstream, gradients);
            let mut grads = backward_from(attended, of_middle);
            upstream = gradient_of(&leaf, &mut grads);
            gradients.extend(take_layer_gradients(index, layer, &mut grads));
        }
        let embedded = self.embed_tokens(layout.tokens());
        if embedded.is_tracked() {
            gradients.extend(self.take_gradients(&mut backward_from(embedded, upstream)));
        }
    }
}

/// A forward pass that has kept what its backward pass needs.
#[derive(Debug)]
pub struct LogProbPass {
    branches: Vec<BranchPass>,
    log_probs: Tensor<1>,
    options: BackwardOptions,
}

impl LogProbPass {
    /// Log-probs of the predicted tokens, without a tape: `[predictions]`.
    #[must_use]
    pub fn log_probs(&self) -> &Tensor<1> {
        &self.log_probs
    }

    /// Gradients of `Σ_p c_p log p_p` for the trained parameters, with loss weights `c`.
    ///
    /// # Shapes
    /// - `weights`: `[predictions]`
    ///
    /// # Errors
    /// More or fewer weights than predictions.
    pub fn backward(self, weights: Tensor<1>) -> Result<ParameterGradients, LayoutError> {
        let mut gradients = ParameterGradients::default();
        self.backward_into(weights, &mut gradients)?;
        Ok(gradients)
    }

    /// As [`Self::backward`], added to gradients of other passes, so that no second copy exists.
    ///
    /// # Errors
    /// More or fewer weights than predictions.
    pub fn backward_into(
        self,
        weights: Tensor<1>,
        gradients: &mut ParameterGradients,
    ) -> Result<(), LayoutError> {
        let Self { branches, log_probs, options } = self;
        let ([weights_given], [predictions]) = (weights.dims(), log_probs.dims());
        if weights_given != predictions {
            return Err(LayoutError::new(format!(
                "{weights_given} loss weights, but {predictions} predictions"
            )));
        }
        let weights = weights.without_autodiff().cast(FloatDType::from(log_probs.dtype()));
        let of_branch = |pass: BranchPass| {
            let origin = indices(pass.branch.origin.iter().map(|&index| index as i64), &weights.device());
            let weights = weights.clone().select(0, origin);
            (pass, weights)
        };
        // Branches that run in order add their gradients as they come, and no second copy waits in memory.
        let in_order = kernels::threads() == 1 || branches.len() == 1;
        let branches = branches.into_iter().map(of_branch);
        if in_order {
            branches.for_each(|(pass, weights)| pass.backward(&weights, options, gradients));
            return Ok(());
        }
        let backward = |(pass, weights): (BranchPass, Tensor<1>)| {
            let mut gradients = Vec::new();
            pass.backward(&weights, options, &mut gradients);
            gradients
        };
        // Each name's gradients are added in the same order as on one thread.
        kernels::map(branches.collect(), backward)
            .into_iter()
            .for_each(|of_branch| gradients.extend(of_branch));
        Ok(())
    }
}

/// The forward pass of one branch, and what its backward pass needs.
#[derive(Debug)]
struct BranchPass {
    branch: Branch,
    model: CausalLm,
    rope: RotaryEmbedding,
    layers: LayersPass,
    /// The last layer's output, without a tape.
    output: Tensor<2>,
    head: HeadPass,
    /// Log-probs of the branch's predictions, without a tape.
    log_probs: Tensor<1>,
}

/// What the decoder layers' backward pass needs.
#[derive(Debug)]
enum LayersPass {
    /// The last layer's output, with the tape that computed it.
    Tape(Box<Tensor<2>>),
    /// Every layer's input; the layers are recomputed.
    Inputs(Vec<Tensor<2>>),
}

impl BranchPass {
    fn forward(model: CausalLm, branch: Branch, options: BackwardOptions) -> Result<Self, LayoutError> {
        let rope = model.rotary(&branch.layout);
        let (output, layers) = match options.checkpointing {
            Checkpointing::Full => {
                let mut inputs = Vec::with_capacity(model.model.layers.len());
                let keep = |input: &Tensor<2>| inputs.push(input.clone());
                let output = model.valid().decode_in_parts(&branch.layout, &rope, keep)?;
                (output, LayersPass::Inputs(inputs))
            }
            kept => {
                let output = model.decode_with(&branch.layout, &rope, kept)?;
                (output.clone().without_autodiff(), LayersPass::Tape(Box::new(output)))
            }
        };
        let rows = output.clone().select(0, branch.predictions.source_indices(&output.device()));
        let (log_probs, head) = model.head_forward(rows, &branch.predictions.targets, options);
        Ok(Self { branch, model, rope, layers, output, head, log_probs })
    }

    fn backward(
        self,
        weights: &Tensor<1>,
        options: BackwardOptions,
        gradients: &mut impl Extend<NamedTensor>,
    ) {
        let Self { branch, model, rope, layers, output, head, log_probs: _ } = self;
        let Branch { layout, predictions, origin: _ } = branch;
        let of_rows = model.head_backward(head, weights, &predictions.targets, options, gradients);
        let sources = predictions.source_indices(&output.device());
        // One position may predict several tokens: their gradients add up.
        let upstream = output.zeros_like().select_assign(0, sources, of_rows, IndexingUpdateOp::Add);
        drop(output);
        model.layers_backward(layers, upstream, &layout, &rope, gradients);
    }
}

/// The gradient of the input of a layer's second half, from that of its output, some rows at a time.
fn feed_forward_backward(
    index: usize,
    layer: &DecoderLayer,
    input: Tensor<2>,
    upstream: Tensor<2>,
    gradients: &mut impl Extend<NamedTensor>,
) -> Tensor<2> {
    let part = |(start, length)| {
        let leaf = leaf(input.clone().narrow(0, start, length));
        let output = layer.feed_forward(leaf.clone(), Checkpointing::Selective);
        let mut grads = backward_from(output, upstream.clone().narrow(0, start, length));
        let of_input = gradient_of(&leaf, &mut grads);
        gradients.extend(take_layer_gradients(index, layer, &mut grads));
        of_input
    };
    Tensor::cat(chunks(input.dims()[0], FEED_FORWARD_ROWS).map(part).collect(), 0)
}

/// The gradients of all tensors that `output` was computed from, given its upstream gradient.
fn backward_from(output: Tensor<2>, upstream: Tensor<2>) -> Gradients {
    kernels::with_gradient(output, upstream).backward()
}

impl Predictions {
    pub(crate) fn source_indices(&self, device: &burn::tensor::Device) -> Tensor<1, Int> {
        indices(self.sources.iter().map(|&i| i as i64), device)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::layout::SegmentSpan;
    use crate::precision::Precision;
    use crate::pretrained::load_model;

    fn model() -> CausalLm {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/qwen2-tiny");
        let model = load_model(&dir, Precision::uniform(FloatDType::F64), &Device::flex()).unwrap();
        model.set_require_grad(true).train()
    }

    /// Two roots, which are two branches; the first position of each predicts twice.
    fn inputs() -> (TokenLayout, Predictions) {
        let tokens: Vec<u32> = (0..600).map(|i| (37 * i * i + 11 * i) % 1000).collect();
        let positions = (0..300).chain(0..300).collect();
        let segments = [0..300, 300..600].map(|range| SegmentSpan { range, parent: None });
        let layout = TokenLayout::new(tokens, positions, segments.to_vec()).unwrap();
        let sources = vec![0, 0, 17, 250, 300, 300, 310, 599];
        (layout, Predictions { sources, targets: vec![5, 6, 7, 8, 9, 10, 11, 12] })
    }

    fn by_name(gradients: impl IntoIterator<Item = NamedTensor>) -> BTreeMap<String, Vec<f64>> {
        gradients.into_iter().map(|g| (g.name, g.values.try_into_vec_as::<f64>().unwrap())).collect()
    }

    #[test]
    fn a_weight_of_its_own_for_each_prediction_gives_the_gradient_of_one_tape() {
        let (model, (layout, predictions)) = (model(), inputs());
        let weights = [1.0, -0.5, 2.0, 0.0, -1.5, 0.25, 3.0, -2.0];
        let weights = Tensor::<1>::from_data(TensorData::from(weights), (&Device::flex(), DType::F64));
        let log_probs = model.token_log_probs(&layout, &predictions).unwrap();
        let expected =
            by_name(model.take_gradients(&mut (log_probs.clone() * weights.clone()).sum().backward()));
        for checkpointing in [Checkpointing::Off, Checkpointing::Selective, Checkpointing::Full] {
            let options = BackwardOptions { checkpointing, head_chunk: 3 };
            let pass = model.log_prob_pass(&layout, &predictions, options).unwrap();
            assert_eq!(pass.branches.len(), 2);
            let found = by_name(pass.backward(weights.clone()).unwrap().iter().cloned());
            assert!(found.keys().eq(expected.keys()));
            for (name, expected) in &expected {
                let scale = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
                let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-10 * scale;
                assert!(found[name].iter().zip(expected).all(near), "{checkpointing:?} {name}");
            }
        }
    }

    #[test]
    fn more_or_fewer_weights_than_predictions_are_an_error() {
        let (model, (layout, predictions)) = (model(), inputs());
        for weights in [7, 9] {
            let pass = model.log_prob_pass(&layout, &predictions, BackwardOptions::new(1_000)).unwrap();
            let error = pass.backward(Tensor::zeros([weights], &Device::flex())).unwrap_err();
            assert_eq!(error.to_string(), format!("{weights} loss weights, but 8 predictions"));
        }
    }

    #[test]
    fn no_predictions_have_no_log_probs_and_no_gradients() {
        let (model, (layout, _)) = (model(), inputs());
        let none = Predictions { sources: Vec::new(), targets: Vec::new() };
        assert_eq!(model.token_log_prob_values(&layout, &none, 8).unwrap().dims(), [0]);
        let pass = model.log_prob_pass(&layout, &none, BackwardOptions::new(1_000)).unwrap();
        assert_eq!(pass.log_probs().dims(), [0]);
        let gradients = pass.backward(Tensor::zeros([0], &Device::flex())).unwrap();
        assert_eq!(gradients.iter().count(), 0);
    }
}
