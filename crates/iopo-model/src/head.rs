//! Final norm and LM head: from the last layer's output to log-probs and back, some rows at a time.
//!
//! A chunk's gradient needs the loss weights of its log-probs, and those need the log-probs of all
//! chunks. Where norm and head are frozen, one pass gives each log-prob and its gradient, which the
//! weight only scales. Elsewhere the tapes are kept if all scores fit and memory is not to be saved;
//! otherwise the chunks are recomputed.

use burn::module::Module;
use burn::tensor::{FloatDType, Tensor};

use crate::causal_lm::CausalLm;
use crate::checkpointing::{BackwardOptions, Checkpointing, SCORES, chunks};
use crate::kernels;
use crate::parameters::{NamedTensor, Parameters};
use crate::tape::{gradient_of, leaf};

/// What the head's backward pass needs.
#[derive(Debug)]
pub(crate) enum HeadPass {
    /// Row p is the gradient of log p_p: no other row depends on it.
    Frozen(Tensor<2>),
    /// The rows of each chunk, and their log-probs with a tape.
    Kept(Vec<(Tensor<2>, Tensor<1>)>),
    /// All rows; chunks are recomputed.
    Recompute(Tensor<2>),
}

impl CausalLm {
    /// Log-probs of targets from the last layer's output at the positions that predict them.
    ///
    /// # Shapes
    /// - `rows`: `[predictions, hidden]`
    /// - result: `[predictions]`
    pub(crate) fn head_log_probs(&self, rows: Tensor<2>, targets: &[u32]) -> Tensor<1> {
        let logits = self.logits(self.model.norm.forward(rows));
        kernels::target_log_probs(logits, targets)
    }

    /// As [`Self::head_log_probs`], with the scores of at most `size` rows at a time.
    pub(crate) fn head_log_probs_in_chunks(
        &self,
        rows: &Tensor<2>,
        targets: &[u32],
        size: usize,
    ) -> Tensor<1> {
        let log_probs = |(rows, targets): (Tensor<2>, &[u32])| self.head_log_probs(rows, targets);
        Tensor::cat(in_chunks(rows, targets, size).map(log_probs).collect(), 0)
    }

    /// Log-probs without a tape, and what the backward pass needs.
    ///
    /// # Shapes
    /// - `rows`: `[predictions, hidden]`
    /// - log-probs: `[predictions]`
    pub(crate) fn head_forward(
        &self,
        rows: Tensor<2>,
        targets: &[u32],
        options: BackwardOptions,
    ) -> (Tensor<1>, HeadPass) {
        let frozen = self.head_is_frozen();
        let fits = targets.len().saturating_mul(self.config().vocab_size) <= SCORES;
        if !frozen && (options.checkpointing == Checkpointing::Full || !fits) {
            let log_probs = self.valid().head_log_probs_in_chunks(&rows, targets, options.head_chunk);
            return (log_probs, HeadPass::Recompute(rows));
        }
        let (mut values, mut gradients, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for (rows, targets) in in_chunks(&rows, targets, options.head_chunk) {
            let leaf = leaf(rows);
            let log_probs = self.head_log_probs(leaf.clone(), targets);
            values.push(log_probs.clone().without_autodiff());
            if frozen {
                gradients.push(gradient_of(&leaf, &mut log_probs.sum().backward()));
            } else {
                kept.push((leaf, log_probs));
            }
        }
        let pass = if frozen { HeadPass::Frozen(Tensor::cat(gradients, 0)) } else { HeadPass::Kept(kept) };
        (Tensor::cat(values, 0), pass)
    }

    /// The gradient of `Σ_p c_p log p_p` for the rows, with loss weights `c`; those for norm and head are
    /// added to `gradients`.
    ///
    /// # Shapes
    /// - `weights`: `[predictions]`
    /// - result: `[predictions, hidden]`
    pub(crate) fn head_backward(
        &self,
        pass: HeadPass,
        weights: &Tensor<1>,
        targets: &[u32],
        options: BackwardOptions,
        gradients: &mut impl Extend<NamedTensor>,
    ) -> Tensor<2> {
        let mut backward = |leaf: Tensor<2>, log_probs: Tensor<1>, start: usize| {
            let weights = weights.clone().narrow(0, start, log_probs.dims()[0]);
            let mut grads = (log_probs * weights).sum().backward();
            gradients.extend(self.take_gradients(&mut grads));
            gradient_of(&leaf, &mut grads)
        };
        let starts = chunks(targets.len(), options.head_chunk).map(|(start, _)| start);
        let of_rows = match pass {
            HeadPass::Frozen(of_rows) => {
                let weights = weights.clone().cast(FloatDType::from(of_rows.dtype()));
                return of_rows * weights.unsqueeze_dim(1);
            }
            HeadPass::Kept(kept) => {
                starts.zip(kept).map(|(start, (leaf, log_probs))| backward(leaf, log_probs, start)).collect()
            }
            HeadPass::Recompute(rows) => starts
                .zip(in_chunks(&rows, targets, options.head_chunk))
                .map(|(start, (rows, targets))| {
                    let leaf = leaf(rows);
                    let log_probs = self.head_log_probs(leaf.clone(), targets);
                    backward(leaf, log_probs, start)
                })
                .collect(),
        };
        Tensor::cat(of_rows, 0)
    }

    /// Whether neither the final norm nor the head is trained.
    fn head_is_frozen(&self) -> bool {
        let head = match &self.lm_head {
            Some(head) => head.weight.val(),
            None => self.model.embed_tokens.weight.val(),
        };
        !head.is_require_grad() && !self.model.norm.weight.val().is_require_grad()
    }
}

/// Rows and their targets, at most `size` at a time.
fn in_chunks<'a>(
    rows: &'a Tensor<2>,
    targets: &'a [u32],
    size: usize,
) -> impl Iterator<Item = (Tensor<2>, &'a [u32])> {
    chunks(targets.len(), size)
        .map(move |(start, length)| (rows.clone().narrow(0, start, length), &targets[start..start + length]))
}
