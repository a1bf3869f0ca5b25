//! Passes that fill the key-value cache and read from it.

use burn::tensor::Tensor;

use super::error::GenerateError;
use super::kv_cache::KvCache;
use crate::causal_lm::CausalLm;
use crate::checkpointing::{Checkpointing, chunks};
use crate::decoder::{LayerPass, OutputRows};
use crate::kernels::{self, DeviceError, indices};
use crate::layout::TokenLayout;
use crate::rope::RotaryEmbedding;

/// Rows that go through the feed-forward part at a time, so that what a long prompt takes there does
/// not grow with it; enough for fast products.
const FEED_FORWARD_ROWS: usize = 512;

/// Scores that exist at a time, 32 MiB of them in f32.
const SCORES: usize = 8 << 20;

impl CausalLm {
    /// Takes one sequence for each segment into the cache, and returns the last layer's output for
    /// the last token of each.
    ///
    /// # Shapes
    /// - result: `[segments, hidden]`
    pub(crate) fn prefill(
        &self,
        layout: &TokenLayout,
        cache: &mut KvCache,
    ) -> Result<Tensor<2>, GenerateError> {
        let segments = layout.segments().iter();
        let lengths: Vec<usize> = segments.clone().map(|segment| segment.range.len()).collect();
        let ends: Vec<usize> = segments.map(|segment| segment.range.end - 1).collect();
        let end_positions: Vec<u32> = ends.iter().map(|&end| layout.positions()[end]).collect();
        let ends = OutputRows {
            indices: indices(ends.iter().map(|&end| end as i64), &self.device()),
            rope: self.rotary_at(&end_positions),
        };
        let rope = self.rotary(layout);
        let mut x = self.embed_tokens(layout.tokens());
        let last = self.model.layers.len() - 1;
        for (index, (layer, cached)) in self.model.layers.iter().zip(&mut cache.layers).enumerate() {
            // After the last layer only the last tokens are used.
            let outputs = (index == last).then_some(&ends);
            x = layer.apply(x, &LayerPass { outputs, ..pass(&rope) }, |[q, k, v]| {
                cached.admit(&k, &v, &lengths)?;
                match outputs {
                    Some(_) => cached.attend(&q),
                    None => Ok(kernels::attend([q, k, v], layout, layer.self_attn.heads())),
                }
            })?;
        }
        Ok(x)
    }

    /// Takes one more token for every sequence into the cache, and returns the last layer's output.
    ///
    /// # Shapes
    /// - `tokens`, `positions`: one for each sequence
    /// - result: `[sequences, hidden]`
    pub(crate) fn step(
        &self,
        tokens: &[u32],
        positions: &[u32],
        cache: &mut KvCache,
    ) -> Result<Tensor<2>, GenerateError> {
        let rope = self.rotary_at(positions);
        let mut x = self.embed_tokens(tokens);
        for (layer, cached) in self.model.layers.iter().zip(&mut cache.layers) {
            x = layer.apply(x, &pass(&rope), |[q, k, v]| {
                cached.append(&k, &v)?;
                cached.attend(&q)
            })?;
        }
        Ok(x)
    }

    /// Hands the scores of every row's next token to `visit`, row by row.
    ///
    /// # Shapes
    /// - `rows`: `[n, hidden]`, the last layer's output
    /// - scores: `[vocab]`
    pub(crate) fn each_scores(
        &self,
        rows: &Tensor<2>,
        mut visit: impl FnMut(usize, &mut [f64]) -> Result<(), GenerateError>,
    ) -> Result<(), GenerateError> {
        let vocab = self.config.vocab_size;
        for (start, length) in chunks(rows.dims()[0], SCORES / vocab) {
            let part = rows.clone().narrow(0, start, length);
            let scores = self.logits(self.model.norm.forward(part)).into_data();
            let mut scores =
                scores.try_into_vec_as::<f64>().map_err(|error| DeviceError::new(format!("{error:?}")))?;
            for (row, scores) in scores.chunks_exact_mut(vocab).enumerate() {
                visit(start + row, scores)?;
            }
        }
        Ok(())
    }
}

/// Every row, without a tape.
fn pass(rope: &RotaryEmbedding) -> LayerPass<'_> {
    LayerPass { feed_forward_rows: FEED_FORWARD_ROWS, ..LayerPass::whole(rope, Checkpointing::Off) }
}
