//! From the last layer's output to log-probs and back, some rows at a time.
//!
//! A chunk's gradient needs the weights of its log-probs, and those need all chunks. Where norm
//! and head are frozen, one pass gives a log-prob and its gradient, which the weight only scales.
//! Elsewhere what was computed is kept where all scores fit and memory is not to be saved, and is
//! computed again where not.

use burn::module::Module;
use burn::tensor::{FloatDType, Tensor};

use crate::backward::{gradient_of, leaf};
use crate::causal_lm::CausalLm;
use crate::checkpointing::{BackwardOptions, Checkpointing, SCORES, chunks};
use crate::layout::Predictions;
use crate::parameters::{NamedTensor, Parameters};

/// What is needed to go back from weights to a gradient.
pub(crate) enum Tail {
    /// Row p is the gradient of log p_p: no other row depends on it.
    Frozen(Tensor<2>),
    /// The chunks' rows, and their log-probs with a tape.
    Kept(Vec<(Tensor<2>, Tensor<1>)>),
    /// The rows alone.
    Rows(Tensor<2>),
}

impl CausalLm {
    /// Log-probs of the predictions from the rows they are made from, and the way back.
    ///
    /// # Shapes
    /// - `rows`: `[predictions, hidden]`
    /// - log-probs: `[predictions]`
    pub(crate) fn tail_forward(
        &self,
        rows: Tensor<2>,
        predictions: &Predictions,
        options: BackwardOptions,
    ) -> (Tensor<1>, Tail) {
        let total = predictions.targets.len();
        let frozen = self.tail_is_frozen();
        let fits = total.saturating_mul(self.config().vocab_size) <= SCORES;
        if !frozen && (options.checkpointing == Checkpointing::Full || !fits) {
            let plain = self.valid();
            let values = chunks(total, options.head_chunk)
                .map(|(start, length)| plain.tail_values(&rows, predictions, start, length))
                .collect();
            return (Tensor::cat(values, 0), Tail::Rows(rows));
        }
        let (mut values, mut gradients, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for (start, length) in chunks(total, options.head_chunk) {
            let leaf = leaf(rows.clone().narrow(0, start, length));
            let log_probs = self.tail(leaf.clone(), predictions, start, length);
            values.push(log_probs.clone().without_autodiff());
            if frozen {
                gradients.push(gradient_of(&leaf, &mut log_probs.sum().backward()));
            } else {
                kept.push((leaf, log_probs));
            }
        }
        let tail = if frozen { Tail::Frozen(Tensor::cat(gradients, 0)) } else { Tail::Kept(kept) };
        (Tensor::cat(values, 0), tail)
    }

    /// The gradient of `Σ_p c_p log p_p` for the rows; `sink` gets those for norm and head.
    ///
    /// # Shapes
    /// - `weights`: `[predictions]`
    /// - result: `[predictions, hidden]`
    pub(crate) fn tail_backward(
        &self,
        tail: Tail,
        weights: Tensor<1>,
        predictions: &Predictions,
        options: BackwardOptions,
        sink: &mut dyn FnMut(NamedTensor),
    ) -> Tensor<2> {
        let mut backward = |(leaf, log_probs): (Tensor<2>, Tensor<1>), start| {
            let weights = weights.clone().narrow(0, start, log_probs.dims()[0]);
            let mut found = (log_probs * weights).sum().backward();
            self.take_gradients(&mut found).into_iter().for_each(&mut *sink);
            gradient_of(&leaf, &mut found)
        };
        let parts = chunks(predictions.targets.len(), options.head_chunk);
        let gradients = match tail {
            Tail::Frozen(gradients) => {
                let weights = weights.cast(FloatDType::from(gradients.dtype()));
                return gradients * weights.unsqueeze_dim(1);
            }
            Tail::Kept(kept) => parts.zip(kept).map(|((start, _), kept)| backward(kept, start)).collect(),
            Tail::Rows(rows) => parts
                .map(|(start, length)| {
                    let leaf = leaf(rows.clone().narrow(0, start, length));
                    let log_probs = self.tail(leaf.clone(), predictions, start, length);
                    backward((leaf, log_probs), start)
                })
                .collect(),
        };
        Tensor::cat(gradients, 0)
    }
}
